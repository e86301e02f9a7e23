//! Sixteen lanes, whatever the machine calls them.
//!
//! Every kernel is written once against [`Simd`] and compiled for each instruction set. The scalar implementation is
//! the twin that the tests hold the others to: each operation here is defined lane by lane with one rounding, so all
//! implementations agree bit for bit (multiply-adds are fused everywhere).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use scalar::Scalar;

/// Lanes of a float or integer vector; also the rows of a weight panel and the keys of a key panel.
pub const LANES: usize = 16;

/// The largest [`Simd::ROW_TILE`].
pub(crate) const LARGEST_ROW_TILE: usize = 8;

/// An instruction set. A value of the type is proof that the machine has it.
///
/// `F` is sixteen `f32`, `I` sixteen `i32`, `B` sixty-four bytes: four consecutive bytes belong to one lane.
///
/// # Safety of the pointer methods
/// The `unsafe` methods read or write exactly as many elements as they say; the caller answers for the memory. No
/// alignment is needed.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    type F: Copy;
    type I: Copy;
    type B: Copy;

    /// Rows of floats, or queries, worth working on together: as many as leave their sums in registers. 1, 4 or 8.
    const MAX_TILE: usize;
    /// Most rows of a tile of quantised activations. A power of two, at most [`LARGEST_ROW_TILE`].
    const ROW_TILE: usize;
    /// What [`Simd::dot`] takes off every code if `WIDE`: 128 where the machine multiplies signed bytes only. Whoever has
    /// sums of activations pays it back together with the offset of the format.
    const WIDE_OFFSET: i32 = 0;

    fn splat(self, value: f32) -> Self::F;
    /// Reads 16 `f32`.
    unsafe fn load(self, from: *const f32) -> Self::F;
    /// Writes 16 `f32`.
    unsafe fn store(self, to: *mut f32, value: Self::F);
    /// Reads 16 half-precision numbers.
    unsafe fn load_f16(self, from: *const u16) -> Self::F;
    /// Writes 16 half-precision numbers, rounded to nearest even.
    unsafe fn store_f16(self, to: *mut u16, value: Self::F);
    /// Reads 16 bfloat16 numbers.
    unsafe fn load_bf16(self, from: *const u16) -> Self::F;
    /// Writes 16 bfloat16 numbers, rounded to nearest even; none may be NaN.
    unsafe fn store_bf16(self, to: *mut u16, value: Self::F);
    /// Reads 16 unsigned bytes, as floats.
    unsafe fn load_u8(self, from: *const u8) -> Self::F;
    /// Reads 16 signed bytes, as floats.
    unsafe fn load_i8(self, from: *const i8) -> Self::F;

    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// The larger; NaN where `b` is. Of a NaN in `a` alone, machines make what they like.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The smaller; of NaN as [`Simd::max`].
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    fn abs(self, a: Self::F) -> Self::F;
    /// `yes` in lanes where `a < b`, else `no`.
    fn select_less(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F;
    /// Sum in the order of a balanced tree: lanes 8 apart, then 4, 2, 1.
    fn sum(self, a: Self::F) -> f32;
    /// Largest lane; none may be NaN.
    fn largest(self, a: Self::F) -> f32;

    fn int_splat(self, value: i32) -> Self::I;
    fn int_to_float(self, a: Self::I) -> Self::F;
    /// Nearest integer, ties to even; the value must fit.
    fn round_to_int(self, a: Self::F) -> Self::I;
    /// `2^a` as a float, for `-126 <= a <= 127`.
    fn exp2_int(self, a: Self::I) -> Self::F;
    /// Writes 16 signed bytes, saturated.
    unsafe fn store_i8(self, to: *mut i8, value: Self::I);

    /// The same pointer; but the compiler does not know that, and keeps it in a register of its own.
    fn opaque<T>(self, pointer: *const T) -> *const T;
    /// Asks for the cache line at `at`, which may be anywhere, to be brought near: on x86-64 into the second-level cache, which has room
    /// for more requests at a time than the first.
    fn prefetch(self, at: *const u8);
    /// Reads 64 bytes.
    unsafe fn load_bytes(self, from: *const u8) -> Self::B;
    /// Writes 64 bytes.
    unsafe fn store_bytes(self, to: *mut u8, value: Self::B);
    fn byte_splat(self, value: u8) -> Self::B;
    fn byte_and(self, a: Self::B, b: Self::B) -> Self::B;
    fn byte_or(self, a: Self::B, b: Self::B) -> Self::B;
    /// Shifts 16-bit pairs of bytes right by `N`: mask what came over from the neighbour.
    fn byte_shr<const N: i32>(self, a: Self::B) -> Self::B;
    /// Shifts 16-bit pairs of bytes left by `N`: mask what came over from the neighbour.
    fn byte_shl<const N: i32>(self, a: Self::B) -> Self::B;
    /// Every byte, which must be below 16, replaced by that entry of the table.
    unsafe fn byte_lookup(self, table: *const [u8; 16], a: Self::B) -> Self::B;
    /// Adds to each lane the dot product of its four unsigned `codes` with the four signed bytes at `with`, none of which is -128.
    ///
    /// `WIDE` must be true if a code can exceed 127; then every code counts [`Simd::WIDE_OFFSET`] less.
    unsafe fn dot<const WIDE: bool>(self, sum: Self::I, codes: Self::B, with: *const i8) -> Self::I;

    /// Whether there is [`Simd::add_pairs`]: where a dot product is made of steps, of which some can be taken for several at once.
    const HAS_PAIRS: bool = false;
    /// The first half of a [`Simd::dot`]: adds to the two halves of each lane, of sixteen bits, what two codes give. The caller answers
    /// for no sum that leaves them.
    unsafe fn add_pairs(self, _pairs: Self::I, _codes: Self::B, _with: *const i8) -> Self::I {
        unreachable!()
    }
    /// The second half: adds the two halves of each lane of `pairs` to `sum`.
    fn add_pairs_up(self, _sum: Self::I, _pairs: Self::I) -> Self::I {
        unreachable!()
    }
}

/// Reads `n` floats, at most sixteen; the other lanes are 0.
#[inline(always)]
pub(crate) unsafe fn load_some<S: Simd>(s: S, from: *const f32, n: usize) -> S::F {
    // SAFETY: passed on.
    unsafe {
        if n >= LANES {
            return s.load(from);
        }
        let mut some = [0f32; LANES];
        std::ptr::copy_nonoverlapping(from, some.as_mut_ptr(), n);
        s.load(some.as_ptr())
    }
}

/// Writes the first `n` lanes, at most sixteen.
#[inline(always)]
pub(crate) unsafe fn store_some<S: Simd>(s: S, to: *mut f32, value: S::F, n: usize) {
    // SAFETY: passed on.
    unsafe {
        if n >= LANES {
            return s.store(to, value);
        }
        let mut some = [0f32; LANES];
        s.store(some.as_mut_ptr(), value);
        std::ptr::copy_nonoverlapping(some.as_ptr(), to, n);
    }
}

#[cfg(test)]
mod tests;
