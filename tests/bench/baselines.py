"""``python baselines.py ENGINE IN.json OUT.json``: the two plain baselines, in a process of their own.

``tfidf`` learns the labels with TF-IDF and logistic regression; ``bm25`` searches the answers' texts. Runs in the
bench's environment, so it imports nothing of the project. Reads ``train``, ``answers`` and ``texts``; writes one
(label, score) for each text, with seconds to train and load, size and resident memory in MB, and milliseconds.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def tfidf(data: dict[str, Any]) -> Any:
    """Word and character TF-IDF with one logistic regression over all labels."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    texts, labels = zip(*data["train"], strict=True)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, max_features=60_000)
    model = make_pipeline(
        make_union(words, characters), LogisticRegression(C=10, class_weight="balanced", solver="liblinear")
    )
    return model.fit(texts, labels)


def ask_tfidf(model: Any, text: str) -> tuple[str, float]:
    """The likeliest label and its probability."""
    chances = model.predict_proba([text])[0]
    best = chances.argmax()
    return str(model.classes_[best]), float(chances[best])


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9.]+", text.lower())


def bm25(data: dict[str, Any]) -> Any:
    """An index over the answers' texts."""
    from rank_bm25 import BM25Okapi

    labels = sorted(data["answers"])
    return labels, BM25Okapi([_words(data["answers"][label]) for label in labels])


def ask_bm25(model: Any, text: str) -> tuple[str, float]:
    """The answer whose text fits best and its score."""
    labels, index = model
    scores = index.get_scores(_words(text))
    best = scores.argmax()
    return labels[best], float(scores[best])


ENGINES = {"tfidf": (tfidf, ask_tfidf), "bm25": (bm25, ask_bm25)}


def main() -> None:
    """Train, save, load, ask."""
    name, source, target = sys.argv[1:]
    data = json.loads(Path(source).read_text(encoding="utf-8"))
    fit, ask = ENGINES[name]
    began = time.monotonic()
    trained = fit(data)
    train_seconds = time.monotonic() - began
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.pickle"
        file.write_bytes(pickle.dumps(trained))
        size = file.stat().st_size / 1e6
        began = time.monotonic()
        model = pickle.loads(file.read_bytes())
        load_seconds = time.monotonic() - began
    del trained
    found, milliseconds = [], []
    for text in data["texts"]:
        began = time.perf_counter()
        found.append(ask(model, text))
        milliseconds.append((time.perf_counter() - began) * 1000)
    result = {
        "predictions": found,
        "milliseconds": milliseconds,
        "train_seconds": train_seconds,
        "train_cpu_seconds": train_seconds,
        "load_seconds": load_seconds,
        "model_mb": size,
        "memory_mb": _memory(),
    }
    Path(target).write_text(json.dumps(result), encoding="utf-8")


def _memory() -> float:
    status = Path("/proc/self/statm")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
