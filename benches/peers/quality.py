#!/usr/bin/env python3
"""Measures what the fast arithmetic on quantised weights costs in quality, in whit and in llama.cpp, and prints a table.

A trained model is written in every tensor type that whit reads, and once more with that file's weights as floats. Both programs
read the same text from the same files: what a program says of the quantised file is held against what it says of the floats, in
perplexity and in the Kullback-Leibler divergence of the distributions over the next token. README.md says more.
"""

import argparse
import ctypes
import json
import math
import os
import shlex
import sys
from pathlib import Path

from prepare import ROOT, Failure, build_whit, call, find_python, own_folder, say

try:
    import gguf
    import llama_cpp as llama
    import numpy as np
except ImportError:
    # Not the Python that has llama.cpp: `main` goes on in the one that has.
    gguf = llama = np = None

# Every type, and for those that gguf-py cannot write, llama.cpp's name of a file that holds it.
TYPES = {
    "F32": None, "F16": None, "BF16": None, "Q8_0": None, "Q6_K": "Q6_K", "Q5_K": "Q5_K_S", "Q5_1": None, "Q5_0": None,
    "Q4_K": "Q4_K_S", "Q4_1": None, "Q4_0": None, "IQ4_NL": "IQ4_NL", "IQ4_XS": "IQ4_XS", "MXFP4": None,
    "Q3_K": "Q3_K_S", "Q2_K": "Q2_K", "TQ2_0": None, "TQ1_0": None,
}  # fmt: skip

# Weights that share a block in the K types: a row is a whole number of these.
BLOCK = 256


def parse_arguments() -> argparse.Namespace:
    shared = ROOT / os.environ.get("WHIT_SHARED", "../shared")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=shared / "data/weights/babyllama.gguf", help="a Llama in F32")
    parser.add_argument("--text", type=Path, default=shared / "data/text/war-and-peace.txt")
    parser.add_argument("--context", type=int, default=256, help="tokens of a window [default: 256]")
    parser.add_argument("--chunks", type=int, default=100, help="windows [default: 100]")
    parser.add_argument("--type", choices=TYPES, action="append", help="may be repeated [default: all]")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep what was measured there")
    return parser.parse_args()


