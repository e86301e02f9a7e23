//! The paged cache of keys, values and convolution states.
//!
//! A block holds [`BLOCK`] positions of one sequence in every layer. Of each key/value head it keeps the keys as panels of
//! sixteen positions, `[head_dim][16]`, so that scores of sixteen keys are one vector, and the values row by row,
//! `[position][head_dim]`. Of a convolution it keeps the inputs of the last `kernel - 1` positions, in slot
//! `position % (kernel - 1)`: enough to go on from any position, and from the end of a shared block.

use super::BatchError;
use crate::memory::{AlignedBytes, round_up};
use crate::simd::{LANES, Simd};

/// Positions of a cache block.
pub const BLOCK: usize = 32;

/// How keys and values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvFormat {
    /// Half precision.
    F16,
    /// bfloat16: the range of single precision, three digits fewer than half.
    BF16,
    /// Signed bytes with an `f32` scale for each position, head, and keys or values.
    Q8,
    /// Single precision.
    F32,
}

/// What every layer keeps of a position.
#[derive(Clone, Debug, Default)]
pub struct KvLayout {
    layers: Vec<Layer>,
}

#[derive(Clone, Copy, Debug)]
struct Layer {
    /// Bytes of one block in this layer.
    block_bytes: usize,
}

/// Index of a layer in a [`KvLayout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvLayer(pub(super) usize);

/// Geometry of one attention layer's share of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    pub kv_heads: usize,
    pub head_dim: usize,
    pub format: KvFormat,
}

impl KvFormat {
    pub(super) fn bytes(self) -> usize {
        match self {
            KvFormat::F16 | KvFormat::BF16 => 2,
            KvFormat::Q8 => 1,
            KvFormat::F32 => 4,
        }
    }
}

impl Heads {
    /// Floats of a value row.
    pub fn value_stride(self) -> usize {
        round_up(self.head_dim, LANES)
    }
    fn key_bytes(self) -> usize {
        BLOCK * self.head_dim * self.format.bytes()
    }
    pub fn head_bytes(self) -> usize {
        let scales = if self.format == KvFormat::Q8 { 2 * BLOCK * 4 } else { 0 };
        round_up(self.scales_at() + scales, 64)
    }
    /// Bytes from the start of a head to the scales of its keys, by slot, and then of its values. A multiple of 4.
    pub fn scales_at(self) -> usize {
        self.key_bytes() + BLOCK * self.value_stride() * self.format.bytes()
    }
    /// Bytes of a block of all heads.
    pub fn block_bytes(self) -> usize {
        self.kv_heads * self.head_bytes()
    }
    /// Elements from the start of a head's keys to dimension 0 of a key: lane of a panel.
    pub fn key_at(self, slot: usize) -> usize {
        slot / LANES * self.head_dim * LANES + slot % LANES
    }
    /// Bytes from the start of a head to its values.
    pub fn values_at(self) -> usize {
        self.key_bytes()
    }
}

impl KvLayout {
    /// A layout without layers.
    pub fn new() -> KvLayout {
        KvLayout::default()
    }

    /// Adds an attention layer.
    pub fn attention(&mut self, kv_heads: usize, head_dim: usize, format: KvFormat) -> KvLayer {
        let heads = Heads { kv_heads, head_dim, format };
        self.push(heads.block_bytes())
    }

    /// Adds a convolution over `kernel` positions of `channels` values.
    pub fn convolution(&mut self, channels: usize, kernel: usize) -> KvLayer {
        self.push(convolution_bytes(channels, kernel))
    }

    fn push(&mut self, block_bytes: usize) -> KvLayer {
        self.layers.push(Layer { block_bytes });
        KvLayer(self.layers.len() - 1)
    }

    /// Bytes of one block in all layers.
    pub fn block_bytes(&self) -> usize {
        self.layers.iter().map(|layer| layer.block_bytes).sum()
    }
}

/// Bytes of a block that keep the inputs of `kernel - 1` positions.
pub(super) fn convolution_bytes(channels: usize, kernel: usize) -> usize {
    round_up(kernel.saturating_sub(1) * round_up(channels, LANES) * 4, 64)
}

/// The cache itself. Pages that were never written cost no memory.
pub struct KvCache {
    layout: KvLayout,
    /// Bytes of a block in all layers.
    block_bytes: usize,
    /// Where each layer begins in a block. Blocks lie one after the other, whole, so that what a short sequence uses of a
    /// large cache lies on few pages.
    offsets: Vec<usize>,
    /// By block: the last run that wrote to it.
    written: Vec<u64>,
    runs: u64,
    data: AlignedBytes,
}

