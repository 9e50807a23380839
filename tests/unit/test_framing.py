"""Requests whose length makes no sense are refused, and the server goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from sanic import Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, text

from bot.framing import EVENT, check_framing

BAD = (
    "Content-Length: -1", "Content-Length: x", "Content-Length:", "Content-Length: 1e3", "Content-Length: +5",
    "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 99999999999999999999", "Transfer-Encoding: gzip",
    "Transfer-Encoding: chunked\r\nContent-Length: 5", "Transfer-Encoding: chunked, chunked",
)  # fmt: skip


@pytest.mark.parametrize("head", BAD)
def test_a_bad_length_is_refused_and_the_next_request_served(head: str, loopback: Any) -> None:
    Sanic.test_mode = True
    app = Sanic("framing", configure_logging=False)
    app.add_signal(check_framing, EVENT)

    @app.post("/")
    async def echo(request: Request) -> HTTPResponse:
        return text(f"{len(request.body)}")

    async def client(session: aiohttp.ClientSession) -> None:
        address = session._base_url
        assert address is not None
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(f"POST / HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n0".encode())
        first = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        assert first.startswith(b"HTTP/1.1 400 ")
        async with session.post("/", data=b"12345") as answer:
            assert (answer.status, await answer.text()) == (200, "5")

        async def pieces() -> Any:
            yield b"123"
            yield b"45"

        async with session.post("/", data=pieces()) as answer:  # chunked
            assert (answer.status, await answer.text()) == (200, "5")

    loopback(app, client)
