//! Low-rank updates: what their formula says, with the same bits on every instruction set, on any number of threads, whatever rows of other
//! adapters, or of none, are beside them.

use std::sync::Arc;

use whit_kernels::program::*;
use whit_kernels::{Activations, Format, Isa, PackedMatrix, Team};

/// Five whole pieces of columns, and a part of one.
const COLS: usize = 672;
const TOKENS: usize = 24;
/// Rows of the matrices, by their numbers; the first two are of one step, the third reads what the first made, the last is the head.
const ROWS: [usize; 4] = [40, 24, COLS, 50];

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
    let values = numbers(rows * cols, salt);
    let mut bytes = vec![0; rows * format.row_bytes(cols).unwrap()];
    format.encode(team.isa(), &values, &mut bytes).unwrap();
    PackedMatrix::pack(team, format, &bytes, rows, cols, &|row| row).unwrap()
}

struct Setup {
    team: Team,
    program: Program,
    kv: KvCache,
    /// What the matrices of the first step and the head give.
    outputs: [Buffer; 3],
}

/// A program whose first matrices are of `format`.
fn setup(isa: Isa, threads: usize, format: Format, most_rows: usize) -> Setup {
    let mut team = Team::with_isa(Some(threads), isa).unwrap();
    let mut b = Builder::new(most_rows, most_rows);
    let table: Vec<u8> = numbers(TOKENS * COLS, 1).iter().flat_map(|x| x.to_le_bytes()).collect();
    let bytes = 0..table.len();
    let table = Table::new(Arc::new(table), bytes, Format::F32, COLS).unwrap();
    let x = b.floats(Rows::Tokens, COLS);
    b.embed(Embed { table, scale: 1.0, output: x });
    let parts: Vec<LinearPart> = (0..2)
        .map(|number| {
            let output = b.floats(Rows::Tokens, ROWS[number]);
            let matrix = matrix(&mut team, format, ROWS[number], COLS, 10 + number as u32);
            LinearPart { matrix, bias: Some(numbers(ROWS[number], 5)), output, accumulate: None }
        })
        .collect();
    let [first, second] = [parts[0].output, parts[1].output];
    let input = match parts[0].matrix.activations() {
        Activations::Float => x,
        Activations::Quantised => {
            let quantised = b.quantised(Rows::Tokens, COLS);
            b.quantise(Quantise { input: x, output: quantised });
            quantised
        }
    };
    assert_eq!(b.linear(Linear { input, parts }), 0..2);
    let back = matrix(&mut team, Format::F32, ROWS[2], ROWS[0], 12);
    let part = LinearPart { matrix: back, bias: None, output: x, accumulate: Some(0.01) };
    assert_eq!(b.linear(Linear { input: first, parts: vec![part] }), 2..3);
    let last = b.floats(Rows::Asked, COLS);
    b.select(Select { input: x, output: last });
    let answers = b.floats(Rows::Logits, ROWS[3]);
    let head = matrix(&mut team, Format::F32, ROWS[3], COLS, 13);
    let part = LinearPart { matrix: head, bias: None, output: answers, accumulate: None };
    assert_eq!(b.linear(Linear { input: last, parts: vec![part] }), 3..4);
    let program = b.finish(threads);
    let mut layout = KvLayout::new();
    layout.attention(1, 16, KvFormat::F16);
    Setup { team, program, kv: KvCache::new(layout, 64).unwrap(), outputs: [first, second, answers] }
}

/// Columns of a matrix.
fn cols(number: usize) -> usize {
    if number == 2 { ROWS[0] } else { COLS }
}

/// An adapter of `rank` for the matrices that `adapts` says; one factor for both of the first step if `shares`.
fn adapter(team: &mut Team, rank: usize, adapts: [bool; 4], shares: bool, salt: u32) -> Adapter {
    let mut updates: Vec<Option<LowRank>> = vec![];
    for (number, adapts) in adapts.into_iter().enumerate() {
        let shared = updates.last().and_then(Option::as_ref).filter(|_| number == 1 && shares);
        let shared = shared.map(|update| update.down.clone());
        updates.push(adapts.then(|| {
            let salt = 100 * salt + 2 * number as u32;
            let down = shared.unwrap_or_else(|| matrix(team, Format::F16, rank, cols(number), salt));
            let up = matrix(team, Format::F16, ROWS[number], rank, salt + 1);
            LowRank { down, up, scale: 0.01 * (number + 1) as f32 }
        }));
    }
    Adapter { updates }
}

