#!/usr/bin/env python3
"""Writes a test fixture (a folder with config.json and model.safetensors) as GGUF, as llama.cpp's converter would.

    pip install gguf numpy safetensors
    convert_to_gguf.py FOLDER OUTPUT.gguf

Keys, tensor names and conventions are llama.cpp's (conversion/*.py, src/models/*.cpp): Q and K rows permuted where neighbours
rotate together, Gemma's norms with the one added, experts stacked, GPT-NeoX's Q, K and V sorted. The vocabulary is the 256
bytes. Weights stay in float32. Where a configuration says what llama.cpp cannot, the file still says it, by a key or a tensor
of llama.cpp's for other architectures, and a warning tells how llama.cpp's answers will differ.
"""

import json
import re
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

# Hugging Face's class: (llama.cpp's architecture, whether its converter permutes Q and K).
ARCHITECTURES = {
    "LlamaForCausalLM": ("llama", True),
    "MistralForCausalLM": ("llama", True),
    "MixtralForCausalLM": ("llama", True),
    "SmolLM3ForCausalLM": ("smollm3", True),
    "Qwen2ForCausalLM": ("qwen2", False),
    "Qwen3ForCausalLM": ("qwen3", False),
    "Qwen3MoeForCausalLM": ("qwen3moe", False),
    "PhiForCausalLM": ("phi2", False),
    "Phi3ForCausalLM": ("phi3", False),
    "GemmaForCausalLM": ("gemma", False),
    "Gemma2ForCausalLM": ("gemma2", False),
    "Gemma3ForCausalLM": ("gemma3", False),
    "Gemma3ForConditionalGeneration": ("gemma3", False),
    "Olmo2ForCausalLM": ("olmo2", False),
    "GraniteForCausalLM": ("granite", True),
    "GPTNeoXForCausalLM": ("gptneox", False),
    "Lfm2ForCausalLM": ("lfm2", False),
}

# What Hugging Face's configuration classes say where config.json is silent, as far as it is read below.
DEFAULTS = {
    "llama": dict(rms_norm_eps=1e-6, max_position_embeddings=2048),
    "mistral": dict(rms_norm_eps=1e-6, max_position_embeddings=131072, num_key_value_heads=8, sliding_window=4096),
    "mixtral": dict(rms_norm_eps=1e-5, num_key_value_heads=8, num_experts_per_tok=2, rope_theta=1e6),
    "smollm3": dict(rms_norm_eps=1e-6, num_key_value_heads=4, no_rope_layer_interval=4, rope_theta=2e6),
    "qwen2": dict(rms_norm_eps=1e-6, max_position_embeddings=32768, sliding_window=4096, max_window_layers=28),
    "qwen3": dict(rms_norm_eps=1e-6, max_position_embeddings=32768, sliding_window=4096, max_window_layers=28, head_dim=128),
    "qwen3_moe": dict(rms_norm_eps=1e-6, num_key_value_heads=4, num_experts_per_tok=8, norm_topk_prob=False),
    "phi": dict(layer_norm_eps=1e-5, partial_rotary_factor=0.5),
    "phi3": dict(rms_norm_eps=1e-5, original_max_position_embeddings=4096),
    "gemma": dict(rms_norm_eps=1e-6, head_dim=256),
    "gemma2": dict(
        rms_norm_eps=1e-6, head_dim=256, sliding_window=4096, query_pre_attn_scalar=256,
        attn_logit_softcapping=50.0, final_logit_softcapping=30.0, sliding_window_pattern=2,
    ),
    "gemma3_text": dict(
        rms_norm_eps=1e-6, max_position_embeddings=131072, vocab_size=262208, num_attention_heads=8, num_key_value_heads=4,
        head_dim=256, sliding_window=4096, query_pre_attn_scalar=256, sliding_window_pattern=6,
        rope_theta=1e6, rope_local_base_freq=1e4,
    ),
    "olmo2": dict(rms_norm_eps=1e-5),
    "granite": dict(
        rms_norm_eps=1e-6, attention_multiplier=1.0, embedding_multiplier=1.0, residual_multiplier=1.0, logits_scaling=1.0
    ),
    "gpt_neox": dict(layer_norm_eps=1e-5, rotary_pct=0.25, rotary_emb_base=1e4, hidden_act="gelu"),
    "lfm2": dict(
        norm_eps=1e-5, block_auto_adjust_ff_dim=True, block_ffn_dim_multiplier=1.0, block_multiple_of=256, conv_L_cache=3,
        num_key_value_heads=8, rope_theta=1e6,
    ),
}  # fmt: skip

