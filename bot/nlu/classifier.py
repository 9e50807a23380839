"""The topic classifier: ranks answers and intents for a message, its parts, and the message after the last answer."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import INTENT, INTENT_RESPONSE_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot import conversation
from bot.content import FAQ, Answer, Catalogue
from bot.encoder import SentenceEncoder, default_path
from bot.nlu import parts
from bot.nlu.encoder import SentenceEncoderFeaturizer, repaired_part, repaired_text, sentence_vector
from bot.ranker import Ranked, Ranker

CANDIDATES = "candidates"
GATE_PREFIX = "red_flag_"
"""Intents of this prefix are the gate's to give: its own detectors learn from their examples."""
FOR_THE_GATE = ("symptom_", "figure_of_speech")
"""Intents with many examples, because the gate learns to tell them from reports; here every third one is enough."""
GATES_SHARE = 3
GIVEN = (
    "two_answers",
    "answer_and_decline",
    "decline_and_answer",
    "offer_choices",
    "not_understood",
    "other_language",
    "normal_reading",
    "symptom_asked",
)
"""Intents that come from decisions, or whose examples are for the gate alone."""


@dataclass(frozen=True)
class Ranking:
    """All labels for a text, highest score first, and the probability that a leaflet answers it."""

    labels: tuple[Ranked, ...]
    scope: float


@dataclass(frozen=True)
class Scope:
    """Logistic weights for the probability that a leaflet answers a text; fitted on the development sets.

    ``python -m tests.nlu.fit_scope`` prints the best weights for the trained model.

    Attributes:
        bias: the constant.
        best: weight of the best answer's score.
        balance: weight of the sum of the positive scores of all answers, less that of all other labels.
        against: weight of the best score among the other labels (declines, small talk, ...).
        declines: weight of the sum of the positive scores of all declines.
        words: weight of the logarithm of the number of words; a long message is more often about a life than a leaflet.
    """

    bias: float = -4.28
    best: float = 9.36
    balance: float = 1.29
    against: float = -5.83
    declines: float = -4.6
    words: float = 1.2

    def probability(self, labels: Iterable[Ranked], words: int) -> float:
        """The probability for a ranking of a text of so many words."""
        weights = (self.best, self.balance, self.against, self.declines, self.words)
        logit = self.bias + sum(w * x for w, x in zip(weights, self.evidence(labels, words), strict=True))
        return 1 / (1 + math.exp(-logit))

    @staticmethod
    def evidence(labels: Iterable[Ranked], words: int) -> tuple[float, ...]:
        """What the weights stand for, in their order."""
        answers, others, declines = [0.0], [0.0], 0.0
        for ranked in labels:
            score = max(0.0, ranked.score)
            (answers if ranked.label.startswith(f"{FAQ}/") else others).append(score)
            declines += score if ranked.label.startswith("decline/") else 0.0
        return max(answers), sum(answers) - sum(others), max(others), declines, math.log(1 + words)


@dataclass(frozen=True)
class Candidates:
    """Rankings of one message: whole, of its parts, and of its last part read after the last answer's title, if any."""

    whole: Ranking
    parts: tuple[Ranking, ...] = ()
    in_context: Ranking | None = None


_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def _first_sentences(text: str, count: int = 2) -> list[str]:
    sentences = _SENTENCE_END.split(text.replace("\n", " "))[:count]
    return [sentence.lower() for sentence in sentences if len(sentence.split()) > 3]


def answer_texts(answer: Answer) -> list[str]:
    """What an answer itself teaches: its title (as on its button), alone and with its topic, and its first words."""
    title = answer.title.lower()
    topic = answer.topic.replace("_", " ")
    return [title, f"{topic} {title}", *_first_sentences(answer.text)]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TopicClassifier(GraphComponent, IntentClassifier):
    """Rank labels; the answer selector chooses. A label is a full retrieval intent or a plain intent."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``scope``: see :class:`Scope`."""
        return {"scope": {}}

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
        self._scope = Scope(**config.get("scope", {}))
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
        """Learn from the examples and from the answers themselves."""
        texts, vectors, labels = [], [], []
        seen: Counter[str] = Counter()
        for example in training_data.intent_examples:
            label = example.get(INTENT_RESPONSE_KEY) or example.get(INTENT)
            if example.get(TEXT) and not label.startswith(GATE_PREFIX) and label not in GIVEN:
                seen[label] += 1
                if label.startswith(FOR_THE_GATE) and seen[label] % GATES_SHARE:
                    continue
                texts.append(repaired_text(example))
                vectors.append(sentence_vector(example))
                labels.append(label)
        answers = Catalogue.from_responses(training_data.responses).answers
        for answer in answers.values():
            own = answer_texts(answer)
            texts += own
            labels += [answer.id] * len(own)
        vectors += list(SentenceEncoder.load(default_path()).encode_all(texts[len(vectors) :]))
        self._ranker = Ranker.fit(texts, np.stack(vectors), labels)
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
        sentence = repaired_text(message)
        whole = self._rank(sentence, sentence_vector(message))
        texts = [repaired_part(piece, message) for piece in parts.questions(message.get(TEXT))]
        pieces = tuple(map(self._rank, texts))
        last = conversation.read(tracker).last_answers
        title = self._titles.get(last[-1]) if last else None
        latest = texts[-1] if texts else sentence
        return Candidates(whole, pieces, self._rank(f"{title} {latest}") if title else None)

    def _rank(self, text: str, vector: np.ndarray[Any, Any] | None = None) -> Ranking:
        assert self._ranker is not None, "only a trained model ranks"
        if vector is None:
            vector = SentenceEncoder.load(default_path()).encode(text)
        labels = tuple(self._ranker.rank(text, vector))
        return Ranking(labels, self._scope.probability(labels, len(text.split())))
