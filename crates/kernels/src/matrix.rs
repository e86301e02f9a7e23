//! Weights, laid out once for the kernels.

use std::sync::Arc;

use crate::format::{EncodeError, Format};
use crate::isa::Isa;
use crate::matmul::Activations;
use crate::memory::{AlignedBytes, SharedBytes};
use crate::simd::LANES;
use crate::team::Team;

/// Rises with every change to what [`PackedMatrix::pack_into`] makes of the same weights: packed weights outlive the program
/// on disk.
pub const LAYOUT_VERSION: u32 = 1;

/// A weight matrix `[rows, cols]` in panels of sixteen interleaved rows. One layout serves every instruction set.
#[derive(Clone)]
pub struct PackedMatrix {
    format: Format,
    rows: usize,
    cols: usize,
    data: SharedBytes,
    /// Where in `data` it starts.
    at: usize,
}

/// Weights as a checkpoint has them: rows one after the other.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// How they lie there.
    pub format: Format,
    /// Whole rows.
    pub bytes: &'a [u8],
}

/// A matrix that cannot be packed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PackError {
    /// A row is not a whole number of the format's blocks.
    #[error("{cols} columns are not a whole number of {format} blocks of {block_len}")]
    Columns {
        /// Columns of the matrix.
        cols: usize,
        /// Its format.
        format: Format,
        /// Weights per block.
        block_len: usize,
    },
    /// A row the caller chose lies outside the source.
    #[error("row {row} lies outside the {bytes} bytes of the source")]
    Row {
        /// The row.
        row: usize,
        /// Size of the source.
        bytes: usize,
    },
    /// There is no memory for the packed copy.
    #[error("no memory for {0} bytes of packed weights")]
    Memory(usize),
    /// The weights are to be of another format than they are stored in, and cannot be.
    #[error("row {row}: {error}")]
    Encode {
        /// The row (of the packed matrix).
        row: usize,
        /// Why not.
        error: EncodeError,
    },
    /// A value is not a finite number.
    #[error("row {row} holds a value that is not a finite number")]
    NotFinite {
        /// The row (of the packed matrix).
        row: usize,
    },
}

impl PackedMatrix {
    /// Bytes that packing `[rows, cols]` of `format` takes.
    pub fn packed_bytes(format: Format, rows: usize, cols: usize) -> usize {
        let p = format.packing();
        rows.div_ceil(LANES).saturating_mul(cols.div_ceil(p.block_cols)).saturating_mul(p.block_bytes)
    }

    /// As [`PackedMatrix::pack_into`], into memory of its own.
    ///
    /// # Errors
    /// As [`PackedMatrix::pack_into`], or if there is no memory.
    pub fn pack(
        team: &mut Team,
        format: Format,
        source: &[u8],
        rows: usize,
        cols: usize,
        row_of: &(dyn Fn(usize) -> usize + Sync),
    ) -> Result<PackedMatrix, PackError> {
        let bytes = PackedMatrix::packed_bytes(format, rows, cols);
        let mut data = AlignedBytes::try_zeroed(bytes).ok_or(PackError::Memory(bytes))?;
        let source = Stored { format, bytes: source };
        PackedMatrix::pack_into(team, format, source, rows, cols, row_of, &mut data)?;
        Ok(PackedMatrix { format, rows, cols, data: Arc::new(data), at: 0 })
    }

