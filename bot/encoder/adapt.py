# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#     "numpy>=1.26,<3",
#     "pip",
#     "safetensors>=0.4.5,<1",
#     "tokenizers>=0.20,<1",
#     "torch==2.13.0",
# ]
# ///
# No lock beside it: what this makes is checked in, and torch alone locks some thirty packages for graphics cards.
"""Adapt the sentence encoder to this project's sentences: write ``adaptation.npz``, which ``build.py`` merges.

For maintainers, after many training sentences have changed; docs/decisions/0011-adapted-encoder.md says when and why::

    .venv/bin/python -m bot.runtime.lessons var/lessons.json
    uv run --script bot/encoder/adapt.py var/lessons.json

Low-rank adaptation (Hu et al. 2021): the weights stay, and each linear layer gets the product of two thin matrices
beside it. They learn to bring a sentence near those of its own label, among the topics and among the red-flag gate's
labels, and to move it no further from where it was than that takes. About six minutes of processor time.
"""

from __future__ import annotations

import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from weights import ADAPTATION, fetch

LAYERS, HEADS, EPSILON = 6, 12, 1e-12
ADAPTED = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
RANK = 8
EPOCHS = 1
BATCH = 32
RATE = 1e-3
WARM_UP = 0.05
"""Share of the steps in which the rate rises; from there it falls to nothing."""
TOPIC_SCALE, GATE_SCALE = 16.0, 10.0
GATE_SHARE = 0.5
ANCHOR = 2.0
"""Weight of the distance from the vector that the sentence had before."""
MAX_TOKENS = 64
SEED = 2


class Encoder:
    """The network of ``build.py`` in torch, with thin matrices beside its linear layers."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self.weights = weights
        self.thin: dict[str, Tensor] = {}

    def adapt(self) -> list[Tensor]:
        """Add the thin matrices: one random, one zero, so that nothing changes at first."""
        for layer in range(LAYERS):
            for part in ADAPTED:
                name = f"encoder.layer.{layer}.{part}"
                wide, narrow = self.weights[f"{name}.weight"].shape
                self.thin[f"{name}.down"] = nn.Parameter(torch.randn(RANK, narrow) / math.sqrt(narrow))
                self.thin[f"{name}.up"] = nn.Parameter(torch.zeros(wide, RANK))
        return list(self.thin.values())

    def __call__(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Unit vectors of padded word pieces."""
        w = self.weights
        words = w["embeddings.word_embeddings.weight"][ids]
        places = w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = self._norm(words + places + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(LAYERS):
            x = self._layer(x, mask, f"encoder.layer.{layer}")
        return functional.normalize((x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), dim=-1)

    def _layer(self, x: Tensor, mask: Tensor, at: str) -> Tensor:
        sizes = (*x.shape[:2], HEADS, -1)
        q, k, v = (
            self._linear(x, f"{at}.attention.self.{n}").view(sizes).transpose(1, 2) for n in ("query", "key", "value")
        )
        context = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :].bool())
        context = context.transpose(1, 2).reshape(x.shape)
        x = self._norm(self._linear(context, f"{at}.attention.output.dense") + x, f"{at}.attention.output.LayerNorm")
        inner = functional.gelu(self._linear(x, f"{at}.intermediate.dense"))
        return self._norm(self._linear(inner, f"{at}.output.dense") + x, f"{at}.output.LayerNorm")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        out = functional.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])
        if f"{name}.up" in self.thin:
            out = out + functional.linear(functional.linear(x, self.thin[f"{name}.down"]), self.thin[f"{name}.up"])
        return out

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return functional.layer_norm(x, x.shape[-1:], weight, bias, EPSILON)


