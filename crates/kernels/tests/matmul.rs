//! Every format multiplies like its scalar decode says, with the same bits on every instruction set, in every batch and
//! for every number of threads.

use std::sync::Arc;

use whit_kernels::program::{
    Batch, Builder, Embed, KvCache, KvLayout, Linear, LinearPart, Quantise, Rows, Segment, Table,
};
use whit_kernels::{Activations, Format, Isa, PackedMatrix, Team};

/// A small generator (Marsaglia's xorshift), so that the numbers are the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    /// In (-1, 1).
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// Random blocks whose half-precision scales are ordinary numbers.
fn random_matrix(format: Format, rows: usize, cols: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![0u8; rows * format.row_bytes(cols).unwrap()];
    match format {
        Format::F32 => bytes.chunks_exact_mut(4).for_each(|b| b.copy_from_slice(&random.unit().to_le_bytes())),
        Format::F16 => {
            bytes.chunks_exact_mut(2).for_each(|b| b.copy_from_slice(&half::f16::from_f32(random.unit()).to_le_bytes()))
        }
        Format::BF16 => bytes
            .chunks_exact_mut(2)
            .for_each(|b| b.copy_from_slice(&half::bf16::from_f32(random.unit()).to_le_bytes())),
        _ => {
            for block in bytes.chunks_exact_mut(format.block_bytes()) {
                block.iter_mut().for_each(|b| *b = random.next() as u8);
                let mut scale = |at: usize| {
                    let value = half::f16::from_f32(random.unit() * 0.01);
                    block[at..at + 2].copy_from_slice(&value.to_le_bytes());
                };
                match format {
                    Format::Q2_K => [80, 82].map(&mut scale).len(),
                    Format::Q3_K => [108].map(&mut scale).len(),
                    Format::Q6_K => [208].map(&mut scale).len(),
                    Format::TQ1_0 => [52].map(&mut scale).len(),
                    Format::TQ2_0 => [64].map(&mut scale).len(),
                    Format::Q4_1 | Format::Q5_1 | Format::Q4_K | Format::Q5_K => [0, 2].map(&mut scale).len(),
                    Format::MXFP4 => {
                        block[0] = 118 + block[0] % 10;
                        0
                    }
                    _ => [0].map(&mut scale).len(),
                };
                if format == Format::TQ2_0 {
                    // The fourth of the two-bit codes is not used.
                    block[..64].iter_mut().for_each(|b| *b &= !((*b >> 1) & 0x55 & *b));
                }
            }
        }
    }
    bytes
}

struct Product {
    /// By row of the batch.
    outputs: Vec<Vec<f32>>,
}

/// Multiplies rows `tokens` of `inputs` (`[n, cols]`).
fn multiply(
    isa: Isa,
    threads: usize,
    weights: &[u8],
    shape: (Format, usize, usize),
    inputs: &[f32],
    tokens: &[u32],
) -> Product {
    let (format, rows, cols) = shape;
    let mut team = Team::with_isa(Some(threads), isa).unwrap();
    let matrix = PackedMatrix::pack(&mut team, format, weights, rows, cols, &|row| row).unwrap();
    let bytes: Vec<u8> = inputs.iter().flat_map(|x| x.to_le_bytes()).collect();
    let len = bytes.len();
    let table = Table::new(Arc::new(bytes), 0..len, Format::F32, cols).unwrap();
    let mut layout = KvLayout::new();
    layout.attention(1, 16, whit_kernels::program::KvFormat::F16);
    let mut builder = Builder::new(tokens.len(), 1);
    let x = builder.floats(Rows::Tokens, cols);
    let y = builder.floats(Rows::Tokens, rows);
    builder.embed(Embed { table, scale: 1.0, output: x });
    let input = match matrix.activations() {
        Activations::Float => x,
        Activations::Quantised => {
            let q = builder.quantised(Rows::Tokens, cols);
            builder.quantise(Quantise { input: x, output: q });
            q
        }
    };
    let bias = (0..rows).map(|row| row as f32 * 0.001).collect();
    builder.linear(Linear { input, parts: vec![LinearPart { matrix, bias: Some(bias), output: y, accumulate: None }] });
    let mut program = builder.finish(threads);
    let blocks: Vec<u32> = (0..tokens.len().div_ceil(32) as u32).collect();
    let mut kv = KvCache::new(layout, blocks.len()).unwrap();
    let segments =
        [Segment { row: 0, rows: tokens.len(), position: 0, first_block: 0, block_count: blocks.len(), adapter: None }];
    let batch = Batch { tokens, segments: &segments, blocks: &blocks, logits: &[], hidden: &[] };
    program.run(&mut team, &batch, &mut kv).unwrap();
    Product { outputs: (0..tokens.len()).map(|row| program.row(y, row).to_vec()).collect() }
}

fn bits(rows: &[Vec<f32>]) -> Vec<Vec<u32>> {
    rows.iter().map(|row| row.iter().map(|v| v.to_bits()).collect()).collect()
}

