//! The file of a packed copy, version 1. Numbers are little-endian.
//!
//! ```text
//! 0         the packed weights, N bytes; first in the file, so that huge pages of the file are huge pages of the weights
//! N         the XXH3-64 of each 4 MiB of them, 8 bytes each
//! end - 112 "whitpack"
//!      -104 version of the file, 4 bytes; version of the layout, 4 bytes
//!       -96 digest of the content packed, 16 bytes
//!       -80 digest of the shape, 16 bytes
//!       -64 the instruction set and the architecture, for people: ASCII, filled up with zeros to 40 bytes
//!       -24 N, 8 bytes
//!       -16 XXH3-64 of the checksums above, 8 bytes
//!        -8 XXH3-64 of the 104 bytes before, 8 bytes
//! ```
//!
//! Nothing in it says where a matrix lies: that follows from the model, and the shape's digest says that it is the same. So
//! there is no table to be trusted.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use twox_hash::XxHash3_64;
use whit_kernels::{LAYOUT_VERSION, SharedBytes, Team};

use super::folder::CopyName;
use super::key::{Digest, each_chunk};

/// Rises with every change to what is drawn above.
pub(super) const FILE_VERSION: u32 = 1;
const MAGIC: &[u8; 8] = b"whitpack";
const FOOTER: usize = 112;
const LABEL: usize = 40;
/// What one checksum is for. A multiple of the huge page, so that the system can keep a written piece as one.
pub(super) const CHUNK: usize = 4 << 20;

/// What a copy says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub layout: u32,
    pub copy: CopyName,
    /// The instruction set and the architecture.
    pub label: String,
    /// Bytes of weights.
    pub bytes: u64,
    /// Checksum of the checksums.
    sums: u64,
}

/// Why there is no copy to use.
#[derive(Debug)]
pub(super) enum NoCopy {
    /// It is not there, or the system does not give it now: it may be sound, and stays.
    Absent,
    /// It was read and is of no use.
    Damaged(String),
}

impl From<io::Error> for NoCopy {
    fn from(_: io::Error) -> NoCopy {
        NoCopy::Absent
    }
}

impl Footer {
    fn write(&self) -> [u8; FOOTER] {
        let mut bytes = [0; FOOTER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FILE_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.layout.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.copy.content.0);
        bytes[32..48].copy_from_slice(&self.copy.shape.0);
        for (place, byte) in bytes[48..48 + LABEL].iter_mut().zip(self.label.bytes()) {
            *place = byte;
        }
        bytes[88..96].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[96..104].copy_from_slice(&self.sums.to_le_bytes());
        let sum = XxHash3_64::oneshot(&bytes[..FOOTER - 8]);
        bytes[FOOTER - 8..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8; FOOTER]) -> Result<Footer, &'static str> {
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let small = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let digest = |at: usize| Digest(std::array::from_fn(|i| bytes[at + i]));
        if &bytes[..8] != MAGIC {
            return Err("does not end as a packed copy ends");
        }
        if small(8) != FILE_VERSION {
            return Err("is of another version");
        }
        if number(FOOTER - 8) != XxHash3_64::oneshot(&bytes[..FOOTER - 8]) {
            return Err("has a damaged end");
        }
        let label = bytes[48..48 + LABEL].split(|&b| b == 0).next().unwrap_or_default();
        Ok(Footer {
            layout: small(12),
            copy: CopyName { content: digest(16), shape: digest(32) },
            label: String::from_utf8_lossy(label).chars().filter(|c| !c.is_control()).collect(),
            bytes: number(88),
            sums: number(96),
        })
    }

    /// Of the file at `path`, whose weights are not looked at.
    pub fn of_file(path: &Path) -> Result<Footer, NoCopy> {
        open_with_footer(path).map(|(_, footer)| footer)
    }
}

/// Bytes the file of a copy of `bytes` bytes has.
pub(super) fn file_bytes(bytes: u64) -> u64 {
    bytes.saturating_add(8 * bytes.div_ceil(CHUNK as u64)).saturating_add(FOOTER as u64)
}

