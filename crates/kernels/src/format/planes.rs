//! The pieces that packed formats are made of: small codes of a *group* spread over bit planes.
//!
//! A group is 32 consecutive weights of each of 16 rows. In registers it is eight 64-byte vectors: byte `4 * row + i` of
//! vector `j` is the code of weight `4 * j + i` of that row, which is what one dot-product instruction eats with four
//! activations broadcast. In memory the low bits lie in nibbles, pairs or whole bytes, the higher ones in planes of
//! their own, so that a few shifts and masks bring the vectors back.

use crate::simd::Simd;

// Vectors are worked on in loops, not in `map` or `from_fn`: what their closures do is not always compiled for the instruction
// set, and then every operation is a call (`.ci/inlined` looks for that).

/// Codes of one group: `[row][weight]`.
pub(crate) type GroupCodes = [[u8; 32]; 16];

fn vector_byte(codes: &GroupCodes, vector: usize, byte: usize) -> u8 {
    codes[byte / 4][4 * vector + byte % 4]
}

/// Bytes of a group whose codes have `bits` bits here: 256, 128 or 64.
pub(crate) const fn plane_bytes(bits: usize) -> usize {
    bits * 64
}

/// Packs `BITS` (1, 2, 4 or 8) bits of every code, from bit `from` up: vector `j` shares its 64 bytes with the vectors that are
/// `BITS` planes apart, so that unpacking is one shift and one mask a vector.
pub(crate) fn pack_bits<const BITS: usize>(codes: &GroupCodes, from: u32, out: &mut [u8]) {
    let per_byte = 8 / BITS;
    let mask = ((1u16 << BITS) - 1) as u8;
    for (index, byte) in out[..plane_bytes(BITS)].iter_mut().enumerate() {
        let (plane, position) = (index / 64, index % 64);
        // Planes hold vectors plane, plane + planes, plane + 2 * planes, ... in rising bits.
        let planes = BITS;
        *byte = (0..per_byte)
            .map(|t| ((vector_byte(codes, plane + t * planes, position) >> from) & mask) << (t * BITS))
            .fold(0, |a, b| a | b);
    }
}

/// Eight vectors of whole bytes.
#[inline(always)]
pub(crate) unsafe fn bytes<S: Simd>(s: S, at: *const u8) -> [S::B; 8] {
    // SAFETY: the caller answers for 512 bytes.
    std::array::from_fn(|j| unsafe { s.load_bytes(at.add(64 * j)) })
}

/// Eight vectors of nibbles.
#[inline(always)]
pub(crate) unsafe fn nibbles<S: Simd>(s: S, at: *const u8) -> [S::B; 8] {
    let low = s.byte_splat(0x0f);
    // SAFETY: the caller answers for 256 bytes.
    let planes: [S::B; 4] = std::array::from_fn(|j| unsafe { s.load_bytes(at.add(64 * j)) });
    let mut codes = [low; 8];
    for (j, code) in codes.iter_mut().enumerate() {
        let plane = planes[j % 4];
        *code = s.byte_and(if j < 4 { plane } else { s.byte_shr::<4>(plane) }, low);
    }
    codes
}

/// Eight vectors of two-bit codes.
#[inline(always)]
pub(crate) unsafe fn pairs<S: Simd>(s: S, at: *const u8) -> [S::B; 8] {
    let mask = s.byte_splat(0x03);
    // SAFETY: the caller answers for 128 bytes.
    let planes: [S::B; 2] = std::array::from_fn(|j| unsafe { s.load_bytes(at.add(64 * j)) });
    let mut codes = [mask; 8];
    for (j, code) in codes.iter_mut().enumerate() {
        let plane = planes[j % 2];
        let shifted = match j / 2 {
            0 => plane,
            1 => s.byte_shr::<2>(plane),
            2 => s.byte_shr::<4>(plane),
            _ => s.byte_shr::<6>(plane),
        };
        *code = s.byte_and(shifted, mask);
    }
    codes
}

/// Two more bits, above the four of `low`.
#[inline(always)]
pub(crate) unsafe fn with_pairs_above_nibbles<S: Simd>(s: S, low: [S::B; 8], at: *const u8) -> [S::B; 8] {
    let mask = s.byte_splat(0x30);
    // SAFETY: the caller answers for 128 bytes.
    let planes: [S::B; 2] = std::array::from_fn(|j| unsafe { s.load_bytes(at.add(64 * j)) });
    let mut codes = low;
    for (j, code) in codes.iter_mut().enumerate() {
        let plane = planes[j % 2];
        let shifted = match j / 2 {
            0 => s.byte_shl::<4>(plane),
            1 => s.byte_shl::<2>(plane),
            2 => plane,
            _ => s.byte_shr::<2>(plane),
        };
        *code = s.byte_or(*code, s.byte_and(shifted, mask));
    }
    codes
}

