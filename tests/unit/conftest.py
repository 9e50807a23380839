"""Fixtures of the unit tests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Client = Callable[[Any], Awaitable[Any]]
Loopback = Callable[..., Any]


@pytest.fixture
def loopback() -> Loopback:
    """Serves a Sanic app on the loopback address while a client, given a session of that address, talks to it.

    ``started`` also runs what the app does once it has started.
    """

    def run(app: Any, client: Client, started: bool = False) -> Any:
        import aiohttp

        async def talk() -> Any:
            with socket.socket() as listening:
                listening.bind(("127.0.0.1", 0))
                server = await app.create_server(sock=listening, return_asyncio_server=True, access_log=False)
                await server.startup()
                await server.before_start()
                await server.start_serving()
                if started:
                    await server.after_start()
                address = f"http://127.0.0.1:{listening.getsockname()[1]}"
                try:
                    async with aiohttp.ClientSession(address, timeout=aiohttp.ClientTimeout(total=10)) as session:
                        return await client(session)
                finally:
                    server.close()
                    await server.wait_closed()

        return asyncio.run(talk())

    return run
