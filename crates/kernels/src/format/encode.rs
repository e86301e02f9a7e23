//! What the encoders share: running them on an instruction set, and the scale that fits a group of weights best.
//!
//! The search for a scale is that of ggml's `make_qx_quants` (ggml-quants.c): try scales around the one that uses all codes, let
//! least squares correct each, keep the best.

use super::Format;
use crate::isa::{Isa, Kernel};
use crate::simd::{LANES, Simd};

/// Weights that cannot be written in a format.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EncodeError {
    /// A value is NaN or infinite.
    #[error("a value is not a finite number")]
    NotFinite,
    /// A value, or the scale of a block, is larger than the format can say.
    #[error("a value is beyond the range of {0}")]
    OutOfRange(Format),
    /// whit reads this format, but does not write it.
    #[error("whit does not write {0}")]
    NotWritten(Format),
}

/// A format's encoder.
pub(super) trait Encode: 'static {
    /// As in the format's description.
    const BLOCK_LEN: usize;
    /// As in the format's description.
    const BLOCK_BYTES: usize;

    /// Encodes `BLOCK_LEN` finite values. `#[inline(always)]`, so that it is compiled for each instruction set.
    fn block(values: &[f32], out: &mut [u8]);
}

/// Encodes whole blocks. There is nothing but plain Rust in it, which rounds the same whatever registers it is compiled to.
pub(super) fn encode_blocks<E: Encode>(isa: Isa, values: &[f32], out: &mut [u8]) {
    struct Run<'a, E>(&'a [f32], &'a mut [u8], std::marker::PhantomData<E>);
    impl<E: Encode> Kernel for Run<'_, E> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, _: S) {
            for (values, out) in self.0.chunks_exact(E::BLOCK_LEN).zip(self.1.chunks_exact_mut(E::BLOCK_BYTES)) {
                E::block(values, out);
            }
        }
    }
    isa.run(Run::<E>(values, out, std::marker::PhantomData));
}

/// A group of weights smaller than this is zeros: no scale in half precision is as small.
pub(super) const TOO_SMALL: f32 = 1e-12;

/// The value of the largest size, with its sign.
#[inline(always)]
pub(super) fn extreme(values: &[f32]) -> f32 {
    values.iter().fold(0f32, |a, &b| if b.abs() > a.abs() { b } else { a })
}

/// `1 / scale`; a scale of zero has codes of zero.
#[inline(always)]
pub(super) fn reciprocal(scale: f32) -> f32 {
    if scale.abs() < TOO_SMALL { 0.0 } else { 1.0 / scale }
}

/// The whole number nearest to `value`, of two the even one, within `least` and `most`, which are small.
#[inline(always)]
pub(super) fn nearest(value: f32, least: f32, most: f32) -> f32 {
    // Beyond 2^23 there is no room for a fraction. The library's rounding is a call without SSE4.1.
    const WHOLE: f32 = 12_582_912.0;
    (value.max(least).min(most) + WHOLE) - WHOLE
}

/// The half-precision number nearest to `value`.
#[inline(always)]
pub(super) fn round_to_f16(value: f32) -> half::f16 {
    half::f16::from_f32(value)
}

/// Sums over `values`, whose number is a multiple of [`LANES`], of each of `terms`: lane by lane, so that it takes a register at a
/// time, then the lanes by halves.
#[inline(always)]
pub(super) fn sums<const N: usize>(values: &[f32], terms: impl Fn(f32) -> [f32; N]) -> [f32; N] {
    let mut sums = [[0f32; LANES]; N];
    for values in values.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            let terms = terms(values[lane]);
            for (sum, term) in sums.iter_mut().zip(terms) {
                sum[lane] += term;
            }
        }
    }
    sums.map(|mut sum| {
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                sum[lane] += sum[lane + half];
            }
        }
        sum[0]
    })
}

/// The scale, of either sign, for which `scale * code` with codes of `-levels` to `levels - 1` comes nearest to the weights: the
/// squares of the differences, larger weights counting for more, have the least sum.
#[inline(always)]
pub(super) fn best_scale(values: &[f32], levels: f32) -> f32 {
    let extreme = extreme(values);
    if extreme.abs() < TOO_SMALL {
        return 0.0;
    }
    // From here on in units of the extreme: no square overflows.
    let unit = 1.0 / extreme;
    let [squares] = sums(values, |value| [(value * unit) * (value * unit)]);
    let size = (squares / values.len() as f32).sqrt();
    let (mut best, mut most) = (0f32, 0f32);
    for step in -9..=9 {
        // The extreme's code: about that of the largest size there is, which is negative.
        let code_of_extreme = -(levels + 0.1 * step as f32);
        let [code_x, code2] = sums(values, |value| {
            let x = value * unit;
            let code = nearest(x * code_of_extreme, -levels, levels - 1.0);
            let weight = size + x.abs();
            [weight * code * x, weight * code * code]
        });
        // What the best scale for these codes takes off the sum of squares.
        if code2 > 0.0 && code_x * code_x > most * code2 {
            (best, most) = (code_x / code2, code_x * code_x / code2);
        }
    }
    best * extreme
}