class Padded:
    """The model with every row as long as a whole number of blocks, zeros after the weights: it computes the same.

    A norm over more values, all of them zeros, has a smaller mean square: its weight and epsilon make up for that. Heads that are
    added attend to nothing and say nothing.
    """

    def __init__(self, path: Path):
        self.reader = gguf.GGUFReader(path)
        arch = self.reader.fields["general.architecture"].contents()
        if arch != "llama" or any(t.tensor_type != gguf.GGMLQuantizationType.F32 for t in self.reader.tensors):
            raise Failure(f"{path}: quality is measured with a Llama in F32")
        self.width = self.value("embedding_length")
        padded = -(-self.width // BLOCK) * BLOCK
        self.ratio = padded / self.width
        if not self.ratio.is_integer():
            raise Failure(f"{path}: a width of {self.width} cannot be padded by whole heads")

    def key(self, name: str) -> str:
        return f"llama.{name}"

    def value(self, name: str):
        return self.reader.fields[self.key(name)].contents()

    def metadata(self):
        """(name, value, type, type of items) of everything but the header's own."""
        ratio = int(self.ratio)
        inner = -(-self.value("feed_forward_length") // BLOCK) * BLOCK
        changed = {
            "embedding_length": self.width * ratio,
            "feed_forward_length": inner,
            "attention.head_count": self.value("attention.head_count") * ratio,
            "attention.head_count_kv": self.value("attention.head_count_kv") * ratio,
            "attention.layer_norm_rms_epsilon": self.value("attention.layer_norm_rms_epsilon") / ratio,
        }
        changed = {self.key(name): value for name, value in changed.items()}
        for field in self.reader.fields.values():
            if not field.name.startswith("GGUF.") and field.name != "general.architecture":
                sub_type = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
                yield field.name, changed.get(field.name, field.contents()), field.types[0], sub_type

    def tensors(self):
        """(name, values) of all tensors, padded."""
        ratio = int(self.ratio)
        for tensor in self.reader.tensors:
            values = np.array(tensor.data, np.float32)
            if values.ndim == 1:
                yield tensor.name, np.pad(values, (0, values.size * (ratio - 1))) / np.float32(math.sqrt(ratio))
                continue
            rows, cols = values.shape
            kind = tensor.name.split(".")[-2]
            if "attn" in kind:
                more = rows * (ratio - 1)
            elif kind in ("ffn_gate", "ffn_up"):
                more = -rows % BLOCK
            elif kind == "ffn_down":
                more = self.width * (ratio - 1)
            else:
                # The rows of the vocabulary.
                more = 0
            yield tensor.name, np.pad(values, ((0, more), (0, -cols % BLOCK)))

    def write(self, path: Path, change) -> None:
        """With every tensor as `change(name, values)` gives it: values, or (bytes, their type)."""
        writer = gguf.GGUFWriter(path, "llama")
        for name, value, kind, sub_type in self.metadata():
            writer.add_key_value(name, value, kind, sub_type=sub_type)
        for name, values in self.tensors():
            made = change(name, values)
            data, kind = made if isinstance(made, tuple) else (made, None)
            writer.add_tensor(name, data, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def write_type(padded: Padded, floats: Path, name: str, path: Path) -> None:
    """The model with all its matrices in one type."""
    kind = gguf.GGMLQuantizationType[name]
    if TYPES[name] is None:
        padded.write(path, lambda _, v: v if v.ndim == 1 else (gguf.quants.quantize(v, kind), kind))
    else:
        params = llama.llama_model_quantize_default_params()
        params.ftype = getattr(llama, f"LLAMA_FTYPE_MOSTLY_{TYPES[name]}")
        params.pure = True
        params.quantize_output_tensor = True
        code = llama.llama_model_quantize(str(floats).encode(), str(path).encode(), ctypes.byref(params))
        if code != 0:
            raise Failure(f"llama.cpp cannot write {path}: {LOG[-1:]}")
    others = {t.tensor_type.name for t in gguf.GGUFReader(path).tensors if len(t.shape) > 1} - {name}
    if others:
        raise Failure(f"{path} holds {', '.join(others)} beside {name}")


def write_decoded(padded: Padded, quantised: Path, path: Path) -> None:
    """The weights of a quantised file as floats."""
    tensors = {t.name: t for t in gguf.GGUFReader(quantised).tensors}

    def decoded(name, values):
        tensor = tensors[name]
        return gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(values.shape).astype(np.float32)

    padded.write(path, decoded)


LOG = []


def keep_log(_level, text, _data):
    LOG.append(text.decode(errors="replace").strip())


def llama_logits(path: Path, windows, threads: int):
    """llama.cpp's logits for the second half of each window: the positions that foresee a token that is scored."""
    model = llama.llama_model_load_from_file(str(path).encode(), llama.llama_model_default_params())
    if not model:
        raise Failure(f"llama.cpp cannot load {path}: {LOG[-1:]}")
    params = llama.llama_context_default_params()
    length = windows.shape[1]
    params.n_ctx = params.n_batch = params.n_ubatch = length
    params.n_threads = params.n_threads_batch = threads
    context = llama.llama_init_from_model(model, params)
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    batch = llama.llama_batch_init(length, 0, 1)
    wanted = range(length // 2, length - 1)
    for window in windows:
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        batch.n_tokens = length
        for i, token in enumerate(window):
            batch.token[i], batch.pos[i], batch.logits[i] = int(token), i, i in wanted
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
        if llama.llama_decode(context, batch) != 0:
            raise Failure(f"llama.cpp cannot run {path}: {LOG[-1:]}")
        rows = [np.ctypeslib.as_array(llama.llama_get_logits_ith(context, i), (vocabulary,)) for i in wanted]
        yield np.array(rows, np.float64)
    llama.llama_batch_free(batch)
    llama.llama_free(context)
    llama.llama_model_free(model)


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def measure_llama(quantised: Path, floats: Path, windows, threads: int) -> dict:
    """Perplexities of both files, and the divergence between them."""
    losses, divergences = [], []
    both = zip(windows, llama_logits(quantised, windows, threads), llama_logits(floats, windows, threads), strict=True)
    for window, *logits in both:
        ln_q, ln_p = map(log_softmax, logits)
        scored = window[len(window) // 2 + 1 :]
        rows = np.arange(len(scored))
        losses.append([-ln_q[rows, scored], -ln_p[rows, scored]])
        divergences.append((np.exp(ln_p) * (ln_p - ln_q)).sum(axis=1))
    losses, divergences = np.concatenate(losses, axis=1), np.concatenate(divergences)
    perplexity, of_floats = np.exp(losses.mean(axis=1))

    def error(values):
        return float(values.std() / math.sqrt(len(values) - 1))

    return {
        "perplexity": float(perplexity),
        "floats": float(of_floats),
        # Of the difference: both files find the same tokens hard.
        "error": error(perplexity * losses[0] - of_floats * losses[1]),
        "kl_divergence": float(divergences.mean()),
        "kl_error": error(divergences),
        "tokens_scored": len(divergences),
    }


def measure_whit(whit: Path, files: tuple[Path, Path], text: Path, arguments: argparse.Namespace) -> dict:
    quantised, floats = files
    command = [whit, "perplexity", quantised, "--compare", floats, "--file", text, "--json"]
    command += ["--context", str(arguments.context), "--chunks", str(arguments.chunks), "--cache-size", "none"]
    report = json.loads(call(command, "whit cannot score the text"))
    cost = report["compare"]["cost"]
    return {
        "perplexity": report["perplexity"],
        "floats": report["compare"]["perplexity"],
        "error": cost["perplexity_difference_standard_error"],
        "kl_divergence": cost["mean_kl_divergence"],
        "kl_error": cost["mean_kl_divergence_standard_error"],
        "tokens_scored": report["tokens_scored"],
    }


def write_text(model: Path, arguments: argparse.Namespace, path: Path) -> None:
    """As much of the text as is read, without what the vocabulary cannot say: llama.cpp ends the process over that."""
    tokens = set(gguf.GGUFReader(model).fields["tokenizer.ggml.tokens"].contents())
    text = arguments.text.read_text()
    if "<0x00>" not in tokens:
        text = text.replace("\n", " ")
        text = "".join(character for character in text if character.replace(" ", "\u2581") in tokens)
    # A token is seldom longer than eight characters.
    path.write_text(text[: 8 * arguments.chunks * arguments.context])


def cut_windows(path: Path, text_path: Path, arguments: argparse.Namespace):
    """The text's tokens, as llama.cpp's perplexity and whit's cut them."""
    params = llama.llama_model_default_params()
    params.vocab_only = True
    model = llama.llama_model_load_from_file(str(path).encode(), params)
    vocabulary = llama.llama_model_get_vocab(model)
    text = text_path.read_bytes()
    tokens = (ctypes.c_int32 * (len(text) + 2))()
    count = llama.llama_tokenize(vocabulary, text, len(text), tokens, len(tokens), True, False)
    windows = min(count // arguments.context, arguments.chunks)
    if windows < 1:
        raise Failure(f"{arguments.text} is shorter than a window of {arguments.context} tokens")
    cut = np.array(tokens[: windows * arguments.context], np.int64).reshape(windows, arguments.context)
    cut[:, 0] = llama.llama_vocab_bos(vocabulary)
    llama.llama_model_free(model)
    return cut


def measure(arguments: argparse.Namespace, whit: Path) -> dict:
    folder = own_folder() / "quality"
    folder.mkdir(exist_ok=True)
    padded = Padded(arguments.model)
    floats = folder / "F32.gguf"
    padded.write(floats, lambda _, values: values)
    text = folder / "text.txt"
    write_text(arguments.model, arguments, text)
    windows = cut_windows(floats, text, arguments)
    results = {}
    for name in arguments.type or TYPES:
        say(name)
        quantised, decoded = folder / f"{name}.gguf", folder / f"{name}-decoded.gguf"
        write_type(padded, floats, name, quantised)
        write_decoded(padded, quantised, decoded)
        result = {
            "whit": measure_whit(whit, (quantised, decoded), text, arguments),
            "llama.cpp": measure_llama(quantised, decoded, windows, arguments.threads),
        }
        scored = {program["tokens_scored"] for program in result.values()}
        if len(scored) != 1:
            raise Failure(f"the programs scored different tokens: {scored}")
        results[name] = result
        decoded.unlink()
    return {
        "cpu": next(line.split(":")[1].strip() for line in Path("/proc/cpuinfo").open() if "model name" in line),
        "llama-cpp-python": llama.__version__,
        "command": shlex.join(["benches/peers/quality.py", *sys.argv[1:]]),
        "tokens_scored": scored.pop(),
        "types": results,
    }


def holds(whit: dict, peer: dict) -> str:
    """Whether whit is no further from floats than the peer, in perplexity and in divergence; or only as far as chance goes."""

    def distances(program: dict) -> list:
        return [abs(program["perplexity"] - program["floats"]), program["kl_divergence"]]

    ahead = [theirs - ours for ours, theirs in zip(distances(whit), distances(peer), strict=True)]
    if min(ahead) >= 0:
        return "yes"
    errors = [math.hypot(whit[key], peer[key]) for key in ("error", "kl_error")]
    chance = all(by >= -2 * error for by, error in zip(ahead, errors, strict=True))
    return "within the error" if chance else "**no**"


def table(results: dict) -> str:
    head = ["type", "float", "whit", "difference", "llama.cpp", "its difference", "KL whit", "KL llama.cpp", "holds?"]
    rows = [head, ["---"] * len(head)]
    for name, result in results.items():
        whit, peer = result["whit"], result["llama.cpp"]
        rows.append([
            name,
            f"{whit['floats']:.4f}",
            f"{whit['perplexity']:.4f}",
            f"{whit['perplexity'] - whit['floats']:+.4f} ± {whit['error']:.4f}",
            f"{peer['perplexity']:.4f}",
            f"{peer['perplexity'] - peer['floats']:+.4f} ± {peer['error']:.4f}",
            f"{whit['kl_divergence']:.2e} ± {whit['kl_error']:.0e}",
            f"{peer['kl_divergence']:.2e} ± {peer['kl_error']:.0e}",
            holds(whit, peer),
        ])  # fmt: skip
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def report(raw: dict) -> str:
    return "\n".join([
        f"* machine: {raw['cpu']}",
        f"* llama.cpp of llama-cpp-python {raw['llama-cpp-python']}; {raw['tokens_scored']} tokens scored",
        f"* made by `{raw['command']}`",
        "",
        table(raw["types"]),
    ])  # fmt: skip


def main() -> None:
    arguments = parse_arguments()
    try:
        if llama is None:
            python = str(find_python())
            os.execv(python, [python, *sys.argv])
        callback = llama.llama_log_callback(keep_log)
        llama.llama_log_set(callback, None)
        raw = measure(arguments, build_whit())
        if arguments.json:
            arguments.json.write_text(json.dumps(raw, indent=1))
        print(report(raw), end="")
    except (Failure, OSError) as failure:
        sys.exit(f"error: {failure}")


if __name__ == "__main__":
    main()
