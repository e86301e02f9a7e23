//! The facts, gathered; their serialisation is what `whit inspect --json` promises.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use whit_engine::{Engine, EngineError, Options};
use whit_model::spec::{Attention, FeedForward, Mixer, Pairing, RotaryScaling};
use whit_model::{ChatTemplate, Checkpoint, Config, DecoderSpec, Tokenizer};

/// All that `whit inspect` says.
#[derive(Debug, Serialize)]
pub struct Facts {
    pub path: String,
    /// `gguf` or `huggingface`.
    pub container: &'static str,
    /// The name its makers gave it.
    pub name: Option<String>,
    pub architecture: Option<String>,
    pub parameters: u64,
    /// Bytes of all tensors as they are stored.
    pub tensor_bytes: u64,
    pub bytes_by_format: BTreeMap<String, u64>,
    pub decoder: Option<Decoder>,
    pub tokenizer: Option<TokenizerFacts>,
    pub chat_template: Option<TemplateFacts>,
    pub memory: Option<Memory>,
    /// What could not be said, and why.
    pub notes: Vec<String>,
}

/// The shape of the decoder.
#[derive(Debug, Serialize)]
pub struct Decoder {
    pub vocabulary_size: usize,
    pub hidden_size: usize,
    /// Of one feed-forward (of one expert).
    pub intermediate_size: usize,
    pub layers: usize,
    pub attention_layers: usize,
    pub convolution_layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub experts: usize,
    pub experts_per_token: usize,
    pub tied_embedding: bool,
    pub context_length: usize,
    /// The window of the layers that have one.
    pub sliding_window: Option<usize>,
    pub sliding_window_layers: usize,
    pub rotaries: Vec<RotaryFacts>,
}

/// One rotary embedding.
#[derive(Debug, Serialize)]
pub struct RotaryFacts {
    pub dim: usize,
    pub theta: f32,
    /// `half` or `adjacent`.
    pub pairing: &'static str,
    pub scaling: &'static str,
    /// How many times longer the context became, where that is one number.
    pub factor: Option<f32>,
}

/// The tokenizer.
#[derive(Debug, Serialize)]
pub struct TokenizerFacts {
    pub description: String,
    pub vocabulary_size: usize,
    pub bos: Option<String>,
    /// Tokens that end an answer.
    pub end: Vec<String>,
}

/// The chat template.
#[derive(Debug, Serialize)]
pub struct TemplateFacts {
    /// What a short exchange looks like in it; `None` if it refuses one.
    pub example: Option<String>,
}

/// What the model takes when it is loaded.
#[derive(Debug, Serialize)]
pub struct Memory {
    pub context: usize,
    /// What the context would have been, had the memory sufficed.
    pub context_wanted: Option<usize>,
    pub kv_bytes_per_token: u64,
    pub weights_bytes: u64,
    pub kv_cache_bytes: u64,
    pub workspace_bytes: u64,
    pub total_bytes: u64,
}

impl Facts {
    /// Reads what there is to read. Without `spec`, the model is a vocabulary.
    ///
    /// # Errors
    /// If what is there is damaged. What is merely absent becomes a note.
    pub fn gather(checkpoint: &Checkpoint, spec: Option<&DecoderSpec>, options: &Options) -> anyhow::Result<Facts> {
        let mut notes = Vec::new();
        let (container, name, architecture) = match &checkpoint.config {
            Config::Gguf(metadata) => {
                let text = |key: &str| metadata.get(key)?.as_str().map(str::to_owned);
                ("gguf", text("general.name"), text("general.architecture"))
            }
            Config::HuggingFace(config) => {
                let text = |key: &str| config.get(key)?.as_str().map(str::to_owned);
                ("huggingface", text("_name_or_path").filter(|name| !name.is_empty()), text("model_type"))
            }
        };
        if spec.is_none() {
            notes.push("there are no weights: this is a vocabulary only, and cannot be run".into());
        }
        let tokenizer = match Tokenizer::from_checkpoint(checkpoint) {
            Ok(tokenizer) => Some(TokenizerFacts::of(&tokenizer)),
            Err(error) => {
                notes.push(format!("no tokenizer: {error}"));
                None
            }
        };
        let chat_template = match ChatTemplate::from_checkpoint(checkpoint) {
            Ok(template) => template.map(|template| TemplateFacts::of(&template)),
            Err(error) => {
                notes.push(format!("the chat template cannot be used: {error}"));
                None
            }
        };
        let memory = match spec.map(|spec| Engine::plan(checkpoint, spec, options)) {
            None => None,
            Some(Ok(plan)) => Some(Memory {
                context: plan.context,
                context_wanted: plan.context_wanted,
                kv_bytes_per_token: plan.kv_bytes_per_position,
                weights_bytes: plan.weights,
                kv_cache_bytes: plan.kv_cache,
                workspace_bytes: plan.workspace,
                total_bytes: plan.total(),
            }),
            Some(Err(EngineError::DoesNotFit(sum))) => {
                notes.push(format!("it does not fit: {sum}"));
                None
            }
            Some(Err(error)) => return Err(error.into()),
        };
        Ok(Facts {
            path: checkpoint.path.display().to_string(),
            container,
            name,
            architecture: spec.map(|spec| spec.architecture.clone()).or(architecture),
            parameters: checkpoint.parameters(),
            tensor_bytes: checkpoint.tensor_bytes(),
            bytes_by_format: checkpoint
                .bytes_by_format()
                .iter()
                .map(|(format, bytes)| (format.to_string(), *bytes))
                .collect(),
            decoder: spec.map(Decoder::of),
            tokenizer,
            chat_template,
            memory,
            notes,
        })
    }
}

