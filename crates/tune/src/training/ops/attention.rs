//! Causal grouped-query attention over sequences that lie one after the other without padding.
//!
//! A sequence's scores fit the caches, so they are worked out whole, head by head, and again in the backward pass: only
//! the logarithm of each row's sum is kept (Dao et al., 2022). Sequences are the threads' shares.

use std::ops::Range;

use rayon::prelude::*;

use super::simd::{self, LANES, Rows, product, vectorised};

/// How heads lie in a row: queries, keys, values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head; a multiple of [`LANES`].
    pub head_dim: usize,
    /// Scores are `scale * q . k`.
    pub scale: f32,
}

impl Heads {
    /// Values of queries, keys and values in a row.
    pub fn width(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    /// Values of the result in a row.
    pub fn out(&self) -> usize {
        self.heads * self.head_dim
    }
}

/// What a thread works in.
#[derive(Default)]
struct Scratch {
    transposed: Vec<f32>,
    values_transposed: Vec<f32>,
    p: Vec<f32>,
    dp: Vec<f32>,
    across: Vec<f32>,
    head: Vec<f32>,
}

impl Scratch {
    fn reserve(&mut self, n: usize, head_dim: usize) {
        let padded = n.next_multiple_of(LANES);
        for (buffer, size) in [
            (&mut self.transposed, head_dim * padded),
            (&mut self.values_transposed, head_dim * padded),
            (&mut self.p, n * padded),
            (&mut self.dp, n * padded),
            (&mut self.across, n * padded),
            (&mut self.head, n * head_dim),
        ] {
            if buffer.len() < size {
                buffer.resize(size, 0.0);
            }
        }
    }
}

/// Writes the first `cols` values of each of `n` rows as columns; columns beyond `n` are zero.
#[inline(always)]
fn transpose(rows: Rows<'_>, n: usize, cols: usize, out: &mut [f32], stride: usize) {
    for c in 0..cols {
        let line = &mut out[c * stride..(c + 1) * stride];
        for (i, value) in line[..n].iter_mut().enumerate() {
            *value = rows.values[i * rows.stride + c];
        }
        line[n..].fill(0.0);
    }
}

/// One head of one sequence: its rows of queries, keys and values, which begin at `q`, `k` and `v` of `qkv`.
#[derive(Clone, Copy)]
struct Head<'a> {
    qkv: &'a [f32],
    width: usize,
    n: usize,
    dim: usize,
    q: usize,
    k: usize,
    v: usize,
    scale: f32,
}

impl<'a> Head<'a> {
    fn rows(&self, at: usize) -> Rows<'a> {
        Rows { values: &self.qkv[at..], stride: self.width }
    }
}

vectorised! {
    fn forward_head(
        head: Head<'a>,
        scratch: &'a mut Scratch,
        out: &'a mut [f32],
        out_stride: usize,
        sums: &'a mut [f32],
        sums_stride: usize,
    ) {
        let (n, dim) = (head.n, head.dim);
        let padded = n.next_multiple_of(LANES);
        let Scratch { transposed, p, .. } = scratch;
        transpose(head.rows(head.k), n, dim, transposed, padded);
        let keys = Rows { values: transposed, stride: padded };
        product(head.rows(head.q), keys, p, padded, [n, padded, dim], |_, _| (0, dim), |end| end);
        for i in 0..n {
            let row = &mut p[i * padded..(i + 1) * padded];
            let (seen, unseen) = row.split_at_mut(i + 1);
            let mut most = f32::NEG_INFINITY;
            for value in seen.iter_mut() {
                *value *= head.scale;
                most = most.max(*value);
            }
            for value in seen.iter_mut() {
                *value = simd::exp(*value - most);
            }
            let total = simd::sum(seen.len(), |j| seen[j]);
            for value in seen.iter_mut() {
                *value /= total;
            }
            unseen.fill(0.0);
            sums[i * sums_stride] = most + total.ln();
        }
        let p = Rows { values: p, stride: padded };
        product(p, head.rows(head.v), out, out_stride, [n, dim, n], |_, end| (0, end), |_| dim);
    }
}

/// The gradient of one head, of its key and value heads a part that is added to what the other query heads of the group
/// gave.
struct HeadGradient<'a> {
    head: Head<'a>,
    out: Rows<'a>,
    dout: Rows<'a>,
    sums: &'a [f32],
    sums_stride: usize,
    scratch: &'a mut Scratch,
    dqkv: &'a mut [f32],
}

