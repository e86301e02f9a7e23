//! Rows of matrices, picked and put back.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use crate::training::tensor::{floats, tensor};

/// The rows `at` of `matrix`, in this order.
pub fn pick(matrix: &Tensor, at: &[u32]) -> Result<Tensor> {
    let (_, width) = matrix.dims2()?;
    let values = floats(matrix)?;
    let mut out = vec![0.0; at.len() * width];
    out.par_chunks_mut(width).with_min_len(64).zip(at).for_each(|(out, &row)| {
        out.copy_from_slice(&values[row as usize * width..][..width]);
    });
    tensor(out, (at.len(), width))
}

/// A matrix of `rows` rows that are zero but for those `at`, all different, which are those of `some`.
pub fn spread(some: &Tensor, at: &[u32], rows: usize) -> Result<Tensor> {
    let (_, width) = some.dims2()?;
    let mut out = vec![0.0; rows * width];
    for (row, &at) in floats(some)?.chunks_exact(width).zip(at) {
        out[at as usize * width..][..width].copy_from_slice(row);
    }
    tensor(out, (rows, width))
}

/// Adds each row of `some` to the row `at` of `sum`, first to last.
pub fn gather(some: &Tensor, at: &[u32], sum: &mut [f32]) -> Result<()> {
    let (_, width) = some.dims2()?;
    for (row, &at) in floats(some)?.chunks_exact(width).zip(at) {
        let sum = &mut sum[at as usize * width..][..width];
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    Ok(())
}
