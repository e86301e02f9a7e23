//! What the engine's tests share: reference folders, and running a model over ids.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use whit_engine::{Engine, Event, FinishReason, KvFormat, Options, Request, RequestId};
use whit_model::{Checkpoint, DecoderSpec, Tokenizer, safetensors};

/// The folder an environment variable names, or else `default`; both relative to the repository's root.
pub fn folder(variable: &str, default: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(std::env::var(variable).unwrap_or_else(|_| default.to_owned()))
}

/// Prompts with what a reference implementation makes of them.
pub struct Expected {
    pub cases: Vec<Case>,
}

pub struct Case {
    pub prompt: Vec<u32>,
    /// Row by row of the vocabulary.
    pub logits: Vec<Vec<f32>>,
    pub greedy: Vec<u32>,
    /// How far the best logit was ahead of the second.
    pub margins: Vec<f32>,
}

impl Expected {
    /// Reads `expected.safetensors` as the fixtures' README lays it out.
    pub fn read(path: &Path) -> Expected {
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let tensors = safetensors::parse(path, &bytes).unwrap();
        let find = |name: &str| tensors.iter().find(|t| t.name == name);
        let ids = |name: &str| -> Vec<u32> {
            let tensor = find(name).unwrap_or_else(|| panic!("{}: no {name}", path.display()));
            assert_eq!(tensor.dtype, "I64");
            bytes[tensor.bytes.clone()].as_chunks().0.iter().map(|&b| i64::from_le_bytes(b) as u32).collect()
        };
        let floats = |name: &str| -> (Vec<f32>, usize) {
            let tensor = find(name).unwrap_or_else(|| panic!("{}: no {name}", path.display()));
            let values = bytes[tensor.bytes.clone()].as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
            (values, *tensor.shape.last().unwrap())
        };
        let cases = (0..)
            .take_while(|i| find(&format!("prompt_{i}")).is_some())
            .map(|i| {
                let (logits, vocab) = floats(&format!("logits_{i}"));
                Case {
                    prompt: ids(&format!("prompt_{i}")),
                    logits: logits.chunks(vocab).map(<[f32]>::to_vec).collect(),
                    greedy: ids(&format!("greedy_{i}")),
                    margins: floats(&format!("greedy_margin_{i}")).0,
                }
            })
            .collect();
        Expected { cases }
    }
}

/// Loads the model at `path` with a cache in single precision.
pub fn load(path: &Path, options: Options) -> Result<Engine, String> {
    let checkpoint = Checkpoint::open(path).map_err(|e| e.to_string())?;
    let spec = DecoderSpec::from_checkpoint(&checkpoint).map_err(|e| e.to_string())?;
    Engine::load(&checkpoint, &spec, None, &options, &mut |_, _| {}).map_err(|e| e.to_string())
}

/// Everything computed and kept in single precision, for a context of `context`.
pub fn exact(context: usize) -> Options {
    Options { context: Some(context), kv_format: KvFormat::F32, threads: Some(2), ..Options::default() }
}

/// Logits at every position, the prompt cut in chunks of `chunk`.
pub fn logits(engine: &mut Engine, tokens: &[u32], chunk: usize) -> Vec<Vec<f32>> {
    let mut rows = Vec::new();
    engine.logits(tokens, chunk, &mut |_, row| rows.push(row.to_vec())).unwrap();
    rows
}

/// The ids a request generates.
pub fn generate(engine: &mut Engine, request: Request) -> Vec<u32> {
    engine.submit(request).unwrap();
    let mut ids = Vec::new();
    while !engine.is_idle() {
        let step = engine.step(|event| {
            if let Event::Token { id, .. } = event {
                ids.push(id);
            }
        });
        step.unwrap();
    }
    ids
}

/// The repository's own model, with its tokenizer.
pub fn pocket(options: &Options) -> (Engine, Arc<Tokenizer>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-q8_0.gguf");
    let checkpoint = Checkpoint::open(&path).unwrap();
    let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint).unwrap());
    let engine = Engine::load(&checkpoint, &spec, Some(tokenizer.clone()), options, &mut |_, _| {}).unwrap();
    (engine, tokenizer)
}

/// What a request came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub ids: Vec<u32>,
    pub text: String,
    pub vector: Vec<f32>,
    pub finish: Option<FinishReason>,
    /// Steps from submission to the end.
    pub steps: usize,
}

/// Runs the engine until nothing is left to do; what the requests came to, in their order.
pub fn finish(engine: &mut Engine, requests: &[RequestId]) -> Vec<Answer> {
    let mut answers = vec![Answer::default(); requests.len()];
    while !engine.is_idle() {
        for answer in answers.iter_mut().filter(|answer| answer.finish.is_none()) {
            answer.steps += 1;
        }
        let step = engine.step(|event| {
            let (Event::Token { request, .. } | Event::Embedding { request, .. } | Event::Finished { request, .. }) =
                event;
            let Some(at) = requests.iter().position(|id| *id == request) else { return };
            let answer = &mut answers[at];
            assert_eq!(answer.finish, None, "nothing comes after the end");
            match event {
                Event::Token { id, text, .. } => {
                    answer.ids.push(id);
                    answer.text += text;
                }
                Event::Embedding { vector, .. } => answer.vector = vector.to_vec(),
                Event::Finished { text, reason, usage, .. } => {
                    assert!(usage.generated_tokens >= answer.ids.len());
                    answer.text += text;
                    answer.finish = Some(reason);
                }
            }
        });
        step.unwrap();
    }
    answers
}

/// What one request comes to alone.
pub fn run(engine: &mut Engine, request: Request) -> Answer {
    let id = engine.submit(request).unwrap();
    finish(engine, &[id]).remove(0)
}

/// The largest difference between two sets of rows; a NaN counts as infinite.
pub fn largest_difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    assert_eq!(a.len(), b.len());
    let mut largest = 0f32;
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            let difference = (a - b).abs();
            largest = if difference.is_nan() { f32::INFINITY } else { largest.max(difference) };
        }
    }
    largest
}
