//! AVX2: two registers a vector. Without AVX-VNNI the dot product goes through sixteen-bit sums.

use std::arch::x86_64::*;

use super::Simd;

/// Proof that the machine has AVX2, FMA and F16C; and AVX-VNNI, if `VNNI`.
#[derive(Clone, Copy)]
pub(crate) struct Avx2<const VNNI: bool>(());

impl<const VNNI: bool> Avx2<VNNI> {
    /// # Safety
    /// The machine has the features named at the type.
    pub(crate) unsafe fn new() -> Self {
        Avx2(())
    }
}

macro_rules! both {
    ($f:expr, $($arg:ident),+) => {
        unsafe { [$f($($arg[0]),+), $f($($arg[1]),+)] }
    };
}

// SAFETY, for every block below: `self` proves that the instructions exist; pointer methods pass on their caller's
// promise about the memory.
impl<const VNNI: bool> Simd for Avx2<VNNI> {
    type F = [__m256; 2];
    type I = [__m256i; 2];
    type B = [__m256i; 2];
    const MAX_TILE: usize = 4;
    // Without VNNI, the signs of wide codes decide those of the activations, so the codes must have some.
    const WIDE_OFFSET: i32 = if VNNI { 0 } else { 128 };
    const ROW_TILE: usize = 4;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        unsafe { [_mm256_set1_ps(value); 2] }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::F {
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: Self::F) {
        unsafe {
            _mm256_storeu_ps(to, value[0]);
            _mm256_storeu_ps(to.add(8), value[1]);
        }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> Self::F {
        unsafe { [_mm256_cvtph_ps(_mm_loadu_si128(from.cast())), _mm256_cvtph_ps(_mm_loadu_si128(from.add(8).cast()))] }
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16, value: Self::F) {
        unsafe {
            _mm_storeu_si128(to.cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value[0]));
            _mm_storeu_si128(to.add(8).cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value[1]));
        }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, from: *const u16) -> Self::F {
        unsafe {
            let half = |p: *const u16| {
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()))))
            };
            [half(from), half(from.add(8))]
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16, value: Self::F) {
        unsafe {
            let high = |value| {
                let bits = _mm256_castps_si256(value);
                let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
                let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
                _mm256_srli_epi32::<16>(rounded)
            };
            // Packing works within halves: put the middle quarters right.
            let packed = _mm256_packus_epi32(high(value[0]), high(value[1]));
            _mm256_storeu_si256(to.cast(), _mm256_permute4x64_epi64::<0b11_01_10_00>(packed))
        }
    }
    #[inline(always)]
    unsafe fn load_u8(self, from: *const u8) -> Self::F {
        unsafe {
            let half = |p: *const u8| _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast())));
            [half(from), half(from.add(8))]
        }
    }
    #[inline(always)]
    unsafe fn load_i8(self, from: *const i8) -> Self::F {
        unsafe {
            let half = |p: *const i8| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p.cast())));
            [half(from), half(from.add(8))]
        }
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_add_ps, a, b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_sub_ps, a, b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_mul_ps, a, b)
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_div_ps, a, b)
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        both!(_mm256_fmadd_ps, a, b, c)
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_max_ps, a, b)
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_min_ps, a, b)
    }
    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        let sign = unsafe { [_mm256_set1_ps(-0.0); 2] };
        both!(_mm256_andnot_ps, sign, a)
    }
    #[inline(always)]
    fn select_less(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F {
        let mask = both!(_mm256_cmp_ps::<_CMP_LT_OQ>, a, b);
        both!(_mm256_blendv_ps, no, yes, mask)
    }
    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        unsafe {
            let eight = _mm256_add_ps(a[0], a[1]);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    fn largest(self, a: Self::F) -> f32 {
        unsafe {
            let eight = _mm256_max_ps(a[0], a[1]);
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn int_splat(self, value: i32) -> Self::I {
        unsafe { [_mm256_set1_epi32(value); 2] }
    }
    #[inline(always)]
    fn int_to_float(self, a: Self::I) -> Self::F {
        both!(_mm256_cvtepi32_ps, a)
    }
    #[inline(always)]
    fn round_to_int(self, a: Self::F) -> Self::I {
        both!(_mm256_cvtps_epi32, a)
    }
    #[inline(always)]
    fn exp2_int(self, a: Self::I) -> Self::F {
        unsafe {
            let one = |a| _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(a, _mm256_set1_epi32(127))));
            [one(a[0]), one(a[1])]
        }
    }
    #[inline(always)]
    unsafe fn store_i8(self, to: *mut i8, value: Self::I) {
        unsafe {
            // packs works within 128-bit halves: put the four-byte pieces back in order.
            let words = _mm256_packs_epi32(value[0], value[1]);
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
            let bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(to.cast(), bytes);
        }
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
        unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(32).cast())] }
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, value: Self::B) {
        unsafe {
            _mm256_storeu_si256(to.cast(), value[0]);
            _mm256_storeu_si256(to.add(32).cast(), value[1]);
        }
    }
    #[inline(always)]
    fn byte_splat(self, value: u8) -> Self::B {
        unsafe { [_mm256_set1_epi8(value as i8); 2] }
    }
    #[inline(always)]
    fn byte_and(self, a: Self::B, b: Self::B) -> Self::B {
        both!(_mm256_and_si256, a, b)
    }
    #[inline(always)]
    fn byte_or(self, a: Self::B, b: Self::B) -> Self::B {
        both!(_mm256_or_si256, a, b)
    }
    #[inline(always)]
    fn byte_shr<const N: i32>(self, a: Self::B) -> Self::B {
        both!(_mm256_srli_epi16::<N>, a)
    }
    #[inline(always)]
    fn byte_shl<const N: i32>(self, a: Self::B) -> Self::B {
        both!(_mm256_slli_epi16::<N>, a)
    }
    #[inline(always)]
    unsafe fn byte_lookup(self, table: *const [u8; 16], a: Self::B) -> Self::B {
        unsafe {
            let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.cast()));
            [_mm256_shuffle_epi8(table, a[0]), _mm256_shuffle_epi8(table, a[1])]
        }
    }
    #[inline(always)]
    unsafe fn dot<const WIDE: bool>(self, sum: Self::I, codes: Self::B, with: *const i8) -> Self::I {
        unsafe {
            let with = _mm256_set1_epi32(with.cast::<i32>().read_unaligned());
            let ones = _mm256_set1_epi16(1);
            if VNNI {
                [_mm256_dpbusd_avx_epi32(sum[0], codes[0], with), _mm256_dpbusd_avx_epi32(sum[1], codes[1], with)]
            } else if WIDE {
                // vpmaddubsw takes unsigned by signed and saturates: of signed codes the sign goes over to the other side. Two products
                // of at most 128 * 127 then fit sixteen bits.
                let middle = _mm256_set1_epi8(-128);
                let one = |sum, codes| {
                    let codes = _mm256_xor_si256(codes, middle);
                    let products = _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(with, codes));
                    _mm256_add_epi32(sum, _mm256_madd_epi16(products, ones))
                };
                [one(sum[0], codes[0]), one(sum[1], codes[1])]
            } else {
                // 2 * 127 * 127 = 32258 fits sixteen bits.
                let one =
                    |sum, codes| _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(codes, with), ones));
                [one(sum[0], codes[0]), one(sum[1], codes[1])]
            }
        }
    }
    const HAS_PAIRS: bool = !VNNI;
    #[inline(always)]
    unsafe fn add_pairs(self, pairs: Self::I, codes: Self::B, with: *const i8) -> Self::I {
        unsafe {
            let with = _mm256_set1_epi32(with.cast::<i32>().read_unaligned());
            let one = |pairs, codes| _mm256_add_epi16(pairs, _mm256_maddubs_epi16(codes, with));
            [one(pairs[0], codes[0]), one(pairs[1], codes[1])]
        }
    }
    #[inline(always)]
    fn add_pairs_up(self, sum: Self::I, pairs: Self::I) -> Self::I {
        unsafe {
            let ones = _mm256_set1_epi16(1);
            let one = |sum, pairs| _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
            [one(sum[0], pairs[0]), one(sum[1], pairs[1])]
        }
    }
}
