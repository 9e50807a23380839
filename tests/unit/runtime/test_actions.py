"""The action server answers its own Rasa server and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import aiohttp
import pytest
from rasa_sdk.endpoint import create_app
from sanic import Sanic

from bot.runtime.actions import guard

TOKEN = "token of the tests"


def test_only_a_caller_with_the_token_may_call(loopback: Any) -> None:
    Sanic.test_mode = True
    app = create_app("actions", cors_origins="")
    guard(app, TOKEN)
    call = {"next_action": "action_listen", "tracker": {"sender_id": "x"}, "domain": {}}

    async def client(session: aiohttp.ClientSession) -> None:
        async def status(method: str, path: str, given: str | None) -> int:
            headers = {} if given is None else {"Authorization": given}
            async with session.request(method, path, json=call, headers=headers) as answer:
                if answer.status == 401:
                    assert "tracker" not in await answer.text()
                return answer.status

        for given in (
            None,
            "",
            "Bearer",
            f"Bearer {TOKEN[:-1]}",
            f"Bearer {TOKEN}x",
            TOKEN,
            f"Basic {TOKEN}",
            "Bearer é",
        ):
            assert await status("POST", "/webhook", given) == 401
            assert await status("GET", "/actions", given) == 401
            assert await status("GET", "/nope", given) == 401
            assert await status("GET", "/health", given) == 200
        assert await status("POST", "/webhook", f"Bearer {TOKEN}") not in (401, 500)
        assert await status("GET", "/actions", f"Bearer {TOKEN}") == 200
        async with session.options("/webhook", headers={"Origin": "https://evil.example"}) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers

    loopback(app, client)


@pytest.mark.slow
def test_without_a_token_it_does_not_leave_the_loopback_address() -> None:
    environment = {**os.environ, "ACTION_HOST": "0.0.0.0", "ACTION_TOKEN": ""}
    command = [sys.executable, "-m", "bot.runtime.actions", "0"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "ACTION_TOKEN is not set" in done.stderr
