"""The lock store: one turn of a conversation at a time over all workers, by Redis' own lock.

Rasa's RedisLockStore reads, changes and writes back, so that two workers get the same ticket
(https://github.com/RasaHQ/rasa/issues/9213); its locks outlive a worker that was killed, and a Redis that hangs stops
the event loop. Here a lock expires unless its turn still runs, and without Redis the worker goes on with a lock of its
own: the tracker store loses nothing when two turns overlap.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from time import monotonic

from rasa.core.lock import TicketLock
from rasa.core.lock_store import LockStore
from rasa.utils.endpoints import EndpointConfig
from redis.asyncio import Redis
from redis.asyncio.lock import Lock
from redis.exceptions import LockError, RedisError

logger = logging.getLogger(__name__)

LEASE = 4.0
"""Seconds after which the lock of a worker that was killed is free."""
LONGEST = 60.0
"""Seconds that a turn waits for another worker's; then it goes on, for a patient comes before order."""
PATIENCE = 0.5
"""Seconds that Redis may take."""
REST = 2.0
"""Seconds for which a Redis that did not answer is not asked again."""
LOOK = 0.02
"""Seconds between two tries to get a lock."""

FAILURES = (RedisError, OSError, TimeoutError)


class LocalLocks:
    """One turn at a time within this process, in the order of arrival."""

    def __init__(self) -> None:
        """Nobody holds or waits."""
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Wait for the lock and hold it."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._users[name] += 1
        try:
            async with lock:
                yield
        finally:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._locks[name]


class RedisLocks(LockStore):
    """``lock_store.type: bot.stores.locks.RedisLocks`` with ``url: redis://...`` and a ``prefix`` for its keys."""

    def __init__(self, endpoint_config: EndpointConfig) -> None:
        """Take the address; nothing is connected before the first turn."""
        super().__init__()
        self._prefix = str(endpoint_config.kwargs.get("prefix", "il2"))
        self._redis = Redis.from_url(
            str(endpoint_config.url), socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, health_check_interval=0
        )
        self._local = LocalLocks()
        self._ask_again = 0.0

    @property
    def up(self) -> bool:
        """Whether Redis answered the last time that it was asked."""
        return not self._ask_again

    @contextlib.asynccontextmanager
    async def lock(
        self, conversation_id: str, lock_lifetime: float = LEASE, wait_time_in_seconds: float = LOOK
    ) -> AsyncGenerator[TicketLock, None]:
        """Hold the conversation's lock; it is extended as long as the turn runs."""
        async with self._local.hold(conversation_id):
            held = await self._acquired(conversation_id)
            renewing = asyncio.ensure_future(self._renew(held)) if held else None
            try:
                yield TicketLock(conversation_id)
            finally:
                if held is not None and renewing is not None:
                    renewing.cancel()
                    await self._release(held)

    async def _acquired(self, conversation: str) -> Lock | None:
        """The lock, or None while Redis is away."""
        if monotonic() < self._ask_again:
            return None
        # A hash: the id of a conversation is a password on some channels, and Redis' keys are shown in its tools.
        name = f"{self._prefix}:turn:{hashlib.sha256(conversation.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
        lock = Lock(self._redis, name, timeout=LEASE, sleep=LOOK, blocking_timeout=LONGEST)
        try:
            got = await lock.acquire()
        except FAILURES as error:
            self._away(error)
            return None
        if self._ask_again:
            logger.warning("Redis is back.")
            self._ask_again = 0.0
        if not got:
            logger.error("A turn has waited for another one of its conversation for long, and goes on.")
        return lock if got else None

    async def _renew(self, lock: Lock) -> None:
        while True:
            await asyncio.sleep(LEASE / 4)
            try:
                await lock.reacquire()
            except LockError:
                return  # it has expired: another worker may be at the conversation
            except FAILURES as error:
                self._away(error)

    async def _release(self, lock: Lock) -> None:
        try:
            await lock.release()
        except LockError:
            return
        except FAILURES as error:
            self._away(error)

    def _away(self, error: Exception) -> None:
        if not self._ask_again:
            logger.error("Redis is away, turns are locked within this worker alone: %s.", type(error).__name__)
        self._ask_again = monotonic() + REST
