"""Rate limits: so many calls and no more, each caller for himself."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from bot.channels import rates as rates_module
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


def test_a_store_that_cannot_be_reached_holds_nobody_back(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        rates = Rates(f"redis://127.0.0.1:{closed.getsockname()[1]}")
        waits = [asyncio.run(rates.wait("1/minute", "messages", "patient-17")) for _ in range(3)]
    assert waits == [0, 0, 0]
    assert "could not be counted" in caplog.text
    assert "patient-17" not in caplog.text


def test_a_rate_that_is_none_holds_nobody_back() -> None:
    assert asyncio.run(Rates().wait("often", "messages", "a")) == 0


def test_a_store_that_hangs_holds_nobody_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates_module, "PATIENCE", 0.05)
    released = threading.Event()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        rates = Rates(f"redis://127.0.0.1:{closed.getsockname()[1]}")
    monkeypatch.setattr(rates, "_count", lambda *_: released.wait(30))

    async def work() -> int:
        waited = await rates.wait("1/minute", "messages", "a")
        released.set()
        return waited

    assert asyncio.run(work()) == 0
