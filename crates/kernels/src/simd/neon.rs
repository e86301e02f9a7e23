//! NEON with the dot product: four registers a vector.
//!
//! The intrinsics of the dot product are not in stable Rust (1.96), so that one instruction is written in assembly.

use std::arch::aarch64::*;
use std::arch::asm;

use super::Simd;

/// Proof that the machine has the dot product (`FEAT_DotProd`).
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

impl Neon {
    /// # Safety
    /// The machine has the feature named at the type.
    pub(crate) unsafe fn new() -> Neon {
        Neon(())
    }
}

macro_rules! four {
    ($f:expr, $($arg:ident),+) => {
        [$f($($arg[0]),+), $f($($arg[1]),+), $f($($arg[2]),+), $f($($arg[3]),+)]
    };
}

/// Adds to each lane the dot product of its four signed `codes` with the four signed bytes that the bits of `with` are. A scalar
/// load puts those into the first element of a register, so that no broadcast is needed.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn signed_dot(mut sum: int32x4_t, codes: int8x16_t, with: f32) -> int32x4_t {
    // SAFETY: one instruction of the features that the function asks for; it touches nothing but its registers.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {codes:v}.16b, {with:v}.4b[0]",
            sum = inout(vreg) sum,
            codes = in(vreg) codes,
            with = in(vreg) with,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

