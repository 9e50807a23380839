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
from bot.channels import core, once
from bot.channels.journal import Claim, SqlJournal
from bot.channels.once import Once
from bot.channels.rest import RestInput
from bot.stores.database import Unavailable

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
    monkeypatch.setenv("IL2_JOURNAL", f"sqlite:///{tmp_path}/journal.db")
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
    "null as message_id": (_body(sender="a", message="hi", message_id=None), 400, "message_id is no id"),
    "number as message_id": (_body(sender="a", message="hi", message_id=7), 400, "message_id is no id"),
    "list as message_id": (_body(sender="a", message="hi", message_id=["a"]), 400, "message_id is no id"),
    "empty message_id": (_body(sender="a", message="hi", message_id=""), 400, "message_id is no id"),
    "blank message_id": (_body(sender="a", message="hi", message_id="  "), 400, "message_id is no id"),
    "long message_id": (_body(sender="a", message="hi", message_id="x" * 65), 400, "message_id is over 64"),
    "NUL in message_id": (_body(sender="a", message="hi", message_id="a\x00"), 400, "message_id holds"),
    "lone surrogate in message_id": (_body(sender="a", message="hi", message_id="\ud800"), 400, "message_id holds"),
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


# -- messages that have an id ----------------------------------------------------------------------


class Counting:
    """Answers each turn with its number."""

    def __init__(self, takes: float = 0.0) -> None:
        self.turns: list[tuple[str, str | None]] = []
        self.takes = takes

    async def __call__(self, message: UserMessage) -> None:
        self.turns.append((message.sender_id, message.message_id))
        number = len(self.turns)
        await asyncio.sleep(self.takes)
        await _echo(UserMessage(f"{message.text} {number}", message.output_channel, message.sender_id))


def _named(text: str = "hi", sender: str = "p", message_id: str = "m-1") -> bytes:
    return _body(sender=sender, message=text, message_id=message_id)


def test_a_message_that_is_sent_again_is_answered_once_with_the_same_reply(post: Any) -> None:
    handler = Counting()
    first, again, other_text, other_id, elsewhere = post(
        _named(), _named(), _named("bye"), _named(message_id="m-2"), _named(sender="q"), handler=handler
    )
    assert first == (200, "application/json", [{"recipient_id": "p", "text": "You said: hi 1"}])
    assert again == other_text == first
    assert [answer[2][0]["text"] for answer in (other_id, elsewhere)] == ["You said: hi 2", "You said: hi 3"]
    assert handler.turns == [("p", "rest-m-1"), ("p", "rest-m-2"), ("q", "rest-m-1")]


def test_without_an_id_each_message_is_one_of_its_own(post: Any) -> None:
    handler = Counting()
    answers = post(_body(sender="p", message="hi"), _body(sender="p", message="hi"), handler=handler)
    assert [replies[0]["text"] for _, _, replies in answers] == ["You said: hi 1", "You said: hi 2"]
    assert len({message_id for _, message_id in handler.turns}) == 2


def test_a_reply_outlives_the_server_and_is_known_to_every_worker(post: Any) -> None:
    handler = Counting()
    assert post(_named(), handler=handler) == post(_named(), handler=handler)
    assert len(handler.turns) == 1


def test_any_id_that_is_text_will_do(post: Any) -> None:
    handler = Counting()
    names = ["x" * 64, "\u00e4\u4e2d\U0001f600", "a b/c'\"; DROP TABLE events; --"]
    for name in names:
        first, again = post(_named(message_id=name), _named(message_id=name), handler=handler)
        assert first == again
        assert first[0] == 200
    assert len(handler.turns) == len(names)


def _at_once(app: Sanic, loopback: Any, count: int = 3) -> list[Any]:
    async def client(session: aiohttp.ClientSession) -> list[Any]:
        async def one() -> Any:
            async with session.post(URL, data=_named()) as reply:
                return await reply.json()

        return await asyncio.gather(*(one() for _ in range(count)))

    replies: list[Any] = loopback(app, client)
    return replies


def test_the_same_message_at_once_has_one_turn(post: Any, loopback: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "DEADLINE", 5.0)
    handler = Counting(takes=0.2)
    replies = _at_once(_app(handler), loopback)
    assert replies == [[{"recipient_id": "p", "text": "You said: hi 1"}]] * 3
    assert len(handler.turns) == 1


def test_two_workers_share_one_turn(tmp_path: Path, post: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "DEADLINE", 5.0)
    handler = Counting(takes=0.3)

    async def run() -> list[Any]:
        workers = [Once(core.Core(handler, "rest"), SqlJournal("rest"), "rest") for _ in range(2)]
        return await asyncio.gather(*(worker.turn("p", "hi", "m-1") for worker in workers))

    first, second = asyncio.run(run())
    assert first == second == [{"recipient_id": "p", "text": "You said: hi 1"}]
    assert len(handler.turns) == 1


def test_a_message_whose_worker_was_killed_is_run_by_the_retry(post: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "LEASE", 0.3)
    monkeypatch.setattr(core, "DEADLINE", 5.0)

    async def begin() -> None:
        journal = SqlJournal("rest")
        await journal.open("p")
        assert await journal.accept("p", "m-1", {}) is Claim.NEW

    asyncio.run(begin())
    handler = Counting()
    first, again = post(_named(), _named(), handler=handler)
    assert first == again
    assert len(handler.turns) == 1


