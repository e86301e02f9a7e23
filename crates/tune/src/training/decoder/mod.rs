//! The decoder that is trained: Llama's layers, all of their values trained or only low-rank adapters to them.
//!
//! A layer is two halves, each with its own way back; the way back through all of them is their order reversed.
//! [`plain`] has the same decoder of the training library's operations and its automatic differentiation: tests hold
//! this one to it, value and gradient.
//! `docs/decisions/0013-training-library.md` has what the library's own way back takes.

pub mod attention;
pub mod base;
pub mod feed_forward;
pub mod head;
pub mod linear;
#[cfg(test)]
mod plain;
mod rows;
pub mod scratch;

use std::ops::Range;
use std::sync::Arc;

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use self::attention::AttentionHalf;
use self::feed_forward::FeedForwardHalf;
use self::head::Head;
use self::linear::{Linear, Matrix};
use crate::training::ops;
use crate::training::ops::rotary::Table;
use crate::training::random;
use crate::training::tensor::{change, floats};

/// Tokens that are worth a thread of their own.
const SHARD: usize = 512;

/// Sequences one after the other, without padding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Token ids of all of them.
    pub tokens: Vec<u32>,
    /// Each token's place in its own sequence.
    pub positions: Vec<u32>,
    /// The rows of each sequence.
    pub sequences: Vec<Range<usize>>,
    /// Rows after which an answer token comes.
    pub asked: Vec<u32>,
    /// These tokens.
    pub targets: Vec<u32>,
}

impl Batch {
    /// Adds a sequence whose tokens from `answer` on are its answer.
    pub fn push(&mut self, ids: &[u32], answer: usize) {
        let start = self.tokens.len();
        let Some((_, inputs)) = ids.split_last() else { return };
        self.tokens.extend_from_slice(inputs);
        self.positions.extend(0..inputs.len() as u32);
        self.sequences.push(start..start + inputs.len());
        for (at, &target) in ids.iter().enumerate().skip(answer.max(1)) {
            self.asked.push((start + at - 1) as u32);
            self.targets.push(target);
        }
    }
}

impl Batch {
    /// The batch in at most `parts` parts of about as many tokens.
    fn split(self, parts: usize) -> Vec<Batch> {
        let share = self.tokens.len().div_ceil(parts.max(1));
        let mut all = vec![Batch::default()];
        let (mut asked, mut next) = (0, share);
        for rows in &self.sequences {
            if rows.start >= next && all.len() < parts {
                all.push(Batch::default());
                next += share;
            }
            let Some(part) = all.last_mut() else { break };
            let start = part.tokens.len();
            part.tokens.extend_from_slice(&self.tokens[rows.clone()]);
            part.positions.extend_from_slice(&self.positions[rows.clone()]);
            part.sequences.push(start..part.tokens.len());
            while asked < self.asked.len() && (self.asked[asked] as usize) < rows.end {
                part.asked.push(self.asked[asked] - rows.start as u32 + start as u32);
                part.targets.push(self.targets[asked]);
                asked += 1;
            }
        }
        all
    }
}

/// One way through the decoder.
#[derive(Debug)]
pub struct Pass {
    /// What goes through.
    pub batch: Batch,
    /// Cosines and sines of the positions.
    pub rotary: Arc<Table>,
    /// What the loss of an answer token counts.
    pub weight: f32,
    /// What part of the values of each branch is dropped, and the key that says which.
    pub dropout: Option<(f32, u64)>,
}

impl Pass {
    fn dropout_of(&self, half: u64) -> Option<(f32, u64)> {
        self.dropout.map(|(rate, key)| (rate, random::mix(key, half)))
    }

    /// The gradient of a half's branch from that of its result.
    fn back_through_dropout(&self, half: u64, dy: &Tensor) -> Result<Tensor> {
        let Some((rate, key)) = self.dropout_of(half) else { return Ok(dy.clone()) };
        let dbranch = dy.copy()?;
        change(&dbranch, |dbranch| ops::dropout(dbranch, rate, key))?;
        Ok(dbranch)
    }
}

