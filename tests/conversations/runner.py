"""Runs conversation files: what the patient says and what must come back.

A file holds ``turns``; each has ``say`` and any of

- ``text``: the exact text of the replies, joined by a blank line
- ``contains`` / ``lacks``: phrases that the text must or must not hold
- ``answers``: ids of the leaflet answers given, in order (``any_of`` for alternatives of a single answer)
- ``level``: level of the escalation, ``none`` for no escalation
- ``referral``: reason of the referral
- ``buttons``: titles that must be among the buttons
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml

Reply = dict[str, Any]
Say = Callable[[str], Awaitable[list[Reply]]]
KEYS = {"say", "text", "contains", "lacks", "answers", "any_of", "level", "referral", "buttons"}


def load(file: Path) -> list[dict[str, Any]]:
    """The turns of a conversation file; an unknown key is an error."""
    turns: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["turns"]
    for turn in turns:
        unknown = set(turn) - KEYS
        assert not unknown, f"{file}: unknown key {sorted(unknown)}"
        assert "say" in turn, f"{file}: a turn without say"
    return turns


def text_of(replies: list[Reply]) -> str:
    return "\n\n".join(reply["text"] for reply in replies if reply.get("text"))


def metadata(replies: list[Reply], key: str) -> list[dict[str, Any]]:
    return [reply["custom"][key] for reply in replies if key in (reply.get("custom") or {})]


def problems(turn: dict[str, Any], replies: list[Reply]) -> list[str]:
    """What is wrong with the replies to a turn, each as a readable line."""
    text = text_of(replies)
    found = []
    answers = [a["id"].removeprefix("faq/") for a in metadata(replies, "answer")]
    levels = [e["level"] for e in metadata(replies, "escalation")]
    referrals = [r["reason"] for r in metadata(replies, "referral")]
    buttons = [b["title"] for reply in replies for b in reply.get("buttons") or ()]
    if not text:
        found.append("no reply")
    if "text" in turn and text != turn["text"].strip():
        found.append(f"text is\n{text}\n    instead of\n{turn['text'].strip()}")
    found += [f"lacks {phrase!r}" for phrase in turn.get("contains", ()) if phrase.lower() not in text.lower()]
    found += [f"holds {phrase!r}" for phrase in turn.get("lacks", ()) if phrase.lower() in text.lower()]
    if "answers" in turn and answers != turn["answers"]:
        found.append(f"answers are {answers} instead of {turn['answers']}")
    if "any_of" in turn and not set(answers) & set(turn["any_of"]):
        found.append(f"answers are {answers}, none of {turn['any_of']}")
    if "level" in turn and (levels[0] if levels else "none") != turn["level"]:
        found.append(f"level is {levels or 'none'} instead of {turn['level']}")
    if "referral" in turn and turn["referral"] not in referrals:
        found.append(f"referral is {referrals} instead of {turn['referral']}")
    found += [f"no button {title!r} among {buttons}" for title in turn.get("buttons", ()) if title not in buttons]
    return found


async def run(turns: list[dict[str, Any]], say: Say) -> list[str]:
    """All problems of a conversation, with the turn they belong to."""
    found = []
    for number, turn in enumerate(turns, 1):
        replies = await say(turn["say"])
        wrong = problems(turn, replies)
        found += [f"turn {number} ({turn['say']!r}): {line}\n    got: {text_of(replies)!r}" for line in wrong]
    return found
