//! Gradients against finite differences.

use super::attention::{self, Heads};
use super::rotary::{HeadNorms, Table};
use super::{loss, norm, rotary, swiglu};
use crate::training::random;

fn values(key: u64, n: usize) -> Vec<f32> {
    (0..n).map(|at| random::normal(key, at as u64)).collect()
}

/// Holds `gradient` to the differences of `f` around `x`.
fn check(what: &str, x: &[f32], gradient: &[f32], f: impl Fn(&[f32]) -> f64) {
    let size = gradient.iter().fold(0f32, |most, value| most.max(value.abs()));
    for at in (0..x.len()).step_by((x.len() / 61).max(1)) {
        let moved = |by: f32| {
            let mut x = x.to_vec();
            x[at] += by;
            f(&x)
        };
        let step = 4e-3;
        let difference = (moved(step) - moved(-step)) / f64::from(2.0 * step);
        let error = (difference - f64::from(gradient[at])).abs();
        assert!(error < 4e-3 * f64::from(size), "{what} {at}: {}, not {difference}", gradient[at]);
    }
}

fn along(values: &[f32], weights: &[f32]) -> f64 {
    values.iter().zip(weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn the_gradient_of_rms_norm_is_its_slope() {
    let (d, rows) = (48, 70);
    let (x, w, dh) = (values(1, rows * d), values(2, d), values(3, rows * d));
    let (_, inverse) = norm::forward(&x, &w, 1e-5);
    let (dx, dw) = norm::backward(&x, &w, &inverse, &dh, &vec![0.0; x.len()]);
    check("x", &x, &dx, |x| along(&norm::forward(x, &w, 1e-5).0, &dh));
    check("w", &w, &dw, |w| along(&norm::forward(&x, w, 1e-5).0, &dh));
}

#[test]
fn the_gradient_of_swiglu_is_its_slope() {
    let (inner, rows) = (33, 5);
    let (gate_up, ds) = (values(1, rows * 2 * inner), values(2, rows * inner));
    let (mut gradient, mut again) = (gate_up.clone(), ds.clone());
    swiglu::backward(&mut gradient, &mut again, inner);
    assert_eq!(again, swiglu::forward(&gate_up, inner), "the result is worked out again");
    check("gate and up", &gate_up, &gradient, |gate_up| along(&swiglu::forward(gate_up, inner), &ds));
}

#[test]
fn the_gradient_of_attention_is_its_slope() {
    for (heads, kv_heads, head_dim) in [(2, 2, 16), (4, 2, 32), (2, 1, 48)] {
        let heads = Heads { heads, kv_heads, head_dim, scale: 0.3 };
        let sequences = [0..7, 7..8, 8..27];
        let (qkv, dout) = (values(1, 27 * heads.width()), values(2, 27 * heads.out()));
        let (out, sums) = attention::forward(&qkv, &sequences, heads);
        let gradient = attention::backward(&qkv, &out, &sums, &dout, &sequences, heads);
        check("qkv", &qkv, &gradient, |qkv| along(&attention::forward(qkv, &sequences, heads).0, &dout));
    }
}

#[test]
fn the_gradient_of_rotated_and_normed_heads_is_their_slope() {
    let (dim, rows, heads) = (16, 5, [2, 1]);
    let width = 4 * dim;
    let (x, dy) = (values(1, rows * width), values(2, rows * width));
    let norms = HeadNorms { weights: [values(3, dim), values(4, dim)], epsilon: 1e-6 };
    let inv_freq: Vec<f32> = (0..dim / 2).map(|i| 0.5f32.powi(i as i32)).collect();
    let (table, positions) = (Table::new(&inv_freq, 1.5, 64), [3, 4, 0, 1, 60]);
    let forward = |x: &[f32]| {
        let mut y = x.to_vec();
        norms.forward(&mut y, width, heads);
        rotary::rotate(&mut y, width, 3, &positions, &table, false);
        y
    };
    let mut gradient = dy.clone();
    rotary::rotate(&mut gradient, width, 3, &positions, &table, true);
    norms.backward(&x, &mut gradient, width, heads);
    check("x", &x, &gradient, |x| along(&forward(x), &dy));
}

#[test]
fn the_gradient_of_the_loss_is_its_slope() {
    let (vocabulary, targets) = (70, [3, 69, 0, 3]);
    let logits = values(1, targets.len() * vocabulary);
    let mut gradient = logits.clone();
    let losses = loss::softmax_cross_entropy(&mut gradient, &targets, 1.0);
    let exact = {
        let row: Vec<f64> = logits[..vocabulary].iter().map(|&x| f64::from(x)).collect();
        row.iter().map(|x| x.exp()).sum::<f64>().ln() - row[3]
    };
    assert!((f64::from(losses[0]) - exact).abs() < 1e-5, "{}, {exact}", losses[0]);
    check("logits", &logits, &gradient, |logits| {
        loss::softmax_cross_entropy(&mut logits.to_vec(), &targets, 1.0).into_iter().map(f64::from).sum()
    });
}

#[test]
fn dropout_keeps_the_mean_and_its_key_decides() {
    let mut first = vec![1.0; 100_000];
    super::dropout(&mut first, 0.1, 5);
    let mean = first.iter().sum::<f32>() / 1e5;
    assert!((mean - 1.0).abs() < 0.01, "{mean}");
    let mut second = vec![1.0; 100_000];
    super::dropout(&mut second, 0.1, 5);
    assert_eq!(first, second);
}

#[test]
fn adamw_is_adam_with_decay_beside_it() {
    use super::adamw::{Step, update};
    let (mut w, mut m, mut v) = (vec![1.0f32, -2.0], vec![0.0; 2], vec![0.0; 2]);
    let step = Step { rate: 0.1, betas: [0.9, 0.95], epsilon: 1e-8, decay: 0.5, number: 1, scale: 1.0 };
    update(&mut w, &mut m, &mut v, &[3.0, -0.2], step);
    // The first step goes by the sign of the gradient.
    let expected = [1.0 - 0.05 - 0.1, -2.0 + 0.1 + 0.1];
    for (w, expected) in w.iter().zip(expected) {
        assert!((w - expected).abs() < 1e-5, "{w}, {expected}");
    }
}
