"""A messaging platform's API on the loopback address: keeps what it is sent and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass
class Call:
    """One request to the API."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Stub:
    """The API; ``script`` holds answers that are given before the usual one, ``slow`` the seconds each takes."""

    usual: Answer = (200, {"ok": True})
    script: list[Answer] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    slow: float = 0.0
    port: int = 0
    _runner: web.AppRunner | None = None

    async def start(self, port: int) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = port

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        raw = await request.text()
        if request.content_type == "application/json":
            body = json.loads(raw)
        else:
            body = {key: values[0] for key, values in parse_qs(raw, keep_blank_values=True).items()}
        await asyncio.sleep(self.slow)
        self.calls.append(Call(request.path, dict(request.headers), body))
        status, content, *headers = self.script.pop(0) if self.script else self.usual
        return web.json_response(content, status=status, headers=headers[0] if headers else None)

    async def until(self, true: Callable[[list[Call]], bool], seconds: float = 20) -> list[Call]:
        """The calls, as soon as they are what a test waits for."""
        limit = asyncio.get_running_loop().time() + seconds
        while not true(self.calls):
            assert asyncio.get_running_loop().time() < limit, self.calls
            await asyncio.sleep(0.02)
        return self.calls