    /// Packs the rows `row_of(0), row_of(1), .. row_of(rows - 1)` of `source`, rows of `cols` weights, into `out`,
    /// [`PackedMatrix::packed_bytes`] long. Weights stored in another format are rounded to `format` ([`Format::encode`]). The team
    /// shares the work.
    ///
    /// # Errors
    /// [`PackError`] if the shape does not fit, a weight (or a block's scale) is NaN or infinite, or cannot be rounded to `format`.
    ///
    /// # Panics
    /// If `out` is of another length.
    pub fn pack_into(
        team: &mut Team,
        format: Format,
        source: Stored,
        rows: usize,
        cols: usize,
        row_of: &(dyn Fn(usize) -> usize + Sync),
        out: &mut [u8],
    ) -> Result<(), PackError> {
        assert_eq!(out.len(), PackedMatrix::packed_bytes(format, rows, cols), "room for the packed matrix");
        let bytes_of_row = |format: Format| {
            format.row_bytes(cols).ok_or(PackError::Columns { cols, format, block_len: format.block_len() })
        };
        let (row_bytes, source_row_bytes) = (bytes_of_row(format)?, bytes_of_row(source.format)?);
        let source_rows = source.bytes.len().checked_div(source_row_bytes).unwrap_or(0);
        if let Some(row) = (0..rows).map(row_of).find(|&row| row >= source_rows) {
            return Err(PackError::Row { row, bytes: source.bytes.len() });
        }
        let panel_bytes = PackedMatrix::packed_bytes(format, LANES, cols);
        let isa = team.isa();
        let first_error = std::sync::Mutex::new(None::<(usize, EncodeError)>);
        team.for_each_chunk(out, panel_bytes, &|panel, out| {
            let source_row = |row: usize| &source.bytes[row_of(row) * source_row_bytes..][..source_row_bytes];
            let rows = panel * LANES..rows.min((panel + 1) * LANES);
            let packed = if format == source.format {
                pack_panel(format, rows.clone().map(source_row), row_bytes, out)
            } else {
                encode_rows(isa, format, source.format, rows.clone().map(source_row), cols)
                    .and_then(|encoded| pack_panel(format, encoded.chunks_exact(row_bytes), row_bytes, out))
            };
            if let Err((row, error)) = packed {
                let row = rows.start + row;
                let mut first = first_error.lock().unwrap_or_else(|e| e.into_inner());
                if first.as_ref().is_none_or(|(before, _)| row < *before) {
                    *first = Some((row, error));
                }
            }
        });
        match first_error.into_inner().unwrap_or_else(|e| e.into_inner()) {
            None => Ok(()),
            Some((row, EncodeError::NotFinite)) => Err(PackError::NotFinite { row }),
            Some((row, error)) => Err(PackError::Encode { row, error }),
        }
    }

    /// A matrix that was packed before and lies at `at` of `data`; `None` if it does not all lie there.
    pub fn packed(format: Format, rows: usize, cols: usize, data: SharedBytes, at: usize) -> Option<PackedMatrix> {
        let matrix = PackedMatrix { format, rows, cols, data, at };
        matrix.is_packed().then_some(matrix)
    }

    /// The shape of a matrix without its weights: enough to plan a program with, not to finish one.
    pub fn planned(format: Format, rows: usize, cols: usize) -> PackedMatrix {
        PackedMatrix { format, rows, cols, data: Arc::new([]), at: 0 }
    }

    /// Whether the weights are there.
    pub(crate) fn is_packed(&self) -> bool {
        let bytes = PackedMatrix::packed_bytes(self.format, self.rows, self.cols);
        self.at.checked_add(bytes).is_some_and(|end| end <= (*self.data).as_ref().len())
    }

    /// The format its weights came in.
    pub fn format(&self) -> Format {
        self.format
    }
    /// Output features.
    pub fn rows(&self) -> usize {
        self.rows
    }
    /// Input features.
    pub fn cols(&self) -> usize {
        self.cols
    }
    /// Bytes in memory when it is packed, all of which are read when it is multiplied.
    pub fn bytes(&self) -> usize {
        PackedMatrix::packed_bytes(self.format, self.rows, self.cols)
    }
    /// What it is multiplied with.
    pub fn activations(&self) -> Activations {
        self.format.packing().activations
    }
    /// Decodes row `row`, its `cols` weights.
    ///
    /// # Panics
    /// If there is no such row, or the weights are not there, or `out` is not [`PackedMatrix::cols`] long; or if this machine does not
    /// have `isa`.
    pub fn decode_row(&self, isa: Isa, row: usize, out: &mut [f32]) {
        assert!(row < self.rows && out.len() == self.cols, "row {row} of {} x {}", self.rows, self.cols);
        let panel_bytes = PackedMatrix::packed_bytes(self.format, LANES, self.cols);
        let panel = &self.data()[row / LANES * panel_bytes..][..panel_bytes];
        (self.format.packing().unpack_row)(isa, panel, row % LANES, out);
    }
    /// Whether both are one matrix, not only equal ones.
    pub(crate) fn is(&self, other: &PackedMatrix) -> bool {
        std::ptr::eq(self.data(), other.data())
    }
    pub(crate) fn data(&self) -> &[u8] {
        &(*self.data).as_ref()[self.at..][..self.bytes()]
    }
    pub(crate) fn panels(&self) -> usize {
        self.rows.div_ceil(LANES)
    }
    pub(crate) fn blocks(&self) -> usize {
        self.cols.div_ceil(self.format.packing().block_cols)
    }
}

