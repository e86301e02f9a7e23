#!/usr/bin/env python3
"""Writes further reference fixtures, laid out as those of the reference test, answered by Hugging Face transformers.

    pip install torch transformers safetensors
    make_fixtures.py OUTPUT_FOLDER

Each is a tiny checkpoint with random weights: older keys and newer, keys left out, every rotary scaling, windows, biases,
mixtures of experts, multimodal nesting. Beside config.json and model.safetensors lies expected.safetensors: `prompt_I` int64
[T], `logits_I` float32 [T, V], `greedy_I` int64 [24] and `greedy_margin_I` float32 [24].
"""

import copy
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

SIZES = dict(
    vocab_size=256, hidden_size=64, intermediate_size=160, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=512, bos_token_id=1, eos_token_id=2, pad_token_id=0,
)  # fmt: skip
GREEDY = 24


def fill(model, generator):
    """Weights that make logits of a few units, and norms and biases that are not trivial."""
    config = model.config.get_text_config()
    offset = 0.0 if config.model_type.startswith("gemma") else 1.0
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            is_norm = "norm" in name and name.endswith("weight")
            parameter.copy_(noise * 0.1 + (offset if is_norm else 0.0))
        elif "embed" in name:
            parameter.copy_(noise * (0.15 if config.tie_word_embeddings else 1.0))
        elif "lm_head" in name or "embed_out" in name:
            parameter.copy_(noise * 0.15)
        else:
            fan_in = parameter.shape[-1]
            parameter.copy_(noise / (fan_in**0.5 if fan_in > 4 else 1.0))
    model.tie_weights()


def answers(model, lengths, generator):
    expected = {}
    for i, length in enumerate(lengths):
        ids = torch.randint(3, 256, (1, length), generator=generator)
        expected[f"prompt_{i}"] = ids[0].clone()
        expected[f"logits_{i}"] = model(ids, use_cache=False).logits[0].clone()
        tokens, margins = [], []
        for _ in range(GREEDY):
            best = model(ids, use_cache=False).logits[0, -1].topk(2)
            tokens.append(best.indices[0].item())
            margins.append((best.values[0] - best.values[1]).item())
            ids = torch.cat([ids, best.indices[:1][None]], 1)
        expected[f"greedy_{i}"] = torch.tensor(tokens)
        expected[f"greedy_margin_{i}"] = torch.tensor(margins)
    return expected


@torch.no_grad()
def make(folder, class_name, model_type, changes, without=(), lengths=(1, 7, 48), auto=AutoModelForCausalLM, after=None, rename=None):
    folder.mkdir(parents=True)
    config = {**SIZES, **copy.deepcopy(changes), "architectures": [class_name], "model_type": model_type}
    config = {key: value for key, value in config.items() if key not in without}
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    generator = torch.Generator().manual_seed(sum(map(ord, folder.name)))
    model = auto.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32).eval()
    fill(model, generator)
    model.save_pretrained(folder)
    for file in folder.iterdir():
        if file.name != "model.safetensors":
            file.unlink()
    if rename:
        weights = folder / "model.safetensors"
        save_file({rename(name): values for name, values in load_file(weights).items()}, weights, metadata={"format": "pt"})
    # The configuration as it was written here, not as transformers would write it.
    if after:
        after(config)
    path.write_text(json.dumps(config, indent=1) + "\n")
    save_file(answers(model, lengths, generator), folder / "expected.safetensors")
    print(folder.name, flush=True)


