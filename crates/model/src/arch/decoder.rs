//! What stands around the layers: a decoder's sizes, its embedding and its head.

use super::source::{Key, LARGEST_COUNT, Source};
use super::tensors::{Bias, Name, NormStyle};
use crate::ModelError;
use crate::spec::{
    Attention, DecoderSpec, Embedding, Head, Layer, Linear, Mixer, Module, Norm, NormKind, Pairing, Rotary,
    RotaryScaling, TensorRef,
};

/// What an architecture's configuration class says where `config.json` is silent, and its tensors' names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defaults {
    /// `num_attention_heads`, for those whose configurations leave it out.
    pub heads: Option<usize>,
    /// Key and value heads; as many as query heads if `None`.
    pub kv_heads: (Key, Option<usize>),
    /// Width of a head; the model's width divided by the heads if `None`.
    pub head_dim: (Key, Option<usize>),
    /// `max_position_embeddings`.
    pub context: usize,
    /// The norms' epsilon: its key and default.
    pub epsilon: (Key, f64),
    /// `tie_word_embeddings`.
    pub tied: bool,
    /// The token embedding.
    pub embedding: Name,
    /// The head: the names a Hugging Face checkpoint may have for it, without regard to the prefix, and a GGUF's.
    pub head: (&'static [&'static str], &'static str),
    /// Whether the head has a bias.
    pub head_bias: Bias,
    /// Prefixes a Hugging Face checkpoint's tensors may have.
    pub prefixes: &'static [&'static str],
}

/// Names of Llama and most others; prefixes of the model, of its part in a multimodal one (newer and older), and of a
/// model saved without its head.
pub(super) const DEFAULTS: Defaults = Defaults {
    heads: None,
    kv_heads: (KV_HEADS, None),
    head_dim: (HEAD_DIM, None),
    context: 2048,
    epsilon: (Key("rms_norm_eps", "attention.layer_norm_rms_epsilon"), 1e-6),
    tied: false,
    embedding: Name("embed_tokens", "token_embd"),
    head: (&["lm_head", "language_model.lm_head"], "output"),
    head_bias: Bias::IfPresent,
    prefixes: &["model.", "model.language_model.", "language_model.model.", ""],
};

/// The sizes of a decoder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub vocab: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub context: usize,
    pub epsilon: f32,
    /// `tie_word_embeddings`.
    pub tied: bool,
    pub(super) defaults: Defaults,
}

/// Many times the widest known (256). Bounds what is allocated for a rotary embedding before any tensor is looked at.
const WIDEST_HEAD: usize = 1 << 16;

pub(super) const HIDDEN: Key = Key("hidden_size", "embedding_length");
pub(super) const LAYERS: Key = Key("num_hidden_layers", "block_count");
pub(super) const HEADS: Key = Key("num_attention_heads", "attention.head_count");
pub(super) const KV_HEADS: Key = Key("num_key_value_heads", "attention.head_count_kv");
pub(super) const HEAD_DIM: Key = Key("head_dim", "attention.key_length");
pub(super) const CONTEXT: Key = Key("max_position_embeddings", "context_length");