/// The adapters that are loaded at once: of several ranks, for some of the matrices.
fn adapters(team: &mut Team) -> Vec<Adapter> {
    vec![
        adapter(team, 16, [true; 4], false, 1),
        adapter(team, 3, [true, true, false, false], true, 2),
        adapter(team, 20, [false, true, false, true], false, 3),
        adapter(team, 1, [false, false, true, false], false, 4),
        adapter(team, 33, [true; 4], true, 5),
    ]
}

/// Sequences of so many tokens with an adapter or none, run together: the bits of all rows of each, from all outputs.
fn run(setup: &mut Setup, sequences: &[(usize, Option<usize>)]) -> Vec<Vec<Vec<u32>>> {
    let (mut tokens, mut segments) = (vec![], vec![]);
    let mut blocks = vec![];
    for &(rows, adapter) in sequences {
        let first_block = blocks.len();
        blocks.extend(first_block as u32..(first_block + rows.div_ceil(BLOCK)) as u32);
        let block_count = blocks.len() - first_block;
        segments.push(Segment { row: tokens.len(), rows, position: 0, first_block, block_count, adapter });
        // A sequence's tokens are the same wherever it stands.
        tokens.extend((0..rows).map(|i| ((i * 7 + rows) % TOKENS) as u32));
    }
    // The logits from the last row to the first.
    let logits: Vec<u32> = (0..tokens.len() as u32).rev().collect();
    let batch = Batch { tokens: &tokens, segments: &segments, blocks: &blocks, logits: &logits, hidden: &[] };
    setup.program.run(&mut setup.team, &batch, &mut setup.kv).unwrap();
    let [first, second, answers] = setup.outputs;
    let of_row = |row: usize| {
        let rows = [(first, row), (second, row), (answers, tokens.len() - 1 - row)];
        rows.iter().flat_map(|&(buffer, row)| setup.program.row(buffer, row).iter().map(|v| v.to_bits())).collect()
    };
    segments.iter().map(|s| (s.row..s.row + s.rows).map(of_row).collect()).collect()
}

#[test]
fn an_update_is_what_its_formula_says() {
    for format in [Format::F32, Format::Q8_0] {
        let mut setup = setup(Isa::Scalar, 1, format, TOKENS);
        let plain = run(&mut setup, &[(9, None)]);
        let number = setup.program.add_adapter(adapter(&mut setup.team, 20, [true, false, false, false], false, 7));
        let adapted = run(&mut setup, &[(9, number)]);
        let decoded = |rows: usize, cols: usize, salt: u32| -> Vec<f64> {
            numbers(rows * cols, salt).iter().map(|&x| f64::from(half::f16::from_f32(x).to_f32())).collect()
        };
        let (down, up) = (decoded(20, COLS, 700), decoded(ROWS[0], 20, 701));
        let table = numbers(TOKENS * COLS, 1);
        for row in 0..9 {
            let x = &table[(row * 7 + 9) % TOKENS * COLS..][..COLS];
            let dot = |w: &[f64]| w.iter().zip(x).map(|(w, &x)| w * f64::from(x)).sum::<f64>();
            let sums: Vec<f64> = down.chunks(COLS).map(dot).collect();
            for out in 0..ROWS[0] {
                let want = 0.01 * up[out * 20..][..20].iter().zip(&sums).map(|(up, sum)| up * sum).sum::<f64>();
                let value = |rows: &[Vec<Vec<u32>>]| f64::from(f32::from_bits(rows[0][row][out]));
                let found = value(&adapted) - value(&plain);
                assert!((found - want).abs() < 1e-5, "{format}, row {row}, output {out}: {found} is not {want}");
            }
            // The other matrix of the step has no update.
            assert_eq!(adapted[0][row][ROWS[0]..][..ROWS[1]], plain[0][row][ROWS[0]..][..ROWS[1]]);
        }
    }
}

