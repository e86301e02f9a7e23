//! The parts that most decoders' layers share: attention, the gated feed-forward, windows, activations.

use super::decoder::Sizes;
use super::source::{Key, Source};
use super::tensors::{Bias, Name, layer_module};
use crate::ModelError;
use crate::error::shorten;
use crate::spec::{Activation, Attention, FeedForward, GatedFeedForward, Layer, Linear, Mixer, Norm, Rows};

pub(super) const INTERMEDIATE: Key = Key("intermediate_size", "feed_forward_length");
const WINDOW: Key = Key("sliding_window", "attention.sliding_window");
const ATTENTION_BIAS: Key = Key("attention_bias", "");
pub(super) const INPUT_NORM: Name = Name("input_layernorm", "attn_norm");
const WINDOW_PATTERN: Key = Key("", "attention.sliding_window_pattern");
const MLP_BIAS: Key = Key("mlp_bias", "");

impl Source<'_> {
    /// A layer with a norm before each half, in Llama's names.
    pub(super) fn pre_norm_layer(
        &self,
        layer: usize,
        sizes: &Sizes,
        attention: Attention,
        feed_forward: FeedForward,
    ) -> Result<Layer, ModelError> {
        let norm = |name| self.layer_norm(layer, name, sizes.rms(), sizes.hidden);
        Ok(Layer {
            pre_mixer_norm: Some(norm(INPUT_NORM)?),
            mixer: Mixer::Attention(Box::new(attention)),
            post_mixer_norm: None,
            pre_feed_forward_norm: Some(norm(Name("post_attention_layernorm", "ffn_norm"))?),
            feed_forward,
            post_feed_forward_norm: None,
            residual_scale: 1.0,
            parallel: false,
        })
    }

    /// The norm after the last layer, in Llama's names.
    pub(super) fn final_rms_norm(&self, sizes: &Sizes) -> Result<Norm, ModelError> {
        self.norm(&self.stem(Name("norm", "output_norm")), sizes.rms(), sizes.hidden)
    }

    /// The activation that `config.json` names under `key`. A GGUF's is the architecture's own, the `default`, unless it has
    /// the key that llama.cpp keeps for architectures where models differ.
    pub(super) fn activation(&self, key: &'static str, default: Activation) -> Result<Activation, ModelError> {
        let key = Key(key, "hidden_activation");
        Ok(match self.text(key)? {
            None => default,
            Some("silu" | "swish") => Activation::Silu,
            Some("gelu" | "gelu_python") => Activation::Gelu,
            Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_fast" | "gelu_accurate") => {
                Activation::GeluTanh
            }
            Some("relu") => Activation::Relu,
            Some(other) => {
                let problem =
                    format!("it is \"{}\", and whit knows silu, gelu, gelu_pytorch_tanh and relu", shorten(other));
                return Err(self.unsupported(key, problem));
            }
        })
    }

    /// The sliding window of the layers that slide; `default` if a `config.json` is silent, which is not to say `null`.
    /// Zero is how a GGUF writes that there is none.
    pub(super) fn window(&self, default: Option<usize>) -> Result<Option<usize>, ModelError> {
        let default = default.filter(|_| !self.is_gguf() && !self.is_null(WINDOW));
        Ok(self.optional_count(WINDOW)?.or(default).filter(|&window| window > 0))
    }

    /// Each layer's window in a GGUF that lists the layers that slide, for architectures to which llama.cpp applies none:
    /// without the list the key may be the one that `use_sliding_window: false` switches off.
    pub(super) fn listed_windows(&self, layers: usize) -> Result<Option<Vec<Option<usize>>>, ModelError> {
        if !self.is_list(WINDOW_PATTERN) {
            return Ok(None);
        }
        let window = self.window(None)?;
        let slides = self.gguf_window_pattern(layers, 0)?;
        Ok(Some(slides.into_iter().map(|slides| window.filter(|_| slides)).collect()))
    }

    /// For each layer whether its window slides: a GGUF's list, or all but every n-th layer, n being the GGUF's number or
    /// `every`.
    pub(super) fn gguf_window_pattern(&self, layers: usize, every: usize) -> Result<Vec<bool>, ModelError> {
        if self.is_list(WINDOW_PATTERN) {
            let pattern = self.counts(WINDOW_PATTERN, layers)?.unwrap_or_default();
            return Ok(pattern.into_iter().map(|slides| slides != 0).collect());
        }
        let every = self.optional_count(WINDOW_PATTERN)?.unwrap_or(every);
        Ok((0..layers).map(|layer| every == 0 || layer % every < every - 1).collect())
    }

    /// `layer_types` of `config.json`: for each layer whether it is `kind`; any other must be `otherwise`.
    pub(super) fn layer_types(
        &self,
        layers: usize,
        kind: &str,
        otherwise: &str,
    ) -> Result<Option<Vec<bool>>, ModelError> {
        let key = Key("layer_types", "");
        let Some(types) = self.texts(key)? else { return Ok(None) };
        if types.len() < layers {
            return Err(self.malformed(key, format!("it has {} values for {layers} layers", types.len())));
        }
        match types[..layers].iter().find(|&&name| name != kind && name != otherwise) {
            None => Ok(Some(types[..layers].iter().map(|&name| name == kind).collect())),
            Some(other) => {
                let problem =
                    format!("a layer is \"{}\", and this architecture's are {kind} or {otherwise}", shorten(other));
                Err(self.unsupported(key, problem))
            }
        }
    }

    /// Attention with Llama's names, over separate projections or llama.cpp's fused `attn_qkv`; what is not usual is the
    /// caller's to change.
    pub(super) fn attention(
        &self,
        layer: usize,
        sizes: &Sizes,
        rotary: Option<usize>,
    ) -> Result<Attention, ModelError> {
        let bias = Bias::from_flag(self.flag(ATTENTION_BIAS)?);
        let qkv = [
            Name("self_attn.q_proj", "attn_q"),
            Name("self_attn.k_proj", "attn_k"),
            Name("self_attn.v_proj", "attn_v"),
        ];
        let qkv = self.separate_qkv(layer, sizes, qkv, bias)?;
        let width = sizes.heads * sizes.head_dim;
        let o = self.layer_linear(layer, Name("self_attn.o_proj", "attn_output"), sizes.hidden, width, bias)?;
        Ok(sizes.attention(qkv, o, rotary))
    }

    /// Q, K and V of a layer: one tensor each, or llama.cpp's fused `attn_qkv`.
    pub(super) fn separate_qkv(
        &self,
        layer: usize,
        sizes: &Sizes,
        names: [Name; 3],
        bias: Bias,
    ) -> Result<[Linear; 3], ModelError> {
        let out = sizes.qkv_sizes();
        let fused = Name("", "attn_qkv");
        if self.is_gguf() && self.has_in_layer(layer, fused) {
            let mut parts = self.layer_fused(layer, fused, out, sizes.hidden, bias)?;
            for (part, name) in parts.iter_mut().zip(names) {
                part.module = Some(layer_module(layer, name, Rows::All));
            }
            return Ok(parts);
        }
        let one = |i: usize| self.layer_linear(layer, names[i], out[i], sizes.hidden, bias);
        Ok([one(0)?, one(1)?, one(2)?])
    }

    /// The gated feed-forward with Llama's names.
    pub(super) fn gated(&self, layer: usize, sizes: &Sizes, activation: Activation) -> Result<FeedForward, ModelError> {
        let names =
            [Name("mlp.gate_proj", "ffn_gate"), Name("mlp.up_proj", "ffn_up"), Name("mlp.down_proj", "ffn_down")];
        self.gated_as(layer, sizes, self.count(INTERMEDIATE)?, names, activation)
    }

    /// A gated feed-forward: gate, up and down, of `intermediate` values.
    pub(super) fn gated_as(
        &self,
        layer: usize,
        sizes: &Sizes,
        intermediate: usize,
        [gate, up, down]: [Name; 3],
        activation: Activation,
    ) -> Result<FeedForward, ModelError> {
        let bias = Bias::from_flag(self.flag(MLP_BIAS)?);
        let linear = |name, rows, cols| self.layer_linear(layer, name, rows, cols, bias);
        Ok(FeedForward::Gated(GatedFeedForward {
            gate: linear(gate, intermediate, sizes.hidden)?,
            up: linear(up, intermediate, sizes.hidden)?,
            down: linear(down, sizes.hidden, intermediate)?,
            activation,
        }))
    }

    /// The feed-forward without a gate: up and down, each with its bias.
    pub(super) fn plain(
        &self,
        layer: usize,
        sizes: &Sizes,
        [up, down]: [Name; 2],
        activation: Activation,
    ) -> Result<FeedForward, ModelError> {
        let intermediate = self.count(INTERMEDIATE)?;
        let linear = |name, rows, cols| self.layer_linear(layer, name, rows, cols, Bias::Required);
        Ok(FeedForward::Plain {
            up: linear(up, intermediate, sizes.hidden)?,
            down: linear(down, sizes.hidden, intermediate)?,
            activation,
        })
    }
}