/// A vector that is trained, or one that stays.
#[derive(Clone, Debug)]
pub enum Vector {
    /// Among the trained values of the part of the decoder that it belongs to.
    Trained(Range<usize>),
    /// As it came.
    Frozen(Vec<f32>),
}

impl Vector {
    fn values(&self, theta: &Tensor) -> Result<Vec<f32>> {
        match self {
            Vector::Trained(at) => Ok(floats(theta)?[at.clone()].to_vec()),
            Vector::Frozen(values) => Ok(values.clone()),
        }
    }

    /// Puts its gradient where that belongs.
    fn put(&self, values: Vec<f32>, gradient: &mut [f32]) {
        if let Vector::Trained(at) = self {
            gradient[at.clone()].copy_from_slice(&values);
        }
    }
}

/// What is trained of a part of the decoder: its values, one matrix or vector after the other.
#[derive(Clone, Debug)]
pub struct Part {
    /// The values.
    pub theta: Tensor,
    /// Which of them are of matrices, whose weights decay.
    pub decayed: Vec<Range<usize>>,
}

/// Something of a layer, and where its trained values are; `None` if there are none.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// What it is made of.
    pub half: T,
    /// Its part of [`Decoder::parts`].
    pub part: Option<usize>,
}

/// Where the matrix of the embedding or of the head is.
#[derive(Clone, Debug)]
pub enum Vocabulary {
    /// A part of the decoder, of `[vocabulary, width]`.
    Trained(usize),
    /// As it came.
    Frozen(Tensor),
}

/// A decoder in training.
pub struct Decoder {
    /// Everything that is trained.
    pub parts: Vec<Part>,
    /// From tokens to vectors.
    pub embedding: Vocabulary,
    /// Attention and feed-forward of each layer.
    pub layers: Vec<(Placed<AttentionHalf>, Placed<FeedForwardHalf>)>,
    /// Norm before the logits.
    pub head: Placed<Head>,
    /// From vectors to logits.
    pub head_matrix: Vocabulary,
    /// Cosines and sines of the positions.
    pub rotary: Arc<Table>,
    /// Stands where a part has nothing to train.
    pub nothing: Tensor,
}

/// What a batch says of the trained values.
pub struct Gradients {
    /// Sum of the losses of its answer tokens.
    pub loss: f64,
    /// How many these are.
    pub asked: usize,
    /// Of the mean loss, for each part.
    pub parts: Vec<Vec<f32>>,
}

impl Decoder {
    fn theta(&self, part: Option<usize>) -> &Tensor {
        part.map_or(&self.nothing, |part| &self.parts[part].theta)
    }

    fn matrix<'a>(&'a self, vocabulary: &'a Vocabulary) -> &'a Tensor {
        match vocabulary {
            Vocabulary::Trained(part) => &self.parts[*part].theta,
            Vocabulary::Frozen(matrix) => matrix,
        }
    }

    /// Numbers that are trained.
    pub fn trained(&self) -> usize {
        self.parts.iter().map(|part| part.theta.elem_count()).sum()
    }

    /// Numbers that stay as they came.
    pub fn frozen(&self) -> usize {
        let of = |linear: &Linear| match &linear.weight {
            Matrix::Trained(_) => 0,
            Matrix::Frozen(weight) => weight.elem_count(),
        };
        let vocabulary = |vocabulary: &Vocabulary| match vocabulary {
            Vocabulary::Trained(_) => 0,
            Vocabulary::Frozen(matrix) => matrix.elem_count(),
        };
        let layers = self.layers.iter().map(|(mixer, feed_forward)| {
            let (mixer, feed_forward) = (&mixer.half, &feed_forward.half);
            of(&mixer.qkv) + of(&mixer.o) + of(&feed_forward.gate_up) + of(&feed_forward.down)
        });
        layers.sum::<usize>() + vocabulary(&self.embedding) + vocabulary(&self.head_matrix)
    }

