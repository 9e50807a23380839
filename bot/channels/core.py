"""What every channel shares: one turn at a time per conversation, a deadline, never silence.

Bare Rasa answers ``200 []`` to most failures (https://github.com/RasaHQ/rasa/issues/7630) and lets a typed
``/intent{"slot": ...}`` set slots (https://github.com/RasaHQ/rasa/issues/5075); this joint closes both.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.lock_store import LockError
from rasa.shared.core.events import BotUttered, UserUttered

from bot import deletion, metrics, safety, unanswered
from bot.channels import observe, status
from bot.channels.erase import erase
from bot.escalations import Escalation, Outbox, conversation_hash
from bot.safety import Reply
from bot.stores import health
from bot.unanswered import Unanswered

logger = logging.getLogger(__name__)

Handler = Callable[[UserMessage], Awaitable[Any]]

URGENT = 0.4
"""Seconds after which a red flag is told: what the turn has said of it, or else the text of :mod:`bot.safety`."""
SOON = 2.5
"""Seconds after which what has been said so far is sent, e.g. while the action server hangs."""
DEADLINE = 9.0
"""Seconds after which a turn that has said nothing is answered with the safe reply."""
LANES = 4
"""Turns that are worked on at once. One process understands one message at a time; more would only slow each other, and
the server would no longer get round to whoever comes in, who may be in danger."""
MOST_WAITING = 200
"""Turns that may wait for a lane; whoever comes then is told at once that there is no answer, and whom to call."""
HELD = 1.0
"""Seconds for which a turn that has said nothing keeps its lane: one that waits for a store must not block others."""
AT_ONCE = 0.15
"""Seconds that looking up whether the patient is at home or in the hospital may keep a red flag's text waiting."""
FIRST_TRY, LAST_TRY = 1.0, 30.0
"""Seconds before an escalation that could not be recorded is recorded again, doubled at each failure."""


class Collector(CollectingOutputChannel):
    """Collects a turn's replies; paragraphs stay together, unlike in Rasa's collector."""

    def __init__(self) -> None:
        """Nothing is said yet."""
        super().__init__()
        self.spoke, self.warned = asyncio.Event(), asyncio.Event()
        self.given_up = False
        """Whether the patient has been told that there is no answer."""
        self.removed = False
        """Whether the conversation is gone, as the patient has confirmed in this turn."""

    async def _persist_message(self, message: dict[str, Any]) -> None:
        """Note that something was said, and whether it was a red flag's advice."""
        await super()._persist_message(message)
        self.spoke.set()
        if "escalation" in (message.get("custom") or {}):
            self.warned.set()

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


