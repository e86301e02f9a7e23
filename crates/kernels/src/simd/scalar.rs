//! Plain Rust, lane by lane: the twin every other instruction set is tested against, and the way out on machines
//! without one.

use half::{bf16, f16};

use super::{LANES, Simd};

#[derive(Clone, Copy)]
pub(crate) struct Scalar;

fn lanes<T>(f: impl FnMut(usize) -> T) -> [T; LANES] {
    std::array::from_fn(f)
}

impl Simd for Scalar {
    type F = [f32; LANES];
    type I = [i32; LANES];
    type B = [u8; 64];
    const MAX_TILE: usize = 1;
    const ROW_TILE: usize = 1;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        [value; LANES]
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::F {
        // SAFETY: the caller answers for 16 readable numbers.
        unsafe { from.cast::<Self::F>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: Self::F) {
        // SAFETY: the caller answers for 16 writable numbers.
        unsafe { to.cast::<Self::F>().write_unaligned(value) }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> Self::F {
        // SAFETY: the caller answers for 16 readable numbers.
        let bits = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        lanes(|i| f16::from_bits(bits[i]).to_f32())
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16, value: Self::F) {
        // SAFETY: the caller answers for 16 writable numbers.
        unsafe { to.cast::<[u16; LANES]>().write_unaligned(lanes(|i| f16::from_f32(value[i]).to_bits())) }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, from: *const u16) -> Self::F {
        // SAFETY: the caller answers for 16 readable numbers.
        let bits = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        lanes(|i| bf16::from_bits(bits[i]).to_f32())
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16, value: Self::F) {
        // SAFETY: the caller answers for 16 writable numbers.
        unsafe { to.cast::<[u16; LANES]>().write_unaligned(lanes(|i| bf16::from_f32(value[i]).to_bits())) }
    }
    #[inline(always)]
    unsafe fn load_u8(self, from: *const u8) -> Self::F {
        // SAFETY: the caller answers for 16 readable bytes.
        let bytes = unsafe { from.cast::<[u8; LANES]>().read_unaligned() };
        lanes(|i| f32::from(bytes[i]))
    }
    #[inline(always)]
    unsafe fn load_i8(self, from: *const i8) -> Self::F {
        // SAFETY: the caller answers for 16 readable bytes.
        let bytes = unsafe { from.cast::<[i8; LANES]>().read_unaligned() };
        lanes(|i| f32::from(bytes[i]))
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        lanes(|i| a[i] + b[i])
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        lanes(|i| a[i] - b[i])
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        lanes(|i| a[i] * b[i])
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        lanes(|i| a[i] / b[i])
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        lanes(|i| a[i].mul_add(b[i], c[i]))
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        lanes(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        lanes(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        lanes(|i| a[i].abs())
    }
    #[inline(always)]
    fn select_less(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F {
        lanes(|i| if a[i] < b[i] { yes[i] } else { no[i] })
    }
    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        let mut a = a;
        for width in [8, 4, 2, 1] {
            for i in 0..width {
                a[i] += a[i + width];
            }
        }
        a[0]
    }
    #[inline(always)]
    fn largest(self, a: Self::F) -> f32 {
        a.iter().fold(a[0], |m, &v| if v > m { v } else { m })
    }

    #[inline(always)]
    fn int_splat(self, value: i32) -> Self::I {
        [value; LANES]
    }
    #[inline(always)]
    fn int_to_float(self, a: Self::I) -> Self::F {
        lanes(|i| a[i] as f32)
    }
    #[inline(always)]
    fn round_to_int(self, a: Self::F) -> Self::I {
        lanes(|i| a[i].round_ties_even() as i32)
    }
    #[inline(always)]
    fn exp2_int(self, a: Self::I) -> Self::F {
        lanes(|i| f32::from_bits(((a[i] + 127) as u32) << 23))
    }
    #[inline(always)]
    unsafe fn store_i8(self, to: *mut i8, value: Self::I) {
        // SAFETY: the caller answers for 16 writable bytes.
        unsafe { to.cast::<[i8; LANES]>().write_unaligned(lanes(|i| value[i].clamp(-128, 127) as i8)) }
    }

    #[inline(always)]
    fn opaque<T>(self, pointer: *const T) -> *const T {
        pointer
    }
    #[inline(always)]
    fn prefetch(self, _at: *const u8) {}
    #[inline(always)]
    unsafe fn load_bytes(self, from: *const u8) -> Self::B {
        // SAFETY: the caller answers for 64 readable bytes.
        unsafe { from.cast::<[u8; 64]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, value: Self::B) {
        // SAFETY: the caller answers for 64 writable bytes.
        unsafe { to.cast::<[u8; 64]>().write_unaligned(value) }
    }
    #[inline(always)]
    fn byte_splat(self, value: u8) -> Self::B {
        [value; 64]
    }
    #[inline(always)]
    fn byte_and(self, a: Self::B, b: Self::B) -> Self::B {
        std::array::from_fn(|i| a[i] & b[i])
    }
    #[inline(always)]
    fn byte_or(self, a: Self::B, b: Self::B) -> Self::B {
        std::array::from_fn(|i| a[i] | b[i])
    }
    #[inline(always)]
    fn byte_shr<const N: i32>(self, a: Self::B) -> Self::B {
        pairs(a, |pair| pair >> N)
    }
    #[inline(always)]
    fn byte_shl<const N: i32>(self, a: Self::B) -> Self::B {
        pairs(a, |pair| pair << N)
    }
    #[inline(always)]
    unsafe fn byte_lookup(self, table: *const [u8; 16], a: Self::B) -> Self::B {
        // SAFETY: the caller answers for the table.
        let table = unsafe { &*table };
        std::array::from_fn(|i| table[usize::from(a[i] & 15)])
    }
    #[inline(always)]
    unsafe fn dot<const WIDE: bool>(self, sum: Self::I, codes: Self::B, with: *const i8) -> Self::I {
        // SAFETY: the caller answers for 4 readable bytes.
        let with = unsafe { with.cast::<[i8; 4]>().read_unaligned() };
        lanes(|i| sum[i] + (0..4).map(|j| i32::from(codes[4 * i + j]) * i32::from(with[j])).sum::<i32>())
    }
}

fn pairs(a: [u8; 64], f: impl Fn(u16) -> u16) -> [u8; 64] {
    let mut out = a;
    for pair in out.chunks_exact_mut(2) {
        pair.copy_from_slice(&f(u16::from_le_bytes([pair[0], pair[1]])).to_le_bytes());
    }
    out
}
