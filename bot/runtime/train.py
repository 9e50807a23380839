"""``python -m bot.runtime.train``: train when the content, the configuration or the code of the pipeline changed."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bot import clinic as clinics

MODELS = Path(os.environ.get("IL2_MODELS", "models"))
NAME = "il2"
CONTENT = (
    "config.yml",
    "domain.yml",
    "data/nlu",
    "data/stories",
    "bot/content.py",
    "bot/encoder",
    "bot/importer.py",
    "bot/nlu",
    "bot/ranker.py",
    "bot/triage/classifier.py",
    "bot/words.py",
)
"""What goes into a model; the wording rules of triage are read at every start instead."""
LOG = Path("var/log/training.log")


def fingerprint(root: Path = Path()) -> str:
    """SHA-256 over the names and bytes of everything a model is made from."""
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for place in CONTENT:
        path = root / place
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.suffix in (".yml", ".yaml", ".py"):
                digest.update(f"{file.relative_to(root)}\0".encode())
                digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()


def model_path(models: Path = MODELS) -> Path:
    """The trained model."""
    return models / f"{NAME}.tar.gz"


def is_current(models: Path = MODELS) -> bool:
    """Whether the model was made from what stands in the folder now."""
    stamp = models / f"{NAME}.json"
    if not (stamp.is_file() and model_path(models).is_file()):
        return False
    try:
        return bool(json.loads(stamp.read_text(encoding="utf-8"))["fingerprint"] == fingerprint())
    except (ValueError, KeyError):
        return False


def check_content() -> None:
    """Read all content files, so that a broken one gives its one sentence before anything starts.

    Raises:
        ValueError, rasa.shared.exceptions.RasaException: naming the file and what is wrong with it.
    """
    from bot.runtime import without_tensorflow

    without_tensorflow.install()
    from bot.importer import load_yaml, read_nlu
    from bot.triage import assess

    clinics.load()
    for name in ("config.yml", "domain.yml", "endpoints.yml"):
        load_yaml(Path(name))
    for file in sorted(Path("data/stories").rglob("*.yml")):
        load_yaml(file)
    read_nlu(sorted(Path("data/nlu").rglob("*.yml")))
    assess("")


def main() -> int:
    """Train if needed; prints what it does."""
    parser = argparse.ArgumentParser(description="Train the companion when its content changed.")
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--force", action="store_true")
    options = parser.parse_args()
    if is_current(options.models) and not options.force:
        return 0
    try:
        check_content()
    except Exception as error:
        print(f"Training stopped: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print("· training (about a minute)", flush=True)
    began, before = time.monotonic(), fingerprint()
    LOG.parent.mkdir(parents=True, exist_ok=True)
    options.models.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "bot.runtime.rasa", "train", "--skip-validation", "--fixed-model-name", NAME]
    command += ["--out", str(options.models), "--data", "data/nlu", "data/stories"]
    environment = {"ACTION_ENDPOINT_URL": "http://127.0.0.1:5055/webhook", "OMP_NUM_THREADS": "2", **os.environ}
    # The cache of Rasa knows data and configuration, not code: after a change of code it hands old parts back.
    environment["RASA_MAX_CACHE_SIZE"] = "0"
    with LOG.open("wb") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    if done.returncode or not model_path(options.models).is_file():
        lines = [line for line in LOG.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        reasons = [line for line in lines if "TensorFlowMissing" in line] or lines[-1:] or ["no reason given"]
        print(f"Training stopped: {reasons[-1].strip()} (see {LOG})", file=sys.stderr)
        return 1
    (options.models / f"{NAME}.json").write_text(json.dumps({"fingerprint": before}), encoding="utf-8")
    print(f"· trained in {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
