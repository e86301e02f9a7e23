//! How numbers lie in memory: the ggml tensor types, one file each.
//!
//! A format's file holds everything that is known about it: the block layout, the scalar decode (the oracle of every
//! faster path), how it is packed for the matrix kernels, and how a packed group is turned back into integers in
//! registers. Adding a format touches that file and the table below.

mod bf16;
mod encode;
mod f16;
mod f32;
mod iq4_nl;
mod iq4_xs;
mod mxfp4;
pub(crate) mod planes;
mod q2_k;
mod q3_k;
mod q4_0;
mod q4_1;
mod q4_k;
mod q5_0;
mod q5_1;
mod q5_k;
mod q6_k;
mod q8_0;
mod tq1_0;
mod tq2_0;

pub use encode::EncodeError;

use crate::isa::Isa;
use crate::matmul::{Activations, Packing};

/// A tensor type of the GGUF format, named as ggml names it.
///
/// Numbers are stored in *blocks*: `block_len` consecutive weights of one row share `block_bytes` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, non_camel_case_types)]
pub enum Format {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    IQ4_NL,
    IQ4_XS,
    MXFP4,
    TQ1_0,
    TQ2_0,
}

/// Encodes whole blocks of finite numbers with an instruction set.
type EncodeBlocks = fn(Isa, &[f32], &mut [u8]);

/// What one format's file says of itself; the rows of [`TABLE`].
struct Description {
    format: Format,
    name: &'static str,
    /// The number of this type in a GGUF tensor header (`enum ggml_type`).
    ggml_type: u32,
    block_len: usize,
    block_bytes: usize,
    /// Decodes one block of `block_bytes` bytes into `block_len` values; where a block is a single number, as many as there are.
    decode_block: fn(&[u8], &mut [f32]),
    /// `None` where whit only reads.
    encode: Option<EncodeBlocks>,
    /// Where in a block its half-precision scales lie: all that can be NaN or infinite in it (see [`Format::is_finite`]).
    f16_scales: &'static [usize],
    /// How the matrix kernels use it.
    packing: &'static Packing,
}

/// Every format, once, in the order of their ggml type numbers.
static TABLE: &[Description] = &[
    f32::DESCRIPTION,
    f16::DESCRIPTION,
    q4_0::DESCRIPTION,
    q4_1::DESCRIPTION,
    q5_0::DESCRIPTION,
    q5_1::DESCRIPTION,
    q8_0::DESCRIPTION,
    q2_k::DESCRIPTION,
    q3_k::DESCRIPTION,
    q4_k::DESCRIPTION,
    q5_k::DESCRIPTION,
    q6_k::DESCRIPTION,
    iq4_nl::DESCRIPTION,
    iq4_xs::DESCRIPTION,
    bf16::DESCRIPTION,
    tq1_0::DESCRIPTION,
    tq2_0::DESCRIPTION,
    mxfp4::DESCRIPTION,
];

