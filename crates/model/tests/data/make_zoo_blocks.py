"""Makes zoo-blocks.gguf: random blocks of every tensor type, and what gguf-py (the reference) says they decode to.

Random bits reach what quantised weights seldom do: every scale, every sign, every corner of a packed byte.
Run: python make_zoo_blocks.py (needs numpy, gguf, safetensors; the files are in the repository, so only to change them)
"""

from pathlib import Path

import gguf
import numpy as np
from gguf.quants import dequantize
from safetensors.numpy import save_file

TYPES = "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS MXFP4 TQ1_0 TQ2_0".split()
# Bytes at which a block keeps half-precision scales: these must be finite.
HALVES = {
    "F16": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64],
}
ROWS, COLS = 2, 512

rng = np.random.default_rng(1)
here = Path(__file__).parent
writer = gguf.GGUFWriter(here / "zoo-blocks.gguf", "none")
expected = {}
for name in TYPES:
    kind = gguf.GGMLQuantizationType[name]
    block_len, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (ROWS * COLS // block_len, block_bytes), dtype=np.uint8)
    for at in HALVES.get(name, []):
        blocks[:, at + 1] = blocks[:, at + 1] & 0x80 | rng.integers(0, 0x40, len(blocks), dtype=np.uint8)
    if name in ("F32", "BF16"):  # below the largest exponents
        blocks[:, -1] &= 0xBF
    if name == "MXFP4":  # all of the exponents that stay finite, the two subnormal ones first
        blocks[:, 0] = np.r_[0, 1, rng.integers(2, 252, len(blocks) - 2)]
    rows = blocks.reshape(ROWS, -1)
    if name in ("F32", "F16", "BF16"):
        rows = np.ascontiguousarray(rows).view({"F32": np.float32, "F16": np.float16, "BF16": np.uint8}[name])
    writer.add_tensor(name, rows, raw_dtype=kind)
    expected[name] = np.ascontiguousarray(dequantize(rows, kind).reshape(ROWS, COLS).astype(np.float32))
    assert np.isfinite(expected[name]).all(), name
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
save_file(expected, here / "zoo-blocks.expected.safetensors")
