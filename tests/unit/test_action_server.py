"""An action that hangs holds no conversation."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from aiohttp import web
from rasa.utils.endpoints import EndpointConfig

from bot import action_server


def _agent(url: str) -> SimpleNamespace:
    endpoint = EndpointConfig(url, headers={"X-Key": "1"}, token="t")
    return SimpleNamespace(action_endpoint=endpoint, processor=SimpleNamespace(action_endpoint=endpoint))


def test_a_call_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action_server, "LIMIT", 0.1)
    seen: list[str] = []

    async def hang(request: web.Request) -> web.Response:
        seen.append(f"{request.headers['X-Key']} {request.query['token']}")
        await asyncio.sleep(30)
        return web.Response()

    async def scene() -> None:
        app = web.Application()
        app.router.add_post("/webhook", hang)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        agent = _agent(f"http://127.0.0.1:{runner.addresses[0][1]}/webhook")
        action_server.limit(agent)
        try:
            # Rasa names its own five minutes at every call.
            await agent.processor.action_endpoint.request(json={}, method="post", timeout=300)
        finally:
            await runner.cleanup()

    with pytest.raises(TimeoutError):
        asyncio.run(scene())
    assert seen == ["1 t"]


def test_both_places_where_rasa_looks_are_limited_once() -> None:
    agent = _agent("http://127.0.0.1:9/webhook")
    action_server.limit(agent)
    limited = agent.action_endpoint
    action_server.limit(agent)
    assert isinstance(limited, action_server.ActionServer)
    assert agent.action_endpoint is limited is agent.processor.action_endpoint


def test_a_bot_without_an_action_server_stays_without() -> None:
    agent = SimpleNamespace(action_endpoint=None, processor=None)
    action_server.limit(agent)
    assert agent.action_endpoint is None
