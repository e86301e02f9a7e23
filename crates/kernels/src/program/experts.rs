//! Mixture of experts: a router sends every token to a few of many feed-forwards.

use super::{Buffer, Builder, Context, Counts, LinearPart, Rows, Step};
use crate::matmul::Multiply;
use crate::memory::round_up;
use crate::team::Worker;

/// Where a [`Route`] writes down its choice.
#[derive(Clone, Copy, Debug)]
pub struct Routing {
    experts: usize,
    top_k: usize,
    /// One row: `experts + 1` starts, then for each routed row its token, then for each token and rank its routed row.
    table: Buffer,
    /// One row per token: the weights of its experts.
    weights: Buffer,
}

/// Softmax over the router's logits, then the `top_k` most likely experts of each token.
pub struct Route {
    /// Floats, one per expert.
    pub logits: Buffer,
    /// Divide the chosen weights by their sum.
    pub normalize: bool,
    /// From [`Builder::routing`].
    pub routing: Routing,
}

/// A matrix of every expert, each applied to the tokens that were sent to it.
pub struct ExpertLinear {
    /// By token or by routed row.
    pub input: Buffer,
    /// One per expert, all of one shape, all with the same output, by routed row.
    pub experts: Vec<LinearPart>,
    /// From [`Builder::routing`].
    pub routing: Routing,
}

/// `to[token] += scale * sum over ranks of weight * from[routed row]`.
pub struct Combine {
    /// Floats by routed row.
    pub from: Buffer,
    /// Floats by token.
    pub to: Buffer,
    /// Multiplies the sum.
    pub scale: f32,
    /// From [`Builder::routing`].
    pub routing: Routing,
}

impl Builder {
    /// Makes room for the choices of `top_k` of `experts` per token.
    ///
    /// # Panics
    /// If `top_k` is 0 or greater than `experts`.
    pub fn routing(&mut self, experts: usize, top_k: usize) -> Routing {
        assert!((1..=experts).contains(&top_k));
        // The table is one long row; give it the room of a row of every token.
        let cols = (experts + 1).div_ceil(self.max_tokens) + 2 * top_k;
        let table = self.floats(Rows::Tokens, round_up(cols, 16));
        let weights = self.floats(Rows::Tokens, top_k);
        Routing { experts, top_k, table, weights }
    }

    /// Adds a [`Route`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn route(&mut self, step: Route) {
        self.check_floats(step.logits, step.routing.experts);
        assert_eq!(self.rows_of(step.logits), Rows::Tokens);
        self.push(step);
    }

    /// Adds an [`ExpertLinear`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn expert_linear(&mut self, mut step: ExpertLinear) {
        assert_eq!(step.experts.len(), step.routing.experts);
        let routed = Rows::Routed(step.routing.top_k);
        assert!([Rows::Tokens, routed].contains(&self.rows_of(step.input)));
        let (rows, output) = (step.experts[0].matrix.rows(), step.experts[0].output);
        assert_eq!(self.rows_of(output), routed);
        for part in &mut step.experts {
            assert!(part.matrix.rows() == rows && part.output == output, "experts are all of one shape");
            self.check_part(step.input, part);
        }
        self.push(step);
    }

    /// Adds a [`Combine`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn combine(&mut self, step: Combine) {
        let cols = self.places[step.from.0].cols;
        self.check_floats(step.from, cols);
        self.check_floats(step.to, cols);
        assert_eq!(self.rows_of(step.from), Rows::Routed(step.routing.top_k));
        assert_eq!(self.rows_of(step.to), Rows::Tokens);
        self.push(step);
    }
}

impl Routing {
    unsafe fn starts(&self, context: &Context) -> *mut u32 {
        // SAFETY: the table begins with row 0.
        unsafe { context.bytes(self.table, 0).cast() }
    }
    /// By routed row: its token.
    unsafe fn tokens(&self, context: &Context) -> *mut u32 {
        // SAFETY: the table has room for the starts first.
        unsafe { self.starts(context).add(self.experts + 1) }
    }
    /// By token and rank: its routed row.
    unsafe fn places(&self, context: &Context) -> *mut u32 {
        // SAFETY: and for one entry per token and rank in the middle.
        unsafe { self.tokens(context).add(context.batch.tokens.len() * self.top_k) }
    }
}

