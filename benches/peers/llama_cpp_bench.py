"""Measures llama.cpp through the low-level interface of llama-cpp-python; prints one JSON line per measure.

    llama_cpp_bench.py speed MODEL --threads 2 --flash on --prompt 512 --generate 64 --batch 1 --depth 0 --repetitions 3
    llama_cpp_bench.py start MODEL --threads 2 --flash on --text "Once upon a time"

`speed` does what `whit bench model` does: it fills every sequence to the depth, times the prefill of a prompt and
single decode steps, and counts the repetitions after the first. `start` times opening a model, reading a text and
choosing a token.

Python is not held against llama.cpp: time and memory count from where the library is loaded and nothing else.
"""

import argparse
import ctypes
import json
import os
import statistics
import sys
import time

import llama_cpp as llama

UBATCH = 512
FLASH = {"on": llama.LLAMA_FLASH_ATTN_TYPE_ENABLED, "off": llama.LLAMA_FLASH_ATTN_TYPE_DISABLED}
log = []


@llama.llama_log_callback
def keep_log(_level, text, _data):
    log.append(text.decode(errors="replace"))


def fail(what):
    sys.exit(f"{what}: {''.join(log[-5:]).strip() or 'llama.cpp does not say why'}")


def status_bytes(field):
    """A field of /proc/self/status, in bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field + ":"))


def emit(measure, value):
    print(json.dumps({"measure": measure, "value": value}), flush=True)


def open_model(path):
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    return model or fail(f"llama.cpp cannot load {path}")


def new_context(model, args, positions, sequences):
    """A context with room for `positions` tokens in each of `sequences` sequences."""
    params = llama.llama_context_default_params()
    params.n_ctx = positions * sequences
    params.n_seq_max = sequences
    params.n_batch = params.n_ubatch = UBATCH
    params.n_threads = params.n_threads_batch = args.threads
    params.flash_attn_type = FLASH[args.flash]
    params.kv_unified = True  # Decodes 8 sequences 2 to 14 % faster than a cache for each, and in less memory.
    return llama.llama_init_from_model(model, params) or fail("llama.cpp cannot make a context")


def make_batch(rows):
    """A batch of (token, position, sequence, whether its logits are wanted)."""
    batch = llama.llama_batch_init(len(rows), 0, 1)
    batch.n_tokens = len(rows)
    for i, (token, position, sequence, wanted) in enumerate(rows):
        batch.token[i], batch.pos[i], batch.logits[i] = token, position, wanted
        batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
    return batch


def timed(context, rows):
    """Runs one batch; the seconds that took."""
    batch = make_batch(rows)
    start = time.perf_counter()
    code = llama.llama_decode(context, batch)
    llama.llama_synchronize(context)
    seconds = time.perf_counter() - start
    llama.llama_batch_free(batch)
    return seconds if code == 0 else fail(f"llama_decode answers {code}")


class Sequences:
    """Sequences of arbitrary tokens in one context."""

    def __init__(self, model, args):
        self.context = new_context(model, args, args.depth + max(args.prompt, args.generate), args.batch)
        self.vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
        self.batch, self.depth = args.batch, args.depth

    def token(self, sequence, position):
        """Any token, but not always the same."""
        return ((position + 1) * 0x9E3779B1 + sequence * 0x85EBCA77) % (1 << 32) % self.vocabulary

    def prefill(self, first, count):
        """Seconds to read `count` tokens into every sequence, from position `first` on."""
        return sum(self.read(sequence, first, count) for sequence in range(self.batch))

    def read(self, sequence, first, count):
        seconds, last = 0.0, first + count - 1
        for begin in range(first, first + count, UBATCH):
            end = min(begin + UBATCH, first + count)
            rows = [(self.token(sequence, p), p, sequence, p == last) for p in range(begin, end)]
            seconds += timed(self.context, rows)
        return seconds

    def fill(self, kept):
        """Every sequence comes to its depth: by reading, or out of the cache that an earlier run left in a file."""
        for sequence in range(self.batch):
            file = f"{kept}.{sequence}".encode()
            tokens = (llama.llama_token * self.depth)(*(self.token(sequence, p) for p in range(self.depth)))
            if kept and os.path.exists(file):
                count = ctypes.c_size_t()
                loaded = llama.llama_state_seq_load_file(
                    self.context, file, sequence, tokens, self.depth, ctypes.byref(count)
                )
                if not loaded or count.value != self.depth:
                    fail(f"llama.cpp cannot load {file.decode()}: remove it")
            else:
                self.read(sequence, 0, self.depth)
                if kept and not llama.llama_state_seq_save_file(self.context, file, sequence, tokens, self.depth):
                    fail(f"llama.cpp cannot write {file.decode()}")

    def decode(self, first, count):
        """Seconds of `count` steps that each add a token to every sequence."""
        return sum(
            timed(self.context, [(self.token(s, p), p, s, True) for s in range(self.batch)])
            for p in range(first, first + count)
        )

    def rewind(self):
        """Every sequence is back at its depth."""
        memory = llama.llama_get_memory(self.context)
        for sequence in range(self.batch):
            if not llama.llama_memory_seq_rm(memory, sequence, self.depth, -1):
                fail("llama.cpp cannot shorten a sequence")


def speed(args, baseline):
    sequences = Sequences(open_model(args.model), args)
    if args.depth:
        sequences.fill(args.kept)
    prefill, decode = [], []
    for repetition in range(args.repetitions + 1):
        prefill_seconds = sequences.prefill(args.depth, args.prompt)
        sequences.rewind()
        decode_seconds = sequences.decode(args.depth, args.generate)
        sequences.rewind()
        if repetition > 0:  # The first brings pages and clocks up.
            prefill.append(args.batch * args.prompt / prefill_seconds)
            decode.append(args.batch * args.generate / decode_seconds)
    emit("prefill", statistics.median(prefill))
    emit("decode", statistics.median(decode))
    emit("resident", status_bytes("VmRSS") - baseline)


def start(args, baseline):
    begin = time.perf_counter()
    model = open_model(args.model)
    context = new_context(model, args, args.context, 1)
    vocab = llama.llama_model_get_vocab(model)
    text, room = args.text.encode(), len(args.text.encode()) + 8
    tokens = (llama.llama_token * room)()
    count = llama.llama_tokenize(vocab, text, len(text), tokens, room, True, False)
    if count <= 0:
        fail("llama.cpp cannot tokenise the text")
    timed(context, [(tokens[i], i, 0, i == count - 1) for i in range(count)])
    sampler = llama.llama_sampler_init_greedy()
    llama.llama_sampler_sample(sampler, context, count - 1)
    emit("first_token", time.perf_counter() - begin)
    emit("peak_resident", status_bytes("VmHWM") - baseline)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "start"])
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--flash", choices=FLASH, required=True)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--depth", type=int, default=0)
    parser.add_argument("--kept", metavar="PATH", help="where the caches of --depth are kept for later runs")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--text", default="Once upon a time")
    parser.add_argument("--context", type=int, default=512)
    args = parser.parse_args()
    llama.llama_log_set(keep_log, ctypes.c_void_p(0))
    llama.llama_backend_init()
    {"speed": speed, "start": start}[args.what](args, baseline=status_bytes("VmRSS"))


main()
