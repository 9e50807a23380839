"""The answer selector: chooses one or two answers, the nearest topics, or none, from the classifier's rankings.

Its bands close a hole of Rasa: FallbackClassifier never looks at the response selector's confidence, so an answer of
confidence 0.1 would be given (https://github.com/RasaHQ/rasa/issues/9751). It writes Rasa's standard
``response_selector`` property, so the stock ``utter_faq`` action gives the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot import conversation
from bot.content import FAQ, UTTER, Answer, Catalogue
from bot.conversation import Conversation
from bot.nlu import language
from bot.nlu.classifier import CANDIDATES, Candidates
from bot.ranker import Ranked

RETRIEVAL = (FAQ, "decline", "chitchat", "followup")
SLOT_INTENTS = {
    "inform_home": ("setting", "home"),
    "inform_hospital": ("setting", "hospital"),
    "inform_country_us": ("country", "us"),
    "inform_country_uk": ("country", "uk"),
}
CONTEXT_WORDS = 8
"""A message of more words is understood on its own."""


@dataclass(frozen=True)
class Bands:
    """Confidence bands; calibrated on held-out questions, see docs/qa.md."""

    answer: float
    offer: float
    context: float
    other: float


@dataclass(frozen=True)
class Choice:
    """What the selector decided: the intent, the labels behind it, the topics to offer."""

    intent: str
    confidence: float
    labels: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    detail: str = ""


def choose(text: str, candidates: Candidates, talk: Conversation, catalogue: Catalogue, bands: Bands) -> Choice:
    """Decide what a message asks for. Pure: no Rasa object goes in or out."""
    titled = catalogue.by_title(text)
    if titled:
        return Choice(FAQ, 1.0, (titled,))
    code = language.detect(text)
    if code:
        return Choice("other_language", 1.0, detail=code)

    top = candidates.whole[0]
    kind = top.label.partition("/")[0]
    if kind == "followup" and top.confidence >= bands.other:
        return _follow_up(top, candidates, talk, catalogue, bands)
    two = _two(candidates.parts, bands)
    if len(two) == 2:
        return Choice("two_questions", min(r.confidence for r in two), tuple(r.label for r in two))
    if kind == FAQ:
        return _answer(text, top, candidates, catalogue, bands)
    if two and two[0].confidence > top.confidence:
        return Choice(FAQ, two[0].confidence, (two[0].label,))
    if top.confidence >= bands.other:
        return Choice(kind, top.confidence, (top.label,))
    return _offer(candidates.whole, bands)


def _answer(text: str, top: Ranked, candidates: Candidates, catalogue: Catalogue, bands: Bands) -> Choice:
    if top.confidence >= bands.answer:
        return Choice(FAQ, top.confidence, (top.label,))
    nearest = candidates.in_context[0] if candidates.in_context else None
    if nearest and len(text.split()) <= CONTEXT_WORDS and nearest.confidence >= bands.context:
        return Choice(FAQ, nearest.confidence, (nearest.label,))
    return _offer(candidates.whole, bands)


def _two(pieces: Sequence[tuple[str, list[Ranked]]], bands: Bands) -> list[Ranked]:
    found: list[Ranked] = []
    for _, ranking in pieces:
        best = ranking[0]
        known = best.label in [r.label for r in found]
        if best.label.startswith(f"{FAQ}/") and best.confidence >= bands.answer and not known:
            found.append(best)
    return found[:2]


def _offer(ranking: Sequence[Ranked], bands: Bands) -> Choice:
    near = [r for r in ranking[:12] if r.label.startswith(f"{FAQ}/")][:3]
    if ranking[0].confidence >= bands.offer and near:
        return Choice("offer_choices", ranking[0].confidence, offers=tuple(r.label for r in near))
    return Choice("not_understood", 1 - ranking[0].confidence, offers=tuple(r.label for r in near))


def _follow_up(top: Ranked, candidates: Candidates, talk: Conversation, catalogue: Catalogue, bands: Bands) -> Choice:
    kind = top.label.partition("/")[2]
    last = catalogue.get(talk.last_answers[-1]) if talk.last_answers else None
    plain = Choice("followup", top.confidence, (top.label,))
    if last is None:
        return plain
    if kind == "more":
        following = [a for a in _neighbours(last, catalogue) if a not in talk.given]
        return Choice(FAQ, top.confidence, (following[0],)) if following else plain
    if kind in ("other_one", "correction", "for_partner") and candidates.in_context:
        others = [r for r in candidates.in_context if r.label != last.id]
        same = [r for r in others if (a := catalogue.get(r.label)) and a.topic == last.topic]
        if others[0].confidence >= bands.answer:
            return Choice(FAQ, others[0].confidence, (others[0].label,))
        if kind != "for_partner" and same:
            return Choice("offer_choices", top.confidence, offers=tuple(r.label for r in same[:3]))
    return plain


def _neighbours(answer: Answer, catalogue: Catalogue) -> list[str]:
    siblings = [a.id for a in catalogue.answers.values() if a.topic == answer.topic and a.id != answer.id]
    return [*(n for n in answer.next if catalogue.get(n)), *siblings]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class AnswerSelector(GraphComponent, IntentClassifier):
    """Turn rankings into Rasa's ``intent`` and ``response_selector``."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The confidence bands."""
        return {"answer": 0.45, "offer": 0.30, "context": 0.45, "other": 0.30}

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        responses: dict[str, list[dict[str, Any]]] | None = None,
    ) -> None:
        """Build from the retrieval responses."""
        self._model_storage, self._resource = model_storage, resource
        self._bands = Bands(*(float(config[name]) for name in ("answer", "offer", "context", "other")))
        self._catalogue = Catalogue.from_responses(responses or {})

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> AnswerSelector:
        """Create an untrained selector."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> AnswerSelector:
        """Load the responses of a trained model."""
        import json

        with model_storage.read_from(resource) as folder:
            responses = json.loads((folder / "responses.json").read_text(encoding="utf-8"))
        return cls(config, model_storage, resource, responses)

    def train(self, training_data: TrainingData) -> Resource:
        """Keep the answers' titles, topics and neighbours."""
        import json

        with self._model_storage.write_to(self._resource) as folder:
            (folder / "responses.json").write_text(json.dumps(training_data.responses), encoding="utf-8")
        return self._resource

    def process(self, messages: list[Message], tracker: DialogueStateTracker) -> list[Message]:
        """Set intent, ranking, response selector and the slots' entities."""
        talk = conversation.read(tracker)
        for message in messages:
            candidates = message.get(CANDIDATES)
            if candidates is None:
                _set(message, Choice("not_understood", 1.0), [])
            else:
                choice = choose(message.get(TEXT), candidates, talk, self._catalogue, self._bands)
                _set(message, choice, candidates.whole)
        return messages


