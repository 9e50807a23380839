"""The red-flag gate: the last component of the pipeline, so that nothing overrules it.

It runs in the Rasa process on every message. Its verdict replaces the intent; the rules in ``data/stories`` say the
static text first and run ``action_escalate`` after it. An answer that the selector has chosen for a question in the
same message is still given, after the advice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot import conversation
from bot.content import FAQ
from bot.conversation import Conversation
from bot.encoder import SentenceEncoder, default_path
from bot.nlu import parts
from bot.nlu.classifier import GATE_PREFIX, GIVEN
from bot.nlu.encoder import SentenceEncoderFeaturizer, repaired_part, repaired_text, sentence_vector
from bot.nlu.selector import TWO_REPLIES, add_entity
from bot.triage import Assertion, Assessment, Context, Level, assess
from bot.triage.classifier import CRISIS_SYMPTOM, OTHER, Read, ReportClassifier, Vector, worded

LEARNT = (GATE_PREFIX, "symptom_", "figure_of_speech")
"""Intents whose examples the classifier tells apart; all others stand against them."""
_NOT_LEARNT = {*GIVEN, f"{GATE_PREFIX}bystander"} - {"symptom_asked"}
MANY = ("faq", "decline")
"""Of the others, those with thousands of examples: every sixth of them is enough."""
ORDINARY_EVERY = 6
OTHERWISE = ("faq", "two_answers", "decline", "chitchat", "followup", "symptom_", "figure_of_speech", "called_team")
"""Intents (or their beginnings) of which the topic classifier says: no report."""
SURE = 0.5
"""Score from which the topic classifier's intent counts as well understood."""
ACKNOWLEDGES = ("called_team", "tell_escalation_again")
ANSWERED = ("faq", *TWO_REPLIES)
"""Intents whose answer is still given after an escalation."""


_LEVELS = {**{level.label: level for level in Level}, "crisis": Level.EMERGENCY}


def triage_context(talk: Conversation) -> Context:
    """The part of a conversation's state that triage reads."""
    return Context(
        previous=talk.previous,
        open_symptoms=talk.open_symptoms,
        bot_asked=talk.asked or None,
        setting=talk.setting or None,
        last_level=_LEVELS.get(talk.contact_level, Level.NONE),
        crisis_open=talk.crisis_open,
    )


def gate_label(intent: str) -> str:
    """What the classifier learns a sentence of an intent as; "" if it does not."""
    if intent in _NOT_LEARNT or intent.endswith("_and_question"):
        return ""
    return intent if intent.startswith(LEARNT) else OTHER


def verdict(assessment: Assessment, intent: str, text: str) -> str:
    """The intent of a message after triage: a ``red_flag_...`` intent, or the one it had."""
    if assessment.level is Level.NONE:
        if assessment.bystander:
            return f"{GATE_PREFIX}bystander"
        if assessment.normal_reading is not None and intent not in ANSWERED:
            return "normal_reading"
        return intent
    crisis = any(f.symptom == CRISIS_SYMPTOM and f.level for f in assessment.findings)
    name = "crisis" if crisis else assessment.level.label
    if assessment.bystander:
        return f"{GATE_PREFIX}bystander"
    if intent in ANSWERED and parts.asks(text):
        return f"{GATE_PREFIX}{name}_and_question"
    return f"{GATE_PREFIX}{name}"


def describe(assessment: Assessment) -> dict[str, Any]:
    """The assessment as plain JSON for the tracker: symptoms, levels and assertions, no words of the patient."""
    return {
        "level": assessment.level.label,
        "crisis": assessment.crisis,
        "setting": assessment.setting,
        "bystander": assessment.bystander,
        "ask": assessment.ask,
        "normal_reading": assessment.normal_reading.kind if assessment.normal_reading else None,
        "findings": [
            {
                "symptom": f.symptom,
                "row": f.row,
                "level": f.level.label,
                "assertion": f.assertion.value,
                "detector": f.detector,
            }
            for f in assessment.findings
            if f.assertion is not Assertion.FIGURATIVE
        ],
    }