/// One more bit, of value `1 << BIT`, above `low`.
#[inline(always)]
pub(crate) unsafe fn with_bit<S: Simd, const BIT: u32>(s: S, low: [S::B; 8], at: *const u8) -> [S::B; 8] {
    let mask = s.byte_splat(1 << BIT);
    // SAFETY: the caller answers for 64 bytes.
    let plane = unsafe { s.load_bytes(at) };
    // Vector j is bit j of the plane; it has to come to bit BIT.
    let moved: [S::B; 8] = match BIT {
        2 => [
            s.byte_shl::<2>(plane),
            s.byte_shl::<1>(plane),
            plane,
            s.byte_shr::<1>(plane),
            s.byte_shr::<2>(plane),
            s.byte_shr::<3>(plane),
            s.byte_shr::<4>(plane),
            s.byte_shr::<5>(plane),
        ],
        4 => [
            s.byte_shl::<4>(plane),
            s.byte_shl::<3>(plane),
            s.byte_shl::<2>(plane),
            s.byte_shl::<1>(plane),
            plane,
            s.byte_shr::<1>(plane),
            s.byte_shr::<2>(plane),
            s.byte_shr::<3>(plane),
        ],
        _ => unreachable!(),
    };
    let mut codes = low;
    for (code, moved) in codes.iter_mut().zip(moved) {
        *code = s.byte_or(*code, s.byte_and(moved, mask));
    }
    codes
}

/// Replaces the nibbles `codes` by entries of `table`.
#[inline(always)]
pub(crate) fn lookup<S: Simd>(s: S, table: &'static [u8; 16], codes: [S::B; 8]) -> [S::B; 8] {
    let mut entries = codes;
    for entry in &mut entries {
        // SAFETY: nibbles are below 16 and the table lives forever.
        *entry = unsafe { s.byte_lookup(table, *entry) };
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Kernel};
    use crate::simd::Simd;

    fn codes(bits: u32) -> GroupCodes {
        let mut state = 12345u32;
        std::array::from_fn(|_| {
            std::array::from_fn(|_| {
                state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                ((state >> 16) & ((1 << bits) - 1)) as u8
            })
        })
    }

    /// Reads the vectors back through the dot product with unit activations: one weight at a time.
    #[inline(always)]
    fn unpacked<S: Simd>(s: S, vectors: [S::B; 8]) -> GroupCodes {
        let mut out = [[0; 32]; 16];
        for weight in 0..32 {
            let mut unit = [0i8; 4];
            unit[weight % 4] = 1;
            let mut lanes = [0f32; 16];
            // SAFETY: four activations, sixteen results.
            unsafe {
                let sum = s.dot::<true>(s.int_splat(0), vectors[weight / 4], unit.as_ptr());
                s.store(lanes.as_mut_ptr(), s.int_to_float(sum));
            }
            for row in 0..16 {
                out[row][weight] = (lanes[row] as i32 + S::WIDE_OFFSET) as u8;
            }
        }
        out
    }

    struct RoundTrip;
    impl Kernel for RoundTrip {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let mut low = [0u8; 512];
            let mut high = [0u8; 128];
            let mut top = [0u8; 64];
            // SAFETY: the buffers are as large as the largest plane.
            unsafe {
                let c = codes(8);
                pack_bits::<8>(&c, 0, &mut low);
                assert_eq!(unpacked(s, bytes(s, low.as_ptr())), c);
                let c = codes(4);
                pack_bits::<4>(&c, 0, &mut low);
                assert_eq!(unpacked(s, nibbles(s, low.as_ptr())), c);
                let c = codes(2);
                pack_bits::<2>(&c, 0, &mut low);
                assert_eq!(unpacked(s, pairs(s, low.as_ptr())), c);
                let c = codes(3);
                pack_bits::<2>(&c, 0, &mut low);
                pack_bits::<1>(&c, 2, &mut top);
                assert_eq!(unpacked(s, with_bit::<S, 2>(s, pairs(s, low.as_ptr()), top.as_ptr())), c);
                let c = codes(5);
                pack_bits::<4>(&c, 0, &mut low);
                pack_bits::<1>(&c, 4, &mut top);
                assert_eq!(unpacked(s, with_bit::<S, 4>(s, nibbles(s, low.as_ptr()), top.as_ptr())), c);
                let c = codes(6);
                pack_bits::<4>(&c, 0, &mut low);
                pack_bits::<2>(&c, 4, &mut high);
                assert_eq!(unpacked(s, with_pairs_above_nibbles(s, nibbles(s, low.as_ptr()), high.as_ptr())), c);
            }
        }
    }

    #[test]
    fn every_plane_unpacks_to_what_was_packed() {
        for isa in Isa::available() {
            isa.run(RoundTrip);
        }
    }
}