class Proxies(nn.Module):
    """One vector for each label, at first the mean of its sentences; the loss wants a sentence nearest to its own."""

    def __init__(self, labels: list[str], vectors: Tensor, scale: float) -> None:
        super().__init__()
        names = sorted(set(labels) - {""})
        index = {name: number for number, name in enumerate(names)}
        self.owners = torch.tensor([index.get(label, -1) for label in labels])
        means = torch.stack([vectors[self.owners == number].mean(0) for number in range(len(names))])
        self.vectors, self.scale = nn.Parameter(functional.normalize(means, dim=-1)), scale

    def forward(self, rows: Tensor, vectors: Tensor) -> Tensor:
        """The loss of a batch: mean over all its rows, nothing for those without a label."""
        wanted = self.owners[rows]
        scores = self.scale * vectors @ functional.normalize(self.vectors, dim=-1).T
        return functional.cross_entropy(scores, wanted, ignore_index=-1, reduction="sum") / len(rows)


def batches(ids: list[list[int]], chance: random.Random | None = None) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Row numbers, padded word pieces and their mask; sentences of like length together, all in random order."""
    order = list(range(len(ids)))
    if chance:
        chance.shuffle(order)
    order.sort(key=lambda row: len(ids[row]))
    cut = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    if chance:
        chance.shuffle(cut)
    for rows in cut:
        longest = max(len(ids[row]) for row in rows)
        padded = torch.tensor([ids[row] + [0] * (longest - len(ids[row])) for row in rows])
        mask = torch.tensor([[1.0] * len(ids[row]) + [0.0] * (longest - len(ids[row])) for row in rows])
        yield torch.tensor(rows), padded, mask


def encode_all(encoder: Encoder, ids: list[list[int]]) -> Tensor:
    """The vectors of all sentences, in their order."""
    vectors = torch.empty(len(ids), 384)
    with torch.inference_mode():
        for rows, padded, mask in batches(ids):
            vectors[rows] = encoder(padded, mask)
    return vectors.clone()


def train(encoder: Encoder, ids: list[list[int]], topics: list[str], gates: list[str]) -> None:
    """Fit the thin matrices."""
    before = encode_all(encoder, ids)
    topic, gate = Proxies(topics, before, TOPIC_SCALE), Proxies(gates, before, GATE_SCALE)
    learnt = [*encoder.adapt(), *topic.parameters(), *gate.parameters()]
    chance = random.Random(SEED)
    steps = EPOCHS * math.ceil(len(ids) / BATCH)
    optimiser = torch.optim.Adam(learnt, lr=RATE)
    warm = WARM_UP * steps
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, (steps - step) / (steps - warm))
    )
    step, sums, began = 0, torch.zeros(3), time.monotonic()
    for _ in range(EPOCHS):
        for rows, padded, mask in batches(ids, chance):
            vectors = encoder(padded, mask)
            moved = (1 - (vectors * before[rows]).sum(-1)).mean()
            parts = torch.stack([topic(rows, vectors), gate(rows, vectors), moved])
            optimiser.zero_grad(set_to_none=True)
            (parts @ torch.tensor([1.0, GATE_SHARE, ANCHOR])).backward()
            optimiser.step()
            schedule.step()
            step, sums = step + 1, sums + parts.detach()
            if step % 100 == 0 or step == steps:
                means = ", ".join(f"{value:.3f}" for value in sums / (step % 100 or 100))
                print(f"  {step}/{steps}: {means} ({time.monotonic() - began:.0f} s)", flush=True)
                sums = torch.zeros(3)


def main() -> None:
    """Read the lessons, train, write the matrices."""
    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    lessons = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    texts, topics, gates = (list(column) for column in zip(*lessons, strict=True))
    with tempfile.TemporaryDirectory() as scratch:
        print("  fetching the weights (90 MB) …", flush=True)
        weights, tokenizer = fetch(Path(scratch))
        encoder, tokens = Encoder(load_file(weights)), Tokenizer.from_file(str(tokenizer))
    tokens.no_padding()
    tokens.enable_truncation(MAX_TOKENS)
    print(f"  {len(texts)} sentences; losses: topics, gate, moved", flush=True)
    train(encoder, [list(coded.ids) for coded in tokens.encode_batch(texts)], topics, gates)
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else ADAPTATION
    np.savez(target, **{name: value.detach().numpy().astype(np.float16) for name, value in encoder.thin.items()})
    print(f"  {target}: {target.stat().st_size / 1e3:.0f} KB", flush=True)


if __name__ == "__main__":
    main()