class Lanes:
    """Holds turns back while as many as the process can work on are under way; the first to come is the first to go."""

    def __init__(self, count: int) -> None:
        """All lanes are free."""
        self._free = asyncio.Semaphore(count)
        self.waiting = 0

    @property
    def taken(self) -> bool:
        """Whether the next turn would have to wait."""
        return self._free.locked()

    @contextlib.asynccontextmanager
    async def lane(self, spoke: asyncio.Event) -> AsyncIterator[None]:
        """Wait for a lane and keep it until something was said, the turn ends, or :data:`HELD` seconds are over."""
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        giving_back = asyncio.ensure_future(self._give_back(spoke))
        try:
            yield
        finally:
            spoke.set()
            await giving_back

    async def _give_back(self, spoke: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(spoke.wait(), HELD)
        self._free.release()


def deletion_failed() -> list[Reply]:
    """What is said where a conversation could not be deleted as the patient has confirmed."""
    return [*safety.static(deletion.FAILED_TEXT), {"custom": {deletion.KEY: deletion.FAILED}}]


def _keeping(sender: str) -> str:
    return f"keeping a question of {sender}"


def _deleted(replies: list[Reply]) -> bool:
    return deletion.done(reply.get("custom") for reply in replies)


def to(sender: str, replies: list[Reply]) -> list[Reply]:
    """Replies as Rasa's channels give them, with the conversation that they are for."""
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
        self._queue, self._lanes = Queue(), Lanes(LANES)
        self._running: set[asyncio.Task[None]] = set()
        self._under_way: dict[str, tuple[asyncio.Task[None], Collector, str]] = {}
        self._unanswered = Unanswered() if unanswered.wanted() else None
        self.agent: Any = None
        """Rasa's agent, once the server has started."""

    async def turn(
        self, sender: str, text: str, message_id: str = "", again: bool = False, spent: float = 0.0
    ) -> list[Reply]:
        """The replies to a message: at least one, within :data:`DEADLINE` seconds, whatever fails.

        Of these the caller has ``spent`` some already.

        A message that is handled ``again`` under the same id has one turn: what a worker said before it was killed is
        said again.
        """
        message_id = message_id or uuid.uuid4().hex
        with observe.turn(self._channel, sender) as seen:
            seen.outcome, replies = await self._turn(sender, text, message_id, again, spent)
            seen.replies = self._recorded(sender, text, message_id, replies) if text else replies
        return to(sender, list(seen.replies))

    async def _turn(
        self, sender: str, text: str, message_id: str, again: bool, spent: float
    ) -> tuple[str, list[Reply]]:
        """How the turn ended, and what the patient reads."""
        if not text:
            return observe.EMPTY, safety.static("utter_empty_message")
        if again and (told := await self._told_before(sender, message_id)):
            return observe.ANSWERED, await self._removed_after_all(sender, told) if _deleted(told) else told
        urgent = safety.screen(text) if self._lanes.taken else []
        if self._lanes.waiting >= MOST_WAITING and not urgent:
            return observe.SAFE_REPLY, safety.static("utter_technical")
        # A task of its own: a caller who hangs up does not take the turn with him. A message that comes again while its
        # turn still waits or runs joins it.
        if message_id not in self._under_way:
            collector = self._collector()
            work = self._background(self._handle(sender, text, collector, message_id))
            self._under_way[message_id] = work, collector, sender
            work.add_done_callback(lambda _: self._under_way.pop(message_id, None))
        task, collector, _ = self._under_way[message_id]
        if urgent:
            return observe.SCREENED, safety.screen(text, await self._setting(sender, message_id, AT_ONCE))
        await self._until_told(task, collector)
        if not task.done() and not collector.messages and safety.screen(text):
            return observe.SCREENED, safety.screen(text, await self._setting(sender, message_id, AT_ONCE))
        if not task.done() and not collector.warned.is_set():
            await asyncio.wait({task}, timeout=SOON - URGENT)
            if not collector.messages:
                await asyncio.wait({task}, timeout=max(0.0, DEADLINE - SOON - spent))
        if not collector.messages:
            logger.error("A turn on %s gave no reply; the safe reply was sent.", self._channel)
            status.doubt()
            collector.given_up = True
            setting = await self._setting(sender, message_id, AT_ONCE) if safety.screen(text) else ""
            return observe.SAFE_REPLY, safety.fallback(text, setting)
        if _deleted(collector.messages):
            await asyncio.wait({task}, timeout=max(0.0, DEADLINE - SOON - spent))
            return observe.ANSWERED, list(collector.messages) if collector.removed else deletion_failed()
        return observe.ANSWERED, list(collector.messages)

    async def _setting(self, sender: str, message_id: str, limit: float) -> str:
        """Where the patient is, as the conversation has it: ``home``, ``hospital``; "" if that cannot be had in time.

        What may be out of date does not count, for "press your call button" helps nobody at home: what this worker
        remembers while the database is away, and anything while an earlier message is still being understood.
        """
        try:
            tracker = await asyncio.wait_for(self.agent.tracker_store.retrieve(sender), limit)
            away = health.states(self.agent).get("database") == "down"
        except Exception:  # no agent yet, or a store that is away: nothing is known
            return ""
        others = (one for one, (_, _, who) in self._under_way.items() if who == sender and one != message_id)
        if tracker is None or away or any(others):
            return ""
        return str(tracker.get_slot("setting") or "")

    async def finish(self, *_: Any) -> None:
        """Let running turns and records come to their end; called when the server stops."""
        status.stop()
        limit = time.monotonic() + DEADLINE + 1
        while self._running and (left := limit - time.monotonic()) > 0:
            await asyncio.wait(set(self._running), timeout=left)

    async def _until_told(self, task: asyncio.Task[None], collector: Collector) -> None:
        """Wait for the end of the turn; at most :data:`URGENT` seconds, and as long again behind a red flag's advice.

        Behind the advice come the answer to a question in the same message, at once, and the action, which may hang.
        """
        warned = asyncio.ensure_future(collector.warned.wait())
        await asyncio.wait({task, warned}, timeout=URGENT, return_when=asyncio.FIRST_COMPLETED)
        warned.cancel()
        if collector.warned.is_set():
            await asyncio.wait({task}, timeout=URGENT)

    async def forget(self, agent: Any, sender: str) -> None:
        """Remove what the tracker store holds of a conversation, after the turns that are still running.

        Raises:
            NotErasable: when this kind of store cannot remove a conversation.
        """
        async with self._queue.turn(sender):
            await self._remove(agent, sender)

    async def _removed_after_all(self, sender: str, told: list[Reply]) -> list[Reply]:
        """What was told, once the conversation is gone: the worker that told it may have been killed before it was."""
        removal = self._background(self.forget(self.agent, sender))
        await asyncio.wait({removal}, timeout=SOON)
        if removal.done() and removal.exception() is None:
            return told
        return deletion_failed()

    async def _remove(self, agent: Any, sender: str) -> None:
        """See :meth:`forget`; no other turn of the conversation is under way in this process."""
        async with contextlib.AsyncExitStack() as held:
            # Rasa's lock keeps other workers out; one that cannot be had in time must not stop the removal.
            with contextlib.suppress(LockError):
                await held.enter_async_context(agent.lock_store.lock(sender))
            await erase(agent.tracker_store, sender)
            questions = self._unanswered or unanswered.kept_before()
            if questions:
                keeping = [task for task in self._running if task.get_name() == _keeping(sender)]
                await asyncio.gather(*keeping)
                await asyncio.to_thread(questions.forget, conversation_hash(sender))

    def _recorded(self, sender: str, text: str, message_id: str, replies: list[Reply]) -> list[Reply]:
        """Have what the patient was told to call about recorded, also where the action server could not.

        The action records the same message under the same id, so it is kept once. The reply does not wait for it.
        """
        for reply in replies:
            told = (reply.get("custom") or {}).get("escalation")
            if told:
                self._background(self._try_record(sender, text, message_id, told))
        why = unanswered.reason(replies) if self._unanswered else None
        if why:
            self._background(self._try_keep(sender, why, text)).set_name(_keeping(sender))
        return replies

    async def _try_keep(self, sender: str, why: str, text: str) -> None:
        """Keep a question without an answer for the care team to label."""
        assert self._unanswered is not None
        try:
            await asyncio.to_thread(self._unanswered.keep, conversation_hash(sender), self._channel, why, text)
        except Exception as error:  # the error's text may hold the question
            logger.error("A question without an answer could not be kept: %s.", type(error).__name__)

    async def _try_record(self, sender: str, text: str, message_id: str, told: dict[str, Any]) -> None:
        if told["setting"] != "hospital":
            # "home" is also told where nothing is known: the care team must not take it for said.
            told = {**told, "setting": safety.heard(text) or await self._setting(sender, message_id, SOON)}
        wait = FIRST_TRY
        while True:
            try:
                return await asyncio.to_thread(self._record, sender, message_id, told)
            except Exception as error:  # the error's text may hold what was to be recorded
                logger.error("An escalation could not be recorded yet: %s.", type(error).__name__)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LAST_TRY)

    async def _told_before(self, sender: str, message_id: str) -> list[Reply]:
        """What the conversation holds as replies to a message."""
        try:
            tracker = await asyncio.wait_for(self.agent.tracker_store.retrieve(sender), SOON)
        except Exception as error:
            logger.error("A conversation could not be read: %s.", type(error).__name__)
            return []
        replies: list[Reply] = []
        mine = False
        for event in tracker.events if tracker else ():
            if isinstance(event, UserUttered):
                mine = event.message_id == message_id
            elif mine and isinstance(event, BotUttered):
                said = {"text": event.text, **event.data}
                replies.append({key: said[key] for key in ("text", "buttons", "custom") if said.get(key)})
        return replies

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
            async with self._queue.turn(sender), self._lanes.lane(collector.spoke):
                if collector.given_up:
                    return  # it has waited too long to begin
                message = UserMessage(text, collector, sender, input_channel=self._channel, message_id=message_id)
                await self._handler(message)
                # Rasa has stored the turn by now. The next message waits behind it and begins a new conversation.
                if _deleted(collector.messages) and not collector.given_up:
                    await self._remove(self.agent, sender)
                    collector.removed = True
        except Exception as error:  # the text of the error may hold the patient's words
            logger.error("A turn on %s failed: %s.", self._channel, type(error).__name__)
            metrics.ERRORS.labels(self._channel).inc()
            status.doubt()