/// Writes a copy of `bytes`. `label` names the instruction set and the architecture; `pause` is called between chunks.
pub(super) fn write(
    out: &mut impl Write,
    bytes: &[u8],
    copy: CopyName,
    label: &str,
    pause: &mut dyn FnMut(),
) -> io::Result<()> {
    let mut sums = Vec::with_capacity(8 * bytes.len().div_ceil(CHUNK));
    for chunk in bytes.chunks(CHUNK) {
        sums.extend_from_slice(&XxHash3_64::oneshot(chunk).to_le_bytes());
        out.write_all(chunk)?;
        pause();
    }
    let footer = Footer {
        layout: LAYOUT_VERSION,
        copy,
        label: label.to_owned(),
        bytes: bytes.len() as u64,
        sums: XxHash3_64::oneshot(&sums),
    };
    out.write_all(&sums)?;
    out.write_all(&footer.write())
}

fn damaged(problem: &str) -> NoCopy {
    NoCopy::Damaged(problem.to_owned())
}

/// Opens the file at `path` if it is one, and reads its end.
fn open_with_footer(path: &Path) -> Result<(File, Footer), NoCopy> {
    // Before opening: opening a pipe would wait for its writer.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(NoCopy::Absent);
    }
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    let footer = read_footer(&mut file, len)?;
    Ok((file, footer))
}

/// The end of a file of `len` bytes.
fn read_footer(file: &mut (impl Read + Seek), len: u64) -> Result<Footer, NoCopy> {
    if len < FOOTER as u64 {
        return Err(damaged("is too short"));
    }
    let mut footer = [0; FOOTER];
    file.seek(SeekFrom::Start(len - FOOTER as u64))?;
    file.read_exact(&mut footer)?;
    let footer = Footer::read(&footer).map_err(damaged)?;
    if file_bytes(footer.bytes) != len {
        return Err(damaged("is not as long as it says"));
    }
    Ok(footer)
}

