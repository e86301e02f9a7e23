//! What a packed copy is a copy of, in digests. BLAKE3, because a file from a stranger must not be able to pass for another.

use std::collections::HashSet;
use std::fmt;
use std::fs::Metadata;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use whit_kernels::{Isa, LAYOUT_VERSION, Team};
use whit_model::spec::{Rows, TensorRef};
use whit_model::{Checkpoint, Tensor};

use super::file::FILE_VERSION;
use crate::weights::Wanted;

/// Half of a BLAKE3 digest, written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Digest(pub [u8; 16]);

impl Digest {
    fn of(hasher: &blake3::Hasher) -> Digest {
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        Digest(digest)
    }

    /// What [`Digest`] displays, and nothing else.
    pub fn parse(text: &str) -> Option<Digest> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 32 || !text.bytes().all(lower_hex) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|number| Digest(number.to_be_bytes()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Feeds a hasher so that no two sequences of fields read the same.
struct Fields(blake3::Hasher);

impl Fields {
    fn new(purpose: &str) -> Fields {
        let mut fields = Fields(blake3::Hasher::new());
        fields.bytes(purpose.as_bytes());
        fields
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }
}

/// How weights are packed, whatever their values: the layout, the instruction set, and every matrix with its place.
pub(super) fn shape(wanted: &[Wanted], isa: Isa) -> Digest {
    let mut fields = Fields::new("whit packed shape");
    fields.number(u64::from(FILE_VERSION));
    fields.number(u64::from(LAYOUT_VERSION));
    fields.bytes(std::env::consts::ARCH.as_bytes());
    fields.bytes(isa.name().as_bytes());
    // What a matrix is stored as is part of the content.
    for Wanted { tensor: TensorRef { name, rows: choice }, format, stored: _, rows, cols, at } in wanted {
        fields.bytes(name.as_bytes());
        fields.bytes(format.name().as_bytes());
        let choice = match choice {
            Rows::All => [0; 5],
            Rows::Range(range) => [1, range.start, range.end, 0, 0],
            Rows::Strided { stride, start, len, groups } => [2, *stride, *start, *len, *groups],
        };
        choice.iter().chain([rows, cols, at]).for_each(|&number| fields.number(number as u64));
    }
    Digest::of(&fields.0)
}

/// A checkpoint's files as the system knows them: a look at no weight, enough to see that they are what they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// Where they lie, and the shape they are packed to.
    pub place: Digest,
    /// Their sizes, times and numbers in the file system.
    pub state: Digest,
}

impl Source {
    /// Of the files as they were opened; `None` if there are none, or the system does not say enough about them.
    pub fn opened(checkpoint: &Checkpoint, shape: Digest) -> Option<Source> {
        Source::of(checkpoint.files()?.into_iter(), shape)
    }

    /// Whether `files` are those that were opened, unchanged.
    pub fn is_still<'a>(self, files: impl Iterator<Item = (&'a Path, &'a Metadata)>, shape: Digest) -> bool {
        Source::of(files, shape) == Some(self)
    }

    fn of<'a>(files: impl Iterator<Item = (&'a Path, &'a Metadata)>, shape: Digest) -> Option<Source> {
        let (mut place, mut state) = (Fields::new("whit source place"), Fields::new("whit source state"));
        place.bytes(&shape.0);
        for (path, metadata) in files {
            place.bytes(std::fs::canonicalize(path).ok()?.as_os_str().as_encoded_bytes());
            state.number(metadata.len());
            let modified = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
            state.bytes(&modified.as_nanos().to_le_bytes());
            #[cfg(unix)]
            {
                use std::os::unix::fs::MetadataExt;
                // The time of the last change of any kind cannot be set back, as that of the last writing can.
                for number in [metadata.ino(), metadata.ctime() as u64, metadata.ctime_nsec() as u64] {
                    state.number(number);
                }
            }
        }
        Some(Source { place: Digest::of(&place.0), state: Digest::of(&state.0) })
    }
}

