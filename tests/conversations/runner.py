"""Runs conversation files: what the patient says and what must come back.

A file holds ``turns``; each has ``say`` and any of

- ``text``: the exact text of the replies, joined by a blank line
- ``contains`` / ``lacks``: phrases that the text must or must not hold
- ``answers``: ids of the leaflet answers given, in order (``any_of`` for alternatives of a single answer)
- ``level``: level of the escalation, ``none`` for no escalation
- ``referral``: reason of the referral
- ``buttons``: titles that must be among the buttons
- ``context``: what the bot must have noted by then, as ``{setting: home, country: uk}``; ``null`` for nothing. Only
  checked in process: a running companion does not tell it to anybody.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import textwrap
import urllib.request
import uuid
from pathlib import Path
from typing import Any, Protocol

import yaml

Reply = dict[str, Any]
KEYS = {"say", "text", "contains", "lacks", "answers", "any_of", "level", "referral", "buttons", "context"}
WEBHOOK = "/webhooks/rest/webhook"


class Talk(Protocol):
    """A conversation with the bot, in this process or over REST."""

    async def say(self, text: str) -> list[Reply]:
        """The replies to a message."""

    async def context(self) -> dict[str, Any] | None:
        """The setting and country noted so far; None where that cannot be seen."""


class InProcess:
    """A conversation with the trained bot in this process."""

    def __init__(self, agent: Any) -> None:
        """Begin a conversation."""
        from bot.runtime.agent import Chat

        self._chat = Chat(agent, uuid.uuid4().hex)

    def never_delete(self) -> None:
        """Keep the conversation also where the patient has it deleted."""
        self._chat.core.agent = None

    async def say(self, text: str) -> list[Reply]:
        """The replies to a message."""
        return await self._chat.say(text)

    async def tracker(self) -> Any:
        """Rasa's tracker of the conversation: all its events."""
        return await self._chat.agent.processor.get_tracker(self._chat.sender)

    async def context(self) -> dict[str, Any] | None:
        """The slots of the conversation."""
        return dict((await self.tracker()).current_slot_values())


class Live:
    """A conversation with a running companion."""

    def __init__(self, url: str) -> None:
        """Begin a conversation at an address such as ``http://127.0.0.1:5005``."""
        self._url, self._sender = url.rstrip("/") + WEBHOOK, f"test-{uuid.uuid4().hex}"

    async def say(self, text: str) -> list[Reply]:
        """The replies to a message."""
        return await asyncio.to_thread(self._post, text)

    def _post(self, text: str) -> list[Reply]:
        body = json.dumps({"sender": self._sender, "message": text}).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            replies: list[Reply] = json.loads(answer.read())
            return replies

    async def context(self) -> dict[str, Any] | None:
        """Nothing: the slots of a running companion are closed."""
        return None


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


def answers_of(replies: list[Reply]) -> list[str]:
    """Ids of the leaflet answers given, without ``faq/``."""
    return [answer["id"].removeprefix("faq/") for answer in metadata(replies, "answer")]


def level_of(replies: list[Reply]) -> str:
    """Level of the escalation, ``none`` without one."""
    return next((escalation["level"] for escalation in metadata(replies, "escalation")), "none")


def referrals_of(replies: list[Reply]) -> list[str]:
    """Reasons of the referrals."""
    return [referral["reason"] for referral in metadata(replies, "referral")]


def buttons_of(replies: list[Reply]) -> list[str]:
    """Titles of the buttons."""
    return [button["title"] for reply in replies for button in reply.get("buttons") or ()]


def difference(wanted: str, came: str, width: int = 100) -> str:
    """Both texts line by line: ``-`` was wanted and did not come, ``+`` came and was not wanted."""

    def lines(text: str) -> list[str]:
        return [line for part in text.split("\n") for line in (textwrap.wrap(part, width) or [""])]

    compared = difflib.ndiff(lines(wanted), lines(came))
    return "\n".join(f"    {line.rstrip()}" for line in compared if not line.startswith("? "))


def problems(turn: dict[str, Any], replies: list[Reply]) -> list[str]:
    """What is wrong with the replies to a turn, each as a readable line."""
    text = text_of(replies)
    found = []
    answers, level, referrals = answers_of(replies), level_of(replies), referrals_of(replies)
    buttons = buttons_of(replies)
    if not text:
        found.append("no reply")
    if "text" in turn and text != turn["text"].strip():
        found.append(f"the text differs (- wanted, + came):\n{difference(turn['text'].strip(), text)}")
    found += [f"lacks {phrase!r}" for phrase in turn.get("contains", ()) if phrase.lower() not in text.lower()]
    found += [f"holds {phrase!r}" for phrase in turn.get("lacks", ()) if phrase.lower() in text.lower()]
    if "answers" in turn and answers != turn["answers"]:
        found.append(f"answers are {answers} instead of {turn['answers']}")
    if "any_of" in turn and not set(answers) & set(turn["any_of"]):
        found.append(f"answers are {answers}, none of {turn['any_of']}")
    if "level" in turn and level != turn["level"]:
        found.append(f"level is {level} instead of {turn['level']}")
    if "referral" in turn and turn["referral"] not in referrals:
        found.append(f"referral is {referrals} instead of {turn['referral']}")
    found += [f"no button {title!r} among {buttons}" for title in turn.get("buttons", ()) if title not in buttons]
    return found


def noted(turn: dict[str, Any], context: dict[str, Any] | None) -> list[str]:
    """What the bot should have noted and has not; nothing where that cannot be seen."""
    if context is None:
        return []
    wanted: dict[str, Any] = turn.get("context", {})
    return [
        f"{name} is {context.get(name)!r} instead of {value!r}"
        for name, value in wanted.items()
        if context.get(name) != value
    ]


async def run(turns: list[dict[str, Any]], talk: Talk) -> list[str]:
    """All problems of a conversation, with the turn they belong to."""
    found = []
    for number, turn in enumerate(turns, 1):
        replies = await talk.say(turn["say"])
        wrong = problems(turn, replies)
        if "context" in turn:
            wrong += noted(turn, await talk.context())
        if wrong:
            lines = "\n".join(f"  {line}" for line in wrong)
            came = textwrap.indent(text_of(replies), "  | ", lambda line: True)
            found.append(f"turn {number}, {turn['say']!r}\n{lines}\n  what came:\n{came}")
    return found
