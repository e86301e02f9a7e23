//! The same decoder of the training library's own operations and nothing else: what [`super`] is held to, value and
//! gradient.

use candle_core::{D, Result, Tensor, Var};

use super::linear::{Linear, Matrix};
use super::scratch::{Sizes, decoder};
use super::{Batch, Decoder, Vector, Vocabulary};
use crate::training::ops::attention::Heads;
use crate::training::ops::rotary::{HeadNorms, Table};
use crate::training::tensor::floats;

fn vector(vector: &Vector, theta: &Tensor) -> Result<Tensor> {
    match vector {
        Vector::Trained(at) => theta.narrow(0, at.start, at.len()),
        Vector::Frozen(values) => Tensor::new(values.as_slice(), theta.device()),
    }
}

fn norm(x: &Tensor, w: &Tensor, epsilon: f32) -> Result<Tensor> {
    let square = (x.sqr()?.mean_keepdim(D::Minus1)? + f64::from(epsilon))?;
    x.broadcast_div(&square.sqrt()?)?.broadcast_mul(w)
}

fn linear(linear: &Linear, theta: &Tensor, x: &Tensor) -> Result<Tensor> {
    let matrix = |at: &std::ops::Range<usize>, rows, cols| theta.narrow(0, at.start, at.len())?.reshape((rows, cols));
    let weight = match &linear.weight {
        Matrix::Trained(at) => matrix(at, linear.rows, linear.cols)?,
        Matrix::Frozen(weight) => weight.clone(),
    };
    let mut y = x.matmul(&weight.t()?)?;
    if let Some(bias) = &linear.bias {
        y = y.broadcast_add(&Tensor::new(bias.as_slice(), x.device())?)?;
    }
    for adapter in &linear.adapters {
        let a = matrix(&adapter.a, adapter.rank, linear.cols)?;
        let b = matrix(&adapter.b, adapter.rows.len(), adapter.rank)?;
        let added = (x.matmul(&a.t()?)?.matmul(&b.t()?)? * f64::from(adapter.scale))?;
        let after = linear.rows - adapter.rows.end;
        y = (y + added.pad_with_zeros(1, adapter.rows.start, after)?)?;
    }
    Ok(y)
}

/// One sequence's heads: `[n, dim]` each.
fn attend(qkv: &Tensor, heads: Heads, norms: Option<&HeadNorms>, rotary: &Table) -> Result<Tensor> {
    let (n, _) = qkv.dims2()?;
    let (dim, half) = (heads.head_dim, heads.head_dim / 2);
    let table = |values: &[f32]| Tensor::from_vec(values[..n * half].to_vec(), (n, half), qkv.device());
    let (cos, sin) = (table(&rotary.cos)?, table(&rotary.sin)?);
    let rotated = |head: usize, kind: usize| -> Result<Tensor> {
        let mut x = qkv.narrow(1, head * dim, dim)?.contiguous()?;
        if let Some(norms) = norms {
            x = norm(&x, &Tensor::new(norms.weights[kind].as_slice(), qkv.device())?, norms.epsilon)?;
        }
        let (l, r) = (x.narrow(1, 0, half)?, x.narrow(1, half, half)?);
        Tensor::cat(&[((&l * &cos)? - (&r * &sin)?)?, ((&r * &cos)? + (&l * &sin)?)?], 1)
    };
    let mask: Vec<f32> = (0..n * n).map(|at| if at % n > at / n { f32::NEG_INFINITY } else { 0.0 }).collect();
    let mask = Tensor::from_vec(mask, (n, n), qkv.device())?;
    let mut outs = Vec::new();
    for head in 0..heads.heads {
        let group = head / (heads.heads / heads.kv_heads);
        let (q, k) = (rotated(head, 0)?, rotated(heads.heads + group, 1)?);
        let v = qkv.narrow(1, (heads.heads + heads.kv_heads + group) * dim, dim)?.contiguous()?;
        let scores = ((q.matmul(&k.t()?)? * f64::from(heads.scale))? + &mask)?;
        let chances = scores.broadcast_sub(&scores.max_keepdim(1)?.detach())?.exp()?;
        let chances = chances.broadcast_div(&chances.sum_keepdim(1)?)?;
        outs.push(chances.matmul(&v)?);
    }
    Tensor::cat(&outs, 1)
}

