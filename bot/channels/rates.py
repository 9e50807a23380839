"""Rate limits: how often a conversation or an address may call."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string


class Rates:
    """Counts calls in memory, or in a store that several workers share (an address that the `limits` library knows)."""

    def __init__(self, store: str = "async+memory://") -> None:
        """Open the store.

        Raises:
            limits.errors.ConfigurationError: when the library knows no such store.
        """
        self._limiter = MovingWindowRateLimiter(storage_from_string(store))

    async def wait(self, rate: str, what: str, who: str) -> int:
        """Count a call; 0 when it is within the rate (such as ``30/minute``), else the seconds to wait."""
        item: RateLimitItem = parse(rate)
        if await self._limiter.hit(item, what, who):
            return 0
        window = await self._limiter.get_window_stats(item, what, who)
        return max(1, math.ceil(window.reset_time - time.time()))