# Names without `.weight` or `.bias`; a layer's with its number taken off.
OUTSIDE = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "model.final_layernorm": "output_norm",
    "model.embedding_norm": "token_embd_norm",
    "lm_head": "output",
    "gpt_neox.embed_in": "token_embd",
    "gpt_neox.final_layer_norm": "output_norm",
    "embed_out": "output",
}
INSIDE = {
    "input_layernorm": "attn_norm",
    "operator_norm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.qkv_proj": "attn_qkv",
    "attention.query_key_value": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "self_attn.out_proj": "attn_output",
    "self_attn.dense": "attn_output",
    "attention.dense": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "self_attn.q_layernorm": "attn_q_norm",
    "self_attn.k_layernorm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
    "ffn_norm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
    "mlp.dense_h_to_4h": "ffn_up",
    "mlp.dense_4h_to_h": "ffn_down",
    "feed_forward.w1": "ffn_gate",
    "feed_forward.w3": "ffn_up",
    "feed_forward.w2": "ffn_down",
    "conv.conv": "shortconv.conv",
    "conv.in_proj": "shortconv.in_proj",
    "conv.out_proj": "shortconv.out_proj",
    "mlp.gate": "ffn_gate_inp",
    "block_sparse_moe.gate": "ffn_gate_inp",
}
EXPERT_PARTS = {"gate_proj": "gate", "up_proj": "up", "down_proj": "down", "w1": "gate", "w3": "up", "w2": "down"}
# Tensors of Hugging Face's that llama.cpp has no place for, so that it refuses the file.
UNKNOWN_TO_LLAMA_CPP = {
    "phi2": r"attn_[qk]_norm",
    "lfm2": r"shortconv\..*\.bias",
    "qwen3": r"attn_output\.bias",
    "smollm3": r"attn_output\.bias|ffn_.*\.bias",
}
# Architectures for which it has these.
ROPE_FACTORS = {
    "rope_freqs.weight": ("llama", "granite"),
    "rope_factors_long.weight": ("llama", "granite", "phi3"),
    "rope_factors_short.weight": ("llama", "granite", "phi3"),
}
# Architectures whose norm after attention is not the one before the feed-forward.
NORMS_AFTER = {"gemma2", "gemma3", "olmo2"}
# Architectures whose head llama.cpp does not tie.
HEAD_NEEDED = {"olmo2", "phi2", "gptneox"}


def warn(text):
    print(f"convert_to_gguf: {text}", file=sys.stderr)