def test_a_red_flag_that_another_worker_has_is_told_meanwhile(post: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "HASTE", 0.05)

    async def begin() -> None:
        journal = SqlJournal("rest")
        await journal.open("p")
        await journal.accept("p", "m-1", {})

    asyncio.run(begin())
    ((status, _, replies),) = post(_named("I cannot breathe"))
    assert status == 200
    assert replies[0]["text"] == safety.static("utter_contact_emergency")[0]["text"]
    assert replies[0]["recipient_id"] == "p"


class _Away(SqlJournal):
    """A journal that raises or hangs."""

    def __init__(self, hangs: bool) -> None:
        super().__init__("rest")
        self.hangs = hangs

    async def _do(self, work: Any) -> Any:
        if self.hangs:
            await asyncio.Event().wait()
        raise Unavailable("journal")


@pytest.mark.parametrize("hangs", [True, False])
@pytest.mark.parametrize("text", ["hi", "I cannot breathe"])
def test_a_message_is_answered_while_the_journal_is_away(
    post: Any, hangs: bool, text: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = Counting()
    monkeypatch.setattr(once, "ASK", 3600.0)
    monkeypatch.setattr(once, "HASTE", 0.2)

    async def run() -> list[Any]:
        if hangs and text == "hi":
            monkeypatch.setattr(once, "ASK", 0.1)
        return await Once(core.Core(handler, "rest"), _Away(hangs), "rest").turn("p", text, "m-1")

    replies = asyncio.run(asyncio.wait_for(run(), 10))
    if hangs and text != "hi":
        assert replies[0]["text"] == safety.static("utter_contact_emergency")[0]["text"]
        assert replies[1]["custom"]["escalation"]["level"] == "emergency"
    else:
        assert replies == [{"recipient_id": "p", "text": f"You said: {text} 1"}]
    assert text not in caplog.text


def test_a_red_flag_that_was_told_first_has_its_whole_reply_at_the_next_try(
    post: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "HASTE", 0.05)
    monkeypatch.setattr(core, "URGENT", 1.0)
    handler = Counting(takes=0.2)

    async def run() -> list[Any]:
        worker = Once(core.Core(handler, "rest"), SqlJournal("rest"), "rest")
        told = await worker.turn("p", "I cannot breathe", "m-1")
        monkeypatch.setattr(once, "HASTE", 10.0)
        return [told, await worker.turn("p", "I cannot breathe", "m-1")]

    told, whole = asyncio.run(run())
    assert told[0]["text"] == safety.static("utter_contact_emergency")[0]["text"]
    assert whole == [{"recipient_id": "p", "text": "You said: I cannot breathe 1"}]
    assert len(handler.turns) == 1


def test_a_reply_that_could_not_be_kept_is_kept_later(post: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "KEEP_AGAIN", 0.05)
    handler = Counting()

    class Returning(SqlJournal):
        calls = 0

        async def finish(self, *arguments: Any, **more: Any) -> bool:
            self.calls += 1
            if self.calls == 1:
                raise Unavailable("journal")
            return await super().finish(*arguments, **more)

    async def run() -> list[Any]:
        journal = Returning("rest")
        said = [await Once(core.Core(handler, "rest"), journal, "rest").turn("p", "hi", "m-1")]
        while not await journal.history("p", reply_to="m-1"):
            await asyncio.sleep(0.02)
        return [*said, await Once(core.Core(handler, "rest"), SqlJournal("rest"), "rest").turn("p", "hi", "m-1")]

    first, second = asyncio.run(asyncio.wait_for(run(), 10))
    assert first == second
    assert len(handler.turns) == 1


def test_the_journal_of_rest_keeps_no_word_of_the_patient(post: Any, tmp_path: Path) -> None:
    async def answer(message: UserMessage) -> None:
        assert message.output_channel is not None
        await message.output_channel.send_text_message(message.sender_id, "An answer.")

    post(_named("my secret fear"), handler=answer)
    assert not any(b"secret fear" in file.read_bytes() for file in tmp_path.glob("journal.db*"))


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
    monkeypatch.setenv("IL2_JOURNAL", f"sqlite:///{tmp_path}/journal.db")
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


def test_what_was_kept_for_repeats_goes_with_a_deleted_conversation(
    loopback: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IL2_OUTBOX", str(tmp_path / "escalations.db"))
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")
    monkeypatch.setenv("IL2_JOURNAL", f"sqlite:///{tmp_path}/journal.db")
    turns = []

    class Store:
        async def delete(self, sender: str) -> None:
            return None

        @contextlib.asynccontextmanager
        async def lock(self, sender: str) -> AsyncIterator[None]:
            yield

    async def bot(message: UserMessage) -> None:
        assert message.output_channel is not None
        turns.append(message.text)
        done = {"custom": {"deletion": "done"}} if message.text == "yes" else {}
        await message.output_channel.send_response(message.sender_id, {"text": f"Said {message.text}.", **done})

    async def client(session: aiohttp.ClientSession) -> None:
        for last in ({"message_id": "m-2"}, {}):
            asked = []
            for more in (
                {"message": "canary", "message_id": "m-1"},
                {"message": "yes", **last},
                {"message": "yes", **last},
            ):
                async with session.post(URL, data=_body(sender="one", **more)) as reply:
                    asked.append(await reply.json())
            assert asked[1] == asked[2]
            assert asked[1][-1]["custom"] == {"deletion": "done"}
            content = b"".join(file.read_bytes() for file in tmp_path.glob("journal.db*"))
            assert b"canary" not in content

    app = _app(bot)
    app.ctx.agent = SimpleNamespace(tracker_store=Store(), lock_store=Store())
    loopback(app, client, started=True)
    assert turns == ["canary", "yes", "canary", "yes", "yes"]  # a repeat with an id is no second turn
