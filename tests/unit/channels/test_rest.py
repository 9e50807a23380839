"""The REST channel over real HTTP: the stock shape, a reason for every refusal, and never an empty reply."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from rasa.core.channels.channel import UserMessage
from sanic import Sanic

from bot import safety
from bot.channels import core
from bot.channels.rest import RestInput

URL = "/webhooks/rest/webhook"
Handler = Callable[[UserMessage], Awaitable[Any]]
Answer = tuple[int, str, Any]


async def _echo(message: UserMessage) -> None:
    assert message.output_channel is not None
    await message.output_channel.send_text_message(message.sender_id, f"You said: {message.text}")


async def _silent(message: UserMessage) -> None:
    return None


async def _fail(message: UserMessage) -> None:
    raise RuntimeError("broken")


async def _hang(message: UserMessage) -> None:
    await asyncio.Event().wait()


@pytest.fixture
def post(loopback: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[Answer]]:
    """Posts bodies, one after the other, and returns status, content type and JSON of each reply."""
    monkeypatch.setattr(core, "SOON", 0.05)
    monkeypatch.setattr(core, "DEADLINE", 0.1)
    monkeypatch.setenv("IL2_OUTBOX", str(tmp_path / "escalations.db"))
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")

    def send(*bodies: bytes, handler: Handler = _echo) -> list[Answer]:
        async def client(session: aiohttp.ClientSession) -> list[Answer]:
            answers = []
            for body in bodies:
                async with session.post(URL, data=body) as reply:
                    answers.append((reply.status, reply.content_type, json.loads(await reply.read())))
            return answers

        answers: list[Answer] = loopback(_app(handler), client)
        return answers

    return send


def _app(handler: Handler) -> Sanic:
    Sanic.test_mode = True
    app = Sanic("rest_channel", configure_logging=False)
    channel = RestInput.from_credentials(None)
    app.blueprint(channel.blueprint(handler), url_prefix=f"/webhooks/{channel.url_prefix()}")
    return app


def _body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def test_a_message_is_answered_in_the_stock_shape(post: Any) -> None:
    ((status, kind, replies),) = post(_body(sender="patient", message="Is 38 a fever?"))
    assert (status, kind) == (200, "application/json")
    assert replies == [{"recipient_id": "patient", "text": "You said: Is 38 a fever?"}]


def test_fields_that_nobody_knows_are_ignored(post: Any) -> None:
    ((status, _, replies),) = post(_body(sender="patient", message="hi", metadata={"x": 1}, stream=True))
    assert (status, replies) == (200, [{"recipient_id": "patient", "text": "You said: hi"}])


def test_a_typed_command_reaches_the_bot_as_plain_text(post: Any) -> None:
    answers = post(_body(sender="p", message="/restart"), _body(sender="p", message='/inform{"setting": "home"}'))
    assert [replies[0]["text"] for _, _, replies in answers] == [
        "You said: restart",
        'You said: inform{"setting": "home"}',
    ]


REFUSED = {
    "no body": (b"", 400, "not valid JSON"),
    "no JSON": (b"sender=a&message=b", 400, "not valid JSON"),
    "half of it": (b'{"sender": "a", "message"', 400, "not valid JSON"),
    "broken UTF-8": (b'{"sender": "a", "message": "caf\xe9"}', 400, "not UTF-8"),
    "array": (b'[{"sender": "a", "message": "b"}]', 400, "must be a JSON object"),
    "null": (b"null", 400, "must be a JSON object"),
    "string": (b'"hello"', 400, "must be a JSON object"),
    "no sender": (_body(message="hi"), 400, "sender is missing"),
    "null sender": (_body(sender=None, message="hi"), 400, "sender is missing"),
    "number as sender": (_body(sender=17, message="hi"), 400, "sender is missing"),
    "list as sender": (_body(sender=["a"], message="hi"), 400, "sender is missing"),
    "empty sender": (_body(sender=" ", message="hi"), 400, "sender is missing"),
    "NUL in sender": (_body(sender="a\x00b", message="hi"), 400, "no text"),
    "lone surrogate in sender": (_body(sender="a\ud800", message="hi"), 400, "no text"),
    "long sender": (_body(sender="a" * 129, message="hi"), 400, "over 128"),
    "no message": (_body(sender="a"), 400, "message is missing"),
    "null message": (_body(sender="a", message=None), 400, "message is missing"),
    "number as message": (_body(sender="a", message=38.5), 400, "message is missing"),
    "list as message": (_body(sender="a", message=["hi"]), 400, "message is missing"),
    "object as message": (_body(sender="a", message={"text": "hi"}), 400, "message is missing"),
    "5 KB": (_body(sender="a", message="x" * 5000), 413, "over 4096 bytes"),
    "100 KB": (_body(sender="a", message="x" * 100_000), 413, "over 4096 bytes"),
    "5 KB that is no JSON": (b"\xff" * 5000, 413, "over 4096 bytes"),
}


def test_what_is_not_expected_gets_a_4xx_with_its_reason_as_json(post: Any) -> None:
    answers = post(*(body for body, _, _ in REFUSED.values()))
    for name, (_, status, reason), answer in zip(REFUSED, REFUSED.values(), answers, strict=True):
        assert answer[:2] == (status, "application/json"), name
        assert answer[2]["status"] == "error", name
        assert reason in answer[2]["reason"], name


STRANGE = {
    "empty": "",
    "white space": " \n\t ",
    "emoji": "😀😀",
    "control characters": "\x00\x07\x1b",
    "lone surrogates": "\ud83d \udc00",
    "a slash": "/",
    "slashes": "//",
    "a command": "/session_start",
    "braces": "{setting} {team_number}",
    "markup": "<script>alert(1)</script> **bold** [link](http://x)",
    "4 KB": "x" * 4000,
}


@pytest.mark.parametrize("handler", [_silent, _fail, _hang])
def test_nothing_ever_gets_200_and_an_empty_list(post: Any, handler: Handler) -> None:
    answers = post(*(_body(sender=name, message=text) for name, text in STRANGE.items()), handler=handler)
    for name, (status, _, replies) in zip(STRANGE, answers, strict=True):
        assert status == 200, name
        assert replies, name
        assert {reply["recipient_id"] for reply in replies} == {name}
        assert replies[0]["text"].strip(), name


def test_an_empty_message_says_so_and_a_failed_one_gives_the_safe_reply(post: Any) -> None:
    answers = post(_body(sender="a", message=" \x00 "), _body(sender="a", message="hello"), handler=_fail)
    assert [replies[0]["text"] for _, _, replies in answers] == [
        safety.static("utter_empty_message")[0]["text"],
        safety.static("utter_technical")[0]["text"],
    ]


def test_a_red_flag_is_answered_while_everything_behind_the_channel_hangs(post: Any) -> None:
    ((status, _, replies),) = post(_body(sender="a", message="I cannot breathe"), handler=_hang)
    assert status == 200
    assert replies[0]["text"] == safety.static("utter_contact_emergency")[0]["text"]
    assert replies[1]["custom"]["escalation"]["level"] == "emergency"


def test_ten_messages_at_once_from_one_sender_each_get_their_own_answer(loopback: Any) -> None:
    async def client(session: aiohttp.ClientSession) -> list[Any]:
        async def one(number: int) -> Any:
            async with session.post(URL, json={"sender": "a", "message": str(number)}) as reply:
                return await reply.json()

        return await asyncio.gather(*map(one, range(10)))

    replies = loopback(_app(_echo), client)
    assert replies == [[{"recipient_id": "a", "text": f"You said: {number}"}] for number in range(10)]


def test_the_channel_says_that_it_is_there_and_takes_posts_alone(loopback: Any) -> None:
    async def client(session: aiohttp.ClientSession) -> list[Any]:
        async with session.get("/webhooks/rest/") as alive, session.get(URL) as got:
            return [alive.status, await alive.json(), got.status]

    assert loopback(_app(_echo), client) == [200, {"status": "ok"}, 405]


def test_a_conversation_is_deleted_by_the_one_who_writes_as_it(
    loopback: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IL2_OUTBOX", str(tmp_path / "escalations.db"))
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")
    kept: dict[str, str] = {}

    class Store:
        async def delete(self, sender: str) -> None:
            kept.pop(sender, None)

        @contextlib.asynccontextmanager
        async def lock(self, sender: str) -> AsyncIterator[None]:
            yield

    async def bot(message: UserMessage) -> None:
        assert message.output_channel is not None
        said: dict[str, Any] = {"text": "Said."}
        if message.text == "yes":
            said["custom"] = {"deletion": "done"}
        await message.output_channel.send_response(message.sender_id, said)
        kept[message.sender_id] = str(message.text)

    async def client(session: aiohttp.ClientSession) -> list[Any]:
        answers = []
        for sender, text in (("one", "hello"), ("two", "hello"), ("one", "yes"), ("one", "yes")):
            async with session.post(URL, data=_body(sender=sender, message=text)) as reply:
                answers.append(await reply.json())
        return answers

    app = _app(bot)
    app.ctx.agent = SimpleNamespace(tracker_store=Store(), lock_store=Store())
    answers = loopback(app, client, started=True)
    assert (
        answers[2]
        == answers[3]
        == [
            {"recipient_id": "one", "text": "Said."},
            {"recipient_id": "one", "custom": {"deletion": "done"}},
        ]
    )
    assert kept == {"two": "hello"}
