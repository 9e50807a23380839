"""Generated bad input: any text, any JSON, any walk through a conversation, and requests by the description."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.hostile.cases import FLAGS, QUESTION, Body, Text
from tests.hostile.run import Result, Runner
from tests.security.conftest import REST_TOKEN, WEB

DESCRIPTION = Path("bot/channels/openapi.yml")

# Pieces that patients write, pieces that break things, and whatever else there is.
_PIECES = st.one_of(
    st.sampled_from(
        [*FLAGS, QUESTION, "/restart", "{setting}", "\u200b", "\u202e", "\x00", "\ud800", "39.5", "<b>", "\n"]
    ),
    st.text(max_size=20),
    st.text(st.characters(categories=["Cs", "Cc", "Cf", "Co", "Mn", "So"]), max_size=8),
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(_PIECES, min_size=1, max_size=6).map("".join))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["sender", "message", "id", "text", "button", "metadata", "input_channel", "level"])
BODIES = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(KEYS, JSON, max_size=4).map(lambda value: json.dumps(value).encode()),
    st.tuples(TEXTS, JSON).map(
        lambda both: json.dumps({"sender": "x", "message": both[0], "metadata": both[1]}).encode()
    ),
)


def _generate(strategy: Any, count: int, number: int, send: Callable[[Any], Result]) -> list[Result]:
    """What became of so many values of a strategy."""
    results: list[Result] = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def each(value: Any) -> None:
        results.append(send(value))

    each()
    return results


def texts(runner: Runner, count: int, seed: int) -> list[Result]:
    """Any text, on one channel and the other."""
    channel = st.sampled_from(["rest", "web"])
    return _generate(
        st.tuples(TEXTS, channel), count, seed, lambda v: runner.run(Text("any text", repr(v[0])[:60], v[0]), v[1])
    )


def bodies(runner: Runner, count: int, seed: int) -> list[Result]:
    """Any body, on one channel and the other."""
    channel = st.sampled_from(["rest", "web"])
    return _generate(
        st.tuples(BODIES, channel), count, seed, lambda v: runner.run(Body("any body", repr(v[0])[:60], v[0], v[1]))
    )


_STEPS = st.one_of(
    st.tuples(st.just("say"), TEXTS),
    st.tuples(st.just("again"), st.just("")),
    st.tuples(st.just("press"), st.integers(0, 5).map(str)),
    st.tuples(st.just("acknowledge"), st.sampled_from(["soon", "urgent", "emergency", "x", ""])),
    st.tuples(st.just("read"), st.sampled_from(["0", "3", "999999999", "-1", "x"])),
    st.tuples(st.just("export"), st.just("")),
    st.tuples(st.just("delete"), st.just("")),
)


def walks(runner: Runner, count: int, seed: int) -> list[Result]:
    """Steps through a conversation on the website, in any order, until so many requests are sent."""
    results: list[Result] = []
    while len(results) < count:
        number = seed + len(results)
        _generate(st.lists(_STEPS, min_size=4, max_size=12), 20, number, lambda steps: _walk(runner, steps, results))
    return results


def _walk(runner: Runner, steps: list[tuple[str, str]], results: list[Result]) -> Result:
    token, event, buttons = runner.conversation(), uuid.uuid4().hex, ["A" * 22]
    for what, value in steps:
        result, began = Result("walk", f"{what} {value!r}"[:60]), time.monotonic()
        event = event if what == "again" else uuid.uuid4().hex
        button = buttons[int(value) % len(buttons)] if what == "press" else ""
        method, path, body = {
            "say": ("POST", "/messages", {"id": event, "text": value}),
            "again": ("POST", "/messages", {"id": event, "text": QUESTION}),
            "press": ("POST", "/messages", {"id": event, "button": button}),
            "acknowledge": ("POST", "/acknowledge", {"level": value}),
            "read": ("GET", f"/messages?after={value}", None),
            "export": ("GET", "/conversation", None),
            "delete": ("DELETE", "/conversation", None),
        }[what]  # fmt: skip
        try:
            answer = runner.call(method, f"{WEB}{path}", body, token)
            result.status = answer.status_code
            if answer.status_code >= 500:
                result.wrong = f"status {answer.status_code}"
            elif answer.status_code == 200 and what in ("say", "again", "press") and not answer.json()["messages"]:
                result.wrong = "silence"
            if answer.status_code == 200 and what == "say":
                buttons = [b["token"] for m in answer.json()["messages"] for b in m.get("buttons", [])] or buttons
        except OSError as error:  # requests' own errors are among them
            result.wrong = f"no answer: {type(error).__name__}"
        result.seconds = time.monotonic() - began
        results.append(result)
    return results[-1]


def described(runner: Runner, count: int, seed_number: int) -> list[Result]:
    """Good and bad requests made from the description, so many for each operation."""
    results: list[Result] = []
    api = schemathesis.openapi.from_dict(yaml.safe_load(DESCRIPTION.read_text(encoding="utf-8")))
    for operation in (one.ok() for one in api.get_all_operations()):
        strategy = operation.as_strategy()

        def send(case: Any) -> Result:
            token = REST_TOKEN if case.path.startswith("/webhooks/rest") else runner.conversation()
            result, began = Result("described", f"{case.method} {case.path}"), time.monotonic()
            try:
                answer = case.call(
                    base_url=f"http://127.0.0.1:{runner.house.server.port}",
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=12,
                )
                result.status = answer.status_code
                result.wrong = f"status {answer.status_code}" if answer.status_code >= 500 else ""
            except OSError as error:
                result.wrong = f"no answer: {type(error).__name__}"
            result.seconds = time.monotonic() - began
            return result

        results += _generate(strategy, count, seed_number, send)
    return results