impl Format {
    fn description(self) -> &'static Description {
        TABLE.iter().find(|d| d.format == self).expect("every format has a row in TABLE")
    }

    /// All formats, in the order of their ggml type numbers.
    pub fn all() -> impl Iterator<Item = Format> {
        TABLE.iter().map(|d| d.format)
    }

    /// The format with this number in a GGUF tensor header, or `None` if whit cannot read it.
    pub fn from_ggml_type(ggml_type: u32) -> Option<Format> {
        TABLE.iter().find(|d| d.ggml_type == ggml_type).map(|d| d.format)
    }

    /// ggml's name, for example `Q4_K`.
    pub fn name(self) -> &'static str {
        self.description().name
    }

    /// Weights per block; every row is a whole number of blocks.
    pub fn block_len(self) -> usize {
        self.description().block_len
    }

    /// Bytes per block.
    pub fn block_bytes(self) -> usize {
        self.description().block_bytes
    }

    /// Bytes of one row of `cols` weights, or `None` if `cols` is not a whole number of blocks or the sum overflows.
    pub fn row_bytes(self, cols: usize) -> Option<usize> {
        let d = self.description();
        if !cols.is_multiple_of(d.block_len) {
            return None;
        }
        (cols / d.block_len).checked_mul(d.block_bytes)
    }

    pub(crate) fn packing(self) -> &'static Packing {
        self.description().packing
    }

    /// Whether every weight in `bytes`, which holds whole blocks, is a finite number.
    pub fn is_finite(self, bytes: &[u8]) -> bool {
        let d = self.description();
        let finite = |bits: u16| bits & 0x7c00 != 0x7c00;
        match self {
            Format::F32 => bytes.chunks_exact(4).all(|b| u16::from_le_bytes([b[2], b[3]]) & 0x7f80 != 0x7f80),
            Format::BF16 => bytes.chunks_exact(2).all(|b| u16::from_le_bytes([b[0], b[1]]) & 0x7f80 != 0x7f80),
            Format::F16 => bytes.chunks_exact(2).all(|b| finite(u16::from_le_bytes([b[0], b[1]]))),
            // The largest code, 6, at the largest exponents is beyond single precision.
            Format::MXFP4 => bytes.chunks_exact(d.block_bytes).all(|block| block[0] <= 252),
            _ => bytes
                .chunks_exact(d.block_bytes)
                .all(|block| d.f16_scales.iter().all(|&at| finite(u16::from_le_bytes([block[at], block[at + 1]])))),
        }
    }

    /// Arbitrary rows with weights of an ordinary size (numbers too small to be normal would slow the arithmetic down); for
    /// measurements. `None` if `cols` is not a whole number of blocks.
    pub(crate) fn some_rows(self, rows: usize, cols: usize) -> Option<Vec<u8>> {
        let d = self.description();
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = move || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 40) as u32
        };
        let mut bytes = vec![0; rows * self.row_bytes(cols)?];
        for block in bytes.chunks_exact_mut(d.block_bytes) {
            block.fill_with(|| next() as u8);
            let value = (next() % 1000 + 1) as f32 / 50_000.0;
            match self {
                Format::F32 => block.copy_from_slice(&value.to_le_bytes()),
                Format::F16 => block.copy_from_slice(&half::f16::from_f32(value).to_le_bytes()),
                Format::BF16 => block.copy_from_slice(&half::bf16::from_f32(value).to_le_bytes()),
                // The exponent of the scale.
                Format::MXFP4 => block[0] = 120,
                _ => d.f16_scales.iter().for_each(|&at| {
                    block[at..at + 2].copy_from_slice(&half::f16::from_f32(value).to_le_bytes());
                }),
            }
        }
        Some(bytes)
    }

    /// Decodes whole blocks: `bytes` holds `out.len()` weights of this format.
    ///
    /// # Panics
    /// If `out.len()` is not a whole number of blocks or `bytes` is not exactly their size.
    pub fn decode(self, bytes: &[u8], out: &mut [f32]) {
        let d = self.description();
        assert_eq!(
            Some(bytes.len()),
            self.row_bytes(out.len()),
            "{} bytes do not hold {} {} weights",
            bytes.len(),
            out.len(),
            d.name
        );
        if d.block_len == 1 {
            return (d.decode_block)(bytes, out);
        }
        for (block, values) in bytes.chunks_exact(d.block_bytes).zip(out.chunks_exact_mut(d.block_len)) {
            (d.decode_block)(block, values);
        }
    }

    /// Whether weights are single numbers, as they were trained, and not codes that share a scale.
    pub fn is_float(self) -> bool {
        self.packing().activations == Activations::Float
    }

    /// Rounds `values` to this format: whole blocks into `out`, of the bytes that [`Format::decode`] takes. The bytes are the
    /// same on every instruction set.
    ///
    /// # Errors
    /// [`EncodeError`] if a value is not finite or beyond the format's range, or if whit does not write the format.
    ///
    /// # Panics
    /// As [`Format::decode`], or if this machine does not have `isa`.
    pub fn encode(self, isa: Isa, values: &[f32], out: &mut [u8]) -> Result<(), EncodeError> {
        let d = self.description();
        assert_eq!(Some(out.len()), self.row_bytes(values.len()), "room for {} {} weights", values.len(), d.name);
        let encode = d.encode.ok_or(EncodeError::NotWritten(self))?;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(EncodeError::NotFinite);
        }
        encode(isa, values, out);
        if self.is_finite(out) { Ok(()) } else { Err(EncodeError::OutOfRange(self)) }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The half-precision number at byte `at` of a block.
fn f16_at(block: &[u8], at: usize) -> f32 {
    half::f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// The 32-bit number at byte `at` of a block.
fn u32_at(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}
