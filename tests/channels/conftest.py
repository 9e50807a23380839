"""A channel on the loopback address between a platform that is a stub and a small bot."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from rasa.core.channels.channel import UserMessage
from sanic import Sanic

from bot.channels import core, platform
from bot.channels.journal import SqlJournal
from tests.channels.drivers import DRIVERS, Driver, Request, Sent
from tests.channels.stub import Stub


@dataclass
class Bot:
    """A bot that repeats what it is told and remembers it."""

    heard: list[UserMessage] = field(default_factory=list)
    wait: float = 0.0

    async def __call__(self, message: UserMessage) -> None:
        self.heard.append(message)
        out, to = message.output_channel, message.sender_id
        assert out is not None
        await asyncio.sleep(self.wait)
        await out.send_response(to, self.reply(str(message.text)))

    def reply(self, text: str) -> dict[str, Any]:
        if text == "choose":
            titles = ["At home", "In the hospital, with a drip"]
            return {"text": "Where?", "buttons": [{"title": title, "payload": title} for title in titles]}
        if text == "many":
            return {"text": "Which?", "buttons": [{"title": f"Topic {n}", "payload": f"Topic {n}"} for n in range(12)]}
        if text == "long":
            return {"text": "\n\n".join(f"Paragraph {n}. It has words in it. " * 8 for n in range(40))}
        if text == "signs":
            return {"text": "temp > 38 & platelets < 50, 5_mg 2*3 [as ordered] `x` ~y~ <@U1> <b>"}
        if text == "fail":
            raise RuntimeError("broken")
        return {"text": f"You said: {text}"}

    @property
    def texts(self) -> list[str]:
        return [str(message.text) for message in self.heard]


@dataclass
class Talk:
    """A platform's servers talking to the channel."""

    driver: Driver
    session: aiohttp.ClientSession
    stub: Stub
    bot: Bot
    journal: SqlJournal

    async def post(self, request: Request, path: str = "") -> tuple[int, str]:
        url = path or f"/webhooks/{self.driver.channel.name()}/webhook"
        async with self.session.post(url, data=request.body, headers=request.headers) as reply:
            return reply.status, await reply.text()

    async def deliver(self, *bodies: bytes) -> None:
        """Events, signed, one request after the other."""
        for body in bodies:
            status, text = await self.post(self.driver.sign(body))
            assert status == 200, text

    def sent(self) -> list[Sent]:
        return [sent for call in self.stub.calls if (sent := self.driver.sent(call)) is not None]

    async def answers(self, count: int, seconds: float = 20) -> list[Sent]:
        """What was sent, once it is so many messages; and no more come."""
        await self.stub.until(lambda _: len(self.sent()) >= count, seconds)
        await asyncio.sleep(0.1)
        assert len(self.sent()) == count, [sent.text for sent in self.sent()]
        return self.sent()

    async def ask(self, body: bytes, count: int = 1) -> list[Sent]:
        """Deliver one event and give what was sent for it."""
        before = len(self.sent())
        await self.deliver(body)
        return (await self.answers(before + count))[before:]


Run = Callable[..., Any]


@pytest.fixture(params=list(DRIVERS))
def driver(request: pytest.FixtureRequest) -> Driver:
    return DRIVERS[request.param]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a scene between a platform and its channel; ``general`` keeps the sentence on personal details."""
    monkeypatch.setattr(core, "SOON", 0.5)
    monkeypatch.setattr(core, "DEADLINE", 1.0)
    monkeypatch.setattr(platform, "SWEEP", 0.05)
    monkeypatch.setattr(platform, "FIRST_RETRY", 0.05)
    monkeypatch.setenv("IL2_OUTBOX", str(tmp_path / "escalations.db"))
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")
    address = f"sqlite:///{tmp_path}/journal.db"

    def start(
        driver: Driver,
        scene: Callable[[Talk], Awaitable[Any]],
        bot: Bot | None = None,
        stub: Stub | None = None,
        general: bool = False,
        **settings: Any,
    ) -> Any:
        for name, value in driver.environment.items():
            monkeypatch.setenv(name, value)
        clinic = platform.clinics.Clinic("Clinic", False, "us", "+1 555 0100", ())
        if not general:
            clinic = platform.clinics.Clinic("Clinic", False, "us", "+1 555 0100", (), (), ())
        monkeypatch.setattr(platform.clinics, "current", lambda: clinic)
        return asyncio.run(_serve(driver, scene, bot or Bot(), stub or Stub(driver.ok), address, settings))

    return start


async def _serve(driver: Driver, scene: Any, bot: Bot, stub: Stub, address: str, settings: dict[str, Any]) -> Any:
    Sanic.test_mode = True
    app = Sanic("platform_channel", configure_logging=False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    app.ctx.agent = bot
    journal = SqlJournal(driver.channel.name(), address)
    channel = driver.channel(**{"api": f"http://127.0.0.1:{port}", "rate": "500/minute", **settings}, journal=journal)
    app.blueprint(channel.blueprint(bot), url_prefix=f"/webhooks/{channel.url_prefix()}")
    await stub.start(port)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = await app.create_server(sock=listening, return_asyncio_server=True, access_log=False)
    await server.startup()
    await server.before_start()
    await server.start_serving()
    await server.after_start()
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        async with aiohttp.ClientSession(base, timeout=aiohttp.ClientTimeout(total=20)) as session:
            return await scene(Talk(driver, session, stub, bot, journal))
    finally:
        await server.before_stop()
        server.close()
        await server.wait_closed()
        await stub.stop()
        listening.close()


def golden(name: str) -> Any:
    """A recorded payload."""
    return json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_text(encoding="utf-8"))
