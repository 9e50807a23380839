"""What a conversation has come to, read from its events alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, BotUttered, Event, SlotSet, UserUttered
from rasa.shared.core.slots import CategoricalSlot
from rasa.shared.core.trackers import DialogueStateTracker

from bot.conversation import KEPT_TURNS, Conversation, condensed, read


def _talk(*events: Event) -> Conversation:
    slots = [
        CategoricalSlot("setting", [{}], values=["home", "hospital"]),
        CategoricalSlot("country", [{}], values=["us", "uk"]),
    ]
    tracker = DialogueStateTracker("patient", slots)
    tracker.update_with_events(list(events), Domain.empty())
    return read(tracker)


def _user(text: str, intent: str = "faq", **assessment: Any) -> UserUttered:
    parsed = {"intent": {"name": intent, "confidence": 1.0}, "entities": [], "text": text}
    if assessment:
        parsed["assessment"] = assessment
    return UserUttered(text, parsed["intent"], parse_data=parsed)  # type: ignore[arg-type]


def _bot(action: str, answer: str = "", asks: str = "") -> BotUttered:
    custom = {"answer": {"id": answer}} if answer else None
    return BotUttered("text", {"custom": custom}, {"utter_action": action, **({"asks": asks} if asks else {})})


def _contact(level: str) -> list[Event]:
    return [_user("help", f"red_flag_{level}"), _bot(f"utter_contact_{level}")]


def test_no_tracker_and_no_events_are_an_empty_conversation() -> None:
    assert read(None) == Conversation()
    assert _talk() == Conversation()


def test_a_call_told_beside_a_question_ends_the_open_contact() -> None:
    said = UserUttered("called, and wine?", {"name": "faq"}, parse_data={"choice": {"called": True}})  # type: ignore[arg-type, typeddict-item]
    assert _talk(*_contact("urgent")).contact_level == "urgent"
    assert _talk(*_contact("urgent"), said).contact_level == ""


# -- what was said ---------------------------------------------------------------------------------


def test_the_patients_last_six_messages_are_kept_oldest_first() -> None:
    talk = _talk(*(_user(f"message {number}") for number in range(9)))
    assert talk.previous == tuple(f"message {number}" for number in range(3, 9))


def test_a_message_without_text_is_not_kept() -> None:
    assert _talk(_user(""), UserUttered(None), _user("hi")).previous == ("hi",)


def test_the_answers_given_are_kept_with_the_last_one_last() -> None:
    talk = _talk(_user("wine?"), _bot("utter_faq/wine", "faq/wine"), _user("beer?"), _bot("utter_faq/beer", "faq/beer"))
    assert talk.given == ("faq/wine", "faq/beer")
    assert talk.last_answers == ("faq/beer",)


def test_the_last_answer_is_remembered_over_small_talk() -> None:
    talk = _talk(_user("wine?"), _bot("utter_faq/wine", "faq/wine"), _user("thanks"), _bot("utter_chitchat/thanks"))
    assert talk.last_answers == ("faq/wine",)
    assert talk.last_actions == ("utter_chitchat/thanks",)


def test_the_bots_utterances_of_the_last_turn_are_in_their_order() -> None:
    talk = _talk(
        _user("hello"),
        _bot("utter_chitchat/greet"),
        _user("fever, and wine?"),
        _bot("utter_contact_urgent"),
        ActionExecuted("action_escalate"),
        _bot("utter_faq/wine", "faq/wine"),
    )
    assert talk.last_actions == ("utter_contact_urgent", "utter_faq/wine")


def test_the_last_turn_is_still_the_last_one_while_the_next_message_is_being_answered() -> None:
    talk = _talk(_user("wine?"), _bot("utter_faq/wine", "faq/wine", asks="setting"), _user("at home"))
    assert talk.last_actions == ("utter_faq/wine",)
    assert talk.asked == "setting"


def test_what_was_asked_is_forgotten_after_the_next_turn_and_still_counts_as_asked_before() -> None:
    talk = _talk(
        _user("wine?"),
        _bot("utter_faq/wine", "faq/wine", asks="setting"),
        _user("at home"),
        _bot("utter_setting_noted"),
    )
    assert talk.asked == ""
    assert talk.asked_before == {"setting"}


def test_the_last_question_of_a_turn_is_the_one_that_is_open() -> None:
    talk = _talk(_user("help"), _bot("utter_contact_urgent", asks="setting"), _bot("utter_faq/x", asks="happening_now"))
    assert talk.asked == "happening_now"
    assert talk.asked_before == {"setting", "happening_now"}


def test_setting_and_country_come_from_the_slots() -> None:
    talk = _talk(SlotSet("setting", "hospital"), SlotSet("country", "uk"))
    assert (talk.setting, talk.country) == ("hospital", "uk")


# -- escalations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["emergency", "urgent", "soon", "crisis"])
def test_an_escalation_stays_open_until_the_patient_says_they_called(level: str) -> None:
    after = [_user("wine?"), _bot("utter_faq/wine", "faq/wine"), _user("no", "deny"), _bot("utter_deny")]
    assert _talk(*_contact(level)).contact_level == level
    assert _talk(*_contact(level), *after).contact_level == level
    called = [_user("I called them", "called_team"), _bot("utter_called_team")]
    assert _talk(*_contact(level), *after, *called).contact_level == ""


def test_an_escalation_after_a_call_is_open_again() -> None:
    assert _talk(*_contact("soon"), _user("called", "called_team"), *_contact("urgent")).contact_level == "urgent"


@pytest.mark.parametrize(
    ("first", "then", "open_level"), [("soon", "urgent", "urgent"), ("urgent", "emergency", "emergency")]
)
def test_a_higher_level_takes_the_place_of_a_lower_one(first: str, then: str, open_level: str) -> None:
    assert _talk(*_contact(first), *_contact(then)).contact_level == open_level


@pytest.mark.parametrize(("first", "then"), [("emergency", "soon"), ("emergency", "urgent"), ("urgent", "soon")])
def test_a_lower_level_does_not_close_a_higher_one_that_nobody_has_called_about(first: str, then: str) -> None:
    assert _talk(*_contact(first), *_contact(then)).contact_level == first


def test_asking_for_the_numbers_again_leaves_the_escalation_open() -> None:
    again = [_user("say the number again", "tell_escalation_again"), _bot("utter_contact_again")]
    assert _talk(*_contact("urgent"), *again).contact_level == "urgent"


def test_asking_for_the_numbers_opens_no_escalation() -> None:
    assert _talk(_user("numbers?", "tell_escalation_again"), _bot("utter_contact_again")).contact_level == ""


def test_advice_for_somebody_else_leaves_the_patients_own_escalation_open() -> None:
    neighbor = [_user("my neighbor collapsed", "red_flag_bystander"), _bot("utter_contact_bystander")]
    assert _talk(*_contact("urgent"), *neighbor).contact_level == "urgent"
    assert _talk(*neighbor).contact_level == ""


def test_an_escalation_stays_open_in_a_long_conversation() -> None:
    chat: list[Event] = []
    for number in range(2000):
        chat += [_user(f"question {number}"), _bot("utter_faq/wine", "faq/wine")]
    assert _talk(*_contact("emergency"), *chat).contact_level == "emergency"


def test_thoughts_of_suicide_stay_open_even_after_a_call() -> None:
    crisis = _user("i want to die", "red_flag_crisis", level="emergency", crisis=True, findings=[])
    talk = _talk(crisis, _bot("utter_contact_crisis"), _user("i called", "called_team", level="none", findings=[]))
    assert talk.crisis_open
    assert talk.contact_level == ""


def test_the_symptoms_are_those_of_the_last_assessed_message() -> None:
    fever = _user("fever", "red_flag_urgent", level="urgent", findings=[{"symptom": "fever"}, {"symptom": "chills"}])
    rash = _user("rash", "red_flag_soon", level="soon", findings=[{"symptom": "rash"}])
    assert _talk(fever).open_symptoms == ("fever", "chills")
    assert _talk(fever, _user("thanks")).open_symptoms == ("fever", "chills")
    assert _talk(fever, rash).open_symptoms == ("rash",)


# -- long conversations ----------------------------------------------------------------------------

_EVENTS = st.sampled_from(
    [
        _user("hello"),
        _user("my chest hurts", "red_flag_emergency", level="emergency", findings=[{"symptom": "chest_pain"}]),
        _user("i want to die", "red_flag_crisis", level="emergency", crisis=True, findings=[]),
        _user("i have called them", "called_team"),
        UserUttered("called, and wine?", {"name": "faq"}, parse_data={"choice": {"called": True}}),  # type: ignore[arg-type, typeddict-item]
        _bot("utter_contact_urgent"),
        _bot("utter_contact_emergency"),
        _bot("utter_faq/diet_wine", "faq/diet_wine"),
        _bot("utter_small_talk"),
        _bot("utter_ask_setting", asks="setting"),
        BotUttered("dates", None, {"utter_action": "utter_dates", "dates": {"first_day": "2026-10-03"}}),
        SlotSet("setting", "hospital"),
        ActionExecuted("action_listen"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(events=st.lists(_EVENTS, max_size=300))
def test_what_a_condensed_conversation_has_come_to_is_the_same(events: list[Event]) -> None:
    whole, short = _talk(*events), _talk(*condensed(events))
    assert replace(short, given=()) == replace(whole, given=())
    assert condensed(condensed(events)) == condensed(events)


def test_a_long_conversation_stays_short_and_keeps_an_open_escalation() -> None:
    turns = [event for _ in range(500) for event in (_user("wine?"), _bot("utter_faq/diet_wine", "faq/diet_wine"))]
    events = condensed([*_contact("emergency"), *turns])
    assert len(events) < 3 * KEPT_TURNS
    assert _talk(*events).contact_level == "emergency"
