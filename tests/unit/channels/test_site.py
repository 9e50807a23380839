"""Live, ready and stopping: readiness follows whether a real question gets a real answer, and comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from rasa.core.channels.channel import UserMessage
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.core.domain import Domain
from sanic import Sanic

from bot.channels import site, status
from bot.channels.core import Core
from bot.channels.site import SiteInput
from bot.content import FAQ
from tests.unit.conftest import Loopback


class Bot:
    """A bot that answers, raises or hangs."""

    def __init__(self) -> None:
        self.mode = "answers"
        self.turns: list[str] = []
        self.parsed = 0
        self.tracker_store = InMemoryTrackerStore(Domain.empty())
        self.lock_store = None

    async def handle(self, message: UserMessage) -> None:
        self.turns.append(message.sender_id)
        await self._work()
        await message.output_channel.send_custom_json(message.sender_id, {"answer": {"id": "faq/x", "topic": "x"}})

    async def parse_message(self, text: str) -> dict[str, Any]:
        self.parsed += 1
        await self._work()
        return {"intent": {"name": FAQ}}

    async def _work(self) -> None:
        if self.mode == "raises":
            raise RuntimeError("broken")
        if self.mode == "hangs":
            await asyncio.sleep(60)


@pytest.fixture
def bot() -> Iterator[tuple[Bot, Any]]:
    made = Bot()
    Sanic.test_mode = True
    app: Any = Sanic("site_channel", configure_logging=False)
    app.ctx.agent = made
    channel = SiteInput()
    app.blueprint(channel.blueprint(made.handle), url_prefix=channel.url_prefix())
    yield made, app
    status._stopping = False
    status.doubted()


async def _states(session: Any, *paths: str) -> list[int]:
    found = []
    for path in paths:
        async with session.get(path) as answer:
            found.append(answer.status)
    return found


def test_a_failed_turn_is_looked_into_at_once_and_readiness_comes_back(
    bot: tuple[Bot, Any], loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, app = bot
    monkeypatch.setattr(site, "PROBE_LIMIT", 0.2)

    async def client(session: Any) -> None:
        both = ("/health", "/health/ready")
        assert await _states(session, *both) == [200, 200]
        core = Core(made.handle, "rest")
        for mode in ("raises", "hangs"):
            made.mode = "raises"
            await core.turn("patient", "how long is one infusion")
            made.mode = mode
            assert await _states(session, *both, "/health/live") == [503, 503, 200]
            made.mode = "answers"
            assert await _states(session, *both) == [200, 200]

    loopback(app, client)
    assert made.tracker_store.store == {}  # the probes leave no conversation behind


def test_a_bot_that_understands_nothing_any_more_is_noticed_without_a_patient(
    bot: tuple[Bot, Any], loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, app = bot
    monkeypatch.setattr(site, "PROBE_AGAIN", 0.05)

    async def client(session: Any) -> None:
        assert await _states(session, "/health/ready") == [200]
        made.mode = "raises"
        await asyncio.sleep(0.1)
        assert await _states(session, "/health/ready", "/health/live") == [503, 200]
        made.mode = "answers"
        assert await _states(session, "/health/ready") == [200]

    loopback(app, client)
    assert len(made.turns) == 1  # only the first look was a whole turn
    assert site.PROBE_AGAIN + site.PROBE_LIMIT <= 5


def test_simultaneous_looks_share_one_probe(bot: tuple[Bot, Any], loopback: Loopback) -> None:
    made, app = bot

    async def client(session: Any) -> None:
        await asyncio.gather(*(_states(session, "/health/ready") for _ in range(10)))

    loopback(app, client)
    assert len(made.turns) == 1


def test_a_server_that_stops_is_live_and_not_ready(bot: tuple[Bot, Any], loopback: Loopback) -> None:
    _, app = bot

    async def client(session: Any) -> None:
        assert await _states(session, "/health/ready") == [200]
        status.stop()
        assert await _states(session, "/health/ready", "/health/live") == [503, 200]

    loopback(app, client)


@pytest.mark.parametrize("path", ["/health/live", "/health", "/nothing", "/calendar.ics", "/", "/widget.js"])
def test_every_answer_carries_the_security_headers(path: str, bot: tuple[Bot, Any], loopback: Loopback) -> None:
    _, app = bot

    async def client(session: Any) -> None:
        async with session.get(path) as answer:
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Cache-Control"]

    loopback(app, client)
