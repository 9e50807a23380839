"""Sentence vectors from all-MiniLM-L6-v2, int8, one sentence at a time on one thread.

One sentence at a time also in training: dynamic quantisation shifts with padding, so a batch would give the
training data other vectors than the same text gets when a patient types it.
"""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

DIMENSIONS = 384
MAX_TOKENS = 128
"""Word pieces of a message that are read, about 90 words; the rest is cut."""

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
        # A lone surrogate is no text that the tokenizer takes.
        clean = text.encode("utf-8", "replace").decode("utf-8")
        ids = np.asarray([self._tokenizer.encode(clean).ids], dtype=np.int64)
        (vector,) = self._session.run(["sentence"], {"input_ids": ids})
        return np.asarray(vector[0], dtype=np.float32)
