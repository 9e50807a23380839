"""Rate limits: how often a conversation or an address may call."""

from __future__ import annotations

import asyncio
import logging
import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

logger = logging.getLogger(__name__)


PATIENCE = 0.3
"""Seconds that a shared store may take for each of its steps."""
REST = 5.0
"""Seconds for which a store that failed is not asked again."""


class Rates:
    """Counts calls in memory, or in a store that several workers share (an address that the `limits` library knows)."""

    def __init__(self, store: str = "memory://") -> None:
        """Name the store, such as ``redis://host:6379``.

        Raises:
            limits.errors.ConfigurationError: when the library knows no such store.
        """
        limits = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE} if store.startswith("redis") else {}
        storage = storage_from_string(store, **limits)
        self._limiter = MovingWindowRateLimiter(storage)
        self._at_once = isinstance(storage, MemoryStorage)
        self._ask_again = 0.0

    async def wait(self, rate: str, what: str, who: str) -> int:
        """Count a call; 0 when it is within the rate (such as ``30/minute``), else the seconds to wait.

        A store that cannot be reached lets everybody pass: a patient comes before a limit.
        """
        if time.monotonic() < self._ask_again:
            return 0
        try:
            if self._at_once:
                return self._count(parse(rate), what, who)
            return await asyncio.wait_for(asyncio.to_thread(self._count, parse(rate), what, who), 2 * PATIENCE)
        except Exception as error:
            self._ask_again = time.monotonic() + REST
            logger.error("Calls could not be counted: %s.", type(error).__name__)
            return 0

    def _count(self, item: RateLimitItem, what: str, who: str) -> int:
        if self._limiter.hit(item, what, who):
            return 0
        window = self._limiter.get_window_stats(item, what, who)
        return max(1, math.ceil(window.reset_time - time.time()))
