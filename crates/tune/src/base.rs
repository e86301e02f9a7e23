//! Which base an adapter is for.

use std::fs::File;
use std::io;

use sha2::{Digest, Sha256};
use whit_model::Checkpoint;

use crate::{TuneError, hex};

/// What a card knows a base by: `sha256:` and the digest of its weights file; of several, of their bytes one after the other.
///
/// # Errors
/// [`TuneError::File`] if one cannot be read.
pub fn base_hash(checkpoint: &Checkpoint) -> Result<String, TuneError> {
    let mut hash = Sha256::new();
    for (path, _) in checkpoint.files().unwrap_or_default() {
        File::open(path)
            .and_then(|mut file| io::copy(&mut file, &mut hash))
            .map_err(|error| TuneError::file(path, error))?;
    }
    Ok(format!("sha256:{}", hex(&hash.finalize())))
}
