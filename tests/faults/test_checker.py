"""The checker notices each kind of violation: without that a row that holds would mean nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults import checker
from tests.faults.checker import Limits
from tests.faults.history import Line, Sent, Stored


def _sent(number: int, line: Line = Line("hello"), patient: str = "p", **more: Any) -> Sent:  # noqa: B008
    replies = more.pop("replies", [{"text": "an answer"}])
    return Sent(patient, number, f"m{number}", line, "calm", seen=0.1, acknowledged=0.1, replies=replies, **more)


def _entries(*ids: str) -> list[tuple[str, int, dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for one in ids:
        rows += [{"from": "patient", "id": one}, {"from": "bot", "id": f"{one}.0", "reply_to": one}]
    return [("p", seq, row) for seq, row in enumerate(rows, 1)]


def _kinds(found: Any) -> list[str]:
    return [words.split(":")[0] for words in found]


@pytest.mark.parametrize(
    ("ids", "kinds"),
    [
        (("m0", "m1"), []),
        (("m0",), ["I1 lost"]),
        (("m0", "m1", "m1"), ["I2 doubled", "I2 doubled"]),
        (("m1", "m0"), ["I3 order"]),
    ],
)
def test_the_journal(ids: tuple[str, ...], kinds: list[str]) -> None:
    stored = Stored(journal=_entries(*ids))
    assert _kinds(checker.journal([_sent(0), _sent(1)], stored, str)) == kinds


def test_a_reply_that_is_not_in_the_journal() -> None:
    stored = Stored(journal=_entries("m0")[:1])
    assert _kinds(checker.journal([_sent(0)], stored, str)) == ["I1 lost"]


@pytest.mark.parametrize(
    ("ids", "kinds"),
    [
        (("m0", "m1"), []),
        (("m1",), ["I1 lost"]),
        (("m0", "m0", "m1"), ["I2 doubled"]),
        (("m1", "m0"), ["I3 order"]),
    ],
)
def test_the_tracker_store(ids: tuple[str, ...], kinds: list[str]) -> None:
    stored = Stored(tracker=[("p", one, "hello") for one in ids])
    found = checker.tracker([_sent(0), _sent(1)], stored, lambda one: (one.patient, one.id))
    assert _kinds(found) == kinds


def test_a_reply_that_says_that_it_failed_claims_no_memory() -> None:
    sorry = [{"text": "Something went wrong.", "custom": {"referral": {"reason": "technical"}}}]
    found = checker.tracker([_sent(0, replies=sorry)], Stored(), lambda one: (one.patient, one.id))
    assert list(found) == []


def test_words_in_time() -> None:
    late, silent, flag, hung_up = _sent(0), _sent(1), _sent(2, Line("chest", flag=True)), _sent(3)
    late.seen, silent.seen, flag.seen, hung_up.seen = 10.5, None, 1.2, None
    hung_up.hurry = False
    found = checker.seen([late, silent, flag, hung_up], Limits())
    assert _kinds(found) == ["I4 late", "I4 silence", "I4 late"]


def test_a_red_flag_without_its_advice() -> None:
    flag = _sent(0, Line("chest", flag=True))
    assert _kinds(checker.advised([flag], lambda one: one.escalated)) == ["I4 wrong"]


def test_escalations() -> None:
    told = _sent(0, replies=[{"text": "Call.", "escalation": {"level": "urgent"}}])

    def found(stored: Stored) -> list[str]:
        return _kinds(checker.escalations([told], stored, lambda one: ("h", one.id)))

    assert found(Stored()) == ["I5 lost"]
    assert found(Stored(outbox=[("h", "m0", "pending")])) == []
    assert found(Stored(outbox=[("h", "m0", "delivered")])) == ["I5 untrue"]
    assert found(Stored(outbox=[("h", "m0", "delivered")], alerts=[("h", "12:00")])) == []
    assert found(Stored(outbox=[("h", "m0", "delivered")], alerts=[("h", "12:00")] * 2)) == ["I2 doubled"]


def test_words_of_somebody_else() -> None:
    days = {"p": "day 3", "q": "day 4", "r": "day 3"}
    asks = Line("my dates", day="day 3")
    assert _kinds(checker.swapped([_sent(0, asks, replies=[{"text": "day 3"}])], days)) == []
    assert _kinds(checker.swapped([_sent(0, asks, replies=[{"text": "day 4"}])], days)) == ["I6 swapped"]
    assert _kinds(checker.swapped([_sent(0, asks, replies=[{"text": "which day?"}])], days)) == ["I6 forgotten"]
    other = [{"text": "an answer", "answer": {"id": "faq/b"}}]
    assert _kinds(checker.swapped([_sent(0, Line("?", answer="faq/a"), replies=other)], days)) == ["I6 swapped"]
