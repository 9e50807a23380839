"""Malformed and hostile requests, signed and unsigned: never a 5xx, never a hang, and the next patient is answered."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode

import pytest

from tests.channels.conftest import Bot, Run, Talk
from tests.channels.drivers import DRIVERS, Driver, Request, Slack, Telegram

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, "", " ", "x", "\x00", "\ud800", "💥", "x" * 5000, "../../etc/passwd",
    "' OR 1=1; --", "<script>alert(1)</script>", "${7*7}{{7*7}}", [], {}, [[]], {"id": {"id": 1}}, [None, 1, "a"],
)  # fmt: skip
"""Values that stand where the platform has another."""
BODIES: tuple[bytes, ...] = (
    b"", b" ", b"null", b"true", b"5", b'"x"', b"[]", b"[[]]", b"{}", b"{", b"[" * 5000, b'{"a":' * 3000,
    b"\xff\xfe\x00", b"\x00" * 100, b"NaN", b'{"a": NaN}', b"9" * 6000, b'{"update_id": 1, "update_id": 2}',
    b"payload=", b"payload=%", b"payload=%FF", b"payload=5", b"payload=[]", b"payload=%7B%7D", b"a=1&a=2", b"&&&=",
    b"PK\x03\x04" + b"\x00" * 50, b"<xml/>", b"x" * 100_000, "\ufeff{}".encode(), '{"\u202e": 1}'.encode(),
)  # fmt: skip
"""Bodies that are no event of any platform."""


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a JSON document."""
    if isinstance(value, dict):
        return [path, *(place for key, item in value.items() for place in _places(item, (*path, key)))]
    if isinstance(value, list):
        return [path, *(place for number, item in enumerate(value) for place in _places(item, (*path, number)))]
    return [path]


def _with(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = _with(value[path[0]], path[1:], other)
    return copied


def _mutants(body: bytes) -> list[bytes]:
    """The event with an odd value, or nothing, in each of its places in turn."""
    if body.startswith(b"payload="):
        whole = json.loads(parse_qs(body.decode())["payload"][0])
        return [b"payload=" + quote_plus(json.dumps(mutant)).encode() for mutant in _mutated(whole)]
    if b"=" in body and not body.startswith(b"{"):
        return _forms(body)
    return [json.dumps(mutant).encode() for mutant in _mutated(json.loads(body))]


def _mutated(whole: Any) -> list[Any]:
    places = _places(whole)
    return [
        _with(whole, place, odd)
        for number, place in enumerate(places)
        for odd in (ODD[number % len(ODD)], ODD[-number % len(ODD)])
    ]


def _forms(body: bytes) -> list[bytes]:
    pairs = [pair.split("=", 1) for pair in body.decode().split("&")]
    odd = [value for value in ODD if isinstance(value, str) and "\ud800" not in value]
    mutants = []
    for number, (key, _) in enumerate(pairs):
        mutants.append("&".join(f"{k}={v}" for k, v in pairs if k != key).encode())
        mutants += [
            "&".join(f"{k}={quote_plus(value) if k == key else v}" for k, v in pairs).encode()
            for value in (odd[number % len(odd)], odd[-number % len(odd)])
        ]
    return [
        *mutants,
        body + b"&Body=second",
        body + b"&From=%2B999",
        body + b"&%00=%00",
        body + b"&x",
        body + b"&Body=%FF",
    ]


def _events(driver: Driver) -> list[bytes]:
    events = [driver.says("hello"), driver.presses("made-up-token", "Yes", 1), driver.picture()]
    if isinstance(driver, Telegram):
        events.append(driver.update(edited_message=driver.message(text="x")))
    if isinstance(driver, Slack):
        events.append(driver.event(type="app_mention", channel_type=None, text="<@U0> hello"))
    return events


def _signed(driver: Driver, body: bytes) -> Request:
    try:
        return driver.sign(body)
    except (UnicodeDecodeError, ValueError):
        return Request(body, driver.sign(driver.says("hello")).headers)


def test_odd_bodies_signed_and_unsigned_are_refused_and_nothing_hangs(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> int:
        tried = 0
        for body in BODIES:
            for request in (
                Request(body, {}),
                Request(body, {"Content-Type": "application/json"}),
                _signed(driver, body),
            ):
                status, text = await talk.post(request)
                assert 200 <= status < 500, (body[:60], status, text[:200])
                tried += 1
        await talk.ask(driver.says("still there?"))
        return tried

    assert run(driver, scene) >= 40


def test_events_with_odd_values_break_nothing(driver: Driver, run: Run) -> None:
    mutants = [mutant for event in _events(driver) for mutant in _mutants(event)]
    assert len(mutants) >= 40
    bot = Bot()

    async def scene(talk: Talk) -> None:
        for mutant in mutants:
            status, text = await talk.post(_signed(driver, mutant))
            assert 200 <= status < 500, (mutant, status, text[:200])
        await talk.deliver(driver.says("still there?", person=driver.person[:-1] + "7"))
        await talk.stub.until(lambda _: any(sent.text == "You said: still there?" for sent in talk.sent()))

    run(driver, scene, bot)


@pytest.mark.parametrize("name", ["twilio", "telegram", "slack", "messenger"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_other_methods_are_refused(name: str, method: str, run: Run) -> None:
    driver = DRIVERS[name]

    async def scene(talk: Talk) -> int:
        async with talk.session.request(method, f"/webhooks/{name}/webhook", data=b"x") as reply:
            return reply.status

    assert 400 <= run(driver, scene) < 500


def test_headers_of_odd_bytes_are_refused(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> None:
        for header in driver.sign(driver.says("x")).headers:
            for value in ("", "x" * 4000, "v0=", "=", "é", "\t", "sha256=" + "0" * 64):
                request = driver.sign(driver.says("x"))
                status, text = await talk.post(Request(request.body, {**request.headers, header: value}))
                assert 200 <= status < 500, (header, value, text)

    run(driver, scene)


def test_a_form_in_place_of_json_and_json_in_place_of_a_form(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> None:
        for body, kind in ((b'{"Body": "x"}', "application/json"), (urlencode({"a": "b"}).encode(), "text/plain")):
            request = _signed(driver, body)
            status, _ = await talk.post(Request(body, {**request.headers, "Content-Type": kind}))
            assert 200 <= status < 500
        assert talk.sent() == []

    run(driver, scene)
