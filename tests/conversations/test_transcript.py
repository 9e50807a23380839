"""Sentences as patients type them, with the exact text that comes back over REST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conversations.conftest import Server
from tests.conversations.runner import metadata, text_of

FILE = Path(__file__).with_name("transcript.yml")
TURNS: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["turns"]
TEXTS: dict[str, str] = yaml.safe_load(FILE.with_name("transcript_texts.yml").read_text(encoding="utf-8"))


def test_the_transcript_holds_enough_of_each_kind() -> None:
    assert sum("answer" in turn for turn in TURNS) >= 30
    assert sum("level" in turn for turn in TURNS) >= 20
    assert sum("referral" in turn for turn in TURNS) >= 10
    assert {turn["say"] for turn in TURNS} == set(TEXTS)


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn["say"][:60])
def test_a_sentence_gets_exactly_this_reply(turn: dict[str, Any], server: Server) -> None:
    replies = server.say(turn["say"])
    if "answer" in turn:
        assert turn["answer"] in [a["id"].removeprefix("faq/") for a in metadata(replies, "answer")]
    levels = [e["level"] for e in metadata(replies, "escalation")]
    assert levels == ([turn["level"]] if "level" in turn else [])
    if "referral" in turn:
        assert [r["reason"] for r in metadata(replies, "referral")] == [turn["referral"]]
        assert not metadata(replies, "answer")
    assert text_of(replies) == TEXTS[turn["say"]]