/// The rows of one panel, rounded from format `from` to `format`. `Err` has the row that is of no use, counted from the panel's first.
fn encode_rows<'s>(
    isa: Isa,
    format: Format,
    from: Format,
    rows: impl Iterator<Item = &'s [u8]>,
    cols: usize,
) -> Result<Vec<u8>, (usize, EncodeError)> {
    let mut values = vec![0f32; cols];
    let mut encoded = Vec::new();
    for (index, row) in rows.enumerate() {
        from.decode(row, &mut values);
        let at = encoded.len();
        encoded.resize(at + format.row_bytes(cols).unwrap_or(0), 0);
        format.encode(isa, &values, &mut encoded[at..]).map_err(|error| (index, error))?;
    }
    Ok(encoded)
}

/// Packs one panel of the rows given, sixteen or fewer. `Err` is as that of [`encode_rows`].
fn pack_panel<'s>(
    format: Format,
    rows: impl Iterator<Item = &'s [u8]>,
    row_bytes: usize,
    out: &mut [u8],
) -> Result<(), (usize, EncodeError)> {
    let p = format.packing();
    // A packed block may span several source blocks, and the last one of a row may be cut short.
    let (take, block_bytes) = match p.activations {
        Activations::Float => (row_bytes, out.len()),
        Activations::Quantised => (p.block_cols / format.block_len() * format.block_bytes(), p.block_bytes),
    };
    let zeros = vec![0u8; take];
    let mut short: [Vec<u8>; LANES] = std::array::from_fn(|_| Vec::new());
    let mut sources: [Option<&[u8]>; LANES] = [None; LANES];
    for (lane, (source, row)) in sources.iter_mut().zip(rows).enumerate() {
        if !format.is_finite(row) {
            return Err((lane, EncodeError::NotFinite));
        }
        *source = Some(row);
    }
    for (b, out) in out.chunks_exact_mut(block_bytes).enumerate() {
        for (source, short) in sources.iter().zip(&mut short) {
            if let Some(bytes) = source {
                let rest = &bytes[b * take..];
                if rest.len() < take {
                    short.clear();
                    short.extend_from_slice(rest);
                    short.resize(take, 0);
                }
            }
        }
        let lanes: [&[u8]; LANES] = std::array::from_fn(|lane| match sources[lane] {
            None => &zeros[..],
            Some(bytes) => bytes.get(b * take..(b + 1) * take).unwrap_or(&short[lane]),
        });
        (p.pack_block)(&lanes, out);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FNV-1a.
    fn digest(digest: u64, bytes: &[u8]) -> u64 {
        bytes.iter().fold(digest, |digest, &byte| (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }

    /// If this fails, the layout has changed: raise [`LAYOUT_VERSION`], or programs will compute with copies that other
    /// versions have packed, and then write the new digest here.
    #[test]
    fn a_layout_version_names_one_layout() {
        let mut team = Team::new(Some(1)).unwrap();
        let all = Format::all().fold(0xcbf2_9ce4_8422_2325, |all, format| {
            let source = format.some_rows(19, 512).unwrap();
            let packed = PackedMatrix::pack(&mut team, format, &source, 19, 512, &|row| row).unwrap();
            digest(all, packed.data())
        });
        assert_eq!((LAYOUT_VERSION, format!("{all:016x}").as_str()), (1, "5e17b2436f7dfdfe"));
    }

    /// If this fails, weights are rounded to other codes than before: as above.
    #[test]
    fn a_layout_version_names_one_rounding() {
        let mut team = Team::new(Some(1)).unwrap();
        let source = Format::F32.some_rows(19, 512).unwrap();
        let source = Stored { format: Format::F32, bytes: &source };
        let formats = [Format::BF16, Format::Q4_0, Format::Q4_K, Format::Q6_K, Format::Q8_0];
        let all = formats.into_iter().fold(0xcbf2_9ce4_8422_2325, |all, format| {
            let mut packed = vec![0; PackedMatrix::packed_bytes(format, 19, 512)];
            PackedMatrix::pack_into(&mut team, format, source, 19, 512, &|row| row, &mut packed).unwrap();
            digest(all, &packed)
        });
        assert_eq!((LAYOUT_VERSION, format!("{all:016x}").as_str()), (1, "28cc783f6b9e5a02"));
    }
}