/// The mean loss of the answer tokens, with the trained values `thetas`.
fn loss(decoder: &Decoder, thetas: &[Var], batch: &Batch) -> Result<Tensor> {
    let theta = |part: Option<usize>| part.map_or(&decoder.nothing, |part| thetas[part].as_tensor());
    let matrix = |vocabulary: &Vocabulary| match vocabulary {
        Vocabulary::Trained(part) => thetas[*part].as_tensor().clone(),
        Vocabulary::Frozen(matrix) => matrix.clone(),
    };
    let device = decoder.nothing.device();
    let index = |ids: &[u32]| Tensor::new(ids, device);
    let mut x = matrix(&decoder.embedding).index_select(&index(&batch.tokens)?, 0)?;
    for (mixer, feed_forward) in &decoder.layers {
        let (half, own) = (&mixer.half, theta(mixer.part));
        let h = norm(&x, &vector(&half.norm, own)?, half.epsilon)?;
        let qkv = linear(&half.qkv, own, &h)?;
        let sequences = batch.sequences.iter();
        let outs = sequences.map(|rows| {
            attend(&qkv.narrow(0, rows.start, rows.len())?, half.heads, half.head_norms.as_ref(), &decoder.rotary)
        });
        let attended = Tensor::cat(&outs.collect::<Result<Vec<_>>>()?, 0)?;
        x = (x + linear(&half.o, own, &attended)?)?;
        let (half, own) = (&feed_forward.half, theta(feed_forward.part));
        let h = norm(&x, &vector(&half.norm, own)?, half.epsilon)?;
        let gate_up = linear(&half.gate_up, own, &h)?;
        let inner = half.down.cols;
        let s = (gate_up.narrow(1, 0, inner)?.silu()? * gate_up.narrow(1, inner, inner)?)?;
        x = (x + linear(&half.down, own, &s)?)?;
    }
    let head = &decoder.head;
    let x = x.index_select(&index(&batch.asked)?, 0)?;
    let h = norm(&x, &vector(&head.half.norm, theta(head.part))?, head.half.epsilon)?;
    let logits = h.matmul(&matrix(&decoder.head_matrix).t()?)?;
    let shifted = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
    let all = shifted.exp()?.sum_keepdim(1)?.log()?;
    let own = shifted.gather(&index(&batch.targets)?.unsqueeze(1)?, 1)?;
    (all - own)?.mean_all()
}

/// Sequences of several lengths, one of a single token among them.
fn some_batch(vocabulary: u32) -> Batch {
    let mut batch = Batch::default();
    for (at, length) in [9usize, 2, 23, 40].into_iter().enumerate() {
        let ids: Vec<u32> = (0..length as u32).map(|i| (i * 7 + 3 * at as u32 + i * i) % vocabulary).collect();
        batch.push(&ids, length / 2);
    }
    batch
}

/// Holds the loss of `decoder` and all gradients to those of the plain one.
pub fn check(decoder: &Decoder) {
    check_with(decoder, false);
}

/// As [`check`]; random weights that are far from trained ones have losses whose slopes differ more in their last
/// digits.
pub fn check_with(decoder: &Decoder, is_wild: bool) {
    let tolerance = if is_wild { 2e-3 } else { 2e-4 };
    let batch = some_batch(50);
    let thetas: Vec<Var> = decoder.parts.iter().map(|part| Var::from_tensor(&part.theta).unwrap()).collect();
    let (own, plain) = (decoder.gradients(batch.clone(), None).unwrap(), loss(decoder, &thetas, &batch).unwrap());
    let (own_loss, plain_loss) = (own.loss / own.asked as f64, f64::from(plain.to_scalar::<f32>().unwrap()));
    assert!((own_loss - plain_loss).abs() < 1e-5 * plain_loss, "{own_loss}, {plain_loss}");
    let seen: f64 = decoder.losses(batch).unwrap().into_iter().map(f64::from).sum();
    assert!((seen - own.loss).abs() < 1e-9);
    let plain = plain.backward().unwrap();
    for (at, theta) in thetas.iter().enumerate() {
        let part = format!("part {at}");
        let plain = plain.get(theta).unwrap().flatten_all().unwrap().contiguous().unwrap();
        let (own, plain) = (&own.parts[at], floats(&plain).unwrap());
        let size = plain.iter().fold(0f32, |most, value| most.max(value.abs()));
        assert!(size > 0.0, "{part}: no gradient");
        for (at, (own, plain)) in own.iter().zip(plain.iter()).enumerate() {
            assert!((own - plain).abs() < tolerance * size, "{part}, {at}: {own}, {plain} of {size}");
        }
    }
}

#[test]
fn the_decoder_and_its_gradients_are_those_of_plain_operations() {
    for kv_heads in [4, 2] {
        let sizes = Sizes { vocabulary: 50, width: 64, layers: 2, heads: 4, kv_heads, inner: 96, context: 64 };
        let decoder = decoder(&sizes, 1).unwrap();
        check(&decoder);
    }
}

#[test]
fn a_batch_in_parts_means_the_same_as_a_whole() {
    let sizes = Sizes { vocabulary: 50, width: 32, layers: 2, heads: 2, kv_heads: 2, inner: 64, context: 64 };
    let decoder = decoder(&sizes, 1).unwrap();
    let mut batch = Batch::default();
    for at in 0..60 {
        let ids: Vec<u32> = (0..30 + at % 7).map(|i| (i * i + at) % 50).collect();
        batch.push(&ids, 10 + at as usize % 5);
    }
    let whole = batch.clone().split(1);
    assert_eq!(whole, [batch.clone()]);
    let parts = batch.clone().split(3);
    assert_eq!(parts.len(), 3);
    assert_eq!(parts.iter().map(|part| part.tokens.len()).sum::<usize>(), batch.tokens.len());
    let sums: f64 = parts.into_iter().flat_map(|part| decoder.losses(part).unwrap()).map(f64::from).sum();
    let all: f64 = decoder.losses(batch).unwrap().into_iter().map(f64::from).sum();
    assert!((sums - all).abs() < 1e-5 * all);
}