def _reader(message: Message) -> Read:
    """Reads a piece of the message; the whole message is encoded already."""
    encoder = SentenceEncoder.load(default_path())

    def read(piece: str) -> tuple[str, Vector]:
        if piece == message.get(TEXT):
            return repaired_text(message), sentence_vector(message)
        repaired = repaired_part(piece, message)
        return repaired, encoder.encode(repaired)

    return read


def _lesson(example: Message) -> tuple[str, str, Vector]:
    """A training sentence, its form and its vector; a normal reading is a word in all, as it will be in messages."""
    text = example.get(TEXT)
    if any(map(str.isdigit, text)):
        told = worded(text, assess(text).normal_reading)
        if told != text:
            form = repaired_part(told, example)
            return told, form, SentenceEncoder.load(default_path()).encode(form)
    return text, repaired_text(example), sentence_vector(example)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class RedFlagGate(GraphComponent, IntentClassifier):
    """Assess every message by the wording rules and the classifier; a red flag takes precedence over every intent."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """None: wordings, and how the evidence is weighed, are data in ``data/clinical``."""
        return {}

    @classmethod
    def required_components(cls) -> list[type]:
        """The sentence encoder comes first."""
        return [SentenceEncoderFeaturizer]

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        classifier: ReportClassifier | None = None,
    ) -> None:
        """Load the rules once, so that a broken file stops the start and not a conversation."""
        self._model_storage, self._resource, self._classifier = model_storage, resource, classifier
        assess("")

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> RedFlagGate:
        """Create an untrained gate: the rules alone."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> RedFlagGate:
        """Load the classifier of a trained model."""
        with model_storage.read_from(resource) as folder:
            classifier = ReportClassifier.load(folder)
        return cls(config, model_storage, resource, classifier)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn reports against denials, questions, the past, figures of speech and ordinary questions."""
        texts, repaired, vectors, labels = [], [], [], []
        ordinary = 0
        for example in training_data.intent_examples:
            intent = example.get(INTENT)
            label = gate_label(intent)
            if not label:
                continue
            if intent in MANY:
                ordinary += 1
                if ordinary % ORDINARY_EVERY:
                    continue
            told, form, vector = _lesson(example)
            texts.append(told)
            repaired.append(form)
            vectors.append(vector)
            labels.append(label)
        self._classifier = ReportClassifier.fit(texts, repaired, np.stack(vectors), labels)
        with self._model_storage.write_to(self._resource) as folder:
            self._classifier.save(folder)
        return self._resource

    def process(self, messages: list[Message], tracker: DialogueStateTracker) -> list[Message]:
        """Set the verdict, the assessment and the setting that was heard."""
        talk = conversation.read(tracker)
        for message in messages:
            text = message.get(TEXT) or ""
            before = message.get(INTENT) or {"name": "not_understood", "confidence": 0.0}
            # "I have called them" speaks of the call, not of the symptom before it; "they're back" only looks like it.
            acknowledges = before["name"] in ACKNOWLEDGES and before["confidence"] >= SURE
            calls = acknowledges or (message.get("choice") or {}).get("called", False)
            context = triage_context(replace(talk, open_symptoms=(), previous=()) if calls else talk)
            # A pressed topic button asks about the topic, whatever its title says.
            pressed = before["name"] == FAQ and text in talk.buttons
            assessment = Assessment(Level.NONE) if pressed else assess(text, context)
            if self._classifier is not None and text and not (calls or pressed):
                otherwise = before["name"].startswith(OTHERWISE)
                assessment = self._classifier.judge(assessment, text, _reader(message), otherwise=otherwise)
            message.set("asked_for", before["name"], add_to_output=True)
            message.set("assessment", describe(assessment), add_to_output=True)
            after = verdict(assessment, before["name"], text)
            if after != before["name"]:
                message.set(INTENT, {"name": after, "confidence": 1.0}, add_to_output=True)
            if assessment.setting:
                add_entity(message, "setting", assessment.setting)
        return messages
