//! Connections: accepted, bounded in number and time, and closed in good order.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use crate::auth::Peer;
use crate::config::Limits;
use crate::stop::Stop;
use crate::timed::Timed;

/// How long connections have to send what is left when the server closes.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What every connection is given.
struct Connections {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    stop: Stop,
}

/// Serves connections until `stop` says so. While it drains, new ones are still taken, so that they hear why they are refused.
pub async fn listen(listener: TcpListener, router: Router, tls: Option<TlsAcceptor>, limits: Limits, stop: Stop) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = Arc::new(Connections { router, tls, limits, stop: stop.clone() });
    let mut tasks = JoinSet::new();
    let accept = async {
        loop {
            // Without a place, connections wait in the system's queue.
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let connections = connections.clone();
                    tasks.spawn(async move {
                        connections.serve(stream, Peer(peer.ip())).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    warn!(%error, "a connection cannot be accepted");
                    // Out of files, most likely: others must end first.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            while tasks.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = accept => {}
        () = stop.closing() => {}
    }
    drop(listener);
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    tokio::select! {
        ended = tokio::time::timeout(LAST_WORDS, all_ended) => drop(ended),
        () = stop.cut() => {}
    }
    tasks.shutdown().await;
}

impl Connections {
    async fn serve(&self, stream: TcpStream, peer: Peer) {
        // Tokens are small and are wanted now.
        let _ = stream.set_nodelay(true);
        let stream = Timed::new(stream, self.limits.write_timeout, self.limits.send_timeout);
        match &self.tls {
            None => self.speak(stream, peer).await,
            Some(tls) => match tokio::time::timeout(self.limits.header_timeout, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.speak(stream, peer).await,
                Ok(Err(error)) => debug!(%error, "a connection fails to begin TLS"),
                Err(_) => debug!("a connection takes too long to begin TLS"),
            },
        }
    }

    async fn speak(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
        let service = tower::util::MapRequest::new(self.router.clone(), move |request: http::Request<_>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            request
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_headers(self.limits.headers)
            .max_header_size(self.limits.header_bytes);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.closing() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "a connection broke off");
        }
    }
}
