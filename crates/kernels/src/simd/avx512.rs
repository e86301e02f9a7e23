//! AVX-512 with VNNI: one register a vector, `vpdpbusd` for the integer dot product.

use std::arch::x86_64::*;

use super::Simd;

/// Proof that the machine has AVX-512 F, BW, DQ, VL and VNNI, and FMA and F16C.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The machine has the features named at the type.
    pub(crate) unsafe fn new() -> Avx512 {
        Avx512(())
    }
}

// SAFETY, for every block below: `self` proves that the instructions exist; pointer methods pass on their caller's
// promise about the memory.
impl Simd for Avx512 {
    type F = __m512;
    type I = __m512i;
    type B = __m512i;
    const MAX_TILE: usize = 8;
    const ROW_TILE: usize = 8;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::F {
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: Self::F) {
        unsafe { _mm512_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> Self::F {
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16, value: Self::F) {
        unsafe { _mm256_storeu_si256(to.cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value)) }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, from: *const u16) -> Self::F {
        unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast())))) }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16, value: Self::F) {
        unsafe {
            let bits = _mm512_castps_si512(value);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
            _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded)))
        }
    }
    #[inline(always)]
    unsafe fn load_u8(self, from: *const u8) -> Self::F {
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()))) }
    }
    #[inline(always)]
    unsafe fn load_i8(self, from: *const i8) -> Self::F {
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast()))) }
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        unsafe { _mm512_abs_ps(a) }
    }
    #[inline(always)]
    fn select_less(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F {
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), no, yes) }
    }
    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        unsafe {
            let eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    fn largest(self, a: Self::F) -> f32 {
        unsafe { _mm512_reduce_max_ps(a) }
    }

    #[inline(always)]
    fn int_splat(self, value: i32) -> Self::I {
        unsafe { _mm512_set1_epi32(value) }
    }
    #[inline(always)]
    fn int_to_float(self, a: Self::I) -> Self::F {
        unsafe { _mm512_cvtepi32_ps(a) }
    }
    #[inline(always)]
    fn round_to_int(self, a: Self::F) -> Self::I {
        unsafe { _mm512_cvtps_epi32(a) }
    }
    #[inline(always)]
    fn exp2_int(self, a: Self::I) -> Self::F {
        unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_add_epi32(a, _mm512_set1_epi32(127)))) }
    }
    #[inline(always)]
    unsafe fn store_i8(self, to: *mut i8, value: Self::I) {
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtsepi32_epi8(value)) }
    }

    // The pointer passes through; nothing it points to is looked at.
    #[allow(clippy::pointers_in_nomem_asm_block)]
    #[inline(always)]
    fn opaque<T>(self, mut pointer: *const T) -> *const T {
        // No instruction at all.
        unsafe { std::arch::asm!("/* {0} */", inout(reg) pointer, options(pure, nomem, nostack, preserves_flags)) };
        pointer
    }
    #[inline(always)]
    fn prefetch(self, at: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }
    #[inline(always)]
    unsafe fn load_bytes(self, from: *const u8) -> Self::B {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, value: Self::B) {
        unsafe { _mm512_storeu_si512(to.cast(), value) }
    }
    #[inline(always)]
    fn byte_splat(self, value: u8) -> Self::B {
        unsafe { _mm512_set1_epi8(value as i8) }
    }
    #[inline(always)]
    fn byte_and(self, a: Self::B, b: Self::B) -> Self::B {
        unsafe { _mm512_and_si512(a, b) }
    }
    #[inline(always)]
    fn byte_or(self, a: Self::B, b: Self::B) -> Self::B {
        unsafe { _mm512_or_si512(a, b) }
    }
    #[inline(always)]
    fn byte_shr<const N: i32>(self, a: Self::B) -> Self::B {
        unsafe { _mm512_srl_epi16(a, _mm_cvtsi32_si128(N)) }
    }
    #[inline(always)]
    fn byte_shl<const N: i32>(self, a: Self::B) -> Self::B {
        unsafe { _mm512_sll_epi16(a, _mm_cvtsi32_si128(N)) }
    }
    #[inline(always)]
    unsafe fn byte_lookup(self, table: *const [u8; 16], a: Self::B) -> Self::B {
        unsafe { _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(table.cast())), a) }
    }
    #[inline(always)]
    unsafe fn dot<const WIDE: bool>(self, sum: Self::I, codes: Self::B, with: *const i8) -> Self::I {
        unsafe { _mm512_dpbusd_epi32(sum, codes, _mm512_set1_epi32(with.cast::<i32>().read_unaligned())) }
    }
}
