//! A matrix product with a matrix that is trained, or with one that stays and what low-rank adapters add to it.

use std::ops::Range;

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use crate::training::tensor::{change, floats};

/// `y = x W^T + b`, `W` of `[rows, cols]`; each adapter adds `scale * (x A^T) B^T` to some of the columns of `y` (Hu et
/// al., 2021).
#[derive(Clone, Debug)]
pub struct Linear {
    /// Values of a result.
    pub rows: usize,
    /// Values of an input.
    pub cols: usize,
    /// `W`.
    pub weight: Matrix,
    /// `b`, which stays as it is.
    pub bias: Option<Vec<f32>>,
    /// What is added to it.
    pub adapters: Vec<Adapter>,
}

/// Where a matrix is.
#[derive(Clone, Debug)]
pub enum Matrix {
    /// Trained: among the values of the part of the decoder that it belongs to.
    Trained(Range<usize>),
    /// As it came.
    Frozen(Tensor),
}

/// A low-rank addition to some rows of a matrix that stays.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// The projection it adapts, as Hugging Face names it: `q_proj`.
    pub name: &'static str,
    /// Its rows of the matrix.
    pub rows: Range<usize>,
    /// `A`, of `[rank, cols]`, among the trained values.
    pub a: Range<usize>,
    /// `B`, of `[rows, rank]`, likewise.
    pub b: Range<usize>,
    /// Width of the middle.
    pub rank: usize,
    /// `alpha / rank`.
    pub scale: f32,
}

/// Some of the trained values as a matrix.
fn view(theta: &Tensor, at: &Range<usize>, rows: usize, cols: usize) -> Result<Tensor> {
    theta.narrow(0, at.start, at.len())?.reshape((rows, cols))
}

impl Linear {
    fn weight(&self, theta: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Matrix::Trained(at) => view(theta, at, self.rows, self.cols),
            Matrix::Frozen(weight) => Ok(weight.clone()),
        }
    }

    /// `x` is `[tokens, cols]`. Beside the result comes what each adapter made of `x` in its middle, for
    /// [`Linear::backward`].
    pub fn forward(&self, theta: &Tensor, x: &Tensor) -> Result<(Tensor, Vec<Tensor>)> {
        let y = x.matmul(&self.weight(theta)?.t()?)?;
        if let Some(bias) = &self.bias {
            change(&y, |y| {
                y.par_chunks_mut(self.rows).for_each(|y| y.iter_mut().zip(bias).for_each(|(y, b)| *y += b));
            })?;
        }
        let mut middles = Vec::with_capacity(self.adapters.len());
        for adapter in &self.adapters {
            let middle = x.matmul(&view(theta, &adapter.a, adapter.rank, self.cols)?.t()?)?;
            let added = middle.matmul(&view(theta, &adapter.b, adapter.rows.len(), adapter.rank)?.t()?)?;
            let added = floats(&added)?;
            change(&y, |y| add_columns(y, self.rows, &added, &adapter.rows, adapter.scale))?;
            middles.push(middle);
        }
        Ok((y, middles))
    }

    /// The gradient of `x` from that of the result. Those of the trained values go to their places in `gradient`.
    pub fn backward(
        &self,
        theta: &Tensor,
        x: &Tensor,
        dy: &Tensor,
        middles: &[Tensor],
        gradient: &mut [f32],
    ) -> Result<Tensor> {
        self.backward_weights(theta, x, dy, middles, gradient)?;
        self.backward_input(theta, dy)
    }

    /// The part of [`Linear::backward`] that is the gradient of `x`.
    pub fn backward_input(&self, theta: &Tensor, dy: &Tensor) -> Result<Tensor> {
        let mut dx = dy.matmul(&self.weight(theta)?)?;
        for adapter in &self.adapters {
            let inner = self.inner_gradient(theta, dy, adapter)?;
            dx = (dx + inner.matmul(&view(theta, &adapter.a, adapter.rank, self.cols)?)?)?;
        }
        Ok(dx)
    }

    /// The part of [`Linear::backward`] that is the gradients of the trained values.
    pub fn backward_weights(
        &self,
        theta: &Tensor,
        x: &Tensor,
        dy: &Tensor,
        middles: &[Tensor],
        gradient: &mut [f32],
    ) -> Result<()> {
        if let Matrix::Trained(at) = &self.weight {
            let dw = dy.t()?.matmul(x)?;
            gradient[at.clone()].copy_from_slice(&floats(&dw)?);
        }
        for (adapter, middle) in self.adapters.iter().zip(middles) {
            let own = dy.narrow(1, adapter.rows.start, adapter.rows.len())?;
            let db = (own.t()?.matmul(middle)? * f64::from(adapter.scale))?;
            gradient[adapter.b.clone()].copy_from_slice(&floats(&db)?);
            let da = self.inner_gradient(theta, dy, adapter)?.t()?.matmul(x)?;
            gradient[adapter.a.clone()].copy_from_slice(&floats(&da)?);
        }
        Ok(())
    }

    /// The gradient of an adapter's middle, `[tokens, rank]`.
    fn inner_gradient(&self, theta: &Tensor, dy: &Tensor, adapter: &Adapter) -> Result<Tensor> {
        let dy = dy.narrow(1, adapter.rows.start, adapter.rows.len())?;
        dy.matmul(&view(theta, &adapter.b, adapter.rows.len(), adapter.rank)?)? * f64::from(adapter.scale)
    }
}

/// `y[row][columns] += scale * added[row]`, with rows of `width` values in `y`.
fn add_columns(y: &mut [f32], width: usize, added: &[f32], columns: &Range<usize>, scale: f32) {
    let rows = y.par_chunks_mut(width).zip(added.par_chunks(columns.len()));
    rows.for_each(|(y, added)| {
        y[columns.clone()].iter_mut().zip(added).for_each(|(y, added)| *y += scale * added);
    });
}
