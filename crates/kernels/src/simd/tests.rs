//! Every operation of every instruction set gives the bits of its scalar twin.

use super::{LANES, Scalar, Simd};
use crate::isa::{Isa, Kernel};
use crate::math::{Activation, exp, magnitude};

/// Numbers at the edges of every rounding here: ties between integers, between half-precision and between bfloat16
/// numbers, subnormal ones of each, what overflows half precision, and ordinary ones of both signs.
fn floats() -> Vec<f32> {
    let mut all = vec![0.0, 0.5, 1.5, 2.5, 126.5, 127.5, 128.0, 1e-30, 3e-39, 65_504.0, 65_519.0, 65_520.0, 1e6];
    // Half-precision numbers have 10 bits after the point, bfloat16 has 7.
    for ulp in [1.0 / 1024.0, 1.0 / 128.0] {
        all.extend([0.49, 0.5, 0.51, 1.0, 1.49, 1.5, 1.51].map(|part| 1.0 + part * ulp));
    }
    // Half precision is subnormal from 2^-14 down, in steps of 2^-24.
    all.extend([0.4, 0.5, 0.6, 1.5, 2.5, 1000.5, 1023.5].map(|steps: f32| steps * 2f32.powi(-24)));
    let mut state = 1u32;
    while all.len() < 40 * LANES {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        all.push((state >> 8) as f32 / 2f32.powi((state >> 3) as i32 % 24));
    }
    let negative: Vec<f32> = all.iter().map(|x| -x).collect();
    all.extend(negative);
    all
}

/// Bytes of every value, in no order.
fn bytes() -> Vec<u8> {
    (0..64 * 64u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).chain(0..=255).collect()
}

/// All that the operations make of the numbers above.
struct Everything;

impl Kernel for Everything {
    type Output = Vec<(&'static str, Vec<u32>)>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let mut out = Vec::new();
        let mut float = |name, value: S::F| {
            let mut lanes = [0f32; LANES];
            // SAFETY: sixteen numbers.
            unsafe { s.store(lanes.as_mut_ptr(), value) };
            out.push((name, lanes.map(f32::to_bits).to_vec()));
        };
        let all = floats();
        let at = |i: usize| {
            let from: &[f32; LANES] = all[i * LANES % (all.len() - 2 * LANES)..][..LANES].try_into().unwrap();
            // SAFETY: sixteen numbers.
            unsafe { s.load(from.as_ptr()) }
        };
        for i in 0..all.len() / LANES {
            let (a, b, c) = (at(i), at(i + 7), at(3 * i + 11));
            float("load", a);
            float("add", s.add(a, b));
            float("sub", s.sub(a, b));
            float("mul", s.mul(a, b));
            float("div", s.div(a, s.add(s.abs(b), s.splat(1.0))));
            float("fma", s.fma(a, b, c));
            float("max", s.max(a, b));
            float("min", s.min(a, b));
            float("abs", s.abs(a));
            float("select_less", s.select_less(a, b, b, c));
            float("sum", s.splat(s.sum(a)));
            float("largest", s.splat(s.largest(a)));
            float("round_to_int", s.int_to_float(s.round_to_int(a)));
            let small = s.min(s.max(a, s.splat(-126.0)), s.splat(127.0));
            float("exp2_int", s.exp2_int(s.round_to_int(small)));
            // SAFETY: sixteen numbers or bytes each.
            unsafe {
                let mut halves = [0u16; LANES];
                s.store_f16(halves.as_mut_ptr(), a);
                float("load_f16", s.load_f16(halves.as_ptr()));
                s.store_bf16(halves.as_mut_ptr(), a);
                float("load_bf16", s.load_bf16(halves.as_ptr()));
                let mut bytes = [0i8; LANES];
                s.store_i8(bytes.as_mut_ptr(), s.round_to_int(a));
                float("load_i8", s.load_i8(bytes.as_ptr()));
                float("load_u8", s.load_u8(bytes.as_ptr().cast()));
            }
        }

        let all = bytes();
        let mut bytes = |name, value: S::B| {
            let mut bytes = [0u8; 64];
            // SAFETY: 64 bytes.
            unsafe { s.store_bytes(bytes.as_mut_ptr(), value) };
            out.push((name, bytes.map(u32::from).to_vec()));
        };
        let table: [u8; 16] = std::array::from_fn(|i| (i * 37 + 130) as u8);
        for i in 0..all.len() - 128 {
            // SAFETY: 64 bytes each; the table has one entry for every nibble.
            unsafe {
                let (a, b) = (s.load_bytes(all.as_ptr().add(i)), s.load_bytes(all.as_ptr().add(i + 64)));
                bytes("load_bytes", a);
                bytes("byte_and", s.byte_and(a, b));
                bytes("byte_or", s.byte_or(a, b));
                bytes("byte_shr", s.byte_shr::<3>(a));
                bytes("byte_shl", s.byte_shl::<5>(a));
                bytes("byte_lookup", s.byte_lookup(&table, s.byte_and(a, s.byte_splat(15))));
            }
        }

        let all: Vec<u8> = (0..64).map(|i| [0, 255, 128, 127][i % 4]).chain(all).collect();
        for i in 0..all.len() - 64 {
            for with in [[-127, 127, -127, 127], [127; 4], [-127; 4], [1, -2, 3, (i as i8).max(-127)]] {
                let mut lanes = [0f32; LANES];
                // SAFETY: 64 bytes, four activations, sixteen numbers. Sums are exact in `f32`.
                unsafe {
                    let codes = s.load_bytes(all.as_ptr().add(i));
                    let taken_off = with.iter().map(|&w| i32::from(w)).sum::<i32>() * S::WIDE_OFFSET;
                    let wide = s.dot::<true>(s.int_splat(1000 + taken_off), codes, with.as_ptr());
                    s.store(lanes.as_mut_ptr(), s.int_to_float(wide));
                    out.push(("dot, wide", lanes.map(f32::to_bits).to_vec()));
                    let codes = s.byte_and(codes, s.byte_splat(127));
                    s.store(
                        lanes.as_mut_ptr(),
                        s.int_to_float(s.dot::<false>(s.int_splat(-1000), codes, with.as_ptr())),
                    );
                    out.push(("dot", lanes.map(f32::to_bits).to_vec()));
                    let codes = s.byte_and(codes, s.byte_splat(15));
                    let (mut pairs, mut sum) = (s.int_splat(0), s.int_splat(7));
                    for _ in 0..8 {
                        match S::HAS_PAIRS {
                            true => pairs = s.add_pairs(pairs, codes, with.as_ptr()),
                            false => sum = s.dot::<false>(sum, codes, with.as_ptr()),
                        }
                    }
                    if S::HAS_PAIRS {
                        sum = s.add_pairs_up(sum, pairs);
                    }
                    s.store(lanes.as_mut_ptr(), s.int_to_float(sum));
                    out.push(("pairs of products", lanes.map(f32::to_bits).to_vec()));
                }
            }
        }
        out
    }
}

