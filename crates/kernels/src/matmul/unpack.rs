//! One row out of a packed matrix, as floats: what a table needs whose weights are the head's too.

use super::{FloatFormat, IntegerFormat};
use crate::activations::GROUP;
use crate::isa::{Isa, Kernel};
use crate::simd::{LANES, Simd};

/// The [`super::Packing::unpack_row`] of an integer format.
pub(crate) fn unpack_integer<P: IntegerFormat>(isa: Isa, panel: &[u8], lane: usize, out: &mut [f32]) {
    struct Run<'a, P>(&'a [u8], usize, &'a mut [f32], std::marker::PhantomData<P>);
    impl<P: IntegerFormat> Kernel for Run<'_, P> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let Run(panel, lane, out, _) = self;
            let blocks = panel.chunks_exact(P::BLOCK_BYTES);
            for (block, out) in blocks.zip(out.chunks_mut(P::BLOCK_COLS)) {
                for (group, out) in out.chunks_mut(GROUP).enumerate() {
                    // SAFETY: the block is whole, and has this group.
                    unsafe { integer_group::<S, P>(s, block.as_ptr(), group, lane, out) }
                }
            }
        }
    }
    isa.run(Run::<P>(panel, lane, out, std::marker::PhantomData));
}

/// # Safety
/// `block` is a block of `P` that has group `group`.
#[inline(always)]
unsafe fn integer_group<S: Simd, P: IntegerFormat>(s: S, block: *const u8, group: usize, lane: usize, out: &mut [f32]) {
    let mut codes = [0u8; GROUP];
    let (mut scale, mut min) = ([0f32; LANES], [0f32; LANES]);
    // SAFETY: passed on.
    unsafe {
        for (vector, codes) in P::codes(s, block, group).into_iter().zip(codes.as_chunks_mut::<4>().0) {
            let mut bytes = [0u8; 4 * LANES];
            s.store_bytes(bytes.as_mut_ptr(), vector);
            codes.copy_from_slice(&bytes[4 * lane..][..4]);
        }
        for (part, (codes, out)) in codes.chunks(GROUP / P::SCALES).zip(out.chunks_mut(GROUP / P::SCALES)).enumerate() {
            s.store(scale.as_mut_ptr(), P::scale(s, block, group, part));
            s.store(min.as_mut_ptr(), P::min(s, block, group, part));
            for (out, &code) in out.iter_mut().zip(codes) {
                *out = scale[lane] * (i32::from(code) - P::OFFSET) as f32 - min[lane];
            }
        }
    }
}

/// The [`super::Packing::unpack_row`] of a float format.
pub(crate) fn unpack_float<P: FloatFormat>(isa: Isa, panel: &[u8], lane: usize, out: &mut [f32]) {
    struct Run<'a, P>(&'a [u8], usize, &'a mut [f32], std::marker::PhantomData<P>);
    impl<P: FloatFormat> Kernel for Run<'_, P> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let Run(panel, lane, out, _) = self;
            let mut column = [0f32; LANES];
            for (weights, out) in panel.chunks_exact(P::BYTES * LANES).zip(out) {
                // SAFETY: a column has sixteen weights.
                unsafe { s.store(column.as_mut_ptr(), P::column(s, weights.as_ptr())) };
                *out = column[lane];
            }
        }
    }
    isa.run(Run::<P>(panel, lane, out, std::marker::PhantomData));
}
