"""The bare Rasa of the fault matrix: stock server, stock channel, stock stores, the same rules in a small bot.

A red flag's rule says a static text and then runs ``action_escalate``, as the companion's does; two questions, and a
date that is kept in a slot. It runs on this project's environment without TensorFlow, since none of the faults but F23
touches the classifier: ``python -m tests.faults.bare run`` is ``rasa run`` with nothing hidden and nothing added.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.faults.patients import FLAGS, QUESTIONS

ADVICE = "Call 911 now."


def files(action: str, **endpoints: Any) -> dict[str, Any]:
    """The project's files; ``endpoints`` adds to or replaces those of the embedded default."""
    nlu: list[dict[str, str]] = [
        {"intent": f"question_{number}", "examples": f"- {text.rstrip('?')}\n"}
        for number, (text, _) in enumerate(QUESTIONS)
    ]
    nlu += [
        {"intent": "flag", "examples": "".join(f"- {text}\n" for text in FLAGS)},
        {"intent": "tell_day", "examples": "- my day is\n- my day is [October 7, 2026](day)\n"},
        {"intent": "ask_day", "examples": "- what are my dates\n"},
    ]
    nlu.append({"regex": "day", "examples": "- October \\d+, 2026\n"})
    rules = [
        {"rule": name, "steps": [{"intent": name}, {"action": f"utter_{name}"}]}
        for name in [*(f"question_{number}" for number in range(len(QUESTIONS))), "tell_day", "ask_day"]
    ]
    rules.append(
        {"rule": "flag", "steps": [{"intent": "flag"}, {"action": "utter_flag"}, {"action": "action_escalate"}]}
    )
    said = {
        f"utter_question_{number}": [{"text": f"The answer is {answer}."}]
        for number, (_, answer) in enumerate(QUESTIONS)
    }
    said |= {
        "utter_flag": [{"text": ADVICE}],
        "utter_tell_day": [{"text": "Your day is {day}."}],
        "utter_ask_day": [{"text": "Your day is {day}."}],
    }
    return {
        "data/nlu.yml": {"version": "3.1", "nlu": nlu},
        "data/rules.yml": {"version": "3.1", "rules": rules},
        "domain.yml": {
            "version": "3.1",
            "intents": [row["intent"] for row in nlu if "intent" in row],
            "entities": ["day"],
            "slots": {
                "day": {
                    "type": "text",
                    "influence_conversation": False,
                    "mappings": [{"type": "from_entity", "entity": "day"}],
                }
            },
            "responses": said,
            "actions": ["action_escalate"],
            "session_config": {"session_expiration_time": 60, "carry_over_slots_to_new_session": True},
        },
        "config.yml": {
            "recipe": "default.v1",
            "assistant_id": "bare",
            "language": "en",
            "pipeline": [
                {"name": "WhitespaceTokenizer"},
                {"name": "KeywordIntentClassifier", "case_sensitive": False},
                {"name": "RegexEntityExtractor", "use_lookup_tables": False, "use_regexes": True},
            ],
            "policies": [{"name": "RulePolicy", "enable_fallback_prediction": False}],
        },
        "credentials.yml": {"rest": None},
        "endpoints.yml": {
            "action_endpoint": {"url": action},
            "tracker_store": {"type": "SQL", "dialect": "sqlite", "db": "tracker.db"},
            **endpoints,
        },
    }


def write(folder: Path, action: str, **endpoints: Any) -> None:
    for name, content in files(action, **endpoints).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-m", "tests.faults.bare", *arguments]


def model(home: Path) -> Path:
    """The bare bot's model, made once."""
    made = home / "models" / "bare.tar.gz"
    if not made.is_file():
        write(home, "http://127.0.0.1:9/webhook")
        with (home / "train.log").open("wb") as log:
            train = command("train", "--fixed-model-name", "bare")
            environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
            subprocess.run(train, cwd=home, check=True, stdout=log, stderr=log, env=environment)
    return made


def main() -> None:
    """The ``rasa`` command."""
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    from rasa.__main__ import main as rasa_main

    rasa_main()


if __name__ == "__main__":
    main()
