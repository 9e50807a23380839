"""Replies as whole messages: text, buttons and metadata together, nothing lost."""

from __future__ import annotations

from bot.channels.replies import Said, messages

ANSWER = {"answer": {"id": "faq/wine"}}
ESCALATION = {"escalation": {"level": "urgent"}}


def test_metadata_goes_to_the_text_before_it() -> None:
    replies = [{"text": "Call."}, {"custom": ESCALATION}, {"text": "No wine."}, {"custom": ANSWER}]
    assert messages(replies) == [Said("Call.", [], ESCALATION), Said("No wine.", [], ANSWER)]


def test_metadata_beside_the_text_stays_there() -> None:
    assert messages([{"text": "No wine.", "custom": ANSWER}]) == [Said("No wine.", [], ANSWER)]


def test_buttons_stay_with_their_text() -> None:
    buttons = [{"title": "Yes", "payload": "Yes"}, {"title": "No", "payload": "No"}]
    assert messages([{"text": "Now?", "buttons": buttons}, {"custom": ESCALATION}]) == [
        Said("Now?", ["Yes", "No"], ESCALATION)
    ]


def test_a_second_answer_without_a_text_does_not_overwrite_the_first() -> None:
    replies = [{"text": "No wine."}, {"custom": ANSWER}, {"custom": {"answer": {"id": "faq/beer"}}}]
    assert [said.custom["answer"]["id"] for said in messages(replies)] == ["faq/wine", "faq/beer"]


def test_metadata_alone_is_a_message() -> None:
    assert messages([{"custom": ESCALATION}]) == [Said("", [], ESCALATION)]
    assert messages([]) == []
