"""The engines of the bench. Each learns a data set and then labels texts, in processes of its own.

The two Rasa engines are asked through a running Rasa server (``/model/parse``), so their times hold all of Rasa's own
work. The plain baselines are asked as a function call.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from tests.bench.sets import ANSWERED, DataSet

ROOT = Path(__file__).resolve().parents[2]
HOME = Path("var/bench")
STOCK_PYTHON = HOME / ".venv" / "bin" / "python"
START_LIMIT = 300.0
"""Seconds a server may take until it answers."""


@dataclass(frozen=True)
class Prediction:
    """What an engine makes of a text: its best label, and the score for giving a leaflet answer (0 when the label is
    none of the answers)."""

    label: str
    score: float


@dataclass(frozen=True)
class Run:
    """An engine's predictions, one for each text, and what they cost."""

    predictions: list[Prediction]
    milliseconds: list[float]
    train_seconds: float
    train_cpu_seconds: float
    load_seconds: float
    model_mb: float
    memory_mb: float


class EngineFailed(Exception):
    """An engine could not be trained or started; the text says where to look."""


def baseline(name: str, data: DataSet, texts: list[str]) -> Run:
    """``tfidf`` or ``bm25``."""
    folder = _fresh(name, data)
    given = {"train": data.train, "answers": data.answers, "texts": texts}
    (folder / "in.json").write_text(json.dumps(given), encoding="utf-8")
    script = Path(__file__).with_name("baselines.py")
    _run(
        [str(STOCK_PYTHON), str(script), name, str(folder / "in.json"), str(folder / "out.json")],
        folder / "log",
        os.environ,
    )
    result = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    found = [_scored(label, score) for label, score in result.pop("predictions")]
    return Run(predictions=found, **result)


def stock(data: DataSet, texts: list[str]) -> Run:
    """Rasa as published, with the pipeline of ``rasa init``."""
    source = "import rasa, pathlib; print(pathlib.Path(rasa.__file__).parent)"
    done = subprocess.run([str(STOCK_PYTHON), "-W", "ignore", "-c", source], capture_output=True, text=True, check=True)
    default = Path(done.stdout.strip().splitlines()[-1]) / "engine/recipes/config_files/default_config.yml"
    config = yaml.safe_load(default.read_text(encoding="utf-8"))
    command = [str(STOCK_PYTHON), "-W", "ignore", "-m", "rasa"]
    if data.answers:
        return _rasa("stock", command, config, data, texts)
    # Public sets are plain intents: so Rasa's published figures have them.
    plain = replace(data, train=[(text, _plain(label)) for text, label in data.train])
    return _rasa("stock", command, config, plain, texts, {_plain(label): label for _, label in data.train})


def _plain(label: str) -> str:
    return label.replace("/", "__")


def companion(data: DataSet, texts: list[str]) -> Run:
    """The pipeline of ``config.yml``; without the red-flag gate on data that hold no red flags."""
    config = yaml.safe_load(Path("config.yml").read_text(encoding="utf-8"))
    if not data.red_flags:
        config["pipeline"] = [part for part in config["pipeline"] if "RedFlagGate" not in part["name"]]
    return _rasa("companion", [sys.executable, "-W", "ignore", "-m", "bot.runtime.rasa"], config, data, texts)


