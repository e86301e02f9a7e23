//! OLMo 2: Llama with norms only after each half, and of the whole query and key. llama.cpp calls OLMo 3 so too, which has
//! a window in three of four layers.

use super::decoder::{DEFAULTS, Defaults};
use super::rope::RotaryDefaults;
use super::source::Source;
use super::tensors::Name;
use crate::ModelError;
use crate::spec::{Activation, Attention, DecoderSpec, Layer, Mixer, Pairing, Rotary, RotaryScaling};

const OLMO2: Defaults = Defaults { epsilon: (DEFAULTS.epsilon.0, 1e-5), ..DEFAULTS };

/// `Olmo2ForCausalLM`, and GGUF's `olmo2`.
pub(super) fn build(source: &mut Source<'_>) -> Result<DecoderSpec, ModelError> {
    let sizes = source.sizes(&OLMO2)?;
    let rotary = source.rotary(&RotaryDefaults::new(10_000.0, Pairing::Half), sizes.head_dim, sizes.context)?;
    let window = if source.is_gguf() { source.window(None)? } else { None };
    let slides =
        if window.is_some() { source.gguf_window_pattern(sizes.layers, 4)? } else { vec![false; sizes.layers] };
    // OLMo 3 scales only the layers that see everything.
    let sliding = Rotary { scaling: RotaryScaling::None, ..rotary.clone() };
    let rotaries = if window.is_some() { vec![rotary, sliding] } else { vec![rotary] };
    let activation = source.activation("hidden_act", Activation::Silu)?;
    let layers = (0..sizes.layers).map(|layer| {
        let norm = |name, size| source.layer_norm(layer, name, sizes.rms(), size);
        let [q_size, k_size, _] = sizes.qkv_sizes();
        let attention = Attention {
            window: window.filter(|_| slides[layer]),
            q_norm: Some(norm(Name("self_attn.q_norm", "attn_q_norm"), q_size)?),
            k_norm: Some(norm(Name("self_attn.k_norm", "attn_k_norm"), k_size)?),
            ..source.attention(layer, &sizes, Some(usize::from(slides[layer])))?
        };
        Ok(Layer {
            pre_mixer_norm: None,
            mixer: Mixer::Attention(Box::new(attention)),
            post_mixer_norm: Some(norm(Name("post_attention_layernorm", "post_attention_norm"), sizes.hidden)?),
            pre_feed_forward_norm: None,
            feed_forward: source.gated(layer, &sizes, activation)?,
            post_feed_forward_norm: Some(norm(Name("post_feedforward_layernorm", "post_ffw_norm"), sizes.hidden)?),
            residual_scale: 1.0,
            parallel: false,
        })
    });
    let layers = layers.collect::<Result<_, ModelError>>()?;
    source.decoder(&sizes, rotaries, layers, source.final_rms_norm(&sizes)?)
}
