//! The first half of a layer: `y = x + o(attention(rotate(qkv(norm(x)))))`, and its gradient.

use candle_core::{Result, Tensor};

use super::linear::Linear;
use super::{Pass, Vector, rows};
use crate::training::ops::attention::{self, Heads};
use crate::training::ops::rotary::{self, HeadNorms};
use crate::training::ops::{self, norm};
use crate::training::tensor::{change, floats, tensor};

/// What the half of a layer is made of.
#[derive(Clone, Debug)]
pub struct AttentionHalf {
    /// Weights of the norm before it.
    pub norm: Vector,
    /// Added to the mean square.
    pub epsilon: f32,
    /// Queries, keys and values in one matrix.
    pub qkv: Linear,
    /// How they lie.
    pub heads: Heads,
    /// Norms of queries and keys before they are rotated.
    pub head_norms: Option<HeadNorms>,
    /// From the heads back to the width.
    pub o: Linear,
    /// Which of the training's random choices are this half's.
    pub number: u64,
    /// Whether it is the last layer's: behind attention, only the rows that are asked go on.
    pub is_last: bool,
}

/// What the gradient needs of the way there.
pub struct Saved {
    x: Tensor,
    inverse: Vec<f32>,
    /// Queries, keys and values as they came, where they are normed.
    raw: Option<Tensor>,
    /// Rotated.
    qkv: Tensor,
    qkv_middles: Vec<Tensor>,
    attended: Tensor,
    sums: Vec<f32>,
    o_middles: Vec<Tensor>,
}

impl AttentionHalf {
    /// `y` from `x`, of `[tokens, width]`. `theta` has the trained values.
    pub fn forward(&self, theta: &Tensor, x: &Tensor, pass: &Pass) -> Result<(Tensor, Saved)> {
        let (tokens, width) = x.dims2()?;
        let heads = self.heads;
        let (h, inverse) = norm::forward(&floats(x)?, &self.norm.values(theta)?, self.epsilon);
        let (qkv, qkv_middles) = self.qkv.forward(theta, &tensor(h, (tokens, width))?)?;
        let raw = match &self.head_norms {
            Some(norms) => {
                let raw = qkv.copy()?;
                change(&qkv, |qkv| norms.forward(qkv, heads.width(), [heads.heads, heads.kv_heads]))?;
                Some(raw)
            }
            None => None,
        };
        let turned = heads.heads + heads.kv_heads;
        change(&qkv, |qkv| {
            rotary::rotate(qkv, heads.width(), turned, &pass.batch.positions, &pass.rotary, false);
        })?;
        let (attended, sums) = attention::forward(&floats(&qkv)?, &pass.batch.sequences, heads);
        let attended = tensor(attended, (tokens, heads.out()))?;
        let (branch, o_middles) = self.o.forward(theta, &self.going_on(&attended, pass)?)?;
        if let Some((rate, key)) = pass.dropout_of(self.number) {
            change(&branch, |branch| ops::dropout(branch, rate, key))?;
        }
        let y = ops::sum(&floats(&self.going_on(x, pass)?)?, &floats(&branch)?);
        let y = tensor(y, branch.shape().clone())?;
        Ok((y, Saved { x: x.clone(), inverse, raw, qkv, qkv_middles, attended, sums, o_middles }))
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
        let Saved { x, inverse, raw, qkv, qkv_middles, attended, sums, o_middles } = saved;
        let heads = self.heads;
        let (tokens, width) = x.dims2()?;
        let dbranch = pass.back_through_dropout(self.number, dy)?;
        let da = self.o.backward(theta, &self.going_on(&attended, pass)?, &dbranch, &o_middles, gradient)?;
        let (da, dy) = (self.coming_back(&da, tokens, pass)?, self.coming_back(dy, tokens, pass)?);
        let mut dqkv = attention::backward(
            &floats(&qkv)?,
            &floats(&attended)?,
            &sums,
            &floats(&da)?,
            &pass.batch.sequences,
            heads,
        );
        drop(qkv);
        let turned = heads.heads + heads.kv_heads;
        rotary::rotate(&mut dqkv, heads.width(), turned, &pass.batch.positions, &pass.rotary, true);
        if let (Some(norms), Some(raw)) = (&self.head_norms, &raw) {
            norms.backward(&floats(raw)?, &mut dqkv, heads.width(), [heads.heads, heads.kv_heads]);
        }
        let w = self.norm.values(theta)?;
        let h = tensor(norm::again(&floats(&x)?, &w, &inverse), (tokens, width))?;
        let dqkv = tensor(dqkv, (tokens, heads.width()))?;
        let dh = self.qkv.backward(theta, &h, &dqkv, &qkv_middles, gradient)?;
        let (dx, dw) = norm::backward(&floats(&x)?, &w, &inverse, &floats(&dh)?, &floats(&dy)?);
        self.norm.put(dw, gradient);
        tensor(dx, (tokens, width))
    }

    /// The rows of `values` that go on.
    fn going_on(&self, values: &Tensor, pass: &Pass) -> Result<Tensor> {
        if self.is_last { rows::pick(values, &pass.batch.asked) } else { Ok(values.clone()) }
    }

    /// The gradient of all rows from that of those that went on.
    fn coming_back(&self, gradient: &Tensor, tokens: usize, pass: &Pass) -> Result<Tensor> {
        if self.is_last { rows::spread(gradient, &pass.batch.asked, tokens) } else { Ok(gradient.clone()) }
    }
}