impl Source<'_> {
    /// Reads the sizes, finds the tensors' prefix and refuses what no architecture here can be.
    pub(super) fn sizes(&mut self, defaults: &Defaults) -> Result<Sizes, ModelError> {
        let quantised = Key("quantization_config", "");
        if self.object(quantised)?.is_some() {
            let problem =
                "whit reads unquantised safetensors (F32, F16, BF16); take the original model, or a GGUF of it";
            return Err(self.unsupported(quantised, problem));
        }
        let causal = Key("is_causal", "attention.causal");
        let everywhere = Key("use_bidirectional_attention", "");
        if self.flag(causal)? == Some(false) || self.flag(everywhere)? == Some(true) {
            return Err(
                self.unsupported(causal, "every position sees the later ones, so it is an encoder; whit runs decoders")
            );
        }

        let hidden = self.count(HIDDEN)?;
        let layers = self.count(LAYERS)?;
        let tensors = self.checkpoint.tensors.len();
        if layers > tensors {
            let problem = format!("there are {layers} layers, and only {tensors} tensors; the model is not complete");
            return Err(self.malformed(LAYERS, problem));
        }
        let heads = self.count_or(HEADS, defaults.heads)?;
        let (key, default) = defaults.kv_heads;
        let default = default.filter(|_| !self.is_gguf() && !self.is_null(key)).unwrap_or(heads);
        // A list of different numbers, where some layers have no heads at all, is the architecture's own to read.
        let kv_heads = match self.is_list(key) {
            true => self.optional_count(key).ok().flatten().unwrap_or(heads),
            false => self.count_or(key, Some(default))?,
        };
        if !heads.is_multiple_of(kv_heads) {
            let problem = format!("{kv_heads} key heads cannot be shared evenly by {heads} query heads");
            return Err(self.malformed(key, problem));
        }
        let (key, default) = defaults.head_dim;
        let default = default.filter(|_| !self.is_gguf() && !self.is_null(key));
        let head_dim = match self.optional_count(key)?.or(default) {
            Some(head_dim) if head_dim == 0 || head_dim > WIDEST_HEAD => {
                let problem = format!("it is {head_dim}, and whit runs heads of 1 to {WIDEST_HEAD} values");
                return Err(self.malformed(key, problem));
            }
            Some(head_dim) => head_dim,
            None if hidden.is_multiple_of(heads) && hidden / heads <= WIDEST_HEAD => hidden / heads,
            None => {
                return Err(self.malformed(HEADS, format!("{heads} heads do not divide the width of {hidden} evenly, into heads of {WIDEST_HEAD} values at most")));
            }
        };
        let context = self.count_or(CONTEXT, (!self.is_gguf()).then_some(defaults.context))?;
        let epsilon = self.optional_number(defaults.epsilon.0)?;
        let epsilon = match epsilon.or((!self.is_gguf()).then_some(defaults.epsilon.1)) {
            Some(epsilon) if epsilon >= 0.0 => epsilon as f32,
            Some(epsilon) => {
                return Err(self.malformed(defaults.epsilon.0, format!("it is {epsilon}, and must not be negative")));
            }
            None => return Err(self.missing(defaults.epsilon.0)),
        };
        let tied = self.flag(Key("tie_word_embeddings", ""))?.unwrap_or(defaults.tied);

        self.prefix = self.find_prefix(defaults);
        let embedding = format!("{}.weight", self.stem(defaults.embedding));
        let [rows, _] = self.matrix_shape(&embedding)?;
        let vocab = self.count_or(Key("vocab_size", ""), Some(rows))?;
        self.check_shape(&embedding, &[vocab, hidden])?;
        Ok(Sizes { vocab, hidden, layers, heads, kv_heads, head_dim, context, epsilon, tied, defaults: *defaults })
    }

    fn find_prefix(&self, defaults: &Defaults) -> String {
        let has = |prefix: &&&str| self.checkpoint.has(&format!("{prefix}{}.weight", defaults.embedding.0));
        // If none fits, the first makes the message about the missing tensor.
        let fallback = defaults.prefixes.first().copied().unwrap_or_default();
        defaults.prefixes.iter().find(has).copied().unwrap_or(fallback).to_owned()
    }

    /// Puts the layers between the embedding and the head.
    pub(super) fn decoder(
        &self,
        sizes: &Sizes,
        rotaries: Vec<Rotary>,
        mut layers: Vec<Layer>,
        final_norm: Norm,
    ) -> Result<DecoderSpec, ModelError> {
        self.check_frequencies(&rotaries, sizes.context)?;
        // The converter permutes every layer's Q and K, also where that layer does not rotate.
        if rotaries.iter().any(|rotary| rotary.pairing == Pairing::Adjacent) {
            layers.iter_mut().for_each(order_by_neighbours);
        }
        let embedding = self.stem(sizes.defaults.embedding);
        Ok(DecoderSpec {
            architecture: self.architecture.clone(),
            vocab_size: sizes.vocab,
            hidden_size: sizes.hidden,
            context_length: rotaries
                .iter()
                .map(|rotary| extended(rotary, sizes.context))
                .max()
                .unwrap_or(sizes.context),
            head: Head { linear: self.head(sizes, &embedding)?, scale: 1.0, softcap: None },
            embedding: Embedding { weight: TensorRef::all(format!("{embedding}.weight")), scale: 1.0 },
            rotaries,
            layers,
            final_norm,
        })
    }

    /// The head's own tensor, even if the configuration says that it is tied: if both are there and differ, transformers
    /// does not tie them. A GGUF without one is tied; a Hugging Face checkpoint must say so.
    fn head(&self, sizes: &Sizes, embedding: &str) -> Result<Linear, ModelError> {
        let (hugging_face, gguf) = sizes.defaults.head;
        let stems = if self.is_gguf() { &[gguf] } else { hugging_face };
        let found = stems.iter().copied().find(|stem| self.checkpoint.has(&format!("{stem}.weight")));
        let own = if self.is_gguf() { sizes.defaults.head_bias == Bias::Required } else { !sizes.tied };
        let needed = stems.first().copied().filter(|_| own);
        let stem = found.or(needed).unwrap_or(embedding);
        let linear = self.linear(stem, sizes.vocab, sizes.hidden, sizes.defaults.head_bias)?;
        Ok(Linear { module: hugging_face.first().map(|&name| Box::new(Module::all(name))), ..linear })
    }
}

