"""The topic classifier: ranks all answers and intents for a message, its parts, and the message after the last answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.constants import TOKENS_NAMES
from rasa.nlu.tokenizers.tokenizer import Token
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import INTENT, INTENT_RESPONSE_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot import conversation
from bot.content import FAQ, Catalogue
from bot.encoder import SentenceEncoder, default_path
from bot.nlu import parts
from bot.nlu.encoder import SentenceEncoderFeaturizer, repaired_text, sentence_vector
from bot.ranker import Calibration, Ranked, Ranker

CANDIDATES = "candidates"
GATE_PREFIX = "red_flag_"
"""Intents of this prefix are the gate's to give: its own detectors learn from their examples."""
GIVEN = ("two_questions", "offer_choices", "not_understood", "other_language", "normal_reading")
"""Intents that come from decisions, not from examples."""


@dataclass(frozen=True)
class Candidates:
    """Rankings of one message: whole, of its parts ``(text, ranking)``, and read after the last answer's title."""

    whole: list[Ranked]
    parts: list[tuple[str, list[Ranked]]]
    in_context: list[Ranked]


_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def _first_sentences(answer: str, count: int = 2) -> list[str]:
    sentences = _SENTENCE_END.split(answer.replace("\n", " "))[:count]
    return [sentence.lower() for sentence in sentences if len(sentence.split()) > 3]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TopicClassifier(GraphComponent, IntentClassifier):
    """Rank labels; the answer selector chooses. A label is a full retrieval intent or a plain intent."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``calibration``: see :class:`bot.ranker.Calibration`."""
        return {"calibration": {}}

    @classmethod
    def required_components(cls) -> list[type]:
        """The sentence encoder comes first."""
        return [SentenceEncoderFeaturizer]

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        ranker: Ranker | None = None,
        titles: dict[str, str] | None = None,
    ) -> None:
        """Build from a trained ranker and the answers' titles."""
        self._model_storage, self._resource = model_storage, resource
        self._calibration = Calibration(**config.get("calibration", {}))
        self._ranker, self._titles = ranker, titles or {}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> TopicClassifier:
        """Create an untrained classifier."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> TopicClassifier:
        """Load a trained classifier."""
        with model_storage.read_from(resource) as folder:
            ranker = Ranker.load(folder)
            lines = (folder / "titles.tsv").read_text(encoding="utf-8").splitlines()
        return cls(config, model_storage, resource, ranker, dict(line.split("\t", 1) for line in lines))

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from the examples, from each answer's title (it stands on its button) and its first sentences."""
        texts, vectors, labels = [], [], []
        for example in training_data.intent_examples:
            label = example.get(INTENT_RESPONSE_KEY) or example.get(INTENT)
            if example.get(TEXT) and not label.startswith(GATE_PREFIX) and label not in GIVEN:
                texts.append(repaired_text(example))
                vectors.append(sentence_vector(example))
                labels.append(label)
        answers = Catalogue.from_responses(training_data.responses).answers
        encoder = SentenceEncoder.load(default_path())
        for answer in answers.values():
            for text in (answer.title.lower(), *_first_sentences(answer.text)):
                texts.append(text)
                vectors.append(encoder.encode(text))
                labels.append(answer.id)
        self._ranker = Ranker.fit(texts, np.stack(vectors), labels, self._calibration)
        self._titles = {answer.id: answer.title.lower() for answer in answers.values()}
        with self._model_storage.write_to(self._resource) as folder:
            self._ranker.save(folder)
            lines = "\n".join(f"{key}\t{title}" for key, title in self._titles.items())
            (folder / "titles.tsv").write_text(lines, encoding="utf-8")
        return self._resource

    def process(self, messages: list[Message], tracker: DialogueStateTracker) -> list[Message]:
        """Put the rankings on the messages, for the answer selector."""
        for message in messages:
            if message.get(TEXT):
                message.set(CANDIDATES, self._candidates(message, tracker))
        return messages

    def _candidates(self, message: Message, tracker: DialogueStateTracker | None) -> Candidates:
        assert self._ranker is not None, "process is only called on a trained model"
        whole = self._ranker.rank(repaired_text(message), sentence_vector(message))
        pieces = [(piece, self._rank(piece, message)) for piece in parts.questions(message.get(TEXT))]
        last = conversation.read(tracker).last_answers
        in_context: list[Ranked] = []
        if last and last[-1] in self._titles:
            text = f"{self._titles[last[-1]]} {repaired_text(message)}"
            ranking = self._ranker.rank(text, SentenceEncoder.load(default_path()).encode(text))
            in_context = [r for r in ranking if r.label.startswith(f"{FAQ}/")]
        return Candidates(whole, pieces, in_context)

    def _rank(self, piece: str, message: Message) -> list[Ranked]:
        assert self._ranker is not None
        lemmas = {token.text: token.lemma for token in message.get(TOKENS_NAMES[TEXT], []) if isinstance(token, Token)}
        text = " ".join(lemmas.get(word.strip("?!.,;:"), word.lower().strip("?!.,;:")) for word in piece.split())
        return self._ranker.rank(text, SentenceEncoder.load(default_path()).encode(text))