#[test]
fn every_operation_gives_the_bits_of_its_scalar_twin() {
    let twin = Everything.run(Scalar);
    for isa in Isa::available() {
        let got = isa.run(Everything);
        assert_eq!(got.len(), twin.len());
        for (got, twin) in got.into_iter().zip(&twin) {
            assert_eq!(&got, twin, "{isa:?}");
        }
    }
}

/// Whether a NaN, in any lane and of either sign, comes out of them.
struct OfNan;

impl Kernel for OfNan {
    type Output = Vec<(&'static str, bool)>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let mut out = Vec::new();
        for lane in 0..LANES {
            for nan in [f32::NAN, -f32::NAN] {
                let mut lanes = [1.0; LANES];
                lanes[lane] = nan;
                // SAFETY: sixteen numbers.
                let x = unsafe { s.load(lanes.as_ptr()) };
                let all = [
                    ("max", s.max(s.splat(-2.0), x)),
                    ("min", s.min(s.splat(2.0), x)),
                    ("exp", exp(s, x)),
                    ("relu", Activation::Relu.apply(s, x)),
                    ("silu", Activation::Silu.apply(s, x)),
                    ("gelu", Activation::Gelu.apply(s, x)),
                    ("gelu by tanh", Activation::GeluTanh.apply(s, x)),
                    ("magnitude, made NaN again", s.sub(magnitude(s, x), s.splat(f32::INFINITY))),
                ];
                for (name, value) in all {
                    let mut lanes = [0f32; LANES];
                    // SAFETY: sixteen numbers.
                    unsafe { s.store(lanes.as_mut_ptr(), value) };
                    out.push((name, (0..LANES).all(|i| lanes[i].is_nan() == (i == lane))));
                }
            }
        }
        out
    }
}

#[test]
fn what_is_made_of_nan_is_nan() {
    for isa in Isa::available() {
        for (name, stays) in isa.run(OfNan) {
            assert!(stays, "{isa:?}: {name}");
        }
    }
}
