"""What every channel shares: checks of size and shape, one turn at a time per conversation, a deadline, never silence.

Bare Rasa answers ``200 []`` to most failures (https://github.com/RasaHQ/rasa/issues/7630) and lets a typed
``/intent{"slot": ...}`` set slots (https://github.com/RasaHQ/rasa/issues/5075); this joint closes both.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import unicodedata
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from rasa.core.channels.channel import CollectingOutputChannel, UserMessage

from bot import safety
from bot.escalations import Escalation, Outbox, conversation_hash
from bot.safety import Reply

logger = logging.getLogger(__name__)

Handler = Callable[[UserMessage], Awaitable[Any]]

MAX_BODY = 4096
"""Bytes of a request body."""
MAX_SENDER = 128
"""Characters of a conversation id."""
SOON = 2.5
"""Seconds after which what has been said so far is sent, e.g. while the action server hangs."""
DEADLINE = 9.0
"""Seconds after which a turn that has said nothing is answered with the safe reply."""


class BadRequest(ValueError):
    """A request that is not what the channel expects; the text is the reason given to the caller."""

    def __init__(self, reason: str, status: int = 400) -> None:
        """Keep the HTTP status beside the reason."""
        super().__init__(reason)
        self.status = status


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object of a request body.

    Raises:
        BadRequest: over :data:`MAX_BODY` (413), no UTF-8, no JSON, or no object (400).
    """
    if len(body) > MAX_BODY:
        raise BadRequest(f"The request is over {MAX_BODY} bytes. Please send a shorter message.", 413)
    try:
        value = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadRequest("The request is not UTF-8 text.") from None
    except (ValueError, RecursionError):
        raise BadRequest("The request is not valid JSON.") from None
    if not isinstance(value, dict):
        raise BadRequest('The request must be a JSON object such as {"sender": "...", "message": "..."}.')
    return value


def check_sender(value: Any) -> str:
    """A usable conversation id.

    Raises:
        BadRequest: when it is missing, no string, empty, too long or holds characters that are no text.
    """
    if not isinstance(value, str) or not value.strip():
        raise BadRequest("sender is missing: send the id of the conversation as a string.")
    if len(value) > MAX_SENDER:
        raise BadRequest(f"sender is over {MAX_SENDER} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Cn") for character in value):
        raise BadRequest("sender holds characters that are no text.")
    return value


def check_message(value: Any) -> str:
    """The text of a message as the bot reads it; see :func:`plain`.

    Raises:
        BadRequest: when it is missing or no string.
    """
    if not isinstance(value, str):
        raise BadRequest("message is missing: send the patient's text as a string.")
    return plain(value)


_LEADING = "/\\\uff0f\u2044\u2215\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""Slashes in all their forms, and the invisible characters that can stand before one."""


def plain(text: str) -> str:
    """Text without what is no text: control characters and lone surrogates become spaces, leading slashes go.

    A leading slash would make Rasa read the text as a command. The rest of the text is untouched.
    """
    spaced = "".join(
        " " if unicodedata.category(c) in ("Cc", "Cs") and c != "\n" else c for c in text.replace("\r\n", "\n")
    )
    while spaced[:1].isspace() or spaced[:1] in tuple(_LEADING):
        spaced = spaced.lstrip().lstrip(_LEADING)
    return spaced.strip()


class Collector(CollectingOutputChannel):
    """Collects a turn's replies; paragraphs stay together, unlike in Rasa's collector."""

    async def send_text_message(self, recipient_id: str, text: str, **kwargs: Any) -> None:
        """Keep the text as one message."""
        await self._persist_message(self._message(recipient_id, text=text.strip()))


class _Queue:
    """One turn at a time for each conversation, in the order of arrival, without Rasa's one-second poll."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def turn(self, sender: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault(sender, asyncio.Lock())
        self._waiting[sender] += 1
        try:
            async with lock:
                yield
        finally:
            self._waiting[sender] -= 1
            if not self._waiting[sender]:
                del self._waiting[sender], self._locks[sender]


def _to(sender: str, replies: list[Reply]) -> list[Reply]:
    return [{"recipient_id": sender, **reply} for reply in replies]


class Core:
    """Runs turns for a channel."""

    def __init__(self, handler: Handler, channel: str, outbox: Outbox | None = None) -> None:
        """Take Rasa's message handler, the channel's name and where escalations are recorded."""
        self._handler, self._channel, self._outbox = handler, channel, outbox
        self._queue = _Queue()
        self._running: set[asyncio.Task[None]] = set()

    async def turn(self, sender: str, text: str) -> list[Reply]:
        """The replies to a message: at least one, within :data:`DEADLINE` seconds, whatever fails."""
        if not text:
            return _to(sender, safety.static("utter_empty_message"))
        collector, message_id = Collector(), uuid.uuid4().hex
        # A task of its own: a caller who hangs up does not take the turn with him.
        task = self._background(self._handle(sender, text, collector, message_id))
        await asyncio.wait({task}, timeout=SOON)
        if not task.done() and not collector.messages:
            urgent = safety.screen(text)
            if urgent:
                return self._done(sender, message_id, urgent)
            await asyncio.wait({task}, timeout=DEADLINE - SOON)
        if not collector.messages:
            logger.error("A turn on %s gave no reply; the safe reply was sent.", self._channel)
            return self._done(sender, message_id, safety.fallback(text))
        return self._done(sender, message_id, list(collector.messages))

    def _done(self, sender: str, message_id: str, replies: list[Reply]) -> list[Reply]:
        """Have what the patient was told to call about recorded, also where the action server could not.

        The action records the same message under the same id, so it is kept once. The reply does not wait for it.
        """
        for reply in replies:
            told = (reply.get("custom") or {}).get("escalation")
            if told:
                self._background(self._try_record(sender, message_id, told))
        return _to(sender, replies)

    async def _try_record(self, sender: str, message_id: str, told: dict[str, Any]) -> None:
        try:
            await asyncio.to_thread(self._record, sender, message_id, told)
        except Exception as error:  # the error's text may hold what was to be recorded
            logger.error("An escalation could not be recorded: %s.", type(error).__name__)

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def _record(self, sender: str, message_id: str, told: dict[str, Any]) -> None:
        self._outbox = self._outbox or Outbox()
        conversation = conversation_hash(sender)
        symptoms, setting = tuple(told["symptoms"]), told["setting"]
        self._outbox.record(Escalation(message_id, conversation, told["level"], symptoms, self._channel, setting))

    async def _handle(self, sender: str, text: str, collector: Collector, message_id: str) -> None:
        try:
            async with self._queue.turn(sender):
                message = UserMessage(text, collector, sender, input_channel=self._channel, message_id=message_id)
                await self._handler(message)
        except Exception as error:  # the text of the error may hold the patient's words
            logger.error("A turn on %s failed: %s.", self._channel, type(error).__name__)
