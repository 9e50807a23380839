"""What a conversation has come to, read from its tracker; nothing here is kept in a slot that text could set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from rasa.shared.core.events import BotUttered, Event, SessionStarted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.dates import Dates, Role

CONTACT_PREFIX = "utter_contact_"
GRAVE = ("soon", "urgent", "emergency", "crisis")
"""Levels of contact texts that are kept in mind, the gravest last."""
CALLED = "called_team"
KEPT_TURNS = 20
"""How many turns of a long conversation are kept whole."""


@dataclass(frozen=True)
class Conversation:
    """The state that answers depend on.

    Attributes:
        previous: the patient's earlier messages, oldest first, at most six.
        last_actions: the bot's utterances of the last turn, in order, e.g. ``("utter_faq/mouth_rinse",)``.
        last_answers: ids of the last leaflet answers given, also when small talk came between.
        given: ids of all answers given, latest last.
        contact_level: gravest level of the escalations that the patient has not said to have called about, or "".
        crisis_open: whether thoughts of suicide were raised in this conversation.
        open_symptoms: symptoms of the last assessed message.
        asked: what the bot asked last, e.g. ``setting``, or "".
        setting: ``home``, ``hospital`` or "".
        country: ``us``, ``uk`` or "".
        asked_before: what the bot has asked so far.
        dates: the patient's dates, as far as they were given.
        date_asked: what the bot has just asked the day of.
        buttons: titles of the buttons under the last replies.
    """

    previous: tuple[str, ...] = ()
    last_actions: tuple[str, ...] = ()
    last_answers: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    contact_level: str = ""
    crisis_open: bool = False
    open_symptoms: tuple[str, ...] = ()
    asked: str = ""
    setting: str = ""
    country: str = ""
    asked_before: frozenset[str] = frozenset()
    dates: Dates = field(default_factory=Dates)
    date_asked: Role | None = None
    buttons: frozenset[str] = frozenset()


def read(tracker: DialogueStateTracker | None) -> Conversation:
    """Read the state from the tracker's events, all of them: an open escalation is never forgotten.

    The tracker store leaves out what is old and does not last, see :func:`condensed`.
    """
    if tracker is None:
        return Conversation()
    slots = tracker.current_slot_values()
    return _fold(
        tracker.events,
        setting=str(slots.get("setting") or ""),
        country=str(slots.get("country") or ""),
    )


def _fold(events: Iterable[Event], setting: str, country: str) -> Conversation:
    previous: list[str] = []
    turn: list[BotUttered] = []
    last_turn: list[BotUttered] = []
    given: list[str] = []
    last_answers: tuple[str, ...] = ()
    contact, crisis = "", False
    symptoms: tuple[str, ...] = ()
    asked_before: set[str] = set()
    days = Dates()

    for event in events:
        if isinstance(event, UserUttered) and event.text:
            previous.append(event.text)
            if turn:
                last_turn, turn = turn, []
            if event.intent_name == CALLED or (event.parse_data or {}).get("choice", {}).get("called"):
                contact = ""
            assessment = (event.parse_data or {}).get("assessment") or {}
            if assessment:
                symptoms = tuple(f["symptom"] for f in assessment.get("findings", ()))
                crisis = crisis or bool(assessment.get("crisis"))
        elif isinstance(event, BotUttered):
            turn.append(event)
            action = str(event.metadata.get("utter_action", ""))
            answers = _answers(event)
            if answers:
                last_answers = answers
                given.extend(answers)
            contact = max(contact, action.removeprefix(CONTACT_PREFIX), key=grave)
            if event.metadata.get("dates"):
                days = Dates(**{role: date.fromisoformat(day) for role, day in event.metadata["dates"].items()})
            if event.metadata.get("asks"):
                asked_before.add(str(event.metadata["asks"]))
    last = turn or last_turn
    return Conversation(
        previous=tuple(previous[-6:]),
        last_actions=tuple(str(e.metadata.get("utter_action", "")) for e in last),
        last_answers=last_answers,
        given=tuple(given),
        contact_level=contact,
        crisis_open=crisis,
        open_symptoms=symptoms,
        asked=str(next((e.metadata["asks"] for e in reversed(last) if e.metadata.get("asks")), "")),
        setting=setting,
        country=country,
        asked_before=frozenset(asked_before),
        dates=days,
        buttons=frozenset(b["title"] for e in last for b in e.data.get("buttons") or ()),
        date_asked=next((Role(e.metadata["date_asked"]) for e in last if e.metadata.get("date_asked")), None),
    )


def condensed(events: Sequence[Event]) -> list[Event]:
    """The events that a long conversation needs to go on: its last turns, and of the earlier ones what lasts.

    An open escalation, thoughts of suicide, a call, dates, slots and what has been asked once are never forgotten, nor
    is the last answer. That an answer was given long ago is.
    """
    users = [number for number, event in enumerate(events) if isinstance(event, UserUttered) and event.text]
    if len(users) <= KEPT_TURNS:
        return list(events)
    start = users[-KEPT_TURNS]
    answers = [
        number for number, event in enumerate(events[:start]) if isinstance(event, BotUttered) and _answers(event)
    ]
    last = answers[-1:]
    return [event for number, event in enumerate(events[:start]) if _lasts(event) or number in last] + list(
        events[start:]
    )


def _lasts(event: Event) -> bool:
    if isinstance(event, UserUttered):
        parsed = event.parse_data or {}
        called = event.intent_name == CALLED or parsed.get("choice", {}).get("called")
        return bool(called or (parsed.get("assessment") or {}).get("crisis"))
    if isinstance(event, BotUttered):
        told = event.metadata
        return str(told.get("utter_action", "")).startswith(CONTACT_PREFIX) or bool(
            told.get("dates") or told.get("asks")
        )
    return isinstance(event, SlotSet | SessionStarted)


def grave(name: str) -> int:
    """How grave an open escalation is; -1 for none."""
    return GRAVE.index(name) if name in GRAVE else -1


def _answers(event: BotUttered) -> tuple[str, ...]:
    custom: dict[str, Any] = event.data.get("custom") or {}
    answer = custom.get("answer")
    return (answer["id"],) if answer else ()