class Converter:
    def __init__(self, folder, output):
        config = json.loads((folder / "config.json").read_text())
        self.class_name = config["architectures"][0]
        self.arch, self.permutes = ARCHITECTURES[self.class_name]
        config = config.get("text_config", config)
        self.config = {**DEFAULTS[config["model_type"]], **config}
        self.tensors = load_file(folder / "model.safetensors")
        self.writer = gguf.GGUFWriter(output, self.arch)
        self.layers = self.config["num_hidden_layers"]
        self.hidden = self.config["hidden_size"]
        self.heads = self.config["num_attention_heads"]
        self.head_dim = self.config.get("head_dim") or self.hidden // self.heads
        self.kv_heads = self.config.get("num_key_value_heads") or self.heads
        if self.arch == "gptneox":
            self.kv_heads = self.heads

    def number(self, key, value, kind="u32"):
        add = {"u32": self.writer.add_uint32, "f32": self.writer.add_float32, "bool": self.writer.add_bool}[kind]
        add(f"{self.arch}.{key}", {"u32": int, "f32": float, "bool": bool}[kind](value))

    # ---- keys

    def sizes(self):
        c = self.config
        self.number("context_length", c["max_position_embeddings"])
        self.number("embedding_length", self.hidden)
        self.number("block_count", self.layers)
        self.number("feed_forward_length", self.intermediate())
        self.number("attention.head_count", self.heads)
        if self.arch == "lfm2":
            attends = c.get("full_attn_idxs") or range(self.layers)
            kinds = c.get("layer_types") or ["full_attention" if i in attends else "conv" for i in range(self.layers)]
            self.writer.add_array("lfm2.attention.head_count_kv", [0 if kind == "conv" else self.kv_heads for kind in kinds])
        else:
            self.number("attention.head_count_kv", self.kv_heads)
        if self.head_dim * self.heads != self.hidden or c.get("head_dim"):
            self.number("attention.key_length", self.head_dim)
            self.number("attention.value_length", self.head_dim)
        if "layer_norm_eps" in c:
            self.number("attention.layer_norm_epsilon", c["layer_norm_eps"], "f32")
        else:
            self.number("attention.layer_norm_rms_epsilon", c.get("rms_norm_eps", c.get("norm_eps")), "f32")

    def intermediate(self):
        c = self.config
        size = c.get("block_ff_dim", c["intermediate_size"])
        if self.arch == "lfm2" and c["block_auto_adjust_ff_dim"]:
            size = int(c["block_ffn_dim_multiplier"] * int(2 * size / 3))
            size = -(-size // c["block_multiple_of"]) * c["block_multiple_of"]
        return size

    def windows(self):
        c = self.config
        window = c.get("sliding_window")
        switched = self.arch.startswith("qwen") or self.arch == "smollm3"
        if switched and not c.get("use_sliding_window"):
            window = None
        if self.arch == "phi3":
            # Zero tells Phi-4 from the others.
            self.number("attention.sliding_window", window or 0)
        elif window and (switched or self.arch in ("llama", "gemma2", "gemma3")):
            self.number("attention.sliding_window", window)
            if self.arch != "llama":
                self.writer.add_array(f"{self.arch}.attention.sliding_window_pattern", self.sliding_layers())
        if window and not self.arch.startswith("gemma"):
            warn(f"llama.cpp applies no window to {self.arch}, and will differ from position {window} on")

    def sliding_layers(self):
        c = self.config
        if c.get("layer_types"):
            return [kind == "sliding_attention" for kind in c["layer_types"]]
        if "sliding_window_pattern" in c:
            return [(layer + 1) % c["sliding_window_pattern"] != 0 for layer in range(self.layers)]
        if self.arch == "smollm3":
            return [not rotates for rotates in self.rotating_layers()]
        return [layer >= c.get("max_window_layers", 0) for layer in range(self.layers)]

    def rotating_layers(self):
        every = self.config["no_rope_layer_interval"]
        return self.config.get("no_rope_layers") or [int((layer + 1) % every != 0) for layer in range(self.layers)]

    def extras(self):
        c = self.config
        if self.arch == "granite":
            self.number("attention.scale", c["attention_multiplier"], "f32")
            self.number("embedding_scale", c["embedding_multiplier"], "f32")
            self.number("residual_scale", c["residual_multiplier"], "f32")
            self.number("logit_scale", c["logits_scaling"], "f32")
        if self.arch == "gemma2":
            for key in ("attn_logit_softcapping", "final_logit_softcapping"):
                self.number(key, c[key] or 0.0, "f32")
                if not c[key]:
                    warn(f"llama.cpp divides by {key}; it answers with NaN")
        if self.arch == "gemma3" and c.get("final_logit_softcapping"):
            self.number("final_logit_softcapping", c["final_logit_softcapping"], "f32")
        if self.arch in ("gemma2", "gemma3") and c["query_pre_attn_scalar"] != self.head_dim:
            self.number("attention.scale", c["query_pre_attn_scalar"] ** -0.5, "f32")
            warn(f"llama.cpp's {self.arch} scales by the width of a head, whatever the file says, and will differ")
        if self.arch == "gptneox":
            self.number("use_parallel_residual", c.get("use_parallel_residual", True), "bool")
            self.writer.add_string("gptneox.hidden_activation", c["hidden_act"])
            if c["hidden_act"] == "gelu":
                warn("llama.cpp computes GELU by its approximation, and will differ a little")
        if self.arch == "lfm2":
            self.number("shortconv.l_cache", c["conv_L_cache"])
        if self.arch == "smollm3":
            rotates = self.rotating_layers()
            if rotates != [int((layer + 1) % 4 != 0) for layer in range(self.layers)]:
                self.writer.add_array("smollm3.attention.rope_pattern", rotates)
                warn("llama.cpp's smollm3 leaves every fourth layer unrotated, whatever the file says, and will differ")
        experts = c.get("num_local_experts", c.get("num_experts"))
        if experts:
            self.number("expert_count", experts)
            self.number("expert_used_count", c["num_experts_per_tok"])
            if "moe_intermediate_size" in c:
                self.number("expert_feed_forward_length", c["moe_intermediate_size"])
            if c.get("norm_topk_prob", True) is False:
                self.number("expert_weights_norm", False, "bool")
                warn("llama.cpp's qwen3moe always weighs experts by their share of the chosen ones, and will differ")

    def rope(self):
        c = self.config
        rope = c.get("rope_parameters") or {}
        if "full_attention" in rope:
            local = rope.get("sliding_attention") or {}
            self.number("rope.freq_base_swa", local.get("rope_theta", 10000.0), "f32")
            rope = rope["full_attention"]
        elif self.arch == "gemma3":
            self.number("rope.freq_base_swa", c["rope_local_base_freq"], "f32")
        rope = {**rope, **(c.get("rope_scaling") or {})}
        theta = rope.get("rope_theta") or c.get("rope_theta") or c.get("rotary_emb_base") or 10000.0
        share = rope.get("partial_rotary_factor") or c.get("partial_rotary_factor") or c.get("rotary_pct") or 1.0
        dim = int(self.head_dim * share)
        self.number("rope.dimension_count", dim)
        self.number("rope.freq_base", theta, "f32")
        kind = rope.get("rope_type", rope.get("type", "default"))
        factor = rope.get("factor")
        original = c.get("original_max_position_embeddings") or rope.get("original_max_position_embeddings")
        original = original or c["max_position_embeddings"]
        if kind == "linear":
            self.writer.add_string(f"{self.arch}.rope.scaling.type", "linear")
            self.number("rope.scaling.factor", factor, "f32")
        elif kind == "yarn":
            self.yarn(rope, theta, dim, factor or c["max_position_embeddings"] / original, original)
        elif kind in ("longrope", "su"):
            self.longrope(rope, factor or c["max_position_embeddings"] / original, original)
        elif kind == "llama3":
            self.add("rope_freqs.weight", llama3_divisors(rope, theta, dim, original))
        elif kind == "dynamic":
            warn("a GGUF has no dynamic scaling; right up to max_position_embeddings")
        elif kind != "default":
            raise SystemExit(f"convert_to_gguf: rope type {kind}")

    def yarn(self, rope, theta, dim, factor, original):
        mscale = lambda m: 0.1 * m * np.log(factor) + 1.0 if factor > 1 else 1.0
        stated = rope.get("attention_factor")
        if stated is None and rope.get("mscale") and rope.get("mscale_all_dim"):
            stated = mscale(rope["mscale"]) / mscale(rope["mscale_all_dim"])
        ramp = {key: rope[key] for key in ("beta_fast", "beta_slow", "truncate") if rope.get(key) is not None}
        if ramp not in ({}, dict(truncate=True), dict(beta_fast=32, beta_slow=1), dict(beta_fast=32, beta_slow=1, truncate=True)):
            # llama.cpp has keys for the first two, which it does not read for these architectures; divisors say it all.
            self.number("rope.scaling.attn_factor", mscale(1) if stated is None else stated, "f32")
            self.add("rope_freqs.weight", yarn_divisors(ramp, theta, dim, factor, original))
            return
        self.writer.add_string(f"{self.arch}.rope.scaling.type", "yarn")
        self.number("rope.scaling.factor", factor, "f32")
        self.number("rope.scaling.original_context_length", original)
        if stated is not None:
            # llama.cpp multiplies what it works out itself by this.
            self.number("rope.scaling.attn_factor", stated / mscale(1), "f32")

    def longrope(self, rope, factor, original):
        self.writer.add_string(f"{self.arch}.rope.scaling.type", "longrope")
        self.number("rope.scaling.original_context_length", original)
        attention_factor = rope.get("attention_factor")
        if attention_factor is None:
            attention_factor = np.sqrt(1 + np.log(factor) / np.log(original)) if factor > 1 else 1.0
        self.number("rope.scaling.attn_factor", float(attention_factor), "f32")
        for length in ("long", "short"):
            self.add(f"rope_factors_{length}.weight", np.array(rope[f"{length}_factor"], np.float32))

    def vocabulary(self):
        size = self.config["vocab_size"]
        tokens = [f"<0x{i:02X}>" if i < 256 else f"[PAD{i}]" for i in range(size)]
        self.writer.add_tokenizer_model("llama")
        self.writer.add_tokenizer_pre("default")
        self.writer.add_token_list(tokens)
        self.writer.add_token_scores([0.0] * size)
        kinds = [gguf.TokenType.BYTE if i < 256 else gguf.TokenType.UNUSED for i in range(size)]
        self.writer.add_token_types(kinds)
        self.writer.add_bos_token_id(1)
        self.writer.add_eos_token_id(2)
        self.writer.add_unk_token_id(0)
        self.writer.add_add_bos_token(False)
        self.writer.add_add_eos_token(False)

    # ---- tensors

    def add(self, name, values):
        unknown = re.search(UNKNOWN_TO_LLAMA_CPP.get(self.arch, "(?!)"), name) and name.startswith("blk.0.")
        if unknown or name.startswith("rope_") and self.arch not in ROPE_FACTORS.get(name, ()):
            warn(f"llama.cpp's {self.arch} will refuse {name}")
        self.writer.add_tensor(name, np.ascontiguousarray(values, dtype=np.float32))

    def weights(self):
        experts = {}
        for full_name, values in sorted(self.tensors.items()):
            name = full_name.replace("language_model.model.", "model.").replace("model.language_model.", "model.")
            name = name.replace("language_model.lm_head", "lm_head")
            if re.match(r"(embed_tokens|layers|norm)\.", name):
                name = f"model.{name}"
            layer = re.match(r"(?:model|gpt_neox)\.layers\.(\d+)\.(.+)$", name)
            if not layer:
                if name.startswith(("vision_tower", "model.vision_tower", "multi_modal", "model.multi_modal")):
                    continue
                stem, ending = name.rsplit(".", 1)
                self.add(f"{OUTSIDE[stem]}.{ending}", self.changed(name, values))
                continue
            number, inner = int(layer[1]), layer[2]
            expert = re.match(r"(?:mlp|block_sparse_moe)\.experts\.(\d+)\.(\w+)\.weight$", inner)
            if expert:
                experts.setdefault((number, EXPERT_PARTS[expert[2]]), {})[int(expert[1])] = values
            elif inner == "mlp.experts.gate_up_proj":
                half = values.shape[1] // 2
                self.add(f"blk.{number}.ffn_gate_exps.weight", values[:, :half])
                self.add(f"blk.{number}.ffn_up_exps.weight", values[:, half:])
            elif inner == "mlp.experts.down_proj":
                self.add(f"blk.{number}.ffn_down_exps.weight", values)
            elif inner.endswith(("rotary_emb.inv_freq", "attention.bias", "attention.masked_bias")):
                continue
            else:
                stem, ending = inner.rsplit(".", 1)
                self.add(f"blk.{number}.{self.layer_name(stem)}.{ending}", self.changed(inner, values))
        for (number, part), matrices in experts.items():
            stacked = np.stack([matrices[i] for i in range(len(matrices))])
            self.add(f"blk.{number}.ffn_{part}_exps.weight", stacked)

    def layer_name(self, stem):
        if stem == "post_attention_layernorm" and self.arch in NORMS_AFTER:
            return "post_attention_norm"
        return INSIDE[stem]

    def changed(self, name, values):
        """The numbers as llama.cpp wants them."""
        if self.arch.startswith("gemma") and name.endswith("norm.weight"):
            return values + np.float32(1)
        if self.permutes and re.search(r"self_attn\.[qk]_proj\.", name):
            heads = self.heads if ".q_proj." in name else self.kv_heads
            return halves_to_neighbours(values, heads)
        if name.startswith("attention.query_key_value."):
            parts = values.reshape(self.heads, 3, self.head_dim, *values.shape[1:])
            return np.concatenate([parts[:, i].reshape(-1, *values.shape[1:]) for i in range(3)])
        if name == "conv.conv.weight":
            return values.squeeze(1)
        return values

    def head(self):
        names = ("lm_head.weight", "embed_out.weight", "language_model.lm_head.weight")
        untied = any(name in self.tensors for name in names)
        if not untied and self.arch in HEAD_NEEDED:
            embedding = next(values for name, values in self.tensors.items() if re.search("embed_(tokens|in)", name))
            self.add("output.weight", embedding)
        if untied and self.arch in ("gemma", "gemma2"):
            warn(f"llama.cpp's {self.arch} is always tied; it will refuse this file's output.weight")
        if self.arch == "gptneox" and self.config.get("attention_bias") is False:
            # llama.cpp asks for them.
            for layer in range(self.layers):
                self.add(f"blk.{layer}.attn_qkv.bias", np.zeros(3 * self.hidden))
                self.add(f"blk.{layer}.attn_output.bias", np.zeros(self.hidden))

    def write(self):
        self.sizes()
        self.windows()
        self.extras()
        self.rope()
        self.vocabulary()
        self.weights()
        self.head()
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()


def halves_to_neighbours(values, heads):
    """Rows of each head, so that the two that Hugging Face rotates together are neighbours."""
    rows = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return rows.swapaxes(1, 2).reshape(values.shape)


def llama3_divisors(rope, theta, dim, original):
    """What each frequency is divided by: conversion/llama.py, generate_extra_tensors."""
    freqs = 1.0 / theta ** (np.arange(0, dim, 2, dtype=np.float32) / np.float32(dim))
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    divisors = []
    for wavelength in 2 * np.pi / freqs:
        if wavelength < original / high:
            divisors.append(1.0)
        elif wavelength > original / low:
            divisors.append(factor)
        else:
            smooth = (original / wavelength - low) / (high - low)
            divisors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(divisors, np.float32)


def yarn_divisors(ramp, theta, dim, factor, original):
    """The same for YaRN: transformers' _compute_yarn_parameters."""
    index = lambda turns: dim * np.log(original / (turns * 2 * np.pi)) / (2 * np.log(theta))
    low, high = index(ramp.get("beta_fast", 32)), index(ramp.get("beta_slow", 1))
    if ramp.get("truncate", True):
        low, high = np.floor(low), np.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    interpolated = np.clip((np.arange(dim // 2) - low) / max(high - low, 0.001), 0, 1)
    return (1 / (interpolated / factor + 1 - interpolated)).astype(np.float32)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    Converter(Path(sys.argv[1]), sys.argv[2]).write()
