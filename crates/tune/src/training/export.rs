//! A decoder that was trained from scratch, as a GGUF file.

use candle_core::Tensor;
use whit_kernels::{Format, Isa};
use whit_model::gguf::{Array, Metadata, Value};

use crate::TuneError;
use crate::training::decoder::linear::{Linear, Matrix};
use crate::training::decoder::scratch::{EPSILON, Sizes, THETA};
use crate::training::decoder::{Decoder, Vector};
use crate::training::gguf;
use crate::training::tensor::floats;
use crate::training::vocabulary::Vocabulary;

/// How the matrices of a brick are written. Norms are in single precision always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// 8.5 bits a weight.
    #[default]
    Q8,
    /// Half precision.
    F16,
    /// As they were trained.
    F32,
}

impl Weights {
    fn format(self) -> Format {
        match self {
            Weights::Q8 => Format::Q8_0,
            Weights::F16 => Format::F16,
            Weights::F32 => Format::F32,
        }
    }
}

/// The keys of the tokenizer.
pub fn tokenizer_metadata(vocabulary: &Vocabulary) -> Metadata {
    let pieces = vocabulary.tokens.len() - vocabulary.pieces;
    // llama.cpp's types: control, normal, user-defined.
    let kinds = (0..vocabulary.tokens.len()).map(|id| match id {
        0 => 3,
        id if id >= pieces => 4,
        _ => 1,
    });
    let text = |text: &str| Value::String(text.into());
    [
        ("model", text("gpt2")),
        ("pre", text("qwen2")),
        ("tokens", Value::Array(Array::String(vocabulary.tokens.clone()))),
        ("token_type", Value::Array(Array::I32(kinds.collect()))),
        ("merges", Value::Array(Array::String(vocabulary.merges.clone()))),
        ("eos_token_id", Value::U32(0)),
        ("add_bos_token", Value::Bool(false)),
    ]
    .into_iter()
    .map(|(key, value)| (format!("tokenizer.ggml.{key}"), value))
    .collect()
}

/// The whole header.
pub fn metadata(name: &str, sizes: &Sizes, vocabulary: &Vocabulary) -> Metadata {
    let count = |count: usize| Value::U32(count as u32);
    let mut metadata = tokenizer_metadata(vocabulary);
    let model = [
        ("context_length", count(sizes.context)),
        ("embedding_length", count(sizes.width)),
        ("block_count", count(sizes.layers)),
        ("feed_forward_length", count(sizes.inner)),
        ("attention.head_count", count(sizes.heads)),
        ("attention.head_count_kv", count(sizes.kv_heads)),
        ("attention.layer_norm_rms_epsilon", Value::F32(EPSILON)),
        ("rope.dimension_count", count(sizes.head_dim())),
        ("rope.freq_base", Value::F32(THETA)),
        ("vocab_size", count(sizes.vocabulary)),
    ];
    metadata.extend(model.map(|(key, value)| (format!("llama.{key}"), value)));
    metadata.insert("general.architecture".into(), Value::String("llama".into()));
    metadata.insert("general.name".into(), Value::String(name.into()));
    metadata
}

