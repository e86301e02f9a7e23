//! From the residual stream to the losses of the answer tokens, and their gradient.

use candle_core::{Result, Tensor};

use super::{Pass, Vector};
use crate::training::ops::{self, loss, norm};
use crate::training::tensor::{change, floats, tensor};

/// Logits that are in memory at once.
const MOST_LOGITS: usize = 1 << 21;

/// The norm before the logits.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its weights.
    pub norm: Vector,
    /// Added to the mean square.
    pub epsilon: f32,
}

/// What came of the rows that are asked.
pub struct Losses {
    /// One for each.
    pub losses: Vec<f32>,
    /// The gradient of the rows, of `[asked, width]`, if it is wanted.
    pub dx: Option<Tensor>,
}

impl Head {
    /// The losses of the rows `x`, of `[asked, width]`, that the head `matrix` of `[vocabulary, width]` gives.
    ///
    /// The gradient of `weight` times their sum is worked out along with them, while the logits are there: that of the
    /// trained values of the norm goes to `gradient`, and that of the matrix is added to `dmatrix`.
    pub fn losses(
        &self,
        theta: &Tensor,
        matrix: &Tensor,
        x: &Tensor,
        pass: &Pass,
        gradient: Option<&mut [f32]>,
        mut dmatrix: Option<&mut [f32]>,
    ) -> Result<Losses> {
        let (rows, width) = x.dims2()?;
        let (vocabulary, _) = matrix.dims2()?;
        let w = self.norm.values(theta)?;
        let (h, inverse) = norm::forward(&floats(x)?, &w, self.epsilon);
        let h = tensor(h, (rows, width))?;
        let (mut losses, mut dh) = (Vec::with_capacity(rows), Vec::with_capacity(rows * width));
        let step = (MOST_LOGITS / vocabulary).clamp(16, 4096);
        for start in (0..rows).step_by(step) {
            let count = step.min(rows - start);
            let h = h.narrow(0, start, count)?;
            let logits = h.matmul(&matrix.t()?)?;
            let targets = &pass.batch.targets[start..start + count];
            losses.extend(change(&logits, |logits| loss::softmax_cross_entropy(logits, targets, pass.weight))?);
            if gradient.is_none() {
                continue;
            }
            dh.extend_from_slice(&floats(&logits.matmul(matrix)?)?);
            if let Some(sum) = &mut dmatrix {
                ops::add(sum, &floats(&logits.t()?.matmul(&h)?)?);
            }
        }
        let Some(gradient) = gradient else { return Ok(Losses { losses, dx: None }) };
        let beside = vec![0.0; dh.len()];
        let (dx, dw) = norm::backward(&floats(x)?, &w, &inverse, &dh, &beside);
        self.norm.put(dw, gradient);
        Ok(Losses { losses, dx: Some(tensor(dx, (rows, width))?) })
    }
}
