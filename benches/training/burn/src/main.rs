//! The training trial in burn with its Flex backend: `trial-burn WIDTH LAYERS SEQUENCES LENGTH STEPS`.
//! The same decoder as in `../candle`, of this library's own parts: tokens a second of forward, backward and AdamW.

use std::time::Instant;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig, RmsNorm, RmsNormConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::{silu, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};

const VOCABULARY: usize = 2048;
const HEAD: usize = 32;

#[derive(Module, Debug)]
struct Block {
    norm1: RmsNorm,
    qkv: Linear,
    o: Linear,
    norm2: RmsNorm,
    gate_up: Linear,
    down: Linear,
}

#[derive(Module, Debug)]
struct Decoder {
    embedding: Embedding,
    blocks: Vec<Block>,
    norm: RmsNorm,
}

fn linear(from: usize, to: usize, device: &Device) -> Linear {
    LinearConfig::new(from, to).with_bias(false).init(device)
}

fn rotate(x: Tensor<4>, cos: &Tensor<4>, sin: &Tensor<4>) -> Tensor<4> {
    let halves = x.clone().chunk(2, 3);
    let turned = Tensor::cat(vec![halves[1].clone().neg(), halves[0].clone()], 3);
    x * cos.clone() + turned * sin.clone()
}

impl Decoder {
    fn forward(&self, tokens: Tensor<2, Int>, cos: &Tensor<4>, sin: &Tensor<4>, mask: &Tensor<4>) -> Tensor<2> {
        let mut x = self.embedding.forward(tokens);
        let [b, n, d] = x.dims();
        let heads = d / HEAD;
        for block in &self.blocks {
            let h = block.qkv.forward(block.norm1.forward(x.clone()));
            let mut parts = h
                .chunk(3, 2)
                .into_iter()
                .map(|part| part.reshape([b, n, heads, HEAD]).swap_dims(1, 2))
                .collect::<Vec<_>>();
            let (v, k, q) = (parts.pop().unwrap(), parts.pop().unwrap(), parts.pop().unwrap());
            let (q, k) = (rotate(q, cos, sin), rotate(k, cos, sin));
            let scores = q.matmul(k.swap_dims(2, 3)) * (HEAD as f32).powf(-0.5) + mask.clone();
            let a = softmax(scores, 3).matmul(v).swap_dims(1, 2).reshape([b, n, d]);
            x = x + block.o.forward(a);
            let parts = block.gate_up.forward(block.norm2.forward(x.clone())).chunk(2, 2);
            let h = silu(parts[0].clone()) * parts[1].clone();
            x = x + block.down.forward(h);
        }
        let x = self.norm.forward(x).reshape([b * n, d]);
        x.matmul(self.embedding.weight.val().transpose())
    }
}

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let &[d, layers, b, n, steps] = &arguments[..] else { panic!("WIDTH LAYERS SEQUENCES LENGTH STEPS") };
    let ff = (d * 8 / 3).next_multiple_of(32);
    let device = Device::flex().autodiff();
    let mut model = Decoder {
        embedding: EmbeddingConfig::new(VOCABULARY, d).init(&device),
        blocks: (0..layers)
            .map(|_| Block {
                norm1: RmsNormConfig::new(d).init(&device),
                qkv: linear(d, 3 * d, &device),
                o: linear(d, d, &device),
                norm2: RmsNormConfig::new(d).init(&device),
                gate_up: linear(d, 2 * ff, &device),
                down: linear(ff, d, &device),
            })
            .collect(),
        norm: RmsNormConfig::new(d).init(&device),
    };
    let mut optimizer = AdamWConfig::new().init();
    let loss_of = CrossEntropyLossConfig::new().init(&device);
    let angle = |p: usize, i: usize| p as f32 * 10_000f32.powf(-2.0 * (i % (HEAD / 2)) as f32 / HEAD as f32);
    let table = |f: fn(f32) -> f32| -> Tensor<4> {
        let values: Vec<f32> = (0..n * HEAD).map(|at| f(angle(at / HEAD, at % HEAD))).collect();
        Tensor::from_data(TensorData::new(values, [1, 1, n, HEAD]), &device)
    };
    let (cos, sin) = (table(f32::cos), table(f32::sin));
    let mask: Vec<f32> = (0..n * n).map(|at| if at % n > at / n { -1e9 } else { 0.0 }).collect();
    let mask: Tensor<4> = Tensor::from_data(TensorData::new(mask, [1, 1, n, n]), &device);
    let mut state = 1u64;
    let mut begun = Instant::now();
    for step in 0..steps + 2 {
        if step == 2 {
            begun = Instant::now();
        }
        let ids: Vec<i64> = (0..b * n)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                ((state >> 33) % 64) as i64
            })
            .collect();
        let tokens: Tensor<2, Int> = Tensor::from_data(TensorData::new(ids, [b, n]), &device);
        let logits = model.forward(tokens.clone(), &cos, &sin, &mask);
        let loss = loss_of.forward(logits, tokens.reshape([b * n]));
        let value = loss.clone().into_scalar::<f32>();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(1e-3, model, gradients);
        if step == 0 || step == steps + 1 {
            println!("step {step}: loss {value}");
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("burn-flex d={d} layers={layers} {b}x{n}: {:.0} tokens/s", (steps * b * n) as f64 / seconds);
}
