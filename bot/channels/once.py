"""A message that names itself is answered once, however often its caller sends it and whichever worker it reaches.

For callers that choose their own ids (REST). The journal remembers the replies; what a worker had said before it was
killed is found in the conversation. Where the journal cannot be asked the message is answered all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from bot import deletion, safety
from bot.channels import core as cores
from bot.channels.core import Core
from bot.channels.journal import Claim, Journal
from bot.safety import Reply

logger = logging.getLogger(__name__)

ASK = 2.5
"""Seconds that the journal may take to say whether a message is known; then it is answered without."""
HASTE = 0.85
"""Seconds after which a red flag is told whatever is waited for; the whole reply is there for the next try."""
KEEP = 0.8
"""Seconds for which a reply waits until it is kept."""
KEEP_AGAIN = 2.0
"""Seconds before a reply that was given and could not be kept is kept again."""
RENEW, LEASE = 1.0, 3.5
"""Seconds between two signs of life of a turn, and without one until another worker runs it."""
POLL = 0.2
"""Seconds between two looks whether another worker has answered."""

Key = tuple[str, str]
"""Conversation and message."""


class Once:
    """Runs each message of a channel once."""

    def __init__(self, core: Core, journal: Journal, channel: str) -> None:
        """Take what runs turns and what remembers them."""
        self._core, self._journal, self._channel = core, journal, channel
        self._turns: dict[Key, asyncio.Task[list[Reply]]] = {}
        self._alive: set[Key] = set()
        self._work: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None

    async def turn(self, sender: str, text: str, message_id: str) -> list[Reply]:
        """The replies to a message, from the one turn that it gets."""
        key = (sender, message_id)
        if key not in self._turns:
            self._turns[key] = asyncio.ensure_future(self._handle(key, text))
            self._turns[key].add_done_callback(functools.partial(self._over, key))
        running = self._turns[key]
        # A caller who hangs up does not take the turn with him.
        await asyncio.wait({running}, timeout=HASTE)
        if not running.done() and (urgent := safety.screen(text)):
            return cores.to(sender, urgent)
        return await asyncio.shield(running)

    async def unnamed(self, sender: str, text: str) -> list[Reply]:
        """The replies to a message without an id; of a conversation that it deletes nothing is kept."""
        replies = await self._core.turn(sender, text)
        if not _deleted(replies):
            return replies
        try:
            await asyncio.wait_for(self._journal.forget(sender), ASK)
            await asyncio.wait_for(self._journal.forgotten(sender), ASK)
        except Exception as error:
            logger.error("A conversation on %s could not be removed: %s.", self._channel, type(error).__name__)
            return cores.to(sender, cores.deletion_failed())
        return replies

    def _over(self, key: Key, turn: asyncio.Task[list[Reply]]) -> None:
        del self._turns[key]
        if not turn.cancelled():
            turn.exception()

    async def _handle(self, key: Key, text: str) -> list[Reply]:
        began = asyncio.get_running_loop().time()
        while (claim := await self._claim(key)) is Claim.RUNNING:
            if asyncio.get_running_loop().time() - began > cores.DEADLINE:
                return cores.to(key[0], safety.fallback(text))
            await asyncio.sleep(POLL)
        if claim is Claim.DONE and (told := await self._told(key)):
            return told
        self._live(key)
        try:
            spent = asyncio.get_running_loop().time() - began
            again = claim is not Claim.NEW  # while the journal is away the conversation may know the message
            replies = await self._core.turn(key[0], text, f"{self._channel}-{key[1]}", again, spent)
        finally:
            self._alive.discard(key)
        if claim is None:
            self._background(self._keep(key, replies, 0.0))
            return replies
        return await self._kept(key, replies)

    async def _claim(self, key: Key) -> Claim | None:
        """Whose the message is; None while the journal cannot be asked."""

        async def ask() -> Claim:
            await self._journal.open(key[0])
            return await self._journal.accept(*key, {}, lease=LEASE)

        try:
            return await asyncio.wait_for(ask(), ASK)
        except Exception as error:  # its text may hold ids
            logger.error("A message on %s could not be looked up: %s.", self._channel, type(error).__name__)
            return None

    async def _told(self, key: Key) -> list[Reply]:
        try:
            entries = await asyncio.wait_for(self._journal.history(key[0], reply_to=key[1]), ASK)
        except Exception as error:
            logger.error("A reply on %s could not be read: %s.", self._channel, type(error).__name__)
            return []
        return [entry["reply"] for entry in entries]

    async def _kept(self, key: Key, replies: list[Reply]) -> list[Reply]:
        """Keep the replies; what somebody else has answered meanwhile comes before them."""
        try:
            if not await asyncio.wait_for(self._finish(key, replies), KEEP):
                return await self._told(key) or replies
        except Exception as error:  # said, though not kept: better than silence
            logger.error("A reply on %s could not be kept yet: %s.", self._channel, type(error).__name__)
            self._background(self._keep(key, replies, KEEP_AGAIN))
        return replies

    async def _finish(self, key: Key, replies: list[Reply]) -> bool:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        entries = [{"at": at, "reply_to": key[1], "reply": one} for one in replies]
        return await self._journal.finish(*key, entries, anew=_deleted(replies))

    async def _keep(self, key: Key, replies: list[Reply], wait: float) -> None:
        while True:
            await asyncio.sleep(wait)
            with contextlib.suppress(Exception):
                await self._journal.open(key[0])
                await self._journal.accept(*key, {}, lease=LEASE)
                await self._finish(key, replies)
                return
            wait = KEEP_AGAIN

    def _live(self, key: Key) -> None:
        """Show other workers that the turn runs here, together with all others that do."""
        self._alive.add(key)
        if self._renewing is None or self._renewing.done():
            self._renewing = self._background(self._renew())

    async def _renew(self) -> None:
        while self._alive:
            await asyncio.sleep(RENEW)
            with contextlib.suppress(Exception):
                if self._alive:
                    await self._journal.renew(list(self._alive))

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def stop(self) -> None:
        """Let what is being kept come to its end; called when the server stops, behind the turns."""
        if ending := {*self._turns.values(), *self._work} - {self._renewing}:
            await asyncio.wait(ending, timeout=KEEP_AGAIN)
        for task in list(self._work):
            task.cancel()


def _deleted(replies: list[Reply]) -> bool:
    return deletion.done(reply.get("custom") for reply in replies)
