//! The second half of a layer: `y = x + down(swiglu(gate_up(norm(x))))`, and its gradient.

use candle_core::{Result, Tensor};

use super::linear::Linear;
use super::{Pass, Vector};
use crate::training::ops::{self, norm, swiglu};
use crate::training::tensor::{change, floats, tensor};

/// What the half of a layer is made of.
#[derive(Clone, Debug)]
pub struct FeedForwardHalf {
    /// Weights of the norm before it.
    pub norm: Vector,
    /// Added to the mean square.
    pub epsilon: f32,
    /// Gate and what it gates in one matrix.
    pub gate_up: Linear,
    /// Back to the width.
    pub down: Linear,
    /// Which of the training's random choices are this half's.
    pub number: u64,
}

/// What the gradient needs of the way there.
pub struct Saved {
    x: Tensor,
    inverse: Vec<f32>,
    gate_up: Tensor,
    gate_up_middles: Vec<Tensor>,
    down_middles: Vec<Tensor>,
}

impl FeedForwardHalf {
    /// `y` from `x`, of `[tokens, width]`. `theta` has the trained values.
    pub fn forward(&self, theta: &Tensor, x: &Tensor, pass: &Pass) -> Result<(Tensor, Saved)> {
        let (tokens, width) = x.dims2()?;
        let inner = self.down.cols;
        let (h, inverse) = norm::forward(&floats(x)?, &self.norm.values(theta)?, self.epsilon);
        let (gate_up, gate_up_middles) = self.gate_up.forward(theta, &tensor(h, (tokens, width))?)?;
        let s = tensor(swiglu::forward(&floats(&gate_up)?, inner), (tokens, inner))?;
        let (branch, down_middles) = self.down.forward(theta, &s)?;
        if let Some((rate, key)) = pass.dropout_of(self.number) {
            change(&branch, |branch| ops::dropout(branch, rate, key))?;
        }
        let y = tensor(ops::sum(&floats(x)?, &floats(&branch)?), (tokens, width))?;
        Ok((y, Saved { x: x.clone(), inverse, gate_up, gate_up_middles, down_middles }))
    }

    /// The gradient of `x` from that of `y`; those of the trained values go to `gradient`.
    pub fn backward(
        &self,
        theta: &Tensor,
        saved: Saved,
        dy: &Tensor,
        pass: &Pass,
        gradient: &mut [f32],
    ) -> Result<Tensor> {
        let Saved { x, inverse, gate_up, gate_up_middles, down_middles } = saved;
        let (tokens, width) = x.dims2()?;
        let inner = self.down.cols;
        let dbranch = pass.back_through_dropout(self.number, dy)?;
        // The result of SwiGLU is worked out again with its gradient, in the same place, and the gradient of the matrix
        // behind it only then.
        let s = self.down.backward_input(theta, &dbranch)?;
        change(&s, |s| change(&gate_up, |gate_up| swiglu::backward(gate_up, s, inner)))??;
        self.down.backward_weights(theta, &s, &dbranch, &down_middles, gradient)?;
        drop(s);
        let w = self.norm.values(theta)?;
        let h = tensor(norm::again(&floats(&x)?, &w, &inverse), (tokens, width))?;
        let dh = self.gate_up.backward(theta, &h, &gate_up, &gate_up_middles, gradient)?;
        let (dx, dw) = norm::backward(&floats(&x)?, &w, &inverse, &floats(&dh)?, &floats(dy)?);
        self.norm.put(dw, gradient);
        tensor(dx, (tokens, width))
    }
}
