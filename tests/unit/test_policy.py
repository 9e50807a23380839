"""The rule policy reads the full name of an answer's step as the short one, and changes nothing else."""

from __future__ import annotations

from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.policy import by_kind

DOMAIN = Domain.from_dict({"slots": {"setting": {"type": "text", "mappings": [{"type": "custom"}]}}})


def tracker(*events: object) -> DialogueStateTracker:
    return DialogueStateTracker.from_events("reader", list(events), DOMAIN.slots)


def names(conversation: DialogueStateTracker) -> list[str]:
    return [event.action_name for event in conversation.events if isinstance(event, ActionExecuted)]


def test_a_full_answer_name_counts_as_its_kind() -> None:
    asked = UserUttered("how long?", {"name": "faq"})
    told = tracker(asked, ActionExecuted("utter_contact_urgent"), ActionExecuted("utter_faq/schedule_cycle"))
    assert names(by_kind(told, DOMAIN)) == ["utter_contact_urgent", "utter_faq"]
    assert names(told) == ["utter_contact_urgent", "utter_faq/schedule_cycle"]


def test_the_rest_of_the_conversation_stays() -> None:
    asked = UserUttered("how long?", {"name": "faq"})
    read = by_kind(tracker(SlotSet("setting", "home"), asked, ActionExecuted("utter_faq/schedule_cycle")), DOMAIN)
    assert read.get_slot("setting") == "home"
    assert read.latest_message is not None
    assert read.latest_message.text == "how long?"
    assert read.sender_id == "reader"


def test_a_conversation_without_full_names_is_not_copied() -> None:
    told = tracker(UserUttered("hello"), ActionExecuted("utter_faq"), ActionExecuted("action_listen"))
    assert by_kind(told, DOMAIN) is told
