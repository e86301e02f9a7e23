//! Weights rounded to a format: what comes back, what is refused, and that it is the same everywhere.

use whit_kernels::format::EncodeError;
use whit_kernels::{Format, Isa, PackError, PackedMatrix, Stored, Team};

const FLOATS: [Format; 3] = [Format::F32, Format::F16, Format::BF16];
const QUANTISED: [Format; 4] = [Format::Q4_0, Format::Q4_K, Format::Q6_K, Format::Q8_0];

fn written() -> impl Iterator<Item = Format> {
    FLOATS.into_iter().chain(QUANTISED)
}

/// `len` numbers with the bell curve of trained weights, of a standard deviation of about 0.02.
fn weights(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..len).map(|_| (0..6).map(|_| unit()).sum::<f32>() * 0.028).collect()
}

fn encoded(format: Format, values: &[f32]) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = vec![0xa5; format.row_bytes(values.len()).unwrap()];
    format.encode(Isa::choose().unwrap(), values, &mut bytes).map(|()| bytes)
}

/// What remains of `values` in `format`.
fn rounded(format: Format, values: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; values.len()];
    format.decode(&encoded(format, values).unwrap(), &mut out);
    out
}

/// Root mean square of the differences, as a share of that of the values.
fn relative_error(values: &[f32], rounded: &[f32]) -> f64 {
    let square = |x: f32| f64::from(x) * f64::from(x);
    let error: f64 = values.iter().zip(rounded).map(|(&a, &b)| square(a - b)).sum();
    (error / values.iter().copied().map(square).sum::<f64>()).sqrt()
}

#[test]
fn rounding_costs_what_the_bits_allow() {
    let values = weights(64 * 1024, 1);
    // Just above what was seen: a search that no longer finds the best scale is found out.
    let most = [
        (Format::F32, 0.0),
        (Format::F16, 0.00021),
        (Format::BF16, 0.00167),
        (Format::Q8_0, 0.00518),
        (Format::Q6_K, 0.0172),
        (Format::Q4_K, 0.0698),
        (Format::Q4_0, 0.0808),
    ];
    for (format, most) in most {
        let error = relative_error(&values, &rounded(format, &values));
        assert!(error <= most, "{format}: {error}");
    }
}

#[test]
fn what_a_format_can_say_comes_back_as_it_was() {
    for format in FLOATS {
        let values = rounded(format, &weights(256, 2));
        assert_eq!(rounded(format, &values), values, "{format}");
    }
    // Blocks that use the whole range of their codes, and of the scales of their groups.
    let code = |i: usize, codes: usize| (i * 7 + i / 16 * 3 + 5) % codes;
    let d = 0.001_953_125f32;
    let whole = |group: usize, len: usize, codes: usize| {
        move |i: usize| match i % len {
            0 => 0,
            1 => codes - 1,
            _ => code(i + group, codes),
        }
    };
    let blocks: [(Format, Vec<f32>); 4] = [
        (Format::Q4_0, (0..64).map(|i| d * (whole(0, 32, 16)(i) as f32 - 8.0)).collect()),
        (Format::Q8_0, (0..64).map(|i| d * (whole(0, 32, 255)(i) as f32 - 127.0)).collect()),
        (
            Format::Q6_K,
            (0..256)
                .map(|i| {
                    let group = i / 16;
                    let scale = [-128.0, 127.0, -3.0, 77.0][group % 4];
                    d * scale * (whole(group, 16, 64)(i) as f32 - 32.0)
                })
                .collect(),
        ),
        (
            Format::Q4_K,
            (0..256)
                .map(|i| {
                    let group = i / 32;
                    let (scale, min) = [(63.0, 63.0), (20.0, 41.0), (63.0, 0.0), (5.0, 17.0)][group % 4];
                    d * scale * whole(group, 32, 16)(i) as f32 - 2.0 * d * min
                })
                .collect(),
        ),
    ];
    for (format, values) in blocks {
        assert_eq!(rounded(format, &values), values, "{format}");
    }
}

