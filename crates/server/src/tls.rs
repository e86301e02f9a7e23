//! TLS, from a certificate and a key in PEM files.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::ServerError;
use crate::config::TlsFiles;

/// Reads both files.
///
/// # Errors
/// If one cannot be read, holds something else, or they do not belong together.
pub fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServerError> {
    let wrong = |path: &std::path::Path, problem: String| ServerError::Config(format!("{}: {problem}", path.display()));
    let TlsFiles { certificate, key } = files;
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| wrong(certificate, format!("holds no certificate in PEM form ({error})")))?;
    let secret = PrivateKeyDer::from_pem_file(key);
    let secret = secret.map_err(|error| wrong(key, format!("holds no private key in PEM form ({error})")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_no_client_auth())
        .and_then(|builder| builder.with_single_cert(chain, secret));
    let mut config = config.map_err(|error| wrong(certificate, format!("does not go with the key ({error})")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsConnector;

    use super::*;

    fn data(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
    }

    #[tokio::test]
    async fn a_client_that_trusts_the_authority_is_understood() {
        let files = TlsFiles { certificate: data("localhost.pem"), key: data("localhost.key.pem") };
        let acceptor = acceptor(&files).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(data("authority.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        let (near, far) = tokio::io::duplex(4096);
        let server = tokio::spawn(async move {
            let mut stream = acceptor.accept(far).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(client)).connect(name, near).await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "hello");
        server.await.unwrap();
    }

    #[test]
    fn files_that_are_missing_or_do_not_belong_together_are_named() {
        let wrong = |certificate: &str, key: &str| {
            let files = TlsFiles { certificate: data(certificate), key: data(key) };
            acceptor(&files).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(wrong("nothing.pem", "localhost.key.pem").contains("nothing.pem"));
        assert!(wrong("localhost.pem", "README.md").contains("README.md"));
        assert!(wrong("authority.pem", "localhost.key.pem").contains("authority.pem"));
    }
}