    /// Loss and gradients of `batch`. The threads share it by sequences, so that the bits depend on how many they are.
    pub fn gradients(&self, batch: Batch, dropout: Option<(f32, u64)>) -> Result<Gradients> {
        let weight = 1.0 / batch.asked.len().max(1) as f32;
        let shards = shares(batch.tokens.len());
        let shards = batch.split(shards).into_par_iter().enumerate().map(|(at, batch)| {
            let dropout = dropout.map(|(rate, key)| (rate, random::mix(key, at as u64)));
            self.shard(Pass { batch, rotary: self.rotary.clone(), weight, dropout })
        });
        let mut shards = shards.collect::<Result<Vec<_>>>()?.into_iter();
        let mut all = shards.next().unwrap_or(Gradients { loss: 0.0, asked: 0, parts: Vec::new() });
        for shard in shards {
            all.loss += shard.loss;
            all.asked += shard.asked;
            all.parts.iter_mut().zip(&shard.parts).for_each(|(sum, part)| ops::add(sum, part));
        }
        Ok(all)
    }

    fn shard(&self, pass: Pass) -> Result<Gradients> {
        let mut parts: Vec<Vec<f32>> = self.parts.iter().map(|part| vec![0.0; part.theta.elem_count()]).collect();
        let mut x = rows::pick(self.matrix(&self.embedding), &pass.batch.tokens)?;
        let mut saved = Vec::with_capacity(self.layers.len());
        for (mixer, feed_forward) in &self.layers {
            let (y, mixed) = mixer.half.forward(self.theta(mixer.part), &x, &pass)?;
            let (y, fed) = feed_forward.half.forward(self.theta(feed_forward.part), &y, &pass)?;
            saved.push((mixed, fed));
            x = y;
        }
        let head = &self.head;
        let mut dmatrix = match self.head_matrix {
            Vocabulary::Trained(part) => Some(std::mem::take(&mut parts[part])),
            Vocabulary::Frozen(_) => None,
        };
        let found = head.half.losses(
            self.theta(head.part),
            self.matrix(&self.head_matrix),
            &x,
            &pass,
            Some(own(&mut parts, head.part)),
            dmatrix.as_deref_mut(),
        )?;
        if let (Some(dmatrix), Vocabulary::Trained(part)) = (dmatrix, &self.head_matrix) {
            parts[*part] = dmatrix;
        }
        let mut dx = found.dx.unwrap_or(x);
        for ((mixer, feed_forward), (mixed, fed)) in self.layers.iter().zip(saved).rev() {
            let theta = self.theta(feed_forward.part);
            dx = feed_forward.half.backward(theta, fed, &dx, &pass, own(&mut parts, feed_forward.part))?;
            dx = mixer.half.backward(self.theta(mixer.part), mixed, &dx, &pass, own(&mut parts, mixer.part))?;
        }
        if let Vocabulary::Trained(part) = self.embedding {
            rows::gather(&dx, &pass.batch.tokens, &mut parts[part])?;
        }
        let loss = found.losses.iter().map(|&loss| f64::from(loss)).sum();
        Ok(Gradients { loss, asked: found.losses.len(), parts })
    }

    /// The loss of each answer token of `batch`.
    pub fn losses(&self, batch: Batch) -> Result<Vec<f32>> {
        let shards = shares(batch.tokens.len());
        let shards = batch.split(shards).into_par_iter().map(|batch| {
            let pass = Pass { batch, rotary: self.rotary.clone(), weight: 1.0, dropout: None };
            let mut x = rows::pick(self.matrix(&self.embedding), &pass.batch.tokens)?;
            for (mixer, feed_forward) in &self.layers {
                x = mixer.half.forward(self.theta(mixer.part), &x, &pass)?.0;
                x = feed_forward.half.forward(self.theta(feed_forward.part), &x, &pass)?.0;
            }
            let (head, matrix) = (&self.head, self.matrix(&self.head_matrix));
            Ok(head.half.losses(self.theta(head.part), matrix, &x, &pass, None, None)?.losses)
        });
        Ok(shards.collect::<Result<Vec<_>>>()?.concat())
    }
}

/// Threads that share a batch of so many tokens.
pub fn shares(tokens: usize) -> usize {
    rayon::current_num_threads().min(tokens / SHARD).max(1)
}

/// A part's gradient; nothing where a part has nothing to train.
fn own(parts: &mut [Vec<f32>], part: Option<usize>) -> &mut [f32] {
    match part {
        Some(part) => &mut parts[part],
        None => &mut [],
    }
}
