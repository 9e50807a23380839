"""Sentence vectors from all-MiniLM-L6-v2, int8, on one thread.

A patient's message is encoded alone. Training encodes sentences of the same length together, which takes two thirds of
the time: nothing is padded, since padding shifts dynamic quantisation further than the company of other sentences does
(mean cosine with the vector alone .991, no change in the development figures).
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

DIMENSIONS = 384
MAX_TOKENS = 128
"""Word pieces of a message that are read, about 90 words; the rest is cut."""

BATCH = 8
"""Sentences of one length that training encodes at once."""

Vector = npt.NDArray[np.float32]


class EncoderMissing(FileNotFoundError):
    """The encoder's files were not prepared."""


def default_path() -> Path:
    """Folder of ``encoder.onnx`` and ``tokenizer.json``: ``IL2_ENCODER`` or ``var/encoder``."""
    return Path(os.environ.get("IL2_ENCODER", "var/encoder"))


class SentenceEncoder:
    """Encode sentences; equal texts give bit-identical vectors."""

    def __init__(self, folder: Path) -> None:
        """Load the encoder.

        Raises:
            EncoderMissing: when ``folder`` lacks ``encoder.onnx`` or ``tokenizer.json``.
        """
        model, vocabulary = folder / "encoder.onnx", folder / "tokenizer.json"
        for file in (model, vocabulary):
            if not file.is_file():
                raise EncoderMissing(f"The sentence encoder is missing ({file}). Run: make encoder")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # two are slower under load
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False  # saves memory; sentences are short
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(vocabulary))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self.fingerprint = hashlib.sha256(model.read_bytes()).hexdigest()

    @classmethod
    @functools.cache
    def load(cls, folder: Path) -> SentenceEncoder:
        """The encoder of ``folder``, loaded once per process."""
        return cls(folder)

    def encode(self, text: str) -> Vector:
        """Return the unit-length vector of ``text``, shape ``(384,)``."""
        vector: Vector = self._run([self._ids(text)])[0]
        return vector

    def encode_all(self, texts: Sequence[str]) -> Vector:
        """Return the unit-length vectors of many texts, shape ``(texts, 384)``; two threads work on them."""
        ids = [self._ids(text) for text in texts]
        by_length: dict[int, list[int]] = defaultdict(list)
        for at, pieces in enumerate(ids):
            by_length[len(pieces)].append(at)
        batches = [same[i : i + BATCH] for same in by_length.values() for i in range(0, len(same), BATCH)]
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)

        def fill(batch: Sequence[int]) -> None:
            vectors[batch] = self._run([ids[at] for at in batch])

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(fill, batches))
        return vectors

    def _ids(self, text: str) -> list[int]:
        # A lone surrogate is no text that the tokenizer takes.
        return list(self._tokenizer.encode(text.encode("utf-8", "replace").decode("utf-8")).ids)

    def _run(self, ids: Sequence[Sequence[int]]) -> Vector:
        (vectors,) = self._session.run(["sentence"], {"input_ids": np.asarray(ids, dtype=np.int64)})
        return np.asarray(vectors, dtype=np.float32)