def main(out):
    def maker(class_name, model_type):
        return lambda name, changes, **more: make(out / name, class_name, model_type, changes, **more)

    llama = maker("LlamaForCausalLM", "llama")
    llama3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
    yarn = dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=64, rope_theta=10000.0)
    short, long = [1 + 0.1 * i for i in range(8)], [1 + 1.5 * i for i in range(8)]
    longrope = dict(short_factor=short, long_factor=long)
    llama("llama_old_llama3", dict(rope_theta=500000.0, rope_scaling=dict(type="llama3", **llama3), rms_norm_eps=1e-5))
    llama("llama_yarn", dict(rope_scaling=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=128)))
    stated = dict(attention_factor=0.9, beta_fast=20, beta_slow=2, truncate=False)
    llama("llama_yarn_stated", dict(rope_parameters={**yarn, **stated}))
    llama("llama_yarn_mscale", dict(rope_parameters=dict(**yarn, mscale=0.7, mscale_all_dim=1.3)))
    llama("llama_linear", dict(rope_theta=10000.0, rope_scaling=dict(type="linear", factor=4.0)))
    llama("llama_dynamic", dict(rope_scaling=dict(type="dynamic", factor=4.0)))
    scaling = dict(rope_type="longrope", rope_theta=10000.0, original_max_position_embeddings=256, **longrope)
    llama("llama_longrope", dict(rope_parameters=scaling))
    llama("llama_biases", dict(attention_bias=True, mlp_bias=True, tie_word_embeddings=True))
    llama("llama_silent", {}, without=["num_key_value_heads"])
    llama("llama_nulls", dict(num_key_value_heads=None, head_dim=None, rope_scaling=None, rope_theta=20000.0))
    llama("llama_no_prefix", dict(tie_word_embeddings=True), rename=lambda name: name.removeprefix("model."))

    mistral = maker("MistralForCausalLM", "mistral")
    mistral("mistral_null_window", dict(sliding_window=None, head_dim=32, rope_theta=1e6))
    mistral("mistral_silent", dict(num_attention_heads=8), without=["num_key_value_heads"])
    experts = dict(num_local_experts=4, num_experts_per_tok=2, sliding_window=None)
    maker("MixtralForCausalLM", "mixtral")("mixtral", experts)

    qwen2 = maker("Qwen2ForCausalLM", "qwen2")
    window = dict(sliding_window=8, max_window_layers=1, rope_theta=1e6)
    qwen2("qwen2_window", dict(window, use_sliding_window=True))
    qwen2("qwen2_unused_window", dict(window, use_sliding_window=False, tie_word_embeddings=True))
    scaling = dict(type="yarn", factor=4.0, original_max_position_embeddings=128)
    qwen2("qwen2_yarn", dict(rope_theta=1e6, rope_scaling=scaling))
    maker("Qwen3ForCausalLM", "qwen3")("qwen3_bias", dict(attention_bias=True, head_dim=24, rope_theta=1e6))
    experts = dict(num_experts=6, num_experts_per_tok=3, moe_intermediate_size=48, norm_topk_prob=False)
    sparse = dict(mlp_only_layers=[1], decoder_sparse_step=1, head_dim=32)
    maker("Qwen3MoeForCausalLM", "qwen3_moe")("qwen3_moe_sparse", dict(experts, **sparse))

    phi2 = maker("PhiForCausalLM", "phi")
    phi2("phi2_old", dict(partial_rotary_factor=0.25, qk_layernorm=True, rope_theta=5000.0))
    phi2("phi2_silent", {})
    phi3 = maker("Phi3ForCausalLM", "phi3")
    phi3("phi3_window", dict(sliding_window=10, original_max_position_embeddings=512))
    scaling = dict(rope_scaling=dict(longrope, type="longrope"), original_max_position_embeddings=256)
    # transformers 5 no longer takes the name that the first Phi-3 had for it.
    su = lambda config: config["rope_scaling"].update(type="su")
    phi3("phi3_su_short", dict(scaling, max_position_embeddings=2048, rope_theta=10000.0), after=su)
    phi3("phi3_longrope_long", dict(scaling, original_max_position_embeddings=8), lengths=(9, 20, 48))
    partial = dict(partial_rotary_factor=0.75, tie_word_embeddings=True, max_position_embeddings=4096)
    six = dict(type="longrope", short_factor=short[:6], long_factor=long[:6])
    phi3("phi4mini_longrope", dict(scaling, **partial, rope_scaling=six))

    gemma = dict(head_dim=32, query_pre_attn_scalar=32)
    maker("GemmaForCausalLM", "gemma")("gemma1", dict(head_dim=32, hidden_act="gelu", num_key_value_heads=1))
    gemma2 = maker("Gemma2ForCausalLM", "gemma2")
    gemma2("gemma2_tied", dict(gemma, sliding_window=16, num_hidden_layers=4))
    uncapped = dict(attn_logit_softcapping=None, final_logit_softcapping=None)
    gemma2("gemma2_nulls", dict(gemma, query_pre_attn_scalar=50, sliding_window=12, **uncapped))
    linear = dict(rope_scaling=dict(rope_type="linear", factor=8.0), sliding_window=8)
    bases = dict(rope_theta=1e6, rope_local_base_freq=5000.0, sliding_window_pattern=3)
    maker("Gemma3ForCausalLM", "gemma3_text")("gemma3_old", dict(gemma, **linear, **bases))
    text = {key: value for key, value in SIZES.items() if not key.endswith("_id")}
    text = dict(text, **gemma, **linear, model_type="gemma3_text", num_hidden_layers=6)
    vision = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
    vision["model_type"] = "siglip_vision_model"
    images = dict(mm_tokens_per_image=4, image_token_index=255, boi_token_index=254, eoi_token_index=253)
    maker("Gemma3ForConditionalGeneration", "gemma3")(
        "gemma3_multimodal", dict(images, text_config=text, vision_config=vision), without=list(SIZES),
        auto=AutoModelForImageTextToText,
    )  # fmt: skip

    scaling = dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=64)
    maker("Olmo2ForCausalLM", "olmo2")("olmo2_yarn", dict(num_key_value_heads=4, rope_theta=5e5, rope_scaling=scaling))
    granite = maker("GraniteForCausalLM", "granite")
    multipliers = dict(attention_multiplier=0.1, embedding_multiplier=6.0, logits_scaling=4.0, residual_multiplier=0.3)
    granite("granite_biases", dict(multipliers, attention_bias=True, mlp_bias=True, rope_theta=1e5))
    granite("granite_silent", {})
    neox = maker("GPTNeoXForCausalLM", "gpt_neox")
    older = dict(rotary_pct=0.5, rotary_emb_base=5000)
    neox("gpt_neox_sequential", dict(older, use_parallel_residual=False, hidden_act="gelu_fast"))
    neox("gpt_neox_no_bias", dict(attention_bias=False, rotary_pct=1.0))

    lfm2 = maker("Lfm2ForCausalLM", "lfm2")
    older = dict(block_ff_dim=200, tie_embedding=True, full_attn_idxs=[1], rope_theta=5000.0, num_hidden_layers=4)
    lfm2("lfm2_old", dict(older, conv_bias=True, block_ffn_dim_multiplier=1.3, block_multiple_of=8, conv_L_cache=4))
    lfm2("lfm2_plain", dict(block_auto_adjust_ff_dim=False, layer_types=["conv", "full_attention", "conv"]))
    smollm3 = maker("SmolLM3ForCausalLM", "smollm3")
    smollm3("smollm3_silent", dict(num_hidden_layers=5))
    window = dict(use_sliding_window=True, sliding_window=8, no_rope_layer_interval=2)
    smollm3("smollm3_window", dict(window, num_hidden_layers=4, rope_theta=1e5, attention_bias=True))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
