//! Mixtures of experts, in the three ways checkpoints keep them.

use super::decoder::Sizes;
use super::source::{Key, Source};
use super::tensors::{Bias, Name};
use crate::ModelError;
use crate::spec::{Activation, FeedForward, GatedFeedForward};

/// In all layers together, several times as many as the largest models have. Bounds what a specification takes where a
/// small file claims large numbers.
const MOST_EXPERTS: usize = 1 << 16;

/// Where a layer's experts are, and how they are chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExpertsPlan {
    pub experts: (Key, Option<usize>),
    pub top_k: (Key, Option<usize>),
    /// `[experts, hidden]`.
    pub router: Name,
    /// What stands before an expert's number in a Hugging Face checkpoint.
    pub stem: &'static str,
    /// Gate, up and down of one expert there.
    pub parts: [&'static str; 3],
    pub intermediate: usize,
    pub normalize: bool,
    pub activation: Activation,
}

impl Source<'_> {
    /// How many experts a layer has and how many are used; `None` if there are none.
    pub(super) fn expert_counts(
        &self,
        sizes: &Sizes,
        plan: &ExpertsPlan,
    ) -> Result<Option<(usize, usize)>, ModelError> {
        let (key, default) = plan.experts;
        let experts = self.optional_count(key)?.or(default.filter(|_| !self.is_gguf())).unwrap_or(0);
        if experts == 0 {
            return Ok(None);
        }
        // Both are below 2^31.
        if experts * sizes.layers > MOST_EXPERTS {
            let layers = sizes.layers;
            let problem =
                format!("{layers} layers would have {experts} experts each, and whit runs {MOST_EXPERTS} in all");
            return Err(self.unsupported(key, problem));
        }
        let (key, default) = plan.top_k;
        let top_k = self.count_or(key, default.filter(|_| !self.is_gguf()))?;
        if top_k > experts {
            return Err(self.malformed(key, format!("{top_k} of {experts} experts would be used")));
        }
        Ok(Some((experts, top_k)))
    }

    /// The experts of a layer.
    pub(super) fn experts(
        &self,
        layer: usize,
        sizes: &Sizes,
        plan: &ExpertsPlan,
        (experts, top_k): (usize, usize),
    ) -> Result<FeedForward, ModelError> {
        let router = self.layer_linear(layer, plan.router, experts, sizes.hidden, Bias::IfPresent)?;
        let experts =
            (0..experts).map(|expert| self.expert(layer, sizes, plan, expert, experts)).collect::<Result<_, _>>()?;
        Ok(FeedForward::Experts { router, experts, top_k, normalize: plan.normalize })
    }

    fn expert(
        &self,
        layer: usize,
        sizes: &Sizes,
        plan: &ExpertsPlan,
        expert: usize,
        experts: usize,
    ) -> Result<GatedFeedForward, ModelError> {
        let (hidden, intermediate, activation) = (sizes.hidden, plan.intermediate, plan.activation);
        let at = |rows: usize| expert * rows..(expert + 1) * rows;
        if self.is_gguf() {
            let stacked = |name, rows: usize, cols: usize| {
                let name = format!("{}.weight", self.layer_stem(layer, Name("", name)));
                self.slice(&name, &[experts, rows, cols], at(rows), cols)
            };
            let gate = stacked("ffn_gate_exps", intermediate, hidden)?;
            let up = stacked("ffn_up_exps", intermediate, hidden)?;
            let down = stacked("ffn_down_exps", hidden, intermediate)?;
            return Ok(GatedFeedForward { gate, up, down, activation });
        }
        let stem = format!("{}layers.{layer}.{}", self.prefix, plan.stem);
        // transformers 5 keeps them stacked in memory and may save them so.
        let fused = format!("{stem}.gate_up_proj");
        if self.checkpoint.has(&fused) {
            let shape = [experts, 2 * intermediate, hidden];
            let start = expert * 2 * intermediate;
            let (middle, end) = (start + intermediate, start + 2 * intermediate);
            let gate = self.slice(&fused, &shape, start..middle, hidden)?;
            let up = self.slice(&fused, &shape, middle..end, hidden)?;
            let down =
                self.slice(&format!("{stem}.down_proj"), &[experts, hidden, intermediate], at(hidden), intermediate)?;
            return Ok(GatedFeedForward { gate, up, down, activation });
        }
        let [gate, up, down] = plan.parts.map(|part| format!("{stem}.{expert}.{part}"));
        Ok(GatedFeedForward {
            gate: self.linear(&gate, intermediate, hidden, Bias::IfPresent)?,
            up: self.linear(&up, intermediate, hidden, Bias::IfPresent)?,
            down: self.linear(&down, hidden, intermediate, Bias::IfPresent)?,
            activation,
        })
    }
}
