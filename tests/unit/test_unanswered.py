"""Questions without an answer: which turns count, what is kept of them, and that they go."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from rasa.core.channels.channel import UserMessage
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.core.domain import Domain

from bot import safety, unanswered
from bot.channels.core import Core
from bot.escalations import conversation_hash
from bot.unanswered import KEPT, LONGEST, Unanswered
from tests.unit.channels.test_web import _Locks

DECLINED = [{"text": "Ask your team."}, {"custom": {"referral": {"reason": "out_of_scope"}}}]
DAY = 86_400.0


@pytest.fixture
def questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Unanswered:
    monkeypatch.setenv("IL2_TEAM_DB", f"sqlite:///{tmp_path}/team.db")
    monkeypatch.setenv("IL2_OUTBOX", str(tmp_path / "escalations.db"))
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")
    return Unanswered()


@pytest.mark.parametrize(
    ("replies", "why"),
    [
        (DECLINED, "out_of_scope"),
        (safety.static("utter_not_understood"), "not_understood"),
        ([{"text": "?", "buttons": [{"title": "A"}]}, {"custom": {"referral": {"reason": "not_understood"}}}],
         "offered_choices"),
        (safety.static("utter_technical"), None),
        ([{"text": "Hello."}], None),
        ([{"text": "An answer."}, {"custom": {"answer": {"id": "faq/x"}}}], None),
        ([*DECLINED, {"custom": {"answer": {"id": "faq/x"}}}], None),
        ([*DECLINED, {"custom": {"escalation": {"level": "soon"}}}], None),
        ([], None),
    ],
)  # fmt: skip
def test_only_a_turn_without_an_answer_and_without_an_alarm_counts(
    replies: list[dict[str, Any]], why: str | None
) -> None:
    assert unanswered.reason(replies) == why


def test_only_masked_words_reach_the_file(questions: Unanswered, tmp_path: Path) -> None:
    questions.keep("hash", "web", "out_of_scope", "my name is Zebediah, call 555 010 0199, zeb@example.org: kiwi")
    (kept,) = questions.find()
    assert "kiwi" in kept.text
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("team.db*"))
    assert not [word for word in (b"Zebediah", b"555 010", b"zeb@") if word in stored]


def test_a_long_text_is_cut(questions: Unanswered) -> None:
    questions.keep("hash", "web", "out_of_scope", "kiwi " * 1000)
    assert len(questions.find()[0].text) == LONGEST


def test_questions_are_found_by_reason_and_label(questions: Unanswered) -> None:
    for why, text in (("a", "one"), ("b", "two"), ("b", "three")):
        questions.keep("hash", "web", why, text)
    assert [one.text for one in questions.find()] == ["three", "two", "one"]
    assert [one.text for one in questions.find("b")] == ["three", "two"]
    assert questions.counts() == {"a": 1, "b": 2}
    number = questions.find("a")[0].id
    assert questions.label(number, "faq/x", "anna")
    assert [(one.label, one.labelled_by) for one in questions.find(labelled=True)] == [("faq/x", "anna")]
    assert questions.counts() == {"b": 2}
    assert questions.label(number, None, "anna")
    assert questions.get(number) == questions.find("a", labelled=False)[0]
    assert not questions.label(9999, "faq/x", "anna")
    assert questions.get(9999) is None


def test_a_question_goes_after_its_time_when_the_next_one_comes(questions: Unanswered) -> None:
    old = 1_000_000.0
    questions.keep("hash", "web", "a", "old", now=old)
    questions.keep("hash", "web", "a", "young", now=old + KEPT.total_seconds() - DAY)
    assert len(questions.find()) == 2
    questions.keep("hash", "web", "a", "new", now=old + KEPT.total_seconds() + DAY)
    assert [one.text for one in questions.find()] == ["new", "young"]
    for dry in (True, False):
        assert questions.purge(old + 3 * KEPT.total_seconds(), dry=dry) == 2
    assert questions.find() == []


def test_the_questions_of_a_conversation_go_without_a_trace(questions: Unanswered, tmp_path: Path) -> None:
    questions.keep("mine", "web", "a", "canary kiwi")
    questions.keep("other", "web", "a", "apple")
    assert questions.forget("mine") == 1
    assert [one.text for one in questions.find()] == ["apple"]
    assert not [file for file in tmp_path.glob("team.db*") if b"canary" in file.read_bytes()]


# -- a channel's turns -----------------------------------------------------------------------------


async def _decline(message: UserMessage) -> None:
    assert message.output_channel is not None
    await message.output_channel.send_response(message.sender_id, {"text": "Ask.", "custom": DECLINED[1]["custom"]})


class _Agent:
    lock_store = _Locks()
    tracker_store = InMemoryTrackerStore(Domain.empty())


def test_a_turn_keeps_its_question_and_deleting_the_conversation_removes_it(
    questions: Unanswered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IL2_TEAM", "proxy")

    async def scene() -> None:
        core = Core(_decline, "web")
        await core.turn("patient", "can i eat kiwi?")
        await core.turn("somebody", "can i eat mango?")
        for _ in range(200):
            if len(questions.find()) == 2:
                break
            await asyncio.sleep(0.01)
        assert {(one.conversation, one.text) for one in questions.find()} == {
            (conversation_hash("patient"), "can i eat kiwi?"),
            (conversation_hash("somebody"), "can i eat mango?"),
        }
        await core.turn("patient", "and canned kiwi?")
        await core.forget(_Agent(), "patient")  # at once: what is still being kept goes too
        assert [one.text for one in questions.find()] == ["can i eat mango?"]

    asyncio.run(scene())


def test_without_a_team_page_nothing_is_kept_and_what_was_kept_before_is_still_deleted(
    questions: Unanswered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("IL2_TEAM", raising=False)

    async def scene() -> None:
        core = Core(_decline, "web")
        await core.turn("patient", "can i eat kiwi?")
        await core.forget(_Agent(), "patient")
        assert not (tmp_path / "team.db").exists()
        questions.keep(conversation_hash("patient"), "web", "a", "kept while the page was on")
        await core.forget(_Agent(), "patient")
        assert questions.find() == []

    asyncio.run(scene())
