"""Faults of the network: an action server with bad modes, a team that takes alerts, and a TCP proxy.

The stub stands between Rasa and the real action server and passes calls on while its mode is ``ok``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _site(handler: Answer, port: int) -> web.AppRunner:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    # A request that still sleeps must not hold up the end of the run.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    return runner


def _replies(body: Any, status: int = 200, kind: str = "application/json") -> web.Response:
    text = body if isinstance(body, str) else json.dumps(body)
    return web.Response(status=status, text=text, content_type=kind)


MODES: dict[str, Callable[[], web.Response]] = {
    "404": lambda: _replies({"error": "no such action", "action_name": "action_escalate"}, 404),
    "500": lambda: _replies({"error": "broken"}, 500),
    "400": lambda: _replies({"error": "rejected", "action_name": "action_escalate"}, 400),
    "HTML 400": lambda: _replies("<html>Bad Request</html>", 400, "text/html"),
    "HTML 200": lambda: _replies("<html>It works!</html>", 200, "text/html"),
    "bad JSON": lambda: _replies('{"events": [', 200),
    "bad schema": lambda: _replies({"events": "none", "responses": 7}),
    "unknown event": lambda: _replies({"events": [{"event": "no_such_event"}], "responses": []}),
    "unknown response": lambda: _replies({"events": [], "responses": [{"response": "utter_no_such_response"}]}),
}
"""Bad answers; with ``reset`` there are ten."""
RESET = "reset"
SLOW = re.compile(r"slow (\d+)")


class ActionStub:
    """An action server that can be ``ok``, ``down``, ``slow N``, ``reset`` or one of :data:`MODES`."""

    def __init__(self, behind: str = "") -> None:
        """Take the address of the real action server; without one calls are answered with nothing to do."""
        self.port, self._behind, self.mode = free_port(), behind, "ok"
        self.spoilt = 0
        """How many calls got a bad answer: whether the fault bit."""
        self.ran: list[str] = []
        """Ids of the conversations whose action ran."""
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhook"

    @property
    def up(self) -> bool:
        return self._runner is not None

    async def start(self) -> None:
        if self._runner is None:
            self._runner = await _site(self._answer, self.port)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        mode = self.mode
        if mode != "ok":
            self.spoilt += 1
        if mode == RESET:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if slow := SLOW.fullmatch(mode):
            await asyncio.sleep(float(slow[1]))
        elif mode in MODES:
            return MODES[mode]()
        if self._behind:
            kind = {"Content-Type": "application/json"}
            async with aiohttp.ClientSession() as session, session.post(self._behind, data=body, headers=kind) as done:
                return web.Response(status=done.status, body=await done.read(), content_type="application/json")
        self.ran.append(str((json.loads(body or b"{}") or {}).get("sender_id", "")))
        return _replies({"events": [], "responses": []})


class Team:
    """Takes the alerts of escalations, as a clinic's webhook would."""

    def __init__(self) -> None:
        self.port = free_port()
        self.taken: list[tuple[str, str]] = []
        self._runner: web.AppRunner | None = None

    @property
    def target(self) -> str:
        """The address as Apprise writes it."""
        return f"json://127.0.0.1:{self.port}/alert"

    async def start(self) -> None:
        self._runner = await _site(self._take, self.port)

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        words = str((await request.json()).get("message", ""))
        found = {
            name: (re.search(rf"^{name}: (.*)$", words, re.MULTILINE) or ["", ""])[1]
            for name in ("Conversation", "Time")
        }
        self.taken.append((found["Conversation"], found["Time"]))
        return _replies({})


class Proxy:
    """A TCP proxy whose ``mode`` is ``ok``, ``drop`` (accepts and passes nothing on), ``delay N`` or ``reset``."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.port, self.mode, self.hit = free_port(), "ok", 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self.cut()
            self._server = None

    def cut(self) -> None:
        """Reset every open connection."""
        for writer in list(self._open):
            # A reset, not an orderly end: what is on its way is lost.
            raw = writer.transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            writer.transport.abort()

    def set(self, mode: str) -> None:
        self.mode = mode
        if mode == RESET:
            self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            if self.mode == RESET:
                self.hit += 1
                writer.transport.abort()
                return
            back, there = await asyncio.open_connection(*self._target)
            self._open.add(there)
            await asyncio.gather(self._pass(reader, there), self._pass(back, writer))
        except OSError:
            return
        finally:
            for one in (writer, there):
                if one is not None:
                    self._open.discard(one)
                    one.close()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if self.mode != "ok":
                    self.hit += 1
                if slow := re.fullmatch(r"delay ([\d.]+)", self.mode):
                    await asyncio.sleep(float(slow[1]))
                while self.mode == "drop":
                    await asyncio.sleep(0.05)
                target.write(data)
                await target.drain()
        target.close()


@contextlib.asynccontextmanager
async def proxied(host: str, port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(host, port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