vectorised! {
    fn backward_head(this: HeadGradient<'a>) {
        let HeadGradient { head, out, dout, sums, sums_stride, scratch, dqkv } = this;
        let (n, dim, width) = (head.n, head.dim, head.width);
        let padded = n.next_multiple_of(LANES);
        let Scratch { transposed, values_transposed, p, dp, across, head: part } = scratch;
        // P again, from the scores and the logarithms of their sums.
        transpose(head.rows(head.k), n, dim, transposed, padded);
        let keys = Rows { values: transposed, stride: padded };
        product(head.rows(head.q), keys, p, padded, [n, padded, dim], |_, _| (0, dim), |end| end);
        transpose(head.rows(head.v), n, dim, values_transposed, padded);
        let values = Rows { values: values_transposed, stride: padded };
        product(dout, values, dp, padded, [n, padded, dim], |_, _| (0, dim), |end| end);
        for i in 0..n {
            let along = simd::dot(&out.values[i * out.stride..][..dim], &dout.values[i * dout.stride..][..dim]);
            let total = sums[i * sums_stride];
            let (p, dp) = (&mut p[i * padded..(i + 1) * padded], &mut dp[i * padded..(i + 1) * padded]);
            for (p, dp) in p[..=i].iter_mut().zip(&mut dp[..=i]) {
                *p = simd::exp(p.mul_add(head.scale, -total));
                *dp = *p * (*dp - along) * head.scale;
            }
            p[i + 1..].fill(0.0);
            dp[i + 1..].fill(0.0);
        }
        let gradient = Rows { values: dp, stride: padded };
        let whole = |_: usize| dim;
        // Queries: dS K. Only this head has them.
        product(gradient, head.rows(head.k), part, dim, [n, dim, n], |_, end| (0, end), whole);
        add_rows(part, dim, n, &mut dqkv[head.q..], width);
        // Keys: dS^T Q; row j of dS^T begins at its j-th term.
        transpose(gradient, n, n, across, padded);
        let down = Rows { values: across, stride: padded };
        product(down, head.rows(head.q), part, dim, [n, dim, n], |begin, _| (begin, n), whole);
        add_rows(part, dim, n, &mut dqkv[head.k..], width);
        // Values: P^T dO.
        transpose(Rows { values: p, stride: padded }, n, n, across, padded);
        let down = Rows { values: across, stride: padded };
        product(down, dout, part, dim, [n, dim, n], |begin, _| (begin, n), whole);
        add_rows(part, dim, n, &mut dqkv[head.v..], width);
    }
}

#[inline(always)]
fn add_rows(part: &[f32], dim: usize, n: usize, to: &mut [f32], stride: usize) {
    for i in 0..n {
        let to = &mut to[i * stride..][..dim];
        to.iter_mut().zip(&part[i * dim..(i + 1) * dim]).for_each(|(to, part)| *to += part);
    }
}

/// Cuts `values` into the sequences' own rows of `width` values.
fn cut<'a>(mut values: &'a mut [f32], sequences: &[Range<usize>], width: usize) -> Vec<&'a mut [f32]> {
    let mut parts = Vec::with_capacity(sequences.len());
    for sequence in sequences {
        let (part, rest) = std::mem::take(&mut values).split_at_mut(sequence.len() * width);
        parts.push(part);
        values = rest;
    }
    parts
}

fn head_of<'a>(heads: Heads, qkv: &'a [f32], n: usize, head: usize) -> Head<'a> {
    let dim = heads.head_dim;
    let group = head / (heads.heads / heads.kv_heads);
    Head {
        qkv,
        width: heads.width(),
        n,
        dim,
        q: head * dim,
        k: (heads.heads + group) * dim,
        v: (heads.heads + heads.kv_heads + group) * dim,
        scale: heads.scale,
    }
}

/// The result `[tokens, heads * head_dim]`, and the logarithm of each row's sum `[tokens, heads]`. `sequences` are the
/// rows of `qkv` one after the other, all of them.
pub fn forward(qkv: &[f32], sequences: &[Range<usize>], heads: Heads) -> (Vec<f32>, Vec<f32>) {
    let tokens = qkv.len() / heads.width();
    let (mut out, mut sums) = (vec![0.0; tokens * heads.out()], vec![0.0; tokens * heads.heads]);
    let parts = cut(&mut out, sequences, heads.out()).into_iter().zip(cut(&mut sums, sequences, heads.heads));
    let work: Vec<_> = sequences.iter().zip(parts).collect();
    work.into_par_iter().for_each_init(Scratch::default, |scratch, (sequence, (out, sums))| {
        let n = sequence.len();
        scratch.reserve(n, heads.head_dim);
        let qkv = &qkv[sequence.start * heads.width()..sequence.end * heads.width()];
        for head in 0..heads.heads {
            let at = head * heads.head_dim;
            let (out, sums) = (&mut out[at..], &mut sums[head..]);
            forward_head(head_of(heads, qkv, n, head), scratch, out, heads.out(), sums, heads.heads);
        }
    });
    (out, sums)
}

/// The gradient of `qkv` from that of the result.
pub fn backward(
    qkv: &[f32],
    out: &[f32],
    sums: &[f32],
    dout: &[f32],
    sequences: &[Range<usize>],
    heads: Heads,
) -> Vec<f32> {
    let mut dqkv = vec![0.0; qkv.len()];
    let work: Vec<_> = sequences.iter().zip(cut(&mut dqkv, sequences, heads.width())).collect();
    work.into_par_iter().for_each_init(Scratch::default, |scratch, (sequence, dqkv)| {
        let n = sequence.len();
        scratch.reserve(n, heads.head_dim);
        let of = |width: usize| sequence.start * width..sequence.end * width;
        let (qkv, sums) = (&qkv[of(heads.width())], &sums[of(heads.heads)]);
        let (out, dout) = (&out[of(heads.out())], &dout[of(heads.out())]);
        for head in 0..heads.heads {
            let at = head * heads.head_dim;
            backward_head(HeadGradient {
                head: head_of(heads, qkv, n, head),
                out: Rows { values: &out[at..], stride: heads.out() },
                dout: Rows { values: &dout[at..], stride: heads.out() },
                sums: &sums[head..],
                sums_stride: heads.heads,
                scratch,
                dqkv,
            });
        }
    });
    dqkv
}
