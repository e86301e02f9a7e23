//! What this machine can do at most, measured: the limits that speeds are graded against.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::activations::{Floats, GROUP, QuantiseRows, QuantisedRow};
use crate::format::Format;
use crate::isa::Kernel;
use crate::matmul::{Activations, Multiply};
use crate::matrix::{PackedMatrix, Stored};
use crate::memory::{AlignedBytes, round_up};
use crate::simd::{LANES, Simd};
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

/// Operations per second (a multiply-add is two) of the whole team together at 8-bit dot products that never leave the
/// registers; the best of runs over at least `time` counts.
pub fn int8_peak(team: &mut Team, time: Duration) -> f64 {
    let isa = team.isa();
    let operations = (team.count() * ROUNDS * CHAINS * 128) as f64;
    let mut best = 0f64;
    let start = Instant::now();
    while start.elapsed() < time || best == 0.0 {
        let pass = Instant::now();
        team.run(&|worker| {
            std::hint::black_box(isa.run(Dots(worker.index as u8)));
        });
        best = best.max(operations / pass.elapsed().as_secs_f64());
    }
    best
}

/// Dot products of one pass of [`int8_peak`], for each of its chains.
const ROUNDS: usize = 200_000;
/// Independent sums: more than the instruction's latency times its throughput.
const CHAINS: usize = 12;

struct Dots(u8);

impl Kernel for Dots {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let with = [1i8, 2, 3, self.0 as i8];
        let codes = s.byte_splat(self.0 | 1);
        let mut sums = [s.int_splat(0); CHAINS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                // SAFETY: four activations.
                *sum = unsafe {
                    match S::HAS_PAIRS {
                        true => s.add_pairs(*sum, codes, with.as_ptr()),
                        false => s.dot::<false>(*sum, codes, with.as_ptr()),
                    }
                };
            }
        }
        sums.into_iter().fold(0.0, |all, sum| all + s.sum(s.int_to_float(sum)))
    }
}

/// A product of [`PackedMatrix`] by some rows of activations, to be timed.
pub struct Product {
    matrix: PackedMatrix,
    rows: usize,
    input: AlignedBytes,
    input_stride: usize,
    output: AlignedBytes,
    scratch: AlignedBytes,
    scratch_stride: usize,
}

impl Product {
    /// `rows` rows by a matrix of `format` with `cols` columns and as many rows as make at least `bytes` packed bytes; its
    /// values are arbitrary. `None` if `cols` is not a whole number of the format's blocks.
    pub fn new(team: &mut Team, format: Format, cols: usize, bytes: usize, rows: usize) -> Option<Product> {
        // A few panels, over and over: packing so many different ones would take longer than the measurement.
        const SAMPLE: usize = 64;
        let source = format.some_rows(SAMPLE, cols)?;
        let mut sample = vec![0; PackedMatrix::packed_bytes(format, SAMPLE, cols)];
        let source = Stored { format, bytes: &source };
        PackedMatrix::pack_into(team, format, source, SAMPLE, cols, &|row| row, &mut sample).ok()?;
        let copies = bytes.div_ceil(sample.len());
        let mut data = AlignedBytes::try_zeroed(copies * sample.len())?;
        team.for_each_chunk(&mut data, sample.len(), &|_, chunk| chunk.copy_from_slice(&sample));
        let matrix = PackedMatrix::packed(format, copies * SAMPLE, cols, Arc::new(data), 0)?;

        let quantised = QuantisedRow::new(cols);
        let input_stride = match matrix.activations() {
            Activations::Float => cols * 4,
            Activations::Quantised => quantised.bytes(),
        };
        let mut input = AlignedBytes::zeroed(rows * input_stride);
        let values: Vec<f32> = (0..cols).map(|i| (i % 17) as f32 / 17.0 - 0.4).collect();
        match matrix.activations() {
            Activations::Float => {
                for row in input.chunks_exact_mut(input_stride) {
                    let to = row.chunks_exact_mut(4);
                    to.zip(&values).for_each(|(to, value)| to.copy_from_slice(&value.to_ne_bytes()));
                }
            }
            Activations::Quantised => team.isa().run(QuantiseRows {
                source: Floats { from: values.as_ptr(), stride: 0 },
                cols,
                to: input.as_mut_ptr(),
                rows,
                share: 0..rows * quantised.groups(),
            }),
        }
        let scratch_stride = round_up(Multiply::scratch_bytes(cols), 64);
        Some(Product {
            output: AlignedBytes::try_zeroed(rows * matrix.panels() * LANES * 4)?,
            scratch: AlignedBytes::zeroed(team.count() * scratch_stride),
            matrix,
            rows,
            input,
            input_stride,
            scratch_stride,
        })
    }

    /// The matrix.
    pub fn matrix(&self) -> &PackedMatrix {
        &self.matrix
    }

    /// Operations of one product: a multiply-add is two.
    pub fn operations(&self) -> f64 {
        2.0 * (self.rows * self.matrix.rows() * self.matrix.cols()) as f64
    }

    /// Seconds of each of as many runs as `time` has room for, at least three.
    pub fn time(&mut self, team: &mut Team, time: Duration) -> Vec<f64> {
        let Product { matrix, rows, input, input_stride, output, scratch, scratch_stride } = self;
        let packing = matrix.format().packing();
        let places = Places { output: output.as_mut_ptr(), scratch: scratch.as_mut_ptr() };
        let isa = team.isa();
        let mut seconds = Vec::new();
        let start = Instant::now();
        while seconds.len() < 3 || start.elapsed() < time {
            let pass = Instant::now();
            team.run(&|worker| {
                let places = &places;
                // SAFETY: the buffers were made for this product; panels and scratch belong to one thread each.
                unsafe {
                    let m = Multiply {
                        weights: matrix.data().as_ptr(),
                        panel_stride: matrix.blocks() * packing.block_bytes,
                        blocks: matrix.blocks(),
                        groups_per_block: packing.block_cols / GROUP,
                        panels: worker.share(matrix.panels()),
                        input: input.as_ptr(),
                        input_stride: *input_stride,
                        input_rows: *rows,
                        quantised: QuantisedRow::new(matrix.cols()),
                        gather: None,
                        first_row: 0,
                        rows: *rows,
                        output: places.output.cast(),
                        output_stride: matrix.panels() * LANES,
                        bias: None,
                        accumulate: None,
                        scratch: places.scratch.add(worker.index * *scratch_stride),
                    };
                    (packing.multiply)(isa, &m);
                }
            });
            seconds.push(pass.elapsed().as_secs_f64());
        }
        seconds
    }
}

/// Where a product writes, shared by threads that each write their own part.
struct Places {
    output: *mut u8,
    scratch: *mut u8,
}

// SAFETY: the parts do not overlap.
unsafe impl Sync for Places {}