/// The tensors, as llama.cpp names them and has the rows of queries and keys.
///
/// # Errors
/// If a weight is beyond the range of the format.
pub fn tensors(
    decoder: &Decoder,
    sizes: &Sizes,
    weights: Weights,
) -> Result<(Vec<gguf::Tensor>, Vec<Vec<u8>>), TuneError> {
    let (mut tensors, mut contents) = (Vec::new(), Vec::new());
    let isa = Isa::choose().map_err(|error| TuneError::Option(error.to_string()))?;
    let mut put = |name: String, values: &[f32], shape: Vec<usize>, format: Format| {
        let row = shape.last().copied().unwrap_or(0);
        // Rows that are no whole blocks stay as they are.
        let format = if format.row_bytes(row).is_some() { format } else { Format::F16 };
        let bytes = format.row_bytes(row).unwrap_or(0) * (values.len() / row.max(1));
        let mut bytes = vec![0; bytes];
        format
            .encode(isa, values, &mut bytes)
            .map_err(|error| TuneError::Data(format!("tensor {name} cannot be written: {error}; lower --lr")))?;
        tensors.push(gguf::Tensor { name, shape, format });
        contents.push(bytes);
        Ok::<(), TuneError>(())
    };
    let format = weights.format();
    let embedding = floats(&decoder.parts[0].theta)?.to_vec();
    put("token_embd.weight".into(), &embedding, vec![sizes.vocabulary, sizes.width], format)?;
    for (layer, (mixer, feed_forward)) in decoder.layers.iter().enumerate() {
        let name = |name: &str| format!("blk.{layer}.{name}.weight");
        let theta = |part: Option<usize>| Trained::of(decoder, part);
        let (half, own) = (&mixer.half, theta(mixer.part)?);
        put(name("attn_norm"), own.vector(&half.norm)?, vec![sizes.width], Format::F32)?;
        let head_dim = sizes.head_dim();
        let [q, kv] = [sizes.heads * head_dim, sizes.kv_heads * head_dim];
        let qkv = own.matrix(&half.qkv)?;
        let rows = |start: usize, count: usize| &qkv[start * sizes.width..(start + count) * sizes.width];
        let turned = |rows: &[f32]| adjacent(rows, sizes.width, head_dim);
        put(name("attn_q"), &turned(rows(0, q)), vec![q, sizes.width], format)?;
        put(name("attn_k"), &turned(rows(q, kv)), vec![kv, sizes.width], format)?;
        put(name("attn_v"), rows(q + kv, kv), vec![kv, sizes.width], format)?;
        put(name("attn_output"), own.matrix(&half.o)?, vec![sizes.width, q], format)?;
        let (half, own) = (&feed_forward.half, theta(feed_forward.part)?);
        put(name("ffn_norm"), own.vector(&half.norm)?, vec![sizes.width], Format::F32)?;
        let (gate, up) = own.matrix(&half.gate_up)?.split_at(sizes.inner * sizes.width);
        put(name("ffn_gate"), gate, vec![sizes.inner, sizes.width], format)?;
        put(name("ffn_up"), up, vec![sizes.inner, sizes.width], format)?;
        put(name("ffn_down"), own.matrix(&half.down)?, vec![sizes.width, sizes.inner], format)?;
    }
    let own = Trained::of(decoder, decoder.head.part)?;
    put("output_norm.weight".into(), own.vector(&decoder.head.half.norm)?, vec![sizes.width], Format::F32)?;
    Ok((tensors, contents))
}

/// A part's trained values.
struct Trained(Vec<f32>);

impl Trained {
    fn of(decoder: &Decoder, part: Option<usize>) -> Result<Trained, TuneError> {
        let theta: &Tensor = part.map_or(&decoder.nothing, |part| &decoder.parts[part].theta);
        Ok(Trained(floats(theta)?.to_vec()))
    }

    fn vector(&self, vector: &Vector) -> Result<&[f32], TuneError> {
        match vector {
            Vector::Trained(at) => Ok(&self.0[at.clone()]),
            Vector::Frozen(_) => Err(not_trained()),
        }
    }

    fn matrix(&self, linear: &Linear) -> Result<&[f32], TuneError> {
        match &linear.weight {
            Matrix::Trained(at) => Ok(&self.0[at.clone()]),
            Matrix::Frozen(_) => Err(not_trained()),
        }
    }
}

fn not_trained() -> TuneError {
    TuneError::Option("only a decoder that was trained as a whole has weights of its own".into())
}

/// Rows of queries or keys in the order in which neighbours rotate together: llama.cpp's for the architecture `llama`.
pub fn adjacent(rows: &[f32], cols: usize, head_dim: usize) -> Vec<f32> {
    let mut turned = Vec::with_capacity(rows.len());
    for head in rows.chunks_exact(head_dim * cols) {
        for pair in 0..head_dim / 2 {
            for row in [pair, pair + head_dim / 2] {
                turned.extend_from_slice(&head[row * cols..(row + 1) * cols]);
            }
        }
    }
    turned
}
