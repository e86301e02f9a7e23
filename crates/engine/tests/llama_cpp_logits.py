#!/usr/bin/env python3
"""What llama.cpp answers: the logits at every position of some sequences of token ids.

    pip install llama-cpp-python numpy safetensors
    llama_cpp_logits.py MODEL.gguf IDS.json OUTPUT.safetensors [CONTEXT]

IDS.json is a list of lists of token ids. OUTPUT has `logits_0`, `logits_1`, ..., float32 [T, V]. Computed on the CPU with a KV
cache in float32 and without flash attention. CONTEXT (256, and llama.cpp rounds up to a multiple of it) is what LongRoPE's
factors are chosen by.
"""

import json
import sys

import numpy as np
from llama_cpp import GGML_TYPE_F32, Llama
from safetensors.numpy import save_file


def logits(model, sequences, context=256):
    """For each sequence float32 [T, V]."""
    llama = Llama(
        model, n_ctx=context, n_batch=context, n_threads=1, logits_all=True, flash_attn=False,
        type_k=GGML_TYPE_F32, type_v=GGML_TYPE_F32, verbose=False,
    )  # fmt: skip
    results = []
    for ids in sequences:
        llama.reset()
        llama.eval(ids)
        results.append(np.array(llama.scores[: len(ids)], dtype=np.float32))
    llama.close()
    return results


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        raise SystemExit(__doc__)
    with open(sys.argv[2]) as file:
        ids = json.load(file)
    found = logits(sys.argv[1], ids, *map(int, sys.argv[4:]))
    save_file({f"logits_{i}": values for i, values in enumerate(found)}, sys.argv[3])
