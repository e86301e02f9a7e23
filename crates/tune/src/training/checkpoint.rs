//! Where a training is, in a file: everything that the rest of it depends on.
//!
//! ```text
//! byte 0   "whit tune"    9 bytes
//!      9   version        u8       1
//!     10   size of the state in bytes   u64
//!     18   state          JSON
//!          values         f32, as many as the state says
//!          SHA-256        of all before it
//! ```
//!
//! Numbers are little endian. A new checkpoint takes the old one's place only when all of it is on the disk.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::TuneError;

const MAGIC: &[u8; 10] = b"whit tune\x01";
const HASH: usize = 32;

/// A number that comes out of JSON as it went in, to the last bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Exact(pub f64);

impl Serialize for Exact {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_bits().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Exact, D::Error> {
        u64::deserialize(deserializer).map(|bits| Exact(f64::from_bits(bits)))
    }
}

/// Where a training is, but for the numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Of everything that decides what the training does: another one cannot go on with it.
    pub fingerprint: String,
    /// Steps done.
    pub step: u64,
    /// The epoch, and how many of its sequences are done.
    pub epoch: u64,
    /// See `epoch`.
    pub position: usize,
    /// Seconds that it took so far.
    pub seconds: Exact,
    /// Validation loss before the first step.
    pub before: Option<Exact>,
    /// Least validation loss, and the step it was seen at.
    pub best: Option<(Exact, u64)>,
    /// Looks at the validation loss since then.
    pub looks_since: u32,
    /// Step, mean training loss since the last look, validation loss.
    pub curve: Vec<(u64, Exact, Exact)>,
    /// Sum of the training losses since the last look, and how many.
    pub running: (Exact, u64),
    /// How many numbers each group has: values, means, mean squares, best values, for one part after the other.
    pub sizes: Vec<usize>,
}

/// Writes `bytes` so that there is either all of it or what was there before.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), TuneError> {
    let beside = path.with_extension("new");
    let written = (|| {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&beside)?);
        write(&mut file)?;
        let file = file.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    written.map_err(|error| {
        // Room for the next try.
        let _ = fs::remove_file(&beside);
        TuneError::write(path, error)
    })
}

struct Hashing<'a> {
    to: &'a mut dyn Write,
    hash: Sha256,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// Writes a checkpoint.
///
/// # Errors
/// If the disk does not take it.
pub fn save(path: &Path, state: &State, values: &[Vec<f32>]) -> Result<(), TuneError> {
    let header = serde_json::to_vec(state).map_err(|error| TuneError::write(path, error.into()))?;
    write_whole(path, |to| {
        let mut to = Hashing { to, hash: Sha256::new() };
        to.write_all(MAGIC)?;
        to.write_all(&(header.len() as u64).to_le_bytes())?;
        to.write_all(&header)?;
        for values in values {
            for chunk in values.chunks(4096) {
                let bytes: Vec<u8> = chunk.iter().flat_map(|value| value.to_le_bytes()).collect();
                to.write_all(&bytes)?;
            }
        }
        let Hashing { to, hash } = to;
        to.write_all(&hash.finalize())
    })
}

/// Reads a checkpoint.
///
/// # Errors
/// If there is none, it is damaged, or it is of another training.
pub fn load(path: &Path, fingerprint: &str) -> Result<(State, Vec<Vec<f32>>), TuneError> {
    let wrong = |problem: &str| TuneError::file(path, problem);
    let bytes = fs::read(path).map_err(|error| TuneError::file(path, error))?;
    let damaged = || wrong("the checkpoint is damaged: begin again, without --resume");
    let (content, hash) = bytes.split_at_checked(bytes.len().saturating_sub(HASH)).ok_or_else(damaged)?;
    if Sha256::digest(content)[..] != *hash {
        return Err(damaged());
    }
    let rest = content.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (size, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    let (header, mut rest) = rest.split_at_checked(u64::from_le_bytes(*size) as usize).ok_or_else(damaged)?;
    let state: State = serde_json::from_slice(header).map_err(|_| damaged())?;
    if state.fingerprint != fingerprint {
        return Err(wrong(
            "the checkpoint is of another training (data, sizes, seed or another option differ): give the options it was begun with, or begin again without --resume",
        ));
    }
    let mut values = Vec::with_capacity(state.sizes.len());
    for &size in &state.sizes {
        let (own, after) = size.checked_mul(4).and_then(|size| rest.split_at_checked(size)).ok_or_else(damaged)?;
        values.push(own.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect());
        rest = after;
    }
    if !rest.is_empty() {
        return Err(damaged());
    }
    Ok((state, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            fingerprint: "f".into(),
            step: 7,
            epoch: 1,
            position: 3,
            seconds: Exact(1.5),
            before: Some(Exact(2.0)),
            best: Some((Exact(0.1 + 0.2), 6)),
            looks_since: 1,
            curve: vec![(5, Exact(1.0), Exact(0.5))],
            running: (Exact(0.1), 2),
            sizes: vec![2, 1],
        }
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let values = vec![vec![1.0, f32::MIN_POSITIVE], vec![-0.0]];
        save(&path, &state(), &values).unwrap();
        assert_eq!(load(&path, "f").unwrap(), (state(), values));
        assert!(load(&path, "g").unwrap_err().to_string().contains("of another training"));
    }

    #[test]
    fn every_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        save(&path, &state(), &[vec![1.0, 2.0], vec![3.0]]).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(load(&path, "f").is_err(), "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(load(&path, "f").is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_full_disk_is_named_and_leaves_the_old_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        save(&path, &state(), &[vec![1.0, 2.0], vec![3.0]]).unwrap();
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = write_whole(&path, |_| Err(full())).unwrap_err().to_string();
        assert!(error.contains("check who may write there and how much room is left"), "{error}");
        assert!(load(&path, "f").is_ok());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