impl Step for Route {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        // A few hundred numbers per token: one thread is done sooner than several would have met.
        if worker.index != 0 {
            return;
        }
        let Routing { experts, top_k, weights, .. } = self.routing;
        let tokens = context.batch.tokens.len();
        // SAFETY: only this thread is here; the table has room for all that is written.
        unsafe {
            let starts = std::slice::from_raw_parts_mut(self.routing.starts(context), experts + 1);
            let by_row = std::slice::from_raw_parts_mut(self.routing.tokens(context), tokens * top_k);
            let by_token = std::slice::from_raw_parts_mut(self.routing.places(context), tokens * top_k);
            starts.fill(0);
            for token in 0..tokens {
                let logits = std::slice::from_raw_parts_mut(context.floats(self.logits, token), experts);
                let weights = std::slice::from_raw_parts_mut(context.floats(weights, token), top_k);
                choose(logits, weights, &mut by_token[token * top_k..][..top_k], self.normalize);
                for &expert in &by_token[token * top_k..][..top_k] {
                    starts[expert as usize + 1] += 1;
                }
            }
            for expert in 0..experts {
                starts[expert + 1] += starts[expert];
            }
            // Put every choice into its expert's rows, in the order of the tokens; `starts` moves up and is moved back.
            for (index, place) in by_token.iter_mut().enumerate() {
                let start = &mut starts[*place as usize];
                by_row[*start as usize] = (index / top_k) as u32;
                *place = *start;
                *start += 1;
            }
            for expert in (1..=experts).rev() {
                starts[expert] = starts[expert - 1];
            }
            starts[0] = 0;
        }
    }
}

/// Replaces `logits` by their softmax and picks the largest, the first of equal ones first.
fn choose(logits: &mut [f32], weights: &mut [f32], chosen: &mut [u32], normalize: bool) {
    let largest = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = (*logit - largest).exp();
        sum += *logit;
    }
    for rank in 0..chosen.len() {
        let mut best: Option<usize> = None;
        for expert in 0..logits.len() {
            let taken = chosen[..rank].contains(&(expert as u32));
            if !taken && best.is_none_or(|b| logits[expert] > logits[b]) {
                best = Some(expert);
            }
        }
        let expert = best.unwrap_or(0);
        chosen[rank] = expert as u32;
        weights[rank] = logits[expert] / sum;
    }
    if normalize {
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
}

impl Step for ExpertLinear {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        let gathered = context.places[self.input.0].rows == Rows::Tokens;
        for (expert, part) in self.experts.iter().enumerate() {
            // SAFETY: written by `Route`, the rows of an expert lie within the routed rows; panels are shared out.
            unsafe {
                let starts = self.routing.starts(context);
                let (start, end) = (*starts.add(expert) as usize, *starts.add(expert + 1) as usize);
                if start == end {
                    continue;
                }
                let (input_row, gather) = match gathered {
                    true => (0, Some(self.routing.tokens(context).add(start).cast_const())),
                    false => (start, None),
                };
                let panels = worker.share(part.matrix.panels());
                part.multiply(context, worker, self.input, panels, input_row, gather, start, end - start);
            }
        }
    }

    fn count(&self, _: &dyn Fn(Buffer) -> Rows, counts: &mut Counts) {
        let matrix = &self.experts[0].matrix;
        let values = matrix.rows() * matrix.cols();
        counts.add_experts(self.experts.len(), self.routing.top_k, matrix.bytes(), values);
    }

    fn is_complete(&self) -> bool {
        self.experts.iter().all(|part| part.matrix.is_packed())
    }

    fn scratch_bytes(&self) -> usize {
        Multiply::scratch_bytes(self.experts[0].matrix.cols())
    }
}

impl Step for Combine {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        let cols = context.cols(self.to);
        let top_k = self.routing.top_k;
        for token in worker.share(context.batch.tokens.len()) {
            // SAFETY: the token's row is this thread's own; places are routed rows.
            unsafe {
                let to = std::slice::from_raw_parts_mut(context.floats(self.to, token), cols);
                let weights = std::slice::from_raw_parts(context.floats(self.routing.weights, token), top_k);
                let places = std::slice::from_raw_parts(self.routing.places(context).add(token * top_k), top_k);
                for (&place, weight) in places.iter().zip(weights) {
                    let from = std::slice::from_raw_parts(context.floats(self.from, place as usize), cols);
                    for (to, from) in to.iter_mut().zip(from) {
                        *to += self.scale * weight * from;
                    }
                }
            }
        }
    }
}