impl KvCache {
    /// A cache of `blocks` blocks, or `None` if there is no memory for it.
    pub fn new(layout: KvLayout, blocks: usize) -> Option<KvCache> {
        let mut bytes = 0;
        let offsets = layout
            .layers
            .iter()
            .map(|layer| {
                let offset = bytes;
                bytes += layer.block_bytes;
                offset
            })
            .collect();
        let data = AlignedBytes::try_zeroed(bytes.checked_mul(blocks)?)?;
        Some(KvCache { block_bytes: bytes, layout, offsets, written: vec![0; blocks], runs: 0, data })
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.written.len()
    }

    /// Whether the layers are as large as steps take them to be.
    pub(super) fn check(&self, expected: &[(KvLayer, usize)]) -> Result<(), BatchError> {
        let fits = |&(layer, bytes): &(KvLayer, usize)| {
            self.layout.layers.get(layer.0).is_some_and(|layer| layer.block_bytes == bytes)
        };
        if expected.iter().all(fits) { Ok(()) } else { Err(BatchError("a cache of another layout")) }
    }

    /// Notes that a run writes to `blocks`; false if one of them comes twice.
    pub(super) fn mark_written(&mut self, blocks: impl Iterator<Item = u32>) -> bool {
        self.runs += 1;
        for block in blocks {
            if std::mem::replace(&mut self.written[block as usize], self.runs) == self.runs {
                return false;
            }
        }
        true
    }

    pub(super) fn data_mut(&mut self) -> *mut u8 {
        self.data.as_mut_ptr()
    }

    /// Bytes from the start of the data to a block of a layer.
    pub(super) fn block_at(&self, layer: KvLayer, block: u32) -> usize {
        self.block_bytes * block as usize + self.offsets[layer.0]
    }
}

/// A number format of the cache, as the kernels see it.
pub(super) trait Element: 'static {
    type Bits: Copy;
    /// Whether numbers are kept divided by a scale of their row, the largest of them 127.
    const SCALED: bool = false;
    unsafe fn load<S: Simd>(s: S, from: *const Self::Bits) -> S::F;
    /// Stores sixteen numbers; what is too large for the format becomes its largest number. NaN stays NaN where there is one.
    unsafe fn store<S: Simd>(s: S, to: *mut Self::Bits, value: S::F);
}

pub(super) struct Half;
pub(super) struct Brain;
pub(super) struct Byte;
pub(super) struct Single;

impl Element for Half {
    type Bits = u16;
    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, from: *const u16) -> S::F {
        // SAFETY: passed on.
        unsafe { s.load_f16(from) }
    }
    #[inline(always)]
    unsafe fn store<S: Simd>(s: S, to: *mut u16, value: S::F) {
        // SAFETY: passed on.
        unsafe { s.store_f16(to, s.min(s.splat(65504.0), s.max(s.splat(-65504.0), value))) }
    }
}

impl Element for Brain {
    type Bits = u16;
    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, from: *const u16) -> S::F {
        // SAFETY: passed on.
        unsafe { s.load_bf16(from) }
    }
    #[inline(always)]
    unsafe fn store<S: Simd>(s: S, to: *mut u16, value: S::F) {
        let most = half::bf16::MAX.to_f32();
        // SAFETY: passed on.
        unsafe { s.store_bf16(to, s.min(s.splat(most), s.max(s.splat(-most), value))) }
    }
}

impl Element for Byte {
    type Bits = i8;
    const SCALED: bool = true;
    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, from: *const i8) -> S::F {
        // SAFETY: passed on.
        unsafe { s.load_i8(from) }
    }
    #[inline(always)]
    unsafe fn store<S: Simd>(s: S, to: *mut i8, value: S::F) {
        // SAFETY: passed on.
        unsafe { s.store_i8(to, s.round_to_int(s.min(s.splat(127.0), s.max(s.splat(-127.0), value)))) }
    }
}

impl Element for Single {
    type Bits = f32;
    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, from: *const f32) -> S::F {
        // SAFETY: passed on.
        unsafe { s.load(from) }
    }
    #[inline(always)]
    unsafe fn store<S: Simd>(s: S, to: *mut f32, value: S::F) {
        // SAFETY: passed on.
        unsafe { s.store(to, s.min(s.splat(f32::MAX), s.max(s.splat(-f32::MAX), value))) }
    }
}