/// Maps the copy at `path` of `bytes` bytes of weights, after a look at every byte of it. The weights
/// begin where it begins.
pub(super) fn open(path: &Path, copy: CopyName, bytes: usize, team: &mut Team) -> Result<SharedBytes, NoCopy> {
    let (file, footer) = open_with_footer(path)?;
    if (footer.layout, footer.copy, footer.bytes) != (LAYOUT_VERSION, copy, bytes as u64) {
        return Err(damaged("is of something else than its name says"));
    }
    let map = whit_model::map_resident(&file)?;
    let all = (*map).as_ref();
    // Of a file that has been cut since: shorter than its footer had it.
    let weights = all.get(..bytes).ok_or_else(|| damaged("has become shorter"))?;
    let sums = all.get(bytes..).and_then(|rest| rest.len().checked_sub(FOOTER).and_then(|len| rest.get(..len)));
    let sums = sums.ok_or_else(|| damaged("has become shorter"))?;
    if XxHash3_64::oneshot(sums) != footer.sums {
        return Err(damaged("has damaged checksums"));
    }
    let found = each_chunk(team, weights, CHUNK, |chunk| XxHash3_64::oneshot(chunk).to_le_bytes());
    match found.iter().zip(sums.as_chunks().0).position(|(found, noted)| found != noted) {
        Some(chunk) => Err(NoCopy::Damaged(format!("is damaged in the 4 MiB from byte {}", chunk * CHUNK))),
        None => Ok(map),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPY: CopyName = CopyName { content: Digest([1; 16]), shape: Digest([2; 16]) };

    fn copy_of(weights: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        write(&mut file, weights, COPY, "avx2 on x86_64", &mut || {}).unwrap();
        assert_eq!(file.len() as u64, file_bytes(weights.len() as u64));
        file
    }

    fn opened(file: &[u8], weights: usize) -> Result<SharedBytes, NoCopy> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        fs::write(&path, file).unwrap();
        open(&path, COPY, weights, &mut Team::new(Some(2)).unwrap())
    }

    #[test]
    fn a_copy_gives_back_what_was_written_and_tells_what_it_is() {
        for len in [1, 4096, CHUNK, CHUNK + 1, 2 * CHUNK + 5000] {
            let weights: Vec<u8> = (0..len).map(|i| ((i * 31) >> 3) as u8).collect();
            let file = copy_of(&weights);
            let bytes = opened(&file, len).unwrap();
            assert!((*bytes).as_ref()[..len] == weights);
            let footer = Footer::read(file.last_chunk().unwrap()).unwrap();
            assert_eq!((footer.label.as_str(), footer.bytes), ("avx2 on x86_64", len as u64));
        }
    }

    #[test]
    fn a_change_of_any_byte_is_seen() {
        let weights = [7; 300];
        let file = copy_of(&weights);
        for at in 0..file.len() {
            for change in [1, 0x80, 0xff] {
                let mut file = file.clone();
                file[at] ^= change;
                assert!(matches!(opened(&file, 300), Err(NoCopy::Damaged(_))), "byte {at}");
            }
        }
    }

    #[test]
    fn a_copy_that_cannot_be_read_now_is_not_called_damaged() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::TimedOut.into())
            }
        }
        impl Seek for Broken {
            fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
                Ok(0)
            }
        }
        assert!(matches!(read_footer(&mut Broken, 4096), Err(NoCopy::Absent)));
        // Nor is one that was cut while it was looked at.
        assert!(matches!(read_footer(&mut io::Cursor::new([7; FOOTER - 1]), FOOTER as u64), Err(NoCopy::Absent)));
        let refused = io::Error::from(io::ErrorKind::OutOfMemory);
        assert!(matches!(NoCopy::from(refused), NoCopy::Absent));
    }

    #[test]
    fn a_copy_cut_short_or_grown_is_seen() {
        let file = copy_of(&[7; 300]);
        for len in (0..file.len()).step_by(7) {
            assert!(matches!(opened(&file[..len], 300), Err(NoCopy::Damaged(_))), "{len} bytes");
            // The end is there, but not what should come before it.
            assert!(matches!(opened(&file[file.len() - len..], 300), Err(NoCopy::Damaged(_))), "the last {len} bytes");
        }
        let grown = [&[0; 8], &file[..]].concat();
        assert!(matches!(opened(&grown, 300), Err(NoCopy::Damaged(_))));
    }

    #[test]
    fn a_copy_of_something_else_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        let mut team = Team::new(Some(1)).unwrap();
        let mut at = |path: &Path, copy, bytes| open(path, copy, bytes, &mut team);
        assert!(matches!(at(&path, COPY, 300), Err(NoCopy::Absent)));
        assert!(matches!(at(folder.path(), COPY, 300), Err(NoCopy::Absent)));
        fs::write(&path, copy_of(&[7; 300])).unwrap();
        assert!(at(&path, COPY, 300).is_ok());
        let (content, shape) = (COPY.shape, COPY.content);
        for (copy, bytes) in [(CopyName { content, ..COPY }, 300), (CopyName { shape, ..COPY }, 300), (COPY, 299)] {
            assert!(matches!(at(&path, copy, bytes), Err(NoCopy::Damaged(_))));
        }
    }

    #[test]
    fn a_copy_of_another_version_is_not_taken() {
        let mut file = copy_of(&[7; 300]);
        let at = file.len() - FOOTER;
        file[at + 8] += 1;
        let sum = XxHash3_64::oneshot(&file[at..file.len() - 8]).to_le_bytes();
        *file.last_chunk_mut().unwrap() = sum;
        let error = opened(&file, 300).err();
        assert!(matches!(&error, Some(NoCopy::Damaged(problem)) if problem == "is of another version"), "{error:?}");
    }

    #[test]
    fn a_length_that_overflows_is_a_wrong_length() {
        let footer = Footer { layout: LAYOUT_VERSION, copy: COPY, label: String::new(), bytes: u64::MAX - 3, sums: 0 };
        assert!(matches!(opened(&footer.write(), 300), Err(NoCopy::Damaged(_))));
    }
}
