"""The answer selector: chooses one or two answers, the nearest topics, or none, from the classifier's rankings.

Its bands close a hole of Rasa: FallbackClassifier never looks at the response selector's confidence, so an answer of
confidence 0.1 would be given (https://github.com/RasaHQ/rasa/issues/9751). It writes Rasa's standard
``response_selector`` property, so the stock ``utter_faq`` action gives the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
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

from bot import conversation, dates, deletion
from bot.content import FAQ, UTTER, Answer, Catalogue
from bot.conversation import CALLED, Conversation
from bot.nlu import language, parts
from bot.nlu.classifier import CANDIDATES, Candidates, Ranking
from bot.ranker import Ranked

RETRIEVAL = (FAQ, "decline", "chitchat", "followup")
DECLINE = "decline"
ORDERS = "decline/prompt_injection"
"""Orders to the companion itself; nothing of a message that holds some is answered."""
TWO_REPLIES = ("two_answers", "answer_and_decline", "decline_and_answer")
"""Intents that two replies answer."""
SLOT_INTENTS = {
    "inform_home": ("setting", "home"),
    "inform_hospital": ("setting", "hospital"),
    "inform_country_us": ("country", "us"),
    "inform_country_uk": ("country", "uk"),
}
ANSWERS_TO_AN_OFFER = {"affirm": "delete_my_data", "deny": "delete_refused"}
"""After the offer to delete the conversation, a yes in other words than the fixed ones gets the offer once more."""
LEANING = ("other_one", "correction", "for_partner", "at_home", "in_hospital")
"""Follow-ups that ask for another answer near the last one."""
WHOLE = 0.5
"""Weight of a label in the whole message where a part is judged."""
CONTEXT_WORDS = 8
"""A message of more words is understood on its own."""


@dataclass(frozen=True)
class Bands:
    """Where the selector draws its lines; calibrated on the development set, see docs/qa.md.

    Attributes:
        answer: probability from which a leaflet answer is given.
        offer: probability from which the nearest topics are offered.
        other: score from which a decline, small talk or another intent is believed.
        sibling: share of the best score from which a second answer of the same topic is given too.
        rival: the same for an answer of another topic.
        plain: score from which a short message after an answer is taken by its own words alone.
        partly: score in the whole message from which the answer to a part is given though the part alone is not sure.
        told: score of the answer to the one part that asks, from which the parts that tell do not count.
        shared: score that the answer to a part must have for the whole message too; a part that is torn out of its
            sentence ("what can I put on it") is near to anything.
    """

    answer: float = 0.5
    offer: float = 0.25
    other: float = 0.15
    sibling: float = 0.5
    rival: float = 0.75
    plain: float = 0.5
    partly: float = 0.2
    told: float = 0.7
    shared: float = 0.1


@dataclass(frozen=True)
class Choice:
    """What the selector decided: the intent, its labels, the topics to offer, whether the team was called as well."""

    intent: str
    confidence: float
    labels: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    detail: str = ""
    called: bool = False


def choose(text: str, candidates: Candidates, talk: Conversation, catalogue: Catalogue, bands: Bands) -> Choice:
    """Decide what a message asks for. Pure: no Rasa object goes in or out."""
    offered = talk.asked == deletion.AWAITED
    if offered and (deletion.confirms(text) or deletion.declines(text)):
        return Choice("delete_confirmed" if deletion.confirms(text) else "delete_refused", 1.0)
    titled = catalogue.by_title(text)
    if titled:
        return Choice(FAQ, 1.0, (titled,))
    code = language.detect(text)
    if code:
        return Choice("other_language", 1.0, detail=code)

    if dates.answers_dates(text) or (talk.asked == "dates" and dates.replies_with_date(text)):
        return Choice("ask_my_dates", 1.0)

    after = _after_the_call(text, candidates, talk, bands)
    if after:
        rest = choose(*after, talk, catalogue, bands)
        if rest.intent in (FAQ, *TWO_REPLIES):
            return replace(rest, called=True)

    whole = candidates.whole
    top = whole.labels[0]
    kind = top.label.partition("/")[0]
    if offered and kind in ANSWERS_TO_AN_OFFER and top.score >= bands.other:
        return Choice(ANSWERS_TO_AN_OFFER[kind], top.score)
    if kind == "followup" and top.score >= bands.other:
        return _follow_up(text, top, candidates, talk, catalogue, bands)
    if kind not in (FAQ, "decline") and top.score >= bands.other and whole.scope < bands.answer:
        return Choice(kind, top.score, (top.label,))
    stands = top.score >= bands.plain and (kind != FAQ or parts.names_place(text))
    if parts.leans(text) and not stands:
        close = _in_the_same_topic(candidates, talk, catalogue, bands)
        if close:
            return Choice(FAQ, close.score, (close.label,))
    if any(part.labels[0].label == ORDERS and part.labels[0].score >= bands.plain for part in candidates.parts):
        return Choice(DECLINE, 1.0, (ORDERS,))
    several = _several(text, candidates, bands)
    if len(several) == 2:
        return Choice(_two(several), whole.scope, several)
    if kind != "decline" and len(several) == 1 and _asked_beside_a_report(text, several[0], candidates, bands):
        return Choice(FAQ, whole.scope, several)
    if whole.scope >= bands.answer:
        return _answers(whole, catalogue, bands)
    if several and kind == FAQ:
        return Choice(FAQ, whole.scope, several)
    if kind == FAQ and len(text.split()) <= CONTEXT_WORDS and candidates.in_context:
        if top.score >= bands.plain:  # a few words that name another subject: "no, I meant constipation"
            return Choice(FAQ, whole.scope, (top.label,))
        if candidates.in_context.scope >= bands.answer:
            return _answers(candidates.in_context, catalogue, bands)
    if kind != FAQ and top.score >= bands.other:
        return Choice(kind, top.score, (top.label,))
    near = tuple(r.label for r in whole.labels[:12] if r.label.startswith(f"{FAQ}/"))[:3]
    intent = "offer_choices" if near and whole.scope >= bands.offer else "not_understood"
    return Choice(intent, 1 - whole.scope, offers=near)


def _after_the_call(
    text: str, candidates: Candidates, talk: Conversation, bands: Bands
) -> tuple[str, Candidates] | None:
    """The rest of a message that begins with "I have called them", while a call is still awaited."""
    if not (talk.contact_level and candidates.parts):
        return None
    first = candidates.parts[0].labels[0]
    if first.label != CALLED or first.score < bands.plain:
        return None
    return parts.questions(text)[-1], Candidates(candidates.parts[-1], (), candidates.in_context)


def _in_the_same_topic(candidates: Candidates, talk: Conversation, catalogue: Catalogue, bands: Bands) -> Ranked | None:
    """The best answer to a message that leans on the last answer, if it is on the same topic."""
    last = catalogue.get(talk.last_answers[-1]) if talk.last_answers else None
    context = candidates.in_context
    if last is None or context is None or context.scope < bands.offer:
        return None
    best = next(r for r in context.labels if r.label.startswith(f"{FAQ}/"))
    if best.label == last.id:  # "and for how long?" asks for more than what was just said
        same = (r for r in context.labels if r.label != last.id and _topic(r.label, catalogue) == last.topic)
        nearest = next(same, None)
        return nearest if nearest is not None and nearest.score >= bands.other else best
    return best if _topic(best.label, catalogue) == last.topic else None


def _topic(label: str, catalogue: Catalogue) -> str | None:
    """The topic of an answer; None for any other label."""
    found = catalogue.get(label)
    return found.topic if found else None


def _answers(ranking: Ranking, catalogue: Catalogue, bands: Bands) -> Choice:
    """The best answer, and the next one where the two are close."""
    best = [r for r in ranking.labels if r.label.startswith(f"{FAQ}/")][:2]
    if len(best) < 2:
        return Choice(FAQ, ranking.scope, tuple(r.label for r in best))
    first, second = best
    one, two = catalogue.get(first.label), catalogue.get(second.label)
    share = bands.sibling if one and two and one.topic == two.topic else bands.rival
    if second.score >= share * first.score:
        return Choice("two_answers", ranking.scope, (first.label, second.label))
    return Choice(FAQ, ranking.scope, (first.label,))


def _two(labels: Sequence[str]) -> str:
    kinds = [label.partition("/")[0] for label in labels]
    if kinds == [FAQ, FAQ]:
        return "two_answers"
    return "answer_and_decline" if kinds[0] == FAQ else "decline_and_answer"


def _several(text: str, candidates: Candidates, bands: Bands) -> tuple[str, ...]:
    """What answers the parts that are surely questions of their own, at most two labels, in order.

    Beside a part that asks, one that tells is no question. Two answers come before an answer and a decline; two
    declines are one.
    """
    whole: dict[str, float] = defaultdict(float, {r.label: r.score for r in candidates.whole.labels})
    found = []
    for part in _asking(text, candidates.parts):
        best = max(part.labels[:5], key=lambda ranked: ranked.score + WHOLE * max(0.0, whole[ranked.label]))
        kind = best.label.partition("/")[0]
        declined = kind == DECLINE and best.score >= bands.plain and whole[best.label] >= bands.shared
        if declined or (kind == FAQ and _belongs(part.scope, whole[best.label], candidates.whole.scope, bands)):
            found.append(best.label)
    labels = tuple(dict.fromkeys(found))
    answers = tuple(label for label in labels if label.startswith(f"{FAQ}/"))
    if len(answers) != 1:
        return answers[:2]
    if whole[answers[0]] < bands.sibling * candidates.whole.labels[0].score:
        return answers  # the message is about something else
    return labels[:2] if answers[0] in labels[:2] else (labels[0], answers[0])


def _asked_beside_a_report(text: str, label: str, candidates: Candidates, bands: Bands) -> bool:
    """Whether the one part that asks surely asks for this answer, and the others tell of something else."""
    asking = _asking(text, candidates.parts)
    best = asking[0].labels[0]
    return len(asking) == 1 < len(candidates.parts) and best.label == label and best.score >= bands.told


def _asking(text: str, rankings: Sequence[Ranking]) -> Sequence[Ranking]:
    pieces = parts.questions(text)
    asking = [ranking for piece, ranking in zip(pieces, rankings, strict=False) if parts.asks(piece)]
    return asking or rankings


def _belongs(part: float, score: float, whole: float, bands: Bands) -> bool:
    """Whether the answer to a part is asked for, from the scopes of part and whole and its score for the whole."""
    if part >= bands.answer:
        return score >= bands.shared
    return score >= bands.partly and whole >= bands.answer and part >= bands.offer / 2


def _follow_up(
    text: str, top: Ranked, candidates: Candidates, talk: Conversation, catalogue: Catalogue, bands: Bands
) -> Choice:
    kind = top.label.partition("/")[2]
    last = catalogue.get(talk.last_answers[-1]) if talk.last_answers else None
    plain = Choice("followup", top.score, (top.label,))
    if last is None:
        return plain
    if kind == "more":
        following = [a for a in _neighbours(last, catalogue) if a not in talk.given]
        return Choice(FAQ, 1.0, (following[0],)) if following else plain
    nearby = candidates.in_context
    says_so = {"at_home": last.home, "in_hospital": last.hospital}.get(kind)
    if nearby is None or says_so or kind not in LEANING:
        return plain
    others = [r for r in nearby.labels if r.label.startswith(f"{FAQ}/") and r.label != last.id]
    same = [r for r in others if catalogue.answers[r.label].topic == last.topic]
    if others and nearby.scope >= bands.answer and nearby.labels[0] == others[0]:
        return Choice(FAQ, nearby.scope, (others[0].label,))
    if kind in ("at_home", "in_hospital"):
        return plain
    if kind == "for_partner":
        close = [r for r in same if r.score >= bands.sibling * max(r.score for r in nearby.labels)]
        return Choice(FAQ, nearby.scope, (close[0].label,)) if close else plain
    same.sort(key=lambda r: not parts.subjects(text) & parts.subjects(catalogue.answers[r.label].title))
    return Choice("offer_choices", top.score, offers=tuple(r.label for r in same[:3])) if same else plain


def _neighbours(answer: Answer, catalogue: Catalogue) -> list[str]:
    siblings = [a.id for a in catalogue.answers.values() if a.topic == answer.topic and a.id != answer.id]
    return [*(n for n in answer.next if catalogue.get(n)), *siblings]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class AnswerSelector(GraphComponent, IntentClassifier):
    """Turn rankings into Rasa's ``intent`` and ``response_selector``."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``bands``: see :class:`Bands`."""
        return {"bands": {}}

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        responses: dict[str, list[dict[str, Any]]] | None = None,
    ) -> None:
        """Build from the retrieval responses."""
        self._model_storage, self._resource = model_storage, resource
        self._bands = Bands(**config.get("bands", {}))
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
                _set(message, choice, candidates.whole.labels)
        return messages


def _set(message: Message, choice: Choice, ranking: Sequence[Ranked]) -> None:
    top = [{"name": r.label, "confidence": r.score} for r in ranking[:5]]
    message.set(INTENT, {"name": choice.intent, "confidence": choice.confidence}, add_to_output=True)
    message.set("intent_ranking", top, add_to_output=True)
    selected: dict[str, Any] = {"all_retrieval_intents": list(RETRIEVAL)}
    best = {r.label.partition("/")[0]: r for r in reversed(ranking) if "/" in r.label}
    for name in RETRIEVAL:
        mine = [label for label in choice.labels if label.startswith(f"{name}/")]
        label = mine[0] if mine else best[name].label if name in best else None
        if label:
            confidence = choice.confidence if mine else best[name].score
            selected[name] = _selected(label, confidence)
    if len(choice.labels) > 1:
        selected["second"] = _selected(choice.labels[1], choice.confidence)
    message.set("response_selector", selected, add_to_output=True)
    told = {"offers": list(choice.offers), "detail": choice.detail, "called": choice.called}
    message.set("choice", told, add_to_output=True)
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
