"""``python -m bot.runtime.lessons FILE``: the sentences that ``bot/encoder/adapt.py`` learns from, as JSON.

Each is in the form that everything learns from, with its label for the topic classifier and for the red-flag gate.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple


class Lesson(NamedTuple):
    """A sentence and its labels; "" for a classifier that does not learn from it."""

    text: str
    topic: str
    gate: str


def lessons() -> list[Lesson]:
    """All training sentences, and what the answers themselves teach."""
    from bot.runtime import without_tensorflow

    without_tensorflow.install()
    from rasa.engine.storage.local_model_storage import LocalModelStorage
    from rasa.engine.storage.resource import Resource
    from rasa.shared.nlu.constants import INTENT, INTENT_RESPONSE_KEY, TEXT

    from bot.content import Catalogue
    from bot.importer import CompanionImporter
    from bot.nlu.classifier import GATE_PREFIX, GIVEN, answer_texts
    from bot.nlu.encoder import repaired_text
    from bot.nlu.red_flag_gate import gate_label
    from bot.nlu.tokenizer import CompanionTokenizer

    data = CompanionImporter("config.yml", "domain.yml", ["data/nlu"]).get_nlu_data()
    with tempfile.TemporaryDirectory() as scratch:
        storage = LocalModelStorage(Path(scratch))
        tokenizer = CompanionTokenizer(CompanionTokenizer.get_default_config(), storage, Resource("tokenizer"), [])
        tokenizer.train(data)
    found = []
    for example in tokenizer.process_training_data(data).intent_examples:
        intent = example.get(INTENT)
        topic = example.get(INTENT_RESPONSE_KEY) or intent
        taught = not intent.startswith(GATE_PREFIX) and intent not in GIVEN
        if example.get(TEXT):
            found.append(Lesson(repaired_text(example), topic if taught else "", gate_label(intent)))
    answers = Catalogue.from_responses(data.responses).answers.values()
    return [*found, *(Lesson(text, answer.id, "") for answer in answers for text in answer_texts(answer))]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(lessons()), encoding="utf-8")
