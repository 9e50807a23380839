"""What every channel shares: one turn at a time per conversation, a deadline, never silence.

Bare Rasa answers ``200 []`` to most failures (https://github.com/RasaHQ/rasa/issues/7630) and lets a typed
``/intent{"slot": ...}`` set slots (https://github.com/RasaHQ/rasa/issues/5075); this joint closes both.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.lock_store import LockError

from bot import safety
from bot.channels.erase import erase
from bot.escalations import Escalation, Outbox, conversation_hash
from bot.safety import Reply

logger = logging.getLogger(__name__)

Handler = Callable[[UserMessage], Awaitable[Any]]

SOON = 2.5
"""Seconds after which what has been said so far is sent, e.g. while the action server hangs."""
DEADLINE = 9.0
"""Seconds after which a turn that has said nothing is answered with the safe reply."""


class Collector(CollectingOutputChannel):
    """Collects a turn's replies; paragraphs stay together, unlike in Rasa's collector."""

    async def send_text_message(self, recipient_id: str, text: str, **kwargs: Any) -> None:
        """Keep the text as one message."""
        await self._persist_message(self._message(recipient_id, text=text.strip()))


class Queue:
    """One turn at a time for each conversation, in the order of arrival, without Rasa's one-second poll."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def turn(self, sender: str) -> AsyncIterator[None]:
        """Wait for one's turn, and hold it."""
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

    def __init__(
        self,
        handler: Handler,
        channel: str,
        outbox: Outbox | None = None,
        collector: type[Collector] = Collector,
    ) -> None:
        """Take Rasa's message handler, the channel's name, where escalations are recorded and what collects replies."""
        self._handler, self._channel, self._outbox, self._collector = handler, channel, outbox, collector
        self._queue = Queue()
        self._running: set[asyncio.Task[None]] = set()

    async def turn(self, sender: str, text: str, message_id: str = "") -> list[Reply]:
        """The replies to a message: at least one, within :data:`DEADLINE` seconds, whatever fails.

        A message that is handled again under the same id is escalated once.
        """
        if not text:
            return _to(sender, safety.static("utter_empty_message"))
        collector, message_id = self._collector(), message_id or uuid.uuid4().hex
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

    async def forget(self, agent: Any, sender: str) -> None:
        """Remove what the tracker store holds of a conversation, after the turns that are still running.

        Raises:
            NotErasable: when this kind of store cannot remove a conversation.
        """
        async with contextlib.AsyncExitStack() as held:
            await held.enter_async_context(self._queue.turn(sender))
            # Rasa's lock keeps other workers out; one that cannot be had in time must not stop the removal.
            with contextlib.suppress(LockError):
                await held.enter_async_context(agent.lock_store.lock(sender))
            await erase(agent.tracker_store, sender)

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
