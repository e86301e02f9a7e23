//! What this machine can do at most, measured: the limits that speeds are graded against.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::memory::AlignedBytes;
use crate::team::Team;

/// Bytes per second at which the whole team together reads memory: `bytes` of it (far more than the caches hold), again and
/// again for at least `time`; the best pass counts.
pub fn read_bandwidth(team: &mut Team, bytes: usize, time: Duration) -> f64 {
    let mut data = AlignedBytes::zeroed(bytes);
    // Touch every page, so that the pass reads memory and not one shared page of zeros.
    team.for_each_chunk(&mut data, 1 << 20, &|_, chunk| chunk.fill(1));
    let data = &data[..];
    let seen = AtomicU64::new(0);
    let mut best = 0f64;
    let start = Instant::now();
    while start.elapsed() < time || best == 0.0 {
        let pass = Instant::now();
        team.run(&|worker| {
            let share = worker.share(data.len() / 64);
            let mut sums = [0u64; 8];
            for line in data[share.start * 64..share.end * 64].chunks_exact(64) {
                for (sum, word) in sums.iter_mut().zip(line.chunks_exact(8)) {
                    *sum = sum.wrapping_add(u64::from_ne_bytes(word.try_into().expect("eight bytes")));
                }
            }
            seen.fetch_add(sums.iter().fold(0, |a, &b| a.wrapping_add(b)), Ordering::Relaxed);
        });
        best = best.max(bytes as f64 / pass.elapsed().as_secs_f64());
    }
    std::hint::black_box(seen.into_inner());
    best
}
