"""Rate limits: so many calls and no more, each caller for himself."""

from __future__ import annotations

import asyncio

from bot.channels.rates import Rates


def test_calls_over_the_rate_are_told_how_long_to_wait() -> None:
    async def work() -> None:
        rates = Rates()
        assert [await rates.wait("3/minute", "messages", "a") for _ in range(3)] == [0, 0, 0]
        assert 1 <= await rates.wait("3/minute", "messages", "a") <= 60

    asyncio.run(work())


def test_callers_and_kinds_of_call_are_counted_apart() -> None:
    async def work() -> None:
        rates = Rates()
        assert await rates.wait("1/minute", "messages", "a") == 0
        assert await rates.wait("1/minute", "messages", "a") > 0
        assert await rates.wait("1/minute", "messages", "b") == 0
        assert await rates.wait("1/minute", "conversations", "a") == 0

    asyncio.run(work())