impl Decoder {
    fn of(spec: &DecoderSpec) -> Decoder {
        let attentions: Vec<&Attention> = spec
            .layers
            .iter()
            .filter_map(|layer| match &layer.mixer {
                Mixer::Attention(attention) => Some(attention.as_ref()),
                Mixer::ShortConv(_) => None,
            })
            .collect();
        let windows: Vec<usize> = attentions.iter().filter_map(|attention| attention.window).collect();
        let most =
            |value: fn(&Attention) -> usize| attentions.iter().map(|attention| value(attention)).max().unwrap_or(0);
        let (experts, experts_per_token) = spec
            .layers
            .iter()
            .find_map(|layer| match &layer.feed_forward {
                FeedForward::Experts { experts, top_k, .. } => Some((experts.len(), *top_k)),
                _ => None,
            })
            .unwrap_or((0, 0));
        Decoder {
            vocabulary_size: spec.vocab_size,
            hidden_size: spec.hidden_size,
            intermediate_size: spec
                .layers
                .iter()
                .map(|layer| intermediate_size(&layer.feed_forward))
                .max()
                .unwrap_or(0),
            layers: spec.layers.len(),
            attention_layers: attentions.len(),
            convolution_layers: spec.layers.len() - attentions.len(),
            heads: most(|attention| attention.heads),
            kv_heads: most(|attention| attention.kv_heads),
            head_dim: most(|attention| attention.head_dim),
            experts,
            experts_per_token,
            tied_embedding: spec.head.linear.weight == spec.embedding.weight,
            context_length: spec.context_length,
            sliding_window: windows.iter().copied().max(),
            sliding_window_layers: windows.len(),
            rotaries: spec.rotaries.iter().map(RotaryFacts::of).collect(),
        }
    }
}

fn intermediate_size(feed_forward: &FeedForward) -> usize {
    match feed_forward {
        FeedForward::Gated(gated) => gated.up.out_features,
        FeedForward::Plain { up, .. } => up.out_features,
        FeedForward::Experts { experts, .. } => experts.first().map_or(0, |expert| expert.up.out_features),
    }
}

impl RotaryFacts {
    fn of(rotary: &whit_model::spec::Rotary) -> RotaryFacts {
        let (scaling, factor) = match &rotary.scaling {
            RotaryScaling::None => ("none", None),
            RotaryScaling::Linear { factor } => ("linear", Some(*factor)),
            RotaryScaling::Dynamic { factor, .. } => ("dynamic", Some(*factor)),
            RotaryScaling::Yarn { factor, .. } => ("yarn", Some(*factor)),
            RotaryScaling::Llama3 { factor, .. } => ("llama3", Some(*factor)),
            RotaryScaling::LongRope { .. } => ("longrope", None),
            RotaryScaling::Divisors(_) => ("divisors", None),
        };
        let pairing = match rotary.pairing {
            Pairing::Half => "half",
            Pairing::Adjacent => "adjacent",
        };
        RotaryFacts { dim: rotary.dim, theta: rotary.theta, pairing, scaling, factor }
    }
}

impl TokenizerFacts {
    fn of(tokenizer: &Tokenizer) -> TokenizerFacts {
        let written = |id: u32| tokenizer.token(id).unwrap_or_else(|| format!("token {id}"));
        let end: BTreeSet<u32> = tokenizer.end_tokens().iter().copied().collect();
        TokenizerFacts {
            description: tokenizer.describe(),
            vocabulary_size: tokenizer.vocab_size(),
            bos: tokenizer.bos().map(written),
            end: end.into_iter().map(written).collect(),
        }
    }
}

impl TemplateFacts {
    fn of(template: &ChatTemplate) -> TemplateFacts {
        let message = serde_json::json!({"role": "user", "content": "Hello"});
        let input = whit_model::template::ChatInput {
            messages: vec![message],
            add_generation_prompt: true,
            ..Default::default()
        };
        TemplateFacts { example: template.render(&input).ok() }
    }
}