def _rasa(
    name: str,
    command: list[str],
    config: dict[str, Any],
    data: DataSet,
    texts: list[str],
    labels: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    folder = _fresh(name, data)
    (folder / "data" / "nlu").mkdir(parents=True)
    write_project(folder, config, data)
    environment = {
        **os.environ,
        "RASA_TELEMETRY_ENABLED": "false",
        "RASA_MAX_CACHE_SIZE": "0",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(ROOT) if name == "companion" else "",
        "ACTION_ENDPOINT_URL": "http://127.0.0.1:9",
    }
    train = [*command, "train", "nlu", "--config", str(folder / "config.yml"), "--domain", str(folder / "domain.yml")]
    train += ["--nlu", str(folder / "data" / "nlu"), "--out", str(folder), "--fixed-model-name", "model"]
    began, before = time.monotonic(), _children()
    _run(train, folder / "train.log", environment)
    seconds, cpu = time.monotonic() - began, _children() - before
    model = folder / "model.tar.gz"
    if not model.is_file():
        raise EngineFailed(f"{name} made no model, see {folder}/train.log")
    port = _free_port()
    serve = [*command, "run", "--enable-api", "--model", str(model), "--port", str(port), "--interface", "127.0.0.1"]
    serve += ["--endpoints", str(folder / "endpoints.yml"), "--credentials", str(folder / "credentials.yml")]
    began = time.monotonic()
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(serve, stdout=log, stderr=log, env=environment)
    try:
        _until_ready(port, process, folder / "serve.log")
        loaded = time.monotonic() - began
        found, milliseconds = [], []
        for text in texts:
            began = time.perf_counter()
            parsed = _parse(port, text)
            milliseconds.append((time.perf_counter() - began) * 1000)
            found.append(predicted(parsed, labels))
        memory = _memory(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)
    return Run(found, milliseconds, seconds, cpu, loaded, model.stat().st_size / 1e6, memory)


def predicted(parsed: dict[str, Any], labels: Mapping[str, str] = MappingProxyType({})) -> Prediction:
    """The label of a parse: the leaflet answer where the intent is one, else the intent (by its name in ``labels``)."""
    intent, ranking = parsed["intent"], parsed.get("intent_ranking") or []
    name, score = str(intent["name"]), float(intent["confidence"])
    if name == "nlu_fallback":  # Rasa's stock fallback hides the best intent behind its own
        following = next((row for row in ranking if row["name"] != "nlu_fallback"), None)
        name, score = (following["name"], float(following["confidence"])) if following else (name, 0.0)
    selected = parsed.get("response_selector") or {}
    if name in ("offer_choices", "not_understood"):  # our selector doubts: its nearest answer, at its probability
        nearest = (parsed.get("choice") or {}).get("offers") or []
        return _scored(nearest[0], 1 - score) if nearest else Prediction(name, 0.0)
    if name in ("faq", "two_answers") or (name.startswith("red_flag_") and name.endswith("_and_question")):
        chosen = selected.get("faq") or selected.get("default") or {}
        response = chosen.get("response") or {}
        label = str(response.get("intent_response_key") or name)
        if name.startswith("red_flag_"):
            return Prediction(name, 0.0)
        # The stock intent says "a question", its selector which one: a sure answer needs both.
        sure = score * float(response.get("confidence", 1.0)) if "default" in selected else score
        return _scored(label, sure)
    if name in selected and "/" not in name:
        name = str(((selected[name] or {}).get("response") or {}).get("intent_response_key") or name)
    return _scored(labels.get(name, name), score)


def _scored(label: str, score: float) -> Prediction:
    return Prediction(label, score if label.startswith(ANSWERED) else 0.0)


def write_project(folder: Path, config: dict[str, Any], data: DataSet) -> None:
    """The files of a Rasa project for the data set; answers keep the metadata our pipeline reads."""
    by_label: dict[str, list[str]] = {}
    for text, label in data.train:
        by_label.setdefault(label, []).append(text)
    nlu = [
        {"intent": label, "examples": "".join(f"- {' '.join(text.split())}\n" for text in texts)}
        for label, texts in by_label.items()
    ]
    responses = {
        f"utter_{label}": [
            {
                "text": data.answers.get(label, label),
                "metadata": {"title": title(label, data), "topic": label.partition("/")[2], "sources": []},
            }
        ]
        for label in by_label
        if "/" in label
    }
    intents = sorted({label.partition("/")[0] for label in by_label})
    files: dict[str, Any] = {
        "data/nlu/all.yml": {"version": "3.1", "nlu": nlu, "responses": responses},
        "domain.yml": {"version": "3.1", "intents": intents, "entities": ["setting", "country"]},
        "config.yml": config,
        "endpoints.yml": {"lock_store": {"type": "in_memory"}},
        "credentials.yml": {"rest": None},
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")


def title(label: str, data: DataSet) -> str:
    """The answer's title; for a public label its words."""
    return data.answers.get(label, label.partition("/")[2].replace("_", " ")).partition(". ")[0]


def _fresh(name: str, data: DataSet) -> Path:
    folder = HOME / data.name.replace("/", "-") / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _run(command: list[str], log: Path, environment: Any) -> None:
    with log.open("wb") as out:
        done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, env=dict(environment))
    if done.returncode:
        raise EngineFailed(f"{' '.join(command[:6])} ... ended with {done.returncode}, see {log}")


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _parse(port: int, text: str) -> dict[str, Any]:
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/model/parse", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        parsed: dict[str, Any] = json.loads(answer.read())
        return parsed


def _until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + START_LIMIT
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise EngineFailed(f"the server ended, see {log}")
        try:
            _parse(port, "hello")
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise EngineFailed(f"the server did not answer within {START_LIMIT:.0f} s, see {log}")


def _memory(pid: int) -> float:
    """Resident memory of a process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