/// Marks Q and K as what llama.cpp's converter makes of them where neighbours rotate together.
fn order_by_neighbours(layer: &mut Layer) {
    let Mixer::Attention(attention) = &mut layer.mixer else { return };
    let head_dim = attention.head_dim;
    for module in [&mut attention.q, &mut attention.k].into_iter().filter_map(|linear| linear.module.as_mut()) {
        module.neighbours = Some(head_dim);
    }
}

/// Positions after a scaling that says how far it reaches. Configurations with YaRN keep the model's own context or the
/// extended one, as their authors liked, those with a dynamic base the model's own; the others keep the extended one.
fn extended(rotary: &Rotary, context: usize) -> usize {
    match rotary.scaling {
        RotaryScaling::Yarn { factor, original_context, .. } | RotaryScaling::Dynamic { factor, original_context } => {
            let reach = f64::from(factor) * original_context as f64;
            context.max((reach as usize).min(LARGEST_COUNT))
        }
        _ => context,
    }
}

impl Sizes {
    /// RMSNorm with the configuration's epsilon.
    pub(super) fn rms(&self) -> NormStyle {
        NormStyle { kind: NormKind::Rms, epsilon: self.epsilon, weight_offset: 0.0 }
    }

    /// LayerNorm with the configuration's epsilon.
    pub(super) fn layer_norm(&self) -> NormStyle {
        NormStyle { kind: NormKind::Layer, ..self.rms() }
    }

    /// Rows of Q, K and V.
    pub(super) fn qkv_sizes(&self) -> [usize; 3] {
        [self.heads * self.head_dim, self.kv_heads * self.head_dim, self.kv_heads * self.head_dim]
    }

    /// Plain attention over everything.
    pub(super) fn attention(&self, [q, k, v]: [Linear; 3], o: Linear, rotary: Option<usize>) -> Attention {
        Attention {
            q,
            k,
            v,
            o,
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_dim: self.head_dim,
            scale: (1.0 / (self.head_dim as f64).sqrt()) as f32,
            softcap: None,
            window: None,
            q_norm: None,
            k_norm: None,
            rotary,
        }
    }
}