/// The bytes that are packed, tensor by tensor, as they come.
pub(crate) struct ContentHash {
    fields: Fields,
    seen: HashSet<String>,
}

/// Hashed by one thread at a time.
const CHUNK: usize = 1 << 20;

impl ContentHash {
    pub fn new() -> ContentHash {
        ContentHash { fields: Fields::new("whit packed content"), seen: HashSet::new() }
    }

    /// Adds a tensor, unless it was added before. The team shares the work.
    pub fn add(&mut self, tensor: &Tensor, team: &mut Team) {
        if !self.seen.insert(tensor.name.to_owned()) {
            return;
        }
        self.fields.bytes(tensor.name.as_bytes());
        self.fields.bytes(tensor.format.name().as_bytes());
        self.fields.number(tensor.bytes.len() as u64);
        for digest in each_chunk(team, tensor.bytes, CHUNK, |chunk| *blake3::hash(chunk).as_bytes()) {
            self.fields.bytes(&digest);
        }
    }

    pub fn finish(&self) -> Digest {
        Digest::of(&self.fields.0)
    }
}

/// What `work` makes of each chunk of `bytes`, in their order. The team shares the work.
pub(super) fn each_chunk<T: Send + Sync>(
    team: &mut Team,
    bytes: &[u8],
    len: usize,
    work: impl Fn(&[u8]) -> T + Sync,
) -> Vec<T> {
    let results: Vec<OnceLock<T>> = bytes.chunks(len).map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    team.run(&|_| {
        while let Some((result, chunk)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            results.get(index).zip(bytes.chunks(len).nth(index))
        } {
            // Each index is drawn once.
            let _ = result.set(work(chunk));
        }
    });
    results.into_iter().filter_map(OnceLock::into_inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_written_and_nothing_else_is() {
        let digest = Digest([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(digest.to_string(), "000102030405060708090a0b0c0d0eff");
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        for text in ["", "0", "+00102030405060708090a0b0c0d0eff", "000102030405060708090A0B0C0D0EFF", "\u{e9}"] {
            assert_eq!(Digest::parse(text), None, "{text}");
        }
    }

    #[test]
    fn chunks_come_back_in_order() {
        let bytes: Vec<u8> = (0..=255).collect();
        for threads in [1, 3] {
            let firsts = each_chunk(&mut Team::new(Some(threads)).unwrap(), &bytes, 10, |chunk| chunk[0]);
            assert_eq!(firsts, (0..26).map(|i| i * 10).collect::<Vec<u8>>());
        }
    }

    #[test]
    fn each_fact_of_a_matrix_counts() {
        let matrix = Wanted {
            tensor: TensorRef::all("a"),
            format: whit_kernels::Format::Q8_0,
            stored: whit_kernels::Format::F32,
            rows: 32,
            cols: 64,
            at: 0,
        };
        let change = |edit: &dyn Fn(&mut Wanted)| {
            let mut changed = matrix.clone();
            edit(&mut changed);
            shape(&[changed], Isa::Scalar)
        };
        let mut digests = vec![
            shape(std::slice::from_ref(&matrix), Isa::Scalar),
            shape(std::slice::from_ref(&matrix), Isa::Avx2),
            shape(&[], Isa::Scalar),
            change(&|m| m.tensor.name = "b".into()),
            change(&|m| m.tensor.rows = Rows::Range(0..32)),
            change(&|m| m.tensor.rows = Rows::Range(1..33)),
            change(&|m| m.tensor.rows = Rows::Strided { stride: 2, start: 0, len: 1, groups: 32 }),
            change(&|m| m.format = whit_kernels::Format::Q4_0),
            change(&|m| m.rows = 33),
            change(&|m| m.cols = 96),
            change(&|m| m.at = 64),
        ];
        digests.sort_unstable();
        assert!(digests.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
