"""A turn's replies as whole messages: the text with its buttons and its metadata together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bot import deletion
from bot.safety import Reply


@dataclass
class Said:
    """One message of the bot; ``buttons`` are the words that pressing them says."""

    text: str
    buttons: list[str] = field(default_factory=list)
    custom: dict[str, Any] = field(default_factory=dict)


def messages(replies: Iterable[Reply]) -> list[Said]:
    """Put the metadata that Rasa sends as an element of its own back to the text before it."""
    said: list[Said] = []
    for reply in replies:
        text, custom = str(reply.get("text") or ""), dict(reply.get("custom") or {})
        buttons = [str(button["title"]) for button in reply.get("buttons") or ()]
        if said and not text and not buttons and not set(custom) & set(said[-1].custom):
            said[-1].custom.update(custom)
        else:
            said.append(Said(text, buttons, custom))
    return said


def deleted(said: Iterable[Said]) -> bool:
    """Whether the conversation was deleted in this turn, so that nothing of it may be kept any more."""
    return deletion.done(one.custom for one in said)
