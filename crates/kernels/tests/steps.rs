//! Every step of a program gives the same bits on every instruction set, on any number of threads, in chunks of any size.

use std::sync::Arc;

use whit_kernels::program::*;
use whit_kernels::{Activation, Format, Isa, PackedMatrix, Team};

/// Numbers between -1 and 1 that are the same everywhere.
fn numbers(n: usize, salt: u32) -> Vec<f32> {
    let mut state = salt.wrapping_mul(2_654_435_761) | 1;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

fn matrix(team: &mut Team, format: Format, rows: usize, cols: usize, salt: u32) -> PackedMatrix {
    let bytes: Vec<u8> = match format {
        Format::F32 => numbers(rows * cols, salt).iter().flat_map(|x| (x * 0.2).to_le_bytes()).collect(),
        // Q8_0: a scale of 2^-10, then 32 bytes.
        _ => numbers(rows * cols, salt)
            .chunks(32)
            .flat_map(|block| [0x00, 0x14].into_iter().chain(block.iter().map(|x| (x * 127.0) as i8 as u8)))
            .collect(),
    };
    PackedMatrix::pack(team, format, &bytes, rows, cols, &|row| row).unwrap()
}

/// A shape of attention.
#[derive(Clone, Copy)]
struct Heads {
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    window: Option<usize>,
    softcap: Option<f32>,
    format: KvFormat,
    pairing: RotaryPairing,
    rotated: usize,
}

/// More than a span of the attention.
const TOKENS: usize = 540;
const WIDTH: usize = 72;
const KERNEL: usize = 3;

/// A nonsense of a model that has every step once. Logits of the tokens from `unasked` on, run in chunks of `chunk`.
fn run(isa: Isa, threads: usize, shape: Heads, chunk: usize, unasked: usize) -> Vec<Vec<u32>> {
    run_with(isa, threads, shape, chunk, unasked, None)
}

/// As [`run`]; the numbers of the token at `overflows` are too large to be squared.
fn run_with(
    isa: Isa,
    threads: usize,
    shape: Heads,
    chunk: usize,
    unasked: usize,
    overflows: Option<usize>,
) -> Vec<Vec<u32>> {
    let team = &mut Team::with_isa(Some(threads), isa).unwrap();
    let Heads { heads, kv_heads, head_dim, window, softcap, format, pairing, rotated } = shape;
    let mut b = Builder::new(chunk, chunk);
    let mut layout = KvLayout::new();

    let tokens: Vec<u32> = (0..TOKENS as u32).map(|i| i * 13 % TOKENS as u32).collect();
    let mut table = numbers(TOKENS * WIDTH, 1);
    if let Some(position) = overflows {
        table[tokens[position] as usize * WIDTH..][..WIDTH].iter_mut().for_each(|x| *x *= 1e30);
    }
    let table: Vec<u8> = table.iter().flat_map(|x| x.to_le_bytes()).collect();
    let bytes = 0..table.len();
    let table = Table::new(Arc::new(table), bytes, Format::F32, WIDTH).unwrap();
    let x = b.floats(Rows::Tokens, WIDTH);
    b.embed(Embed { table, scale: 1.5, output: x });

    let h = b.floats(Rows::Tokens, WIDTH);
    let weight = numbers(WIDTH, 2);
    b.norm(Norm { kind: NormKind::Layer, weight, bias: Some(numbers(WIDTH, 3)), epsilon: 1e-5, input: x, output: h });
    let [q, mixed] = [0; 2].map(|_| b.floats(Rows::Tokens, heads * head_dim));
    let [k, v] = [0; 2].map(|_| b.floats(Rows::Tokens, kv_heads * head_dim));
    let parts = [(q, 4), (k, 5), (v, 6)].map(|(output, salt)| {
        let rows = if output == q { heads * head_dim } else { kv_heads * head_dim };
        let matrix = matrix(team, Format::F32, rows, WIDTH, salt);
        LinearPart { matrix, bias: Some(numbers(rows, salt)), output, accumulate: None }
    });
    b.linear(Linear { input: h, parts: parts.into() });
    let weight = numbers(head_dim, 7);
    b.norm(Norm { kind: NormKind::Rms, weight, bias: None, epsilon: 1e-6, input: q, output: q });
    let rotary = b.floats(Rows::Tokens, rotated);
    let frequencies = (0..rotated / 2).map(|i| 0.5f32.powi(i as i32)).collect();
    b.rotary(Rotary { frequencies, attention_factor: 1.1, output: rotary });
    let layer = layout.attention(kv_heads, head_dim, format);
    let rotary = Some((rotary, pairing));
    b.rotate_and_store(RotateAndStore { q, k, v, heads, kv_heads, head_dim, rotary, layer, format });
    b.attention(Attention { q, output: mixed, heads, kv_heads, head_dim, scale: 0.7, softcap, window, layer, format });
    let matrix_o = matrix(team, Format::F32, WIDTH, heads * head_dim, 8);
    let part = LinearPart { matrix: matrix_o, bias: None, output: x, accumulate: Some(0.5) };
    b.linear(Linear { input: mixed, parts: vec![part] });

    let parts = b.floats(Rows::Tokens, 3 * WIDTH);
    let matrix_in = matrix(team, Format::F32, 3 * WIDTH, WIDTH, 9);
    let part = LinearPart { matrix: matrix_in, bias: None, output: parts, accumulate: None };
    b.linear(Linear { input: x, parts: vec![part] });
    let layer = layout.convolution(WIDTH, KERNEL);
    let (weight, bias) = (numbers(WIDTH * KERNEL, 10), Some(numbers(WIDTH, 11)));
    b.short_conv(ShortConv { input: parts, output: h, weight, bias, kernel: KERNEL, layer });
    b.add(Add { from: h, to: x, scale: 0.25 });

    let (experts, top_k, inner) = (5, 2, 40);
    let logits = b.floats(Rows::Tokens, experts);
    let router = matrix(team, Format::F32, experts, WIDTH, 12);
    b.linear(Linear {
        input: x,
        parts: vec![LinearPart { matrix: router, bias: None, output: logits, accumulate: None }],
    });
    let routing = b.routing(experts, top_k);
    b.route(Route { logits, normalize: true, routing });
    let routed = Rows::Routed(top_k);
    let [gate, up] = [0; 2].map(|_| b.floats(routed, inner));
    for (output, salt) in [(gate, 20), (up, 40)] {
        let experts = (0..experts as u32)
            .map(|e| LinearPart {
                matrix: matrix(team, Format::F32, inner, WIDTH, salt + e),
                bias: None,
                output,
                accumulate: None,
            })
            .collect();
        b.expert_linear(ExpertLinear { input: x, experts, routing });
    }
    b.gate(Gate { gate, up: Some(up), activation: Activation::GeluTanh, output: gate });
    let output = b.floats(routed, WIDTH);
    let down = (0..experts as u32)
        .map(|e| LinearPart {
            matrix: matrix(team, Format::F32, WIDTH, inner, 60 + e),
            bias: None,
            output,
            accumulate: None,
        })
        .collect();
    b.expert_linear(ExpertLinear { input: gate, experts: down, routing });
    b.combine(Combine { from: output, to: x, scale: 0.5, routing });

    let [dense, plain] = [0; 2].map(|_| b.floats(Rows::Tokens, 96));
    let dense_matrix = matrix(team, Format::F32, 96, WIDTH, 13);
    let part = LinearPart { matrix: dense_matrix, bias: None, output: dense, accumulate: None };
    b.linear(Linear { input: x, parts: vec![part] });
    b.gate(Gate { gate: dense, up: None, activation: Activation::Gelu, output: plain });
    b.gate(Gate { gate: plain, up: None, activation: Activation::Silu, output: plain });

    let last = b.floats(Rows::Asked, 96);
    b.select(Select { input: plain, output: last });
    let small = b.quantised(Rows::Asked, 96);
    b.quantise(Quantise { input: last, output: small });
    let answers = b.floats(Rows::Logits, 50);
    let head = matrix(team, Format::Q8_0, 50, 96, 14);
    let part = LinearPart { matrix: head, bias: None, output: answers, accumulate: None };
    b.linear(Linear { input: small, parts: vec![part] });
    b.logits_finish(LogitsFinish { logits: answers, scale: 3.0, softcap: Some(2.0) });

    let mut program = b.finish(threads);
    let blocks: Vec<u32> = (0..TOKENS.div_ceil(BLOCK) as u32).rev().collect();
    let mut kv = KvCache::new(layout, blocks.len()).unwrap();
    let mut rows = Vec::new();
    let mut position = 0;
    for tokens in tokens.chunks(chunk) {
        // As when a prompt is read in pieces: only later ones are asked for an answer.
        let asked = if position < unasked { 0 } else { tokens.len() };
        let logits: Vec<u32> = (0..asked as u32).collect();
        let segments = [Segment {
            row: 0,
            rows: tokens.len(),
            position,
            first_block: 0,
            block_count: blocks.len(),
            adapter: None,
        }];
        let batch = Batch { tokens, segments: &segments, blocks: &blocks, logits: &logits, hidden: &[] };
        program.run(team, &batch, &mut kv).unwrap();
        rows.extend((0..asked).map(|row| program.row(answers, row).iter().map(|v| v.to_bits()).collect()));
        position += tokens.len();
    }
    rows
}

#[test]
fn every_step_gives_the_same_bits_everywhere() {
    use KvFormat::{BF16, F16, F32, Q8};
    use RotaryPairing::{Adjacent, Half};
    let shape = |heads, kv_heads, head_dim, window, softcap, format, pairing, rotated| Heads {
        heads,
        kv_heads,
        head_dim,
        window,
        softcap,
        format,
        pairing,
        rotated,
    };
    for shape in [
        shape(4, 2, 16, None, None, F16, Half, 16),
        shape(3, 1, 24, Some(20), None, F32, Adjacent, 8),
        shape(9, 1, 8, Some(33), Some(1.5), F16, Half, 4),
        shape(2, 2, 40, None, Some(0.5), F32, Half, 40),
        shape(5, 1, 24, None, None, BF16, Half, 24),
        shape(6, 2, 16, Some(50), None, Q8, Adjacent, 16),
    ] {
        let twin = run(Isa::Scalar, 1, shape, TOKENS, 0);
        assert!(twin.iter().flatten().all(|&bits| f32::from_bits(bits).is_finite()));
        assert!(twin[0] != twin[1], "tokens answer differently");
        for isa in Isa::available() {
            for (threads, chunk) in [(1, 1), (2, 4), (1, 8), (3, 23), (2, TOKENS)] {
                assert_eq!(run(isa, threads, shape, chunk, 0), twin, "{isa:?}, {threads} threads, chunks of {chunk}");
            }
            for threads in [1, 2] {
                assert_eq!(
                    run(isa, threads, shape, 8, 16),
                    twin[16..],
                    "{isa:?}, {threads} threads, two chunks unasked"
                );
            }
        }
    }
}

#[test]
fn what_looks_at_a_token_that_overflowed_is_nan_and_nothing_else_changes_a_bit() {
    use KvFormat::{BF16, F16, F32, Q8};
    let pairing = RotaryPairing::Half;
    for (format, heads, head_dim, window) in
        [(F16, 4, 16, None), (F32, 3, 24, Some(20)), (BF16, 9, 8, Some(33)), (Q8, 6, 16, Some(50)), (Q8, 2, 40, None)]
    {
        let softcap = window.map(|_| 1.5);
        let shape = Heads { heads, kv_heads: 1, head_dim, window, softcap, format, pairing, rotated: head_dim };
        let sound = run(Isa::Scalar, 1, shape, TOKENS, 0);
        // In the middle of a block of the cache, and of a tile of queries.
        for position in [77, 301] {
            // The attention looks at a window, and the convolution at two before that.
            let sees = |at: usize| (position..position + window.unwrap_or(TOKENS) + KERNEL - 1).contains(&at);
            for isa in Isa::available() {
                for (threads, chunk) in [(1, 1), (2, 23), (3, TOKENS)] {
                    let rows = run_with(isa, threads, shape, chunk, 0, Some(position));
                    for (at, (row, sound)) in rows.iter().zip(&sound).enumerate() {
                        let is_right = match sees(at) {
                            true => row.iter().all(|&bits| f32::from_bits(bits).is_nan()),
                            false => row == sound,
                        };
                        assert!(
                            is_right,
                            "{isa:?}, {format:?}, {threads} threads, chunks of {chunk}, {position}: {at}"
                        );
                    }
                }
            }
        }
    }
}

/// Norms and gates whose values are quantised: all floats and products of `tokens` rows. If not `fused`, a step that does nothing of
/// interest stands between each of them and what quantises.
fn quantised_values(isa: Isa, threads: usize, tokens: usize, fused: bool) -> Vec<u32> {
    const COLS: usize = 96;
    let team = &mut Team::with_isa(Some(threads), isa).unwrap();
    let mut b = Builder::new(tokens, 64);
    let table: Vec<u8> = numbers(64 * COLS, 1).iter().flat_map(|x| x.to_le_bytes()).collect();
    let bytes = 0..table.len();
    let table = Table::new(Arc::new(table), bytes, Format::F32, COLS).unwrap();
    let x = b.floats(Rows::Tokens, COLS);
    b.embed(Embed { table, scale: 1.0, output: x });
    let aside = b.floats(Rows::Tokens, COLS);
    let small = b.quantised(Rows::Tokens, COLS);
    let mut outputs = Vec::new();
    let mut product = |b: &mut Builder, team: &mut Team, floats: Buffer| {
        if !fused {
            b.add(Add { from: x, to: aside, scale: 0.5 });
        }
        b.quantise(Quantise { input: floats, output: small });
        let output = b.floats(Rows::Tokens, 50);
        let matrix = matrix(team, Format::Q8_0, 50, COLS, 2);
        b.linear(Linear { input: small, parts: vec![LinearPart { matrix, bias: None, output, accumulate: None }] });
        outputs.extend([floats, output]);
    };
    let (weight, bias) = (numbers(COLS, 3), numbers(COLS, 4));
    for (kind, bias) in [(NormKind::Rms, None), (NormKind::Layer, Some(bias))] {
        let output = b.floats(Rows::Tokens, COLS);
        b.norm(Norm { kind, weight: weight.clone(), bias, epsilon: 1e-5, input: x, output });
        product(&mut b, team, output);
    }
    // Head by head, and in place: not to be taken in.
    let heads = b.floats(Rows::Tokens, COLS);
    b.norm(Norm { kind: NormKind::Rms, weight: numbers(32, 5), bias: None, epsilon: 1e-5, input: x, output: heads });
    product(&mut b, team, heads);
    let inplace = b.floats(Rows::Tokens, COLS);
    b.gate(Gate { gate: x, up: None, activation: Activation::Silu, output: inplace });
    b.norm(Norm { kind: NormKind::Rms, weight, bias: None, epsilon: 1e-5, input: inplace, output: inplace });
    product(&mut b, team, inplace);
    for up in [Some(heads), None] {
        let gate = b.floats(Rows::Tokens, COLS);
        b.gate(Gate { gate: x, up, activation: Activation::GeluTanh, output: gate });
        product(&mut b, team, gate);
    }
    let mut program = b.finish(threads);
    let mut kv = KvCache::new(KvLayout::new(), 1).unwrap();
    let ids: Vec<u32> = (0..tokens as u32).map(|i| i * 7 % 64).collect();
    let segments = [Segment { row: 0, rows: tokens, position: 0, first_block: 0, block_count: 1, adapter: None }];
    let batch = Batch { tokens: &ids, segments: &segments, blocks: &[0], logits: &[], hidden: &[] };
    program.run(team, &batch, &mut kv).unwrap();
    let rows = outputs.iter().flat_map(|&buffer| (0..tokens).map(move |row| (buffer, row)));
    rows.flat_map(|(buffer, row)| program.row(buffer, row).iter().map(|v| v.to_bits()).collect::<Vec<_>>()).collect()
}

#[test]
fn quantising_what_a_step_makes_gives_the_same_bits_as_afterwards() {
    // No more than a block of the cache.
    for tokens in [1, 2, 5, 16] {
        let want = quantised_values(Isa::Scalar, 1, tokens, false);
        for isa in Isa::available() {
            for threads in [1, 2, 3] {
                for fused in [false, true] {
                    let got = quantised_values(isa, threads, tokens, fused);
                    assert!(got == want, "{isa:?}, {threads} threads, {tokens} tokens, fused: {fused}");
                }
            }
        }
    }
}

#[test]
fn the_head_runs_over_no_row_whose_hidden_state_alone_is_asked_for() {
    const COLS: usize = 96;
    for (isa, format) in Isa::available().into_iter().flat_map(|isa| [(isa, Format::Q8_0), (isa, Format::F32)]) {
        let team = &mut Team::with_isa(Some(2), isa).unwrap();
        let mut b = Builder::new(40, 40);
        let table: Vec<u8> = numbers(64 * COLS, 1).iter().flat_map(|x| x.to_le_bytes()).collect();
        let bytes = 0..table.len();
        let table = Table::new(Arc::new(table), bytes, Format::F32, COLS).unwrap();
        let x = b.floats(Rows::Tokens, COLS);
        b.embed(Embed { table, scale: 1.0, output: x });
        let last = b.floats(Rows::Asked, COLS);
        b.select(Select { input: x, output: last });
        let input = match format {
            Format::F32 => last,
            _ => {
                let small = b.quantised(Rows::Asked, COLS);
                b.quantise(Quantise { input: last, output: small });
                small
            }
        };
        let answers = b.floats(Rows::Logits, 50);
        let part =
            LinearPart { matrix: matrix(team, format, 50, COLS, 2), bias: None, output: answers, accumulate: None };
        b.linear(Linear { input, parts: vec![part] });
        let mut program = b.finish(2);
        let mut kv = KvCache::new(KvLayout::new(), 2).unwrap();
        let ids: Vec<u32> = (0..40).map(|i| i * 7 % 64).collect();
        let segments = [Segment { row: 0, rows: 40, position: 0, first_block: 0, block_count: 2, adapter: None }];
        let mut run = |logits: &[u32], hidden: &[u32]| {
            let batch = Batch { tokens: &ids, segments: &segments, blocks: &[0, 1], logits, hidden };
            program.run(team, &batch, &mut kv).unwrap();
            let rows = |buffer, rows: usize| (0..rows).map(|row| program.row(buffer, row).to_vec()).collect::<Vec<_>>();
            (rows(last, logits.len() + hidden.len()), rows(answers, 40))
        };
        let all: Vec<u32> = (0..40).collect();
        let (every_hidden, every_answer) = run(&all, &[]);
        for (logits, hidden) in [(&[3, 7, 30][..], &[1, 2, 39, 8][..]), (&[], &[5, 6]), (&[9], &[])] {
            let (_, before) = run(&all, &[]);
            let (hiddens, answers) = run(logits, hidden);
            for (got, &row) in hiddens.iter().zip(logits.iter().chain(hidden)) {
                assert_eq!(*got, every_hidden[row as usize], "{isa:?}, {format:?}");
            }
            for (got, &row) in answers.iter().zip(logits) {
                assert_eq!(*got, every_answer[row as usize], "{isa:?}, {format:?}");
            }
            assert_eq!(answers[logits.len()..], before[logits.len()..], "{isa:?}, {format:?}: what nobody asked for");
        }
    }
}