#[test]
fn zeros_stay_zeros_and_numbers_of_any_size_are_rounded_or_refused() {
    for format in written() {
        let zeros = vec![0f32; 512];
        assert_eq!(rounded(format, &zeros), zeros, "{format}");
        let mut alone = zeros;
        alone[300] = -0.25;
        // A minimum of Q4_K's takes back what the codes of its zeros add, as nearly as two scales are rounded.
        assert!(relative_error(&alone, &rounded(format, &alone)) < 0.005, "{format}");
        for exponent in -149..128 {
            for sign in [1.0f32, -1.0] {
                let size = sign * 2f32.powi(exponent);
                let values: Vec<f32> = weights(512, 3).iter().map(|w| (w * 40.0).clamp(-1.0, 1.0) * size).collect();
                match encoded(format, &values) {
                    Ok(bytes) => {
                        let mut out = vec![f32::NAN; 512];
                        format.decode(&bytes, &mut out);
                        assert!(out.iter().all(|value| value.abs() <= 1.1 * size.abs()), "{format}: 2^{exponent}");
                        // Scales have the precision of normal half-precision numbers from 2^-14.
                        if (-2..16).contains(&exponent) {
                            assert!(relative_error(&values, &out) < 0.1, "{format}: 2^{exponent}");
                        }
                    }
                    Err(error) => {
                        assert_eq!(error, EncodeError::OutOfRange(format));
                        assert!(exponent > 14, "{format}: 2^{exponent}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_is_refused_and_so_is_a_format_that_is_only_read() {
    for format in written() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut values = weights(512, 4);
            values[300] = bad;
            assert_eq!(encoded(format, &values), Err(EncodeError::NotFinite), "{format}");
        }
    }
    for format in Format::all().filter(|format| written().all(|written| written != *format)) {
        assert_eq!(encoded(format, &weights(512, 5)), Err(EncodeError::NotWritten(format)));
    }
}

#[test]
fn every_instruction_set_rounds_the_same() {
    let values = weights(8192, 6);
    for format in written() {
        let bytes = |isa: Isa| {
            let mut bytes = vec![0; format.row_bytes(values.len()).unwrap()];
            format.encode(isa, &values, &mut bytes).unwrap();
            bytes
        };
        for isa in Isa::available() {
            assert!(bytes(isa) == bytes(Isa::Scalar), "{format} on {isa:?}");
        }
    }
}

/// Packed bytes of rows 2, 3, .. of `source`.
fn packed(threads: usize, format: Format, source: Stored, rows: usize, cols: usize) -> Result<Vec<u8>, PackError> {
    let mut out = vec![0; PackedMatrix::packed_bytes(format, rows, cols)];
    let mut team = Team::new(Some(threads)).unwrap();
    PackedMatrix::pack_into(&mut team, format, source, rows, cols, &|row| row + 2, &mut out).map(|()| out)
}

#[test]
fn rounding_while_packing_is_rounding_and_then_packing() {
    let (rows, cols) = (37, 512);
    let values = weights((rows + 2) * cols, 7);
    for stored in FLOATS {
        let source = encoded(stored, &values).unwrap();
        for format in written() {
            let bytes = encoded(format, &rounded(stored, &values)).unwrap();
            let expected = packed(1, format, Stored { format, bytes: &bytes }, rows, cols).unwrap();
            for threads in [1, 3] {
                let got = packed(threads, format, Stored { format: stored, bytes: &source }, rows, cols).unwrap();
                assert!(got == expected, "{stored} to {format} on {threads} threads");
            }
        }
    }
}

#[test]
fn a_matrix_that_cannot_be_rounded_names_its_first_bad_row() {
    let (rows, cols) = (40, 256);
    let with = |bad: &[(usize, f32)], format| {
        let mut values = weights((rows + 2) * cols, 8);
        bad.iter().for_each(|&(row, value)| values[(row + 2) * cols + 100] = value);
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        packed(3, format, Stored { format: Format::F32, bytes: &bytes }, rows, cols)
    };
    for format in QUANTISED {
        assert_eq!(with(&[(38, f32::NAN), (20, f32::INFINITY)], format), Err(PackError::NotFinite { row: 20 }));
        let error = EncodeError::OutOfRange(format);
        assert_eq!(with(&[(33, 1e20)], format), Err(PackError::Encode { row: 33, error }));
    }
    let error = EncodeError::NotWritten(Format::Q5_K);
    assert_eq!(with(&[], Format::Q5_K), Err(PackError::Encode { row: 0, error }));
    // Rows that are no whole blocks are refused before anything is looked at.
    let bytes = vec![0; 4 * 96 * 4];
    let refused = packed(1, Format::Q6_K, Stored { format: Format::F32, bytes: &bytes }, 2, 96);
    assert!(matches!(refused, Err(PackError::Columns { cols: 96, format: Format::Q6_K, block_len: 256 })));
}
