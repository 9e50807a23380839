"""``python -m bot.runtime.train``: train when the content, the configuration or the code of the pipeline changed."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from bot import clinic as clinics

MODELS = Path(os.environ.get("IL2_MODELS", "models"))
NAME = "il2"
CONTENT = (
    "config.yml",
    "data/nlu",
    "data/stories",
    "domain.yml",
    "bot/content.py",
    "bot/encoder",
    "bot/importer.py",
    "bot/nlu",
    "bot/ranker.py",
    "bot/terms.py",
    "bot/triage",
    "bot/words.py",
    "data/clinical",
)
"""What goes into a model: also the wording rules, since a detector learns from what they mask."""
TRAINING_DATA = ("data/nlu", "data/stories")
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


def learn(target: Path, log: Path = LOG) -> None:
    """Run Rasa's training graph on the content and write the model to ``target``.

    The same steps as ``rasa train`` on Rasa's own engine, but without its cache: that knows data and configuration, not
    code, so that after a change of code it hands old parts back, and its fingerprints of every intermediate result cost
    a third of the time. What Rasa prints goes to ``log``.

    Raises:
        Exception: whatever stopped it, the component's own error and not the graph's.
    """
    from bot.runtime import without_tensorflow

    without_tensorflow.install()
    from rasa.engine import validation
    from rasa.engine.constants import PLACEHOLDER_IMPORTER
    from rasa.engine.exceptions import GraphComponentException
    from rasa.engine.graph import ExecutionContext
    from rasa.engine.recipes.recipe import Recipe
    from rasa.engine.runner.dask import DaskGraphRunner
    from rasa.engine.storage.local_model_storage import LocalModelStorage
    from rasa.shared.data import TrainingType

    from bot.importer import AnswersImporter, CompanionImporter
    from bot.nlu.domain import with_json_domain
    from bot.runtime.progress import Progress

    with _printing_to(log) as terminal, tempfile.TemporaryDirectory() as scratch:
        # Rasa would wrap this importer twice more, for end-to-end stories, and copy all sentences seven times.
        importer = AnswersImporter(CompanionImporter("config.yml", "domain.yml", list(TRAINING_DATA)))
        config, domain = importer.get_config(), importer.get_domain()
        recipe = Recipe.recipe_for_name(config.get("recipe"))
        graph = recipe.graph_config_for_recipe(config, {}, training_type=TrainingType.BOTH, is_finetuning=False)
        graph = replace(
            graph,
            train_schema=with_json_domain(graph.train_schema),
            predict_schema=with_json_domain(graph.predict_schema),
        )
        validation.validate(graph)
        storage = LocalModelStorage(Path(scratch))
        context = ExecutionContext(graph.train_schema)
        runner = DaskGraphRunner.create(graph.train_schema, storage, context, hooks=[Progress(terminal)])
        try:
            runner.run(inputs={PLACEHOLDER_IMPORTER: importer})
        except GraphComponentException as error:
            raise error.__cause__ or error from None
        finished = target.with_suffix(".part")
        storage.create_model_package(finished, graph, domain)
        finished.replace(target)


@contextlib.contextmanager
def _printing_to(log: Path) -> Iterator[TextIO]:
    """Send what this process prints to a file; gives the terminal."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (1, 2)]
    try:
        with log.open("wb") as file, os.fdopen(os.dup(kept[0]), "w", encoding="utf-8") as terminal:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            yield terminal
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)


def main() -> int:
    """Train if needed; prints what it does."""
    parser = argparse.ArgumentParser(description="Train the companion when its content changed.")
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--force", action="store_true")
    options = parser.parse_args()
    if is_current(options.models) and not options.force:
        return 0
    # Before numpy is loaded.
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    os.environ.setdefault("ACTION_ENDPOINT_URL", "http://127.0.0.1:5055/webhook")
    os.environ.setdefault("ACTION_TOKEN", "")
    began = time.monotonic()
    try:
        check_content()
        before = fingerprint()
        print("· training (about a minute)", flush=True)
        options.models.mkdir(parents=True, exist_ok=True)
        learn(model_path(options.models))
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"Training stopped: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Training was interrupted; nothing was changed.", file=sys.stderr)
        return 130
    (options.models / f"{NAME}.json").write_text(json.dumps({"fingerprint": before}), encoding="utf-8")
    print(f"· trained in {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