#[test]
fn rows_of_several_adapters_give_the_bits_of_each_alone() {
    // Longer than a block of rows, and all sizes of tiles; neighbours of one adapter, and of different ones.
    let sequences = [
        (1, Some(0)),
        (70, Some(4)),
        (1, None),
        (3, Some(1)),
        (2, Some(1)),
        (130, Some(0)),
        (5, Some(2)),
        (1, Some(3)),
        (9, None),
        (12, Some(2)),
    ];
    for format in [Format::F32, Format::Q8_0] {
        let alone: Vec<Vec<Vec<u32>>> = {
            let mut setup = setup(Isa::Scalar, 1, format, 256);
            for adapter in adapters(&mut setup.team) {
                setup.program.add_adapter(adapter).unwrap();
            }
            sequences.iter().map(|&sequence| run(&mut setup, &[sequence]).remove(0)).collect()
        };
        let plain = run(&mut setup(Isa::Scalar, 1, format, 256), &[(130, None)]).remove(0);
        assert!(alone[5].iter().zip(&plain).all(|(adapted, plain)| adapted != plain), "an adapter changes every row");
        for isa in Isa::available() {
            for threads in [1, 2, 3, 5] {
                let mut setup = setup(isa, threads, format, 256);
                for adapter in adapters(&mut setup.team) {
                    setup.program.add_adapter(adapter).unwrap();
                }
                assert!(run(&mut setup, &sequences) == alone, "{isa:?}, {format}, {threads} threads");
                // One by one, and without any, in the same program.
                for (sequence, alone) in sequences.iter().zip(&alone) {
                    assert!(run(&mut setup, &[*sequence])[0] == *alone, "{isa:?}, {format}, {threads}: {sequence:?}");
                }
                assert!(run(&mut setup, &[(130, None)])[0] == plain);
            }
        }
    }
}

#[test]
fn an_adapter_that_was_removed_is_refused_and_its_number_is_given_again() {
    let mut setup = setup(Isa::Scalar, 2, Format::Q8_0, 64);
    let [first, second] =
        [3, 5].map(|rank| setup.program.add_adapter(adapter(&mut setup.team, rank, [true; 4], false, 1)).unwrap());
    let other = run(&mut setup, &[(4, Some(second))]);
    setup.program.remove_adapter(first);
    let segments = [Segment { row: 0, rows: 1, position: 0, first_block: 0, block_count: 1, adapter: Some(first) }];
    let batch = Batch { tokens: &[1], segments: &segments, blocks: &[0], logits: &[], hidden: &[] };
    let error = setup.program.run(&mut setup.team, &batch, &mut setup.kv).unwrap_err();
    assert_eq!(error.to_string(), "an adapter that is not there");
    assert!(run(&mut setup, &[(4, Some(second))]) == other);
    let larger = setup.program.adapter_workspace_bytes_with(400);
    let third = setup.program.add_adapter(adapter(&mut setup.team, 400, [true; 4], false, 2));
    assert_eq!(third, Some(first));
    assert_eq!(setup.program.adapter_workspace_bytes(), larger);
    assert!(run(&mut setup, &[(4, Some(second)), (2, third)])[0] == other[0]);
}

#[test]
#[should_panic(expected = "the shape of its matrix")]
fn an_update_of_another_shape_is_refused() {
    let mut setup = setup(Isa::Scalar, 1, Format::F32, 8);
    let mut adapter = adapter(&mut setup.team, 4, [true; 4], false, 1);
    adapter.updates.swap(0, 2);
    setup.program.add_adapter(adapter);
}

#[test]
fn an_adapter_is_counted_with_what_its_matrices_share() {
    let mut setup = setup(Isa::Scalar, 1, Format::F32, 8);
    let mut values = |adapts, shares| {
        let number = setup.program.add_adapter(adapter(&mut setup.team, 16, adapts, shares, 1)).unwrap();
        let one = RowCounts { tokens: 1, logits: 1 };
        let counts = setup.program.adapter_counts(number);
        assert_eq!(counts.caused(one, one).bytes, counts.weight_bytes());
        counts.caused(one, one).operations as usize / 2
    };
    assert_eq!(values([true, true, false, false], false), 16 * (COLS + ROWS[0] + COLS + ROWS[1]));
    assert_eq!(values([true, true, false, false], true), 16 * (COLS + ROWS[0] + ROWS[1]));
    assert_eq!(values([false, false, true, true], false), 16 * (ROWS[0] + ROWS[2] + COLS + ROWS[3]));
}
