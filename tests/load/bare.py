"""The bare Rasa bot of the load test: the pipeline and policies of ``rasa init`` on the same intents and answers.

Rasa as published, with TensorFlow and Python 3.10, in the bench's own environment (``python -m tests.bench.setup``). It
learns :data:`SHARE` of each label's sentences for :data:`EPOCHS` rounds: both change how well it answers, not what a
message costs it (a larger share would make its vocabulary and so its messages dearer).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from bot.content import FAQ
from bot.importer import read_nlu
from tests.bench.engines import STOCK_PYTHON
from tests.bench.sets import thin

SHARE, EPOCHS = 0.02, 5
RETRIEVAL = (FAQ, "decline", "chitchat", "followup")
COMMAND = [str(STOCK_PYTHON.absolute()), "-W", "ignore", "-m", "rasa"]
ENVIRONMENT = {
    "RASA_TELEMETRY_ENABLED": "false",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "LOG_LEVEL": "WARNING",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": "",
}


def default_config() -> dict[str, Any]:
    """What ``rasa init`` writes, fewer rounds of training."""
    site = next((STOCK_PYTHON.parent.parent / "lib").glob("python3*")) / "site-packages"
    text = (site / "rasa/engine/recipes/config_files/default_config.yml").read_text(encoding="utf-8")
    config: dict[str, Any] = yaml.safe_load(text)
    for part in [*config["pipeline"], *config["policies"]]:
        if "epochs" in part:
            part["epochs"] = EPOCHS
    return config


def write(folder: Path) -> None:
    """The project's files."""
    sentences, responses = read_nlu(sorted(Path("data/nlu").glob("*.yml")))
    by_label: dict[str, list[str]] = {}
    for text, label in thin([(text, label) for label, text in sentences], SHARE):
        by_label.setdefault(label, []).append(" ".join(text.split()))
    flags = ("emergency", "urgent", "soon", "crisis")
    shared = yaml.safe_load(Path("domain.yml").read_text(encoding="utf-8"))["responses"]
    said = {name: [{"text": variants[0]["text"]}] for name, variants in responses.items()}
    said |= {f"utter_contact_{level}": [{"text": shared[f"utter_contact_{level}"][0]["text"]}] for level in flags}
    intents = sorted({label.partition("/")[0] for label in by_label})
    rules = []
    for intent in intents:
        level = intent.removeprefix("red_flag_").removesuffix("_and_question")
        if intent in RETRIEVAL:
            steps = [f"utter_{intent}"]
        elif level in flags and intent.startswith("red_flag_"):
            steps = [f"utter_contact_{level}", "action_escalate"]
        else:
            said[f"utter_{intent}"] = [{"text": f"Thank you. ({intent})"}]
            steps = [f"utter_{intent}"]
        rules.append({"rule": intent, "steps": [{"intent": intent}, *({"action": step} for step in steps)]})
    # Without this rule Rasa says nothing at all to what it has not understood.
    said["utter_rephrase"] = [{"text": "I did not understand that. Please say it in other words."}]
    rules.append({"rule": "not understood", "steps": [{"intent": "nlu_fallback"}, {"action": "utter_rephrase"}]})
    retrieval = [intent for intent in intents if intent in RETRIEVAL]
    for label in by_label:
        if "/" in label:
            said.setdefault(f"utter_{label}", [{"text": f"Thank you. ({label})"}])
    nlu = [{"intent": label, "examples": "".join(f"- {t}\n" for t in texts)} for label, texts in by_label.items()]
    files: dict[str, Any] = {
        "data/nlu.yml": {"version": "3.1", "nlu": nlu},
        "data/rules.yml": {"version": "3.1", "rules": rules},
        "domain.yml": {
            "version": "3.1",
            "intents": intents,
            "responses": said,
            "actions": ["action_escalate", *(f"utter_{intent}" for intent in retrieval)],
            "session_config": {"session_expiration_time": 60, "carry_over_slots_to_new_session": True},
        },
        "config.yml": default_config(),
        "credentials.yml": {"rest": None},
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")


def train(folder: Path) -> Path:
    """The model, made once.

    Raises:
        RuntimeError: when it cannot be trained; the text says where to look.
    """
    model = folder / "models" / "bare.tar.gz"
    if model.is_file():
        return model
    write(folder)
    log = folder / "train.log"
    with log.open("wb") as out:
        done = subprocess.run(
            [*COMMAND, "train", "--fixed-model-name", "bare"],
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ENVIRONMENT},
        )
    if done.returncode or not model.is_file():
        raise RuntimeError(f"the bare bot could not be trained, see {log}")
    return model
