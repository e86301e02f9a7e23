//! The training trial in candle: `trial-candle WIDTH LAYERS SEQUENCES LENGTH STEPS`.
//! A small decoder of this library's own parts: tokens a second of forward, backward and AdamW.

use std::time::Instant;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};

const VOCABULARY: usize = 2048;
const HEAD: usize = 32;

struct Block {
    norm1: Var,
    qkv: Var,
    o: Var,
    norm2: Var,
    gate_up: Var,
    down: Var,
}

struct Decoder {
    embedding: Var,
    blocks: Vec<Block>,
    norm: Var,
}

fn linear(x: &Tensor, weight: &Var) -> Result<Tensor> {
    let (b, n, from) = x.dims3()?;
    let to = weight.dim(0)?;
    x.reshape((b * n, from))?.matmul(&weight.t()?)?.reshape((b, n, to))
}

fn rotate(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let half = HEAD / 2;
    let turned = Tensor::cat(&[x.narrow(3, half, half)?.neg()?, x.narrow(3, 0, half)?], 3)?;
    x.broadcast_mul(cos)? + turned.broadcast_mul(sin)?
}

impl Decoder {
    fn forward(&self, tokens: &Tensor, cos: &Tensor, sin: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (b, n) = tokens.dims2()?;
        let d = self.embedding.dim(1)?;
        let mut x = self.embedding.index_select(&tokens.flatten_all()?, 0)?.reshape((b, n, d))?;
        let heads = d / HEAD;
        for block in &self.blocks {
            let h = linear(&candle_nn::ops::rms_norm_slow(&x, &block.norm1, 1e-6)?, &block.qkv)?;
            let part = |i: usize| h.narrow(2, i * d, d)?.reshape((b, n, heads, HEAD))?.transpose(1, 2)?.contiguous();
            let (q, k, v) = (rotate(&part(0)?, cos, sin)?, rotate(&part(1)?, cos, sin)?, part(2)?);
            let scores = (q.matmul(&k.t()?)? * (HEAD as f64).powf(-0.5))?.broadcast_add(mask)?;
            let a = candle_nn::ops::softmax(&scores, 3)?.matmul(&v)?.transpose(1, 2)?.reshape((b, n, d))?;
            x = (x + linear(&a, &block.o)?)?;
            let h = linear(&candle_nn::ops::rms_norm_slow(&x, &block.norm2, 1e-6)?, &block.gate_up)?;
            let ff = h.dim(2)? / 2;
            let h = (h.narrow(2, 0, ff)?.silu()? * h.narrow(2, ff, ff)?)?;
            x = (x + linear(&h, &block.down)?)?;
        }
        let x = candle_nn::ops::rms_norm_slow(&x, &self.norm, 1e-6)?.reshape((b * n, d))?;
        x.matmul(&self.embedding.t()?)
    }
}

fn main() -> Result<()> {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let &[d, layers, b, n, steps] = &arguments[..] else { panic!("WIDTH LAYERS SEQUENCES LENGTH STEPS") };
    let ff = (d * 8 / 3).next_multiple_of(32);
    let device = Device::Cpu;
    let random = |rows: usize, cols: usize| Var::randn(0f32, (cols as f32).powf(-0.5), (rows, cols), &device);
    let ones = || Var::ones(d, DType::F32, &device);
    let model = Decoder {
        embedding: Var::randn(0f32, 0.02, (VOCABULARY, d), &device)?,
        blocks: (0..layers)
            .map(|_| {
                Ok(Block {
                    norm1: ones()?,
                    qkv: random(3 * d, d)?,
                    o: random(d, d)?,
                    norm2: ones()?,
                    gate_up: random(2 * ff, d)?,
                    down: random(d, ff)?,
                })
            })
            .collect::<Result<_>>()?,
        norm: ones()?,
    };
    let mut variables = vec![model.embedding.clone(), model.norm.clone()];
    for block in &model.blocks {
        let own = [&block.norm1, &block.qkv, &block.o, &block.norm2, &block.gate_up, &block.down];
        variables.extend(own.into_iter().cloned());
    }
    let mut optimizer = AdamW::new(variables, ParamsAdamW { lr: 1e-3, ..Default::default() })?;
    let angle = |p: usize, i: usize| p as f32 * 10_000f32.powf(-2.0 * (i % (HEAD / 2)) as f32 / HEAD as f32);
    let table = |f: fn(f32) -> f32| -> Result<Tensor> {
        let values: Vec<f32> = (0..n * HEAD).map(|at| f(angle(at / HEAD, at % HEAD))).collect();
        Tensor::from_vec(values, (1, 1, n, HEAD), &device)
    };
    let (cos, sin) = (table(f32::cos)?, table(f32::sin)?);
    let mask: Vec<f32> = (0..n * n).map(|at| if at % n > at / n { f32::NEG_INFINITY } else { 0.0 }).collect();
    let mask = Tensor::from_vec(mask, (1, 1, n, n), &device)?;
    let mut state = 1u64;
    let mut begun = Instant::now();
    for step in 0..steps + 2 {
        if step == 2 {
            begun = Instant::now();
        }
        let ids: Vec<u32> = (0..b * n)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                ((state >> 33) % 64) as u32
            })
            .collect();
        let tokens = Tensor::from_vec(ids, (b, n), &device)?;
        let logits = model.forward(&tokens, &cos, &sin, &mask)?;
        let loss = candle_nn::loss::cross_entropy(&logits, &tokens.flatten_all()?)?;
        optimizer.backward_step(&loss)?;
        if step == 0 || step == steps + 1 {
            println!("step {step}: loss {}", loss.to_scalar::<f32>()?);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("candle d={d} layers={layers} {b}x{n}: {:.0} tokens/s", (steps * b * n) as f64 / seconds);
    Ok(())
}