// SAFETY, for every block below: `self` proves that the instructions exist; pointer methods pass on their caller's
// promise about the memory.
impl Simd for Neon {
    type F = [float32x4_t; 4];
    type I = [int32x4_t; 4];
    type B = [uint8x16_t; 4];
    // Four rows by four registers are half of the registers: the other half is for sums, weights and activations.
    const MAX_TILE: usize = 4;
    const ROW_TILE: usize = 4;
    // There is a product of signed bytes with signed bytes only.
    const WIDE_OFFSET: i32 = 128;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        unsafe { [vdupq_n_f32(value); 4] }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::F {
        unsafe { [vld1q_f32(from), vld1q_f32(from.add(4)), vld1q_f32(from.add(8)), vld1q_f32(from.add(12))] }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: Self::F) {
        unsafe {
            vst1q_f32(to, value[0]);
            vst1q_f32(to.add(4), value[1]);
            vst1q_f32(to.add(8), value[2]);
            vst1q_f32(to.add(12), value[3]);
        }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> Self::F {
        unsafe {
            let [a, b] = [vld1q_u16(from), vld1q_u16(from.add(8))];
            let quarters = [vget_low_u16(a), vget_high_u16(a), vget_low_u16(b), vget_high_u16(b)];
            let one = |bits| vcvt_f32_f16(vreinterpret_f16_u16(bits));
            four!(one, quarters)
        }
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16, value: Self::F) {
        unsafe {
            // To nearest even: the rounding that every thread of a program starts with.
            let one = |value| vreinterpret_u16_f16(vcvt_f16_f32(value));
            let quarters = four!(one, value);
            vst1q_u16(to, vcombine_u16(quarters[0], quarters[1]));
            vst1q_u16(to.add(8), vcombine_u16(quarters[2], quarters[3]));
        }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, from: *const u16) -> Self::F {
        unsafe {
            let [a, b] = [vld1q_u16(from), vld1q_u16(from.add(8))];
            let quarters = [vget_low_u16(a), vget_high_u16(a), vget_low_u16(b), vget_high_u16(b)];
            let one = |bits| vreinterpretq_f32_u32(vshlq_n_u32::<16>(vmovl_u16(bits)));
            four!(one, quarters)
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16, value: Self::F) {
        unsafe {
            let high = |value| {
                let bits = vreinterpretq_u32_f32(value);
                let odd = vandq_u32(vshrq_n_u32::<16>(bits), vdupq_n_u32(1));
                vshrn_n_u32::<16>(vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff))))
            };
            let quarters = four!(high, value);
            vst1q_u16(to, vcombine_u16(quarters[0], quarters[1]));
            vst1q_u16(to.add(8), vcombine_u16(quarters[2], quarters[3]));
        }
    }
    #[inline(always)]
    unsafe fn load_u8(self, from: *const u8) -> Self::F {
        unsafe {
            let bytes = vld1q_u8(from);
            let [a, b] = [vmovl_u8(vget_low_u8(bytes)), vmovl_u8(vget_high_u8(bytes))];
            let quarters = [vget_low_u16(a), vget_high_u16(a), vget_low_u16(b), vget_high_u16(b)];
            let one = |words| vcvtq_f32_u32(vmovl_u16(words));
            four!(one, quarters)
        }
    }
    #[inline(always)]
    unsafe fn load_i8(self, from: *const i8) -> Self::F {
        unsafe {
            let bytes = vld1q_s8(from);
            let [a, b] = [vmovl_s8(vget_low_s8(bytes)), vmovl_s8(vget_high_s8(bytes))];
            let quarters = [vget_low_s16(a), vget_high_s16(a), vget_low_s16(b), vget_high_s16(b)];
            let one = |words| vcvtq_f32_s32(vmovl_s16(words));
            four!(one, quarters)
        }
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { four!(vaddq_f32, a, b) }
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { four!(vsubq_f32, a, b) }
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { four!(vmulq_f32, a, b) }
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { four!(vdivq_f32, a, b) }
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        unsafe { four!(vfmaq_f32, c, a, b) }
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { four!(vmaxq_f32, a, b) }
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { four!(vminq_f32, a, b) }
    }
    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        unsafe { four!(vabsq_f32, a) }
    }
    #[inline(always)]
    fn select_less(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F {
        unsafe {
            let mask = four!(vcltq_f32, a, b);
            four!(vbslq_f32, mask, yes, no)
        }
    }
    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        unsafe {
            let four = vaddq_f32(vaddq_f32(a[0], a[2]), vaddq_f32(a[1], a[3]));
            let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
            vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
        }
    }
    #[inline(always)]
    fn largest(self, a: Self::F) -> f32 {
        unsafe { vmaxvq_f32(vmaxq_f32(vmaxq_f32(a[0], a[2]), vmaxq_f32(a[1], a[3]))) }
    }

    #[inline(always)]
    fn int_splat(self, value: i32) -> Self::I {
        unsafe { [vdupq_n_s32(value); 4] }
    }
    #[inline(always)]
    fn int_to_float(self, a: Self::I) -> Self::F {
        unsafe { four!(vcvtq_f32_s32, a) }
    }
    #[inline(always)]
    fn round_to_int(self, a: Self::F) -> Self::I {
        unsafe { four!(vcvtnq_s32_f32, a) }
    }
    #[inline(always)]
    fn exp2_int(self, a: Self::I) -> Self::F {
        unsafe {
            let one = |a| vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(a, vdupq_n_s32(127))));
            four!(one, a)
        }
    }
    #[inline(always)]
    unsafe fn store_i8(self, to: *mut i8, value: Self::I) {
        unsafe {
            let words = four!(vqmovn_s32, value);
            let [a, b] = [vcombine_s16(words[0], words[1]), vcombine_s16(words[2], words[3])];
            vst1q_s8(to, vcombine_s8(vqmovn_s16(a), vqmovn_s16(b)))
        }
    }

    // The pointer passes through; nothing it points to is looked at.
    #[allow(clippy::pointers_in_nomem_asm_block)]
    #[inline(always)]
    fn opaque<T>(self, mut pointer: *const T) -> *const T {
        // No instruction at all.
        unsafe { asm!("/* {0} */", inout(reg) pointer, options(pure, nomem, nostack, preserves_flags)) };
        pointer
    }
    #[inline(always)]
    fn prefetch(self, at: *const u8) {
        // A hint, which never faults. The intrinsic for it is not in stable Rust either.
        unsafe { asm!("prfm pldl1keep, [{0}]", in(reg) at, options(readonly, nostack, preserves_flags)) };
    }
    #[inline(always)]
    unsafe fn load_bytes(self, from: *const u8) -> Self::B {
        unsafe { [vld1q_u8(from), vld1q_u8(from.add(16)), vld1q_u8(from.add(32)), vld1q_u8(from.add(48))] }
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, value: Self::B) {
        unsafe {
            vst1q_u8(to, value[0]);
            vst1q_u8(to.add(16), value[1]);
            vst1q_u8(to.add(32), value[2]);
            vst1q_u8(to.add(48), value[3]);
        }
    }
    #[inline(always)]
    fn byte_splat(self, value: u8) -> Self::B {
        unsafe { [vdupq_n_u8(value); 4] }
    }
    #[inline(always)]
    fn byte_and(self, a: Self::B, b: Self::B) -> Self::B {
        unsafe { four!(vandq_u8, a, b) }
    }
    #[inline(always)]
    fn byte_or(self, a: Self::B, b: Self::B) -> Self::B {
        unsafe { four!(vorrq_u8, a, b) }
    }
    #[inline(always)]
    fn byte_shr<const N: i32>(self, a: Self::B) -> Self::B {
        unsafe {
            let one = |a| vreinterpretq_u8_u16(vshrq_n_u16::<N>(vreinterpretq_u16_u8(a)));
            four!(one, a)
        }
    }
    #[inline(always)]
    fn byte_shl<const N: i32>(self, a: Self::B) -> Self::B {
        unsafe {
            let one = |a| vreinterpretq_u8_u16(vshlq_n_u16::<N>(vreinterpretq_u16_u8(a)));
            four!(one, a)
        }
    }
    #[inline(always)]
    unsafe fn byte_lookup(self, table: *const [u8; 16], a: Self::B) -> Self::B {
        unsafe {
            let table = vld1q_u8(table.cast());
            let one = |a| vqtbl1q_u8(table, a);
            four!(one, a)
        }
    }
    #[inline(always)]
    unsafe fn dot<const WIDE: bool>(self, sum: Self::I, codes: Self::B, with: *const i8) -> Self::I {
        unsafe {
            let with = with.cast::<f32>().read_unaligned();
            let one = |sum, codes| {
                let codes = if WIDE { veorq_u8(codes, vdupq_n_u8(0x80)) } else { codes };
                signed_dot(sum, vreinterpretq_s8_u8(codes), with)
            };
            four!(one, sum, codes)
        }
    }
}
