"""``make bench``: the companion's pipeline beside Rasa's stock pipeline, TF-IDF + logistic regression and BM25.

Every engine gets the same sentences to learn from and the same to be tested on, one after the other on this machine.
With ``--data DIR`` the public sets found there are run instead. Writes ``reports/bench.json`` and ``reports/bench.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench import engines, metrics, sets

ENGINES: dict[str, Callable[[sets.DataSet, list[str]], engines.Run]] = {
    "companion": engines.companion,
    "bm25": lambda data, texts: engines.baseline("bm25", data, texts),
    "tfidf": lambda data, texts: engines.baseline("tfidf", data, texts),
    "stock": engines.stock,
}


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engines", default=",".join(ENGINES), help="which, separated by commas")
    parser.add_argument("--share", type=float, default=0.15, help="share of the training sentences (default: 0.15)")
    parser.add_argument("--set", default="heldout", choices=["heldout", "dev"], help="our own test set")
    parser.add_argument("--data", type=Path, help="folder with hint3/, clinc150/ or banking77/")
    parser.add_argument("--out", type=Path, default=Path("reports/bench.json"))
    options = parser.parse_args()
    data = [sets.ours(options.set, options.share)] if options.data is None else _public(options.data)
    results: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
    for one in data:
        key = (
            f"{one.name} {options.set}, {options.share:.0%} of the training sentences"
            if one.name == "ours"
            else one.name
        )
        table = results.setdefault(key, {"train": len(one.train), "test": len(one.test), "engines": {}})
        for name in options.engines.split(","):
            if name == "bm25" and not one.answers:
                continue
            print(f"· {key}: {name} ({len(one.train)} sentences to learn from)", flush=True)
            try:
                run = ENGINES[name](one, metrics.texts(one))
            except engines.EngineFailed as error:
                print(f"  {error}", file=sys.stderr)
                return 1
            table["engines"][name] = asdict(metrics.measure(one, run)) | {"machine": _machine()}
            options.out.parent.mkdir(exist_ok=True)
            options.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
            options.out.with_suffix(".md").write_text(metrics.tables(results), encoding="utf-8")
    print(metrics.tables(results))
    return 0


def _public(folder: Path) -> list[sets.DataSet]:
    found = []
    for name, load in sets.PUBLIC.items():
        try:
            found.append(load(folder))
        except sets.SetMissing as error:
            print(f"· {name} is left out: {error}")
    return found


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f} at the end"


if __name__ == "__main__":
    sys.exit(main())
