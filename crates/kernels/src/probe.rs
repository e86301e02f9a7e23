//! What this machine can do at most, measured: the limits that speeds are graded against.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::isa::Kernel;
use crate::memory::AlignedBytes;
use crate::simd::Simd;
use crate::team::Team;

/// Bytes per second at which the whole team together reads memory: `bytes` of it (far more than the caches hold), again and
/// again for at least `time`; the best pass counts.
pub fn read_bandwidth(team: &mut Team, bytes: usize, time: Duration) -> f64 {
    assert!(bytes >= STRIDE, "something to read");
    let mut data = AlignedBytes::zeroed(bytes);
    // Touch every page, so that the pass reads memory and not one shared page of zeros.
    team.for_each_chunk(&mut data, 1 << 20, &|_, chunk| chunk.fill(1));
    let data = &data[..];
    let isa = team.isa();
    let mut best = 0f64;
    let start = Instant::now();
    while start.elapsed() < time || best == 0.0 {
        let pass = Instant::now();
        team.run(&|worker| {
            std::hint::black_box(isa.run(Read(data, worker.share(data.len() / STRIDE))));
        });
        best = best.max(bytes as f64 / pass.elapsed().as_secs_f64());
    }
    best
}

/// Bytes read before they are looked at.
const STRIDE: usize = 512;

/// Reads the given strides, doing next to nothing with them.
struct Read<'a>(&'a [u8], Range<usize>);

impl Kernel for Read<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut all = s.byte_splat(0);
        for stride in self.0.chunks_exact(STRIDE).take(self.1.end).skip(self.1.start) {
            for at in (0..STRIDE).step_by(64) {
                // SAFETY: 64 bytes of the stride.
                all = s.byte_or(all, unsafe { s.load_bytes(stride.as_ptr().add(at)) });
            }
        }
        let ones = [1i8; 4];
        // SAFETY: four activations.
        s.sum(s.int_to_float(unsafe { s.dot::<true>(s.int_splat(0), all, ones.as_ptr()) }))
    }
}
