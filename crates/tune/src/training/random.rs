//! Numbers that look random and are the same wherever and whenever they are asked for: each is a function of a key and
//! a counter, so that a training that goes on after it was killed needs to remember no more than where it was.

/// Bits that look random, of `key` and `counter` (Steele, Lea and Flood, 2014: SplitMix64's finaliser, twice).
pub fn mix(key: u64, counter: u64) -> u64 {
    scramble(scramble(key.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ counter.wrapping_mul(0xbf58_476d_1ce4_e5b9))
}

fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The key of one use of a seed: `purpose` names it.
pub fn key(seed: u64, purpose: &str) -> u64 {
    purpose.bytes().fold(mix(seed, 0), |key, byte| mix(key, u64::from(byte) + 1))
}

/// The `counter`-th number from 0 (included) to 1 (not included).
pub fn uniform(key: u64, counter: u64) -> f64 {
    (mix(key, counter) >> 11) as f64 / (1u64 << 53) as f64
}

/// The `counter`-th normally distributed number (Box and Muller, 1958).
pub fn normal(key: u64, counter: u64) -> f32 {
    let radius = (-2.0 * (1.0 - uniform(key, 2 * counter)).ln()).sqrt();
    (radius * (std::f64::consts::TAU * uniform(key, 2 * counter + 1)).cos()) as f32
}

/// The numbers below `n` in an order that looks random.
pub fn permutation(key: u64, n: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in (1..n).rev() {
        order.swap(i, (mix(key, i as u64) % (i as u64 + 1)) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_numbers_have_mean_0_and_deviation_1() {
        let numbers: Vec<f64> = (0..10_000).map(|i| f64::from(normal(7, i))).collect();
        let mean = numbers.iter().sum::<f64>() / 1e4;
        let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e4;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean}, {variance}");
    }

    #[test]
    fn a_permutation_has_every_number_once_and_another_key_another_order() {
        let mut order = permutation(1, 1000);
        assert_ne!(order, permutation(2, 1000));
        order.sort_unstable();
        assert!(order.iter().copied().eq(0..1000));
    }
}