#[test]
fn every_format_multiplies_as_its_decode_says() {
    for format in Format::all() {
        // 40 rows leave half a panel; three blocks of columns leave a short packed block where blocks are joined.
        let cols = if format.block_len() == 256 { 768 } else { 96 };
        let rows = 40;
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let weights = random_matrix(format, rows, cols, &mut random);
        let inputs: Vec<f32> = (0..32 * cols).map(|_| random.unit()).collect();
        let tokens: Vec<u32> = (0..23).map(|i| (i * 7) % 32).collect();
        let got = multiply(Isa::Scalar, 1, &weights, (format, rows, cols), &inputs, &tokens);

        let mut decoded = vec![0f32; rows * cols];
        format.decode(&weights, &mut decoded);
        for (row, &token) in tokens.iter().enumerate() {
            let x = &inputs[token as usize * cols..][..cols];
            // What the kernel sees: for quantised formats each 32 activations rounded to 127 steps.
            let x: Vec<f64> = match format.block_len() {
                1 => x.iter().map(|&v| f64::from(v)).collect(),
                _ => x
                    .chunks(32)
                    .flat_map(|group| {
                        let largest = group.iter().fold(0f32, |a, b| a.max(b.abs()));
                        group
                            .iter()
                            .map(move |v| f64::from((v * (127.0 / largest)).round_ties_even() * (largest / 127.0)))
                    })
                    .collect(),
            };
            for out in 0..rows {
                let w = &decoded[out * cols..][..cols];
                let want: f64 = w.iter().zip(&x).map(|(&w, x)| f64::from(w) * x).sum::<f64>() + out as f64 * 0.001;
                let size: f64 = w.iter().zip(&x).map(|(&w, x)| (f64::from(w) * x).abs()).sum::<f64>();
                let error = (f64::from(got.outputs[row][out]) - want).abs();
                assert!(
                    error <= 3e-6 * size.max(1e-6),
                    "{format} row {row} output {out}: {} not {want}",
                    got.outputs[row][out]
                );
            }
        }
    }
}

#[test]
fn instruction_sets_batches_and_threads_give_the_same_bits() {
    for format in Format::all() {
        // Enough columns for more than one piece of a product with many rows, and a last one that is not whole.
        let cols = if format.block_len() == 256 { 1280 } else { 1184 };
        let rows = 36;
        let mut random = Random(42);
        let weights = random_matrix(format, rows, cols, &mut random);
        let inputs: Vec<f32> = (0..64 * cols).map(|_| random.unit()).collect();
        let tokens: Vec<u32> = (0..64).collect();
        let twin = multiply(Isa::Scalar, 1, &weights, (format, rows, cols), &inputs, &tokens);
        let twin = bits(&twin.outputs);
        for isa in Isa::available() {
            for threads in [1, 3] {
                for count in [1, 2, 4, 8, 23, 61, 64] {
                    let got = multiply(isa, threads, &weights, (format, rows, cols), &inputs, &tokens[..count]);
                    assert_eq!(
                        bits(&got.outputs),
                        twin[..count],
                        "{format} on {isa:?}, {count} rows, {threads} threads"
                    );
                }
            }
        }
    }
}

#[test]
fn a_row_of_a_packed_matrix_decodes_to_what_was_packed() {
    for format in Format::all() {
        let cols = if format.block_len() == 256 { 768 } else { 96 };
        let rows = 40;
        let weights = random_matrix(format, rows, cols, &mut Random(7));
        let mut want = vec![0f32; rows * cols];
        format.decode(&weights, &mut want);
        let packed = PackedMatrix::pack(&mut Team::new(Some(1)).unwrap(), format, &weights, rows, cols, &|row| row);
        let packed = packed.unwrap();
        for isa in Isa::available() {
            let mut got = vec![0f32; cols];
            for (row, want) in want.chunks_exact(cols).enumerate() {
                packed.decode_row(isa, row, &mut got);
                assert_eq!(got, want, "{format}, row {row}, {isa:?}");
            }
        }
    }
}

#[test]
fn a_weight_that_is_not_finite_is_refused_with_its_row() {
    let mut team = Team::new(Some(2)).unwrap();
    for format in Format::all() {
        let cols = format.block_len().max(32);
        let mut random = Random(7);
        let mut weights = random_matrix(format, 20, cols, &mut random);
        let row_bytes = format.row_bytes(cols).unwrap();
        let at = 17 * row_bytes;
        // Infinity in single, half and bfloat16, wherever the scale of the block lies.
        for i in 0..row_bytes / 2 {
            weights[at + 2 * i..at + 2 * i + 2].copy_from_slice(&[0x80, 0x7f]);
        }
        if format == Format::MXFP4 {
            weights[at] = 253;
        }
        let result = PackedMatrix::pack(&mut team, format, &weights, 20, cols, &|row| row);
        assert_eq!(result.err(), Some(whit_kernels::PackError::NotFinite { row: 17 }), "{format}");
    }
}