def _set(message: Message, choice: Choice, ranking: Sequence[Ranked]) -> None:
    top = [{"name": r.label, "confidence": r.confidence} for r in ranking[:5]]
    message.set(INTENT, {"name": choice.intent, "confidence": choice.confidence}, add_to_output=True)
    message.set("intent_ranking", top, add_to_output=True)
    selected: dict[str, Any] = {"all_retrieval_intents": list(RETRIEVAL)}
    best = {r.label.partition("/")[0]: r for r in reversed(ranking) if "/" in r.label}
    for name in RETRIEVAL:
        mine = [label for label in choice.labels if label.startswith(f"{name}/")]
        label = mine[0] if mine else best[name].label if name in best else None
        if label:
            confidence = choice.confidence if mine else best[name].confidence
            selected[name] = _selected(label, confidence)
    if len(choice.labels) > 1:
        selected["second"] = _selected(choice.labels[1], choice.confidence)
    message.set("response_selector", selected, add_to_output=True)
    message.set("choice", {"offers": list(choice.offers), "detail": choice.detail}, add_to_output=True)
    if choice.intent in SLOT_INTENTS:
        entity, value = SLOT_INTENTS[choice.intent]
        add_entity(message, entity, value)


def _selected(label: str, confidence: float) -> dict[str, Any]:
    response = {
        "responses": [],
        "confidence": confidence,
        "intent_response_key": label,
        "utter_action": UTTER + label,
    }
    return {"response": response, "ranking": [{"intent_response_key": label, "confidence": confidence}]}


def add_entity(message: Message, entity: str, value: str) -> None:
    """Add an entity that fills the slot of its name; it stands for the whole message."""
    entities = list(message.get(ENTITIES) or [])
    entities.append({"entity": entity, "value": value, "start": 0, "end": len(message.get(TEXT)), "extractor": "bot"})
    message.set(ENTITIES, entities, add_to_output=True)
