"""The website's channel over real HTTP with a small bot behind it: who may call, nothing twice, and never silence."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from rasa.core.channels.channel import UserMessage
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.core.domain import Domain
from sanic import Sanic

from bot import safety
from bot.channels import core, web
from bot.channels.journal import SqlJournal
from bot.channels.texts import texts
from bot.channels.web import Limits, WebInput, new_conversation, ticket_of, token_of
from bot.clinic import Clinic

Handler = Callable[[UserMessage], Awaitable[Any]]
RED_FLAG = "I cannot breathe and my chest hurts"
SAFE = safety.static("utter_technical")[0]["text"]
SITE = "https://clinic.example.org"


class _Locks:
    @contextlib.asynccontextmanager
    async def lock(self, sender: str) -> AsyncIterator[None]:
        yield


@dataclass
class Bot:
    """A bot that repeats what it is told and counts its turns."""

    heard: list[UserMessage] = field(default_factory=list)
    store: InMemoryTrackerStore = field(default_factory=lambda: InMemoryTrackerStore(Domain.empty()))
    wait: float = 0.0

    async def __call__(self, message: UserMessage) -> None:
        self.heard.append(message)
        out, to = message.output_channel, message.sender_id
        assert out is not None
        await asyncio.sleep(self.wait)
        self.store.store[to] = str(message.text)
        if message.text == "fail":
            raise RuntimeError("broken")
        await out.send_response(to, self.reply(str(message.text)))

    def reply(self, text: str) -> dict[str, Any]:
        if text == "choose":
            return {"text": "Where?", "buttons": [{"title": "I am at home", "payload": "I am at home"}]}
        if text == "dates":
            return {"text": "A plan.", "custom": {"dates": {"first_day": "2026-10-03", "scan": "2026-12-02"}}}
        if text == "hospital":
            told = {"level": "urgent", "symptoms": ["fever"], "setting": "hospital", "numbers": []}
            return {"text": "Press it.", "custom": {"escalation": told}}
        return {"text": f"You said: {text}", "custom": {"referral": {"reason": "x"}}}


@dataclass
class Answer:
    status: int
    headers: Any
    body: Any


@dataclass
class Page:
    """A patient's browser."""

    session: aiohttp.ClientSession
    token: str = ""

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        headers = {"Content-Type": "application/json", **more.pop("headers", {})}
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        async with self.session.request(method, f"/webhooks/web{path}", data=data, headers=headers) as reply:
            content = await reply.read()
            return Answer(reply.status, reply.headers, json.loads(content) if content else None)

    async def open(self) -> Answer:
        answer = await self.call("POST", "/conversations", {})
        self.token = answer.body["token"]
        return answer

    async def say(self, text: str, event: str = "", **more: Any) -> Answer:
        return await self.call("POST", "/messages", {"id": event or uuid.uuid4().hex, "text": text}, **more)


Talk = Callable[..., Any]


@pytest.fixture
def talk(loopback: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Talk:
    """Runs a patient's browser against the channel."""
    monkeypatch.setattr(core, "SOON", 0.5)
    monkeypatch.setattr(core, "DEADLINE", 1.0)
    monkeypatch.setenv("IL2_OUTBOX", str(tmp_path / "escalations.db"))
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")
    clinic = Clinic("Clinic", False, "us", "+1 555 0100", (), (SITE,))
    monkeypatch.setattr(web.clinics, "current", lambda: clinic)
    address = f"sqlite:///{tmp_path}/journal.db"

    def run(patient: Callable[[Page], Awaitable[Any]], bot: Bot | None = None, limits: Limits | None = None) -> Any:
        Sanic.test_mode = True
        app = Sanic("web_channel", configure_logging=False)
        bot = bot or Bot()
        channel = WebInput(limits, SqlJournal("web", address))
        app.ctx.agent = SimpleNamespace(tracker_store=bot.store, lock_store=_Locks())
        app.blueprint(channel.blueprint(bot), url_prefix=f"/webhooks/{channel.url_prefix()}")

        async def client(session: aiohttp.ClientSession) -> Any:
            return await patient(Page(session))

        return loopback(app, client, started=True)

    return run


# -- tokens ----------------------------------------------------------------------------------------


def test_a_token_names_its_conversation_and_a_changed_one_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IL2_SECRET", "one")
    conversation = new_conversation()
    token = token_of(conversation)
    ticket = ticket_of(token)
    assert ticket is not None
    assert ticket.conversation == conversation
    assert abs(ticket.age) < 5
    _, issued, signature = token.split(".")
    later = f"{int(issued, 16) + 1:08x}"
    forged = ["", ".", conversation, f"{conversation}.", f"{new_conversation()}.{issued}.{signature}", token[:-1]]
    forged += [f"{conversation}.{later}.{signature}", f"{conversation}.{signature}", f"{conversation}..{signature}"]
    forged += [f"{token}A", token.swapcase(), f"{token}\n", token.replace(".", ".."), "\ud800" * 22]
    forged += [f"{conversation}.{issued}.{'é' * 43}", f"{conversation}.{issued[:-1]}٣.{signature}"]
    assert [ticket_of(one) for one in forged] == [None] * len(forged)
    monkeypatch.setenv("IL2_SECRET", "two")
    assert ticket_of(token) is None


# -- a conversation --------------------------------------------------------------------------------


def test_a_conversation_begins_with_a_greeting_and_whom_to_call(talk: Talk) -> None:
    async def patient(page: Page) -> None:
        answer = await page.open()
        assert answer.status == 201
        (greeting,) = answer.body["messages"]
        assert (greeting["seq"], greeting["from"], greeting["text"]) == (1, "bot", texts().web["greeting"])
        assert answer.body["contact"]["team"]["tel"] == "tel:+15550100"
        assert answer.body["contact"]["emergency"] == [{"label": "911", "tel": "tel:911"}]

    talk(patient)


def test_the_config_needs_no_token_and_may_be_kept_for_a_minute(talk: Talk) -> None:
    async def patient(page: Page) -> None:
        answer = await page.call("GET", "/config")
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        assert set(answer.body) == {"clinic", "texts", "contact", "suggestions", "leaflets"}
        assert {leaflet["id"] for leaflet in answer.body["leaflets"]} >= {"kca", "upmc"}
        assert answer.body["contact"]["note"]

    talk(patient)


def test_a_message_is_answered_with_its_own_id_and_in_order(talk: Talk) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        answer = await page.say("hello", "client-id-1")
        assert answer.status == 200
        assert answer.body["id"] == "client-id-1"
        (message,) = answer.body["messages"]
        assert (message["seq"], message["text"], message["reply_to"]) == (3, "You said: hello", "client-id-1")
        assert message["referral"] == {"reason": "x"}
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    talk(patient)


def test_rasa_hears_a_name_that_is_not_the_token_and_no_other_channel_makes(talk: Talk) -> None:
    bot = Bot()

    async def patient(page: Page) -> str:
        await page.open()
        await page.say("hello")
        return page.token

    token = talk(patient, bot)
    assert bot.heard[0].sender_id == f"web-{ticket_of(token).conversation}"
    assert bot.heard[0].input_channel == "web"


def test_a_button_is_a_token_that_says_its_words(talk: Talk) -> None:
    bot = Bot()

    async def patient(page: Page) -> None:
        await page.open()
        (message,) = (await page.say("choose")).body["messages"]
        (button,) = message["buttons"]
        assert set(button) == {"title", "token"}
        pressed = await page.call("POST", "/messages", {"id": "client-id-2", "button": button["token"]})
        assert pressed.body["messages"][0]["text"] == "You said: I am at home"
        said = (await page.call("GET", "/messages")).body["messages"]
        assert [m["text"] for m in said if m["from"] == "patient"] == ["choose", "I am at home"]
        stranger = Page(page.session)
        await stranger.open()
        foreign = await stranger.call("POST", "/messages", {"id": "client-id-3", "button": button["token"]})
        assert foreign.status == 422

    talk(patient, bot)


def test_dates_come_with_the_link_to_their_calendar(talk: Talk) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        (message,) = (await page.say("dates")).body["messages"]
        assert message["calendar"] == "/calendar.ics?first_day=2026-10-03&scan=2026-12-02"

    talk(patient)


def test_a_conversation_is_read_again_from_any_point(talk: Talk) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        await page.say("one")
        everything = (await page.call("GET", "/messages")).body
        assert [m["text"] for m in everything["messages"]][1:] == ["one", "You said: one"]
        assert everything["last"] == 3
        later = (await page.call("GET", "/messages?after=2")).body
        assert [m["seq"] for m in later["messages"]] == [3]
        assert (await page.call("GET", "/messages?after=99")).body == {"messages": [], "last": 99}
        for wrong in ("-1", "x", "1.5", "%C2%B2", "9" * 30):
            assert (await page.call("GET", f"/messages?after={wrong}")).status == 422

    talk(patient)


def test_acknowledging_says_so_in_the_words_of_the_setting(talk: Talk) -> None:
    bot = Bot()

    async def patient(page: Page) -> None:
        await page.open()
        assert (await page.call("POST", "/acknowledge", {"level": "urgent"})).status == 200
        await page.say("hospital")
        assert (await page.call("POST", "/acknowledge", {"level": "urgent"})).body["messages"]
        for wrong in ({}, {"level": "none"}, {"level": ["urgent"]}, {"level": "urgent", "more": 1}):
            assert (await page.call("POST", "/acknowledge", wrong)).status == 422

    talk(patient, bot)
    words = texts().web
    assert [m.text for m in bot.heard] == [words["acknowledged"], "hospital", words["acknowledged_hospital"]]


# -- once and never silent -------------------------------------------------------------------------


def test_the_same_message_again_gets_the_same_answer_and_no_second_turn(talk: Talk) -> None:
    bot = Bot()

    async def patient(page: Page) -> None:
        await page.open()
        first = await page.say("hello", "client-id-1")
        again = await page.say("something else", "client-id-1")
        assert again.body == first.body
        both = await asyncio.gather(*(page.say("at once", "client-id-2") for _ in range(10)))
        assert [b.body for b in both] == [both[0].body] * 10
        assert len((await page.call("GET", "/messages")).body["messages"]) == 5

    talk(patient, bot)
    assert [m.text for m in bot.heard] == ["hello", "at once"]


def test_a_message_sent_again_after_a_restart_gets_its_stored_answer(talk: Talk) -> None:
    kept: dict[str, Any] = {}

    async def before(page: Page) -> None:
        await page.open()
        kept.update(token=page.token, answer=(await page.say("hello", "client-id-1")).body)

    async def after(page: Page) -> None:
        page.token = kept["token"]
        assert (await page.say("hello", "client-id-1")).body == kept["answer"]

    talk(before)
    bot = Bot()
    talk(after, bot)
    assert bot.heard == []


def test_a_patient_who_hangs_up_finds_the_answer(talk: Talk) -> None:
    bot = Bot(wait=0.2)

    async def patient(page: Page) -> None:
        await page.open()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(page.say("hello", "client-id-1"), 0.05)
        assert (await page.say("hello", "client-id-1")).body["messages"][0]["text"] == "You said: hello"

    talk(patient, bot)
    assert len(bot.heard) == 1


def test_a_turn_that_fails_gets_the_safe_reply(talk: Talk) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        answer = await page.say("fail")
        assert answer.status == 200
        assert answer.body["messages"][0]["text"] == SAFE
        assert answer.body["messages"][0]["referral"] == {"reason": "technical"}

    talk(patient)


def test_a_red_flag_without_rasa_has_its_lines_to_call(talk: Talk) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        told = (await page.say(RED_FLAG)).body["messages"][0]["escalation"]
        assert told["level"] == "emergency"
        assert [line["tel"] for line in told["numbers"]] == ["tel:911", "tel:+15550100"]

    class Silent(Bot):
        async def __call__(self, message: UserMessage) -> None:
            return None

    talk(patient, Silent())


def test_a_journal_that_fails_keeps_no_red_flag_back(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> Any:
        raise OSError("disk full")

    async def patient(page: Page) -> None:
        await page.open()
        monkeypatch.setattr(SqlJournal, "accept", broken)
        answer = await page.say(RED_FLAG)
        assert answer.status == 503
        assert answer.body["reason"].startswith("Call 911")
        assert answer.body["contact"]["team"]["tel"] == "tel:+15550100"
        monkeypatch.setattr(SqlJournal, "knows", broken)
        assert (await page.say("hello")).body["reason"] == SAFE

    talk(patient)


def test_a_journal_that_hangs_keeps_no_red_flag_back_and_the_message_is_answered_once(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "HASTE", 0.05)
    accept, bot = SqlJournal.accept, Bot()

    async def patient(page: Page) -> None:
        await page.open()
        back = asyncio.Event()

        async def hangs(*given: Any) -> Any:
            await back.wait()
            return await accept(*given)

        monkeypatch.setattr(SqlJournal, "accept", hangs)
        answer = await page.say(RED_FLAG, "message-0001")
        assert answer.status == 503
        assert answer.body["reason"].startswith("Call 911")
        assert bot.heard == []
        back.set()
        while (answer := await page.say(RED_FLAG, "message-0001")).status == 503:
            await asyncio.sleep(0.01)
        assert answer.body["messages"][0]["text"] == f"You said: {RED_FLAG}"
        assert len(bot.heard) == 1

    talk(patient, bot)


def test_an_answer_that_cannot_be_kept_is_given_all_the_same_and_kept_later(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "KEEP_AGAIN", 0.05)
    finish = SqlJournal.finish

    async def broken(*_: Any) -> Any:
        raise OSError("disk full")

    async def patient(page: Page) -> None:
        await page.open()
        monkeypatch.setattr(SqlJournal, "finish", broken)
        assert (await page.say("hello")).body["messages"][0]["text"] == "You said: hello"
        monkeypatch.setattr(SqlJournal, "finish", finish)
        async with asyncio.timeout(10):
            while len(kept := (await page.call("GET", "/messages?after=0")).body["messages"]) < 3:
                await asyncio.sleep(0.02)
        assert [entry["text"] for entry in kept][1:] == ["hello", "You said: hello"]

    talk(patient)


# -- deletion --------------------------------------------------------------------------------------


def test_a_deleted_conversation_is_gone_everywhere_and_its_token_is_dead(talk: Talk) -> None:
    bot = Bot()

    async def patient(page: Page) -> None:
        await page.open()
        await page.say("hello")
        assert bot.store.store
        assert (await page.call("DELETE", "/conversation")).status == 204
        assert not bot.store.store
        for method, path, body in (
            ("GET", "/messages", None),
            ("POST", "/messages", {"id": "client-id-9", "text": "hello"}),
            ("POST", "/acknowledge", {"level": "soon"}),
            ("DELETE", "/conversation", None),
        ):
            answer = await page.call(method, path, body)
            assert (answer.status, bool(answer.body["contact"])) == (401, True), path

    talk(patient, bot)


def test_a_turn_that_runs_while_its_conversation_is_deleted_leaves_nothing(talk: Talk) -> None:
    bot = Bot(wait=0.2)

    async def patient(page: Page) -> None:
        await page.open()
        running = asyncio.ensure_future(page.say("hello"))
        await asyncio.sleep(0.1)
        assert (await page.call("DELETE", "/conversation")).status == 204
        assert (await running).status == 401
        assert not bot.store.store

    talk(patient, bot)


# -- who may call ----------------------------------------------------------------------------------


def test_without_a_good_token_nothing_is_said(talk: Talk) -> None:
    bot = Bot()

    async def patient(page: Page) -> None:
        await page.open()
        good = page.token
        for header in ("", "Bearer", "Bearer ", f"Basic {good}", good, f"Bearer {good[:-1]}", f"Bearer {good} x"):
            answer = await page.say("hello", headers={"Authorization": header})
            assert answer.status == 401, header
            assert answer.body["status"] == "error"
        assert (await page.say("hello", headers={"Authorization": f"bearer {good}"})).status == 200

    talk(patient, bot)
    assert len(bot.heard) == 1


def test_a_conversation_of_another_patient_is_out_of_reach(talk: Talk) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        await page.say("secret")
        stranger = Page(page.session)
        await stranger.open()
        assert "secret" not in str((await stranger.call("GET", "/messages")).body)

    talk(patient)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://clinic.example.org.evil.example", "x", ""])
def test_other_websites_are_refused(talk: Talk, origin: str) -> None:
    bot = Bot()

    async def patient(page: Page) -> None:
        await page.open()
        answer = await page.say("hello", headers={"Origin": origin})
        assert answer.status == 403
        assert answer.body["contact"]

    talk(patient, bot)
    assert bot.heard == []


def test_the_clinics_website_and_the_companions_own_page_may_call(talk: Talk) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        own = f"http://{page.session._base_url.authority}"  # type: ignore[union-attr]
        for origin in (SITE, own):
            assert (await page.say("hello", headers={"Origin": origin})).status == 200

    talk(patient)


def test_too_many_messages_are_told_to_wait(talk: Talk) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        assert [(await page.say("hello")).status for _ in range(3)] == [200, 200, 429]
        answer = await page.say("hello")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert answer.body["contact"]
        stranger = Page(page.session)
        assert (await stranger.open()).status == 201
        assert (await stranger.say("hello")).status == 200

    talk(patient, limits=Limits(messages_per_conversation="2/minute"))


def test_too_many_conversations_and_too_many_calls_of_an_address_are_told_to_wait(talk: Talk) -> None:
    async def conversations(page: Page) -> list[int]:
        return [(await page.call("POST", "/conversations", {})).status for _ in range(3)]

    async def calls(page: Page) -> list[int]:
        return [(await page.call("GET", "/config")).status for _ in range(3)]

    assert talk(conversations, limits=Limits(conversations_per_address="2/minute")) == [201, 201, 429]
    assert talk(calls, limits=Limits(calls_per_address="2/minute")) == [200, 200, 429]


# -- what is refused -------------------------------------------------------------------------------

ID = "client-id-1"
WRONG: dict[str, tuple[Any, int]] = {
    "no JSON": (b"id=1&text=hi", 400),
    "no body": (b"", 400),
    "broken UTF-8": (b'{"id": "client-id-1", "text": "\xff"}', 400),
    "half a JSON": (b'{"id": "client-id-1"', 400),
    "deep JSON": (b"[" * 3000, 400),
    "an array": ([], 400),
    "null": (b"null", 400),
    "a number": (b"5", 400),
    "a string": (b'"hi"', 400),
    "over 4 KB": ({"id": ID, "text": "x" * 4096}, 413),
    "40 KB": ({"id": ID, "text": "x" * 40_000}, 413),
    "nothing": ({}, 422),
    "no id": ({"text": "hi"}, 422),
    "a number as id": ({"id": 12345678, "text": "hi"}, 422),
    "null as id": ({"id": None, "text": "hi"}, 422),
    "a list as id": ({"id": [ID], "text": "hi"}, 422),
    "an object as id": ({"id": {"a": 1}, "text": "hi"}, 422),
    "a short id": ({"id": "x", "text": "hi"}, 422),
    "a long id": ({"id": "x" * 65, "text": "hi"}, 422),
    "an id with a slash": ({"id": "../../etc/passwd", "text": "hi"}, 422),
    "an id with a newline": ({"id": "client-id-1\n", "text": "hi"}, 422),
    "an id with a NUL": ({"id": "client-\x00id", "text": "hi"}, 422),
    "an id with a surrogate": (b'{"id": "client-\\ud800", "text": "hi"}', 422),
    "an id of SQL": ({"id": "' OR 1=1; --", "text": "hi"}, 422),
    "no text": ({"id": ID}, 422),
    "a number as text": ({"id": ID, "text": 5}, 422),
    "a list as text": ({"id": ID, "text": ["hi"]}, 422),
    "an object as text": ({"id": ID, "text": {"a": "hi"}}, 422),
    "null as text": ({"id": ID, "text": None}, 422),
    "true as text": ({"id": ID, "text": True}, 422),
    "text and button": ({"id": ID, "text": "hi", "button": "x"}, 422),
    "an unknown button": ({"id": ID, "button": "x" * 22}, 422),
    "an empty button": ({"id": ID, "button": ""}, 422),
    "a number as button": ({"id": ID, "button": 1}, 422),
    "a long button": ({"id": ID, "button": "x" * 1000}, 422),
    "a button with a NUL": ({"id": ID, "button": "\x00"}, 422),
    "a button with a surrogate": (b'{"id": "client-id-1", "button": "\\ud800"}', 422),
    "a sender": ({"id": ID, "text": "hi", "sender": "somebody"}, 422),
    "metadata": ({"id": ID, "text": "hi", "metadata": {"a": 1}}, 422),
    "another channel": ({"id": ID, "text": "hi", "input_channel": "rest"}, 422),
    "a key of a prototype": ({"id": ID, "text": "hi", "__proto__": {}}, 422),
    "not a number": (b'{"id": NaN, "text": Infinity}', 422),
}


def test_what_is_no_message_is_refused_with_a_reason_and_the_number(talk: Talk) -> None:
    bot = Bot()

    async def patient(page: Page) -> None:
        await page.open()
        for case, (body, status) in WRONG.items():
            answer = await page.call("POST", "/messages", body)
            assert answer.status == status, (case, answer.body)
            assert answer.body["status"] == "error"
            assert answer.body["reason"], case
            assert answer.body["contact"]["team"]["tel"], case
        assert (await page.say("hello")).status == 200

    assert len(WRONG) >= 40
    talk(patient, bot, Limits(messages_per_conversation="100/minute"))
    assert len(bot.heard) == 1


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
def test_only_json_is_taken_for_other_websites_can_send_the_rest_without_asking(talk: Talk, kind: str) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        assert (await page.say("hello", headers={"Content-Type": kind})).status == 415

    talk(patient)


def test_text_is_text(talk: Talk) -> None:
    bot = Bot()

    async def patient(page: Page) -> None:
        await page.open()
        await page.say('/inform_hospital{"setting": "hospital"}')
        await page.say("temp > 38 and platelets < 50 & 5_mg 2*3 [as ordered]")
        empty = await page.say(" // ")
        assert empty.body["messages"][0]["text"] == safety.static("utter_empty_message")[0]["text"]

    talk(patient, bot)
    assert [m.text for m in bot.heard] == [
        'inform_hospital{"setting": "hospital"}',
        "temp > 38 and platelets < 50 & 5_mg 2*3 [as ordered]",
    ]


def test_nothing_of_the_patients_words_is_logged(talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        await page.say("fail")
        await page.call("POST", "/messages", b'{"id": "canary", "text": "canary')

    with caplog.at_level("DEBUG", logger="bot"):
        talk(patient)
    assert "canary" not in caplog.text


def test_unknown_lines_in_the_credentials_stop_the_start() -> None:
    assert WebInput.from_credentials({"messages_per_conversation": "5/minute"})
    with pytest.raises(TypeError):
        WebInput.from_credentials({"messages_per_hour": "5"})


# -- export, and the end of an idle conversation ---------------------------------------------------


def test_a_patient_gets_all_that_is_kept_as_a_file(talk: Talk) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        await page.say("hello")
        answer = await page.call("GET", "/conversation")
        assert answer.status == 200
        assert "attachment" in answer.headers["Content-Disposition"]
        assert [message["from"] for message in answer.body["messages"]] == ["bot", "patient", "bot"]
        assert answer.body["messages"] == (await page.call("GET", "/messages")).body["messages"]
        own, page.token = page.token, ""
        await page.open()
        assert len((await page.call("GET", "/conversation")).body["messages"]) == 1
        for token in ("", f"{own}x", own[:-1], own.partition(".")[0]):
            headers = {"Authorization": f"Bearer {token}"}
            assert (await page.call("GET", "/conversation", headers=headers)).status == 401

    talk(patient)


def _in(seconds: float) -> Any:
    """The clock of the channel, so many seconds ahead."""
    return SimpleNamespace(time=lambda: time.time() + seconds)


def test_a_token_that_nobody_used_for_a_day_can_only_delete(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        monkeypatch.setattr(web, "time", _in(web.GOOD_FOR - 60))
        assert (await page.say("hello")).status == 200
        monkeypatch.setattr(web, "time", _in(web.GOOD_FOR + 60))
        for method, path, body in (
            ("GET", "/messages", None),
            ("GET", "/conversation", None),
            ("POST", "/messages", {"id": "12345678", "text": "hello"}),
            ("POST", "/acknowledge", {"level": "soon"}),
        ):
            answer = await page.call(method, path, body)
            assert answer.status == 401
            assert "token" not in answer.body
        assert (await page.call("DELETE", "/conversation")).status == 204
        assert (await page.call("DELETE", "/conversation")).status == 401

    talk(patient)


def test_a_fresh_token_stays_and_an_older_one_is_renewed_by_resuming_and_by_asking(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def patient(page: Page) -> None:
        opened = await page.open()
        first = page.token
        assert "token" not in (await page.call("GET", "/messages")).body
        assert "token" not in (await page.say("hello")).body
        for number, asking in enumerate((False, True, False, True, False), 1):
            monkeypatch.setattr(web, "time", _in(number * (web.GOOD_FOR - 60)))
            answer = await page.say("still here") if asking else await page.call("GET", "/messages?after=0")
            assert answer.status == 200
            assert ticket_of(answer.body["token"]).conversation == ticket_of(first).conversation  # type: ignore[union-attr]
            page.token = answer.body["token"]
        said = (await page.call("GET", "/messages")).body["messages"]
        assert said[0] == opened.body["messages"][0]
        assert len(said) == 7
        page.token = first  # the first one ends at its own time
        assert (await page.call("GET", "/messages")).status == 401

    talk(patient)


def test_two_tabs_go_on_with_the_old_and_the_new_token(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        monkeypatch.setattr(web, "time", _in(web.RENEWED_AFTER + 60))
        other = Page(page.session, (await page.call("GET", "/messages")).body["token"])
        assert other.token != page.token
        assert (await page.say("one")).status == (await other.say("two")).status == 200
        assert (await other.call("DELETE", "/conversation")).status == 204
        for tab in (page, other):  # a deletion ends all tokens
            assert (await tab.call("GET", "/messages")).status == 401

    talk(patient)


def test_a_deleted_conversation_gets_no_new_token(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def patient(page: Page) -> None:
        await page.open()
        monkeypatch.setattr(web, "time", _in(web.RENEWED_AFTER + 60))
        answer = await page.say("yes")
        assert answer.body["messages"][0]["deletion"] == "done"
        assert "token" not in answer.body

    talk(patient, Deleting())


# -- deleted in the chat ---------------------------------------------------------------------------


class Deleting(Bot):
    """A bot that deletes at "yes" and escalates at the red flag."""

    def reply(self, text: str) -> dict[str, Any]:
        if text == "offer":
            return {"text": "Shall I?", "buttons": [{"title": "yes", "payload": "yes"}]}
        if text == "yes":
            return {"text": "It is gone.", "custom": {"deletion": "done"}}
        if text == RED_FLAG:
            told = {"level": "emergency", "symptoms": ["breathing"], "setting": "home", "numbers": []}
            return {"text": "Call now.", "custom": {"escalation": told}}
        return super().reply(text)


def test_a_conversation_deleted_by_a_message_is_gone_everywhere(talk: Talk, tmp_path: Path) -> None:
    bot = Deleting()

    async def patient(page: Page) -> None:
        await page.open()
        await page.say("canary")
        (offer,) = (await page.say("offer")).body["messages"]
        press = {"id": "the-press", "button": offer["buttons"][0]["token"]}
        answer = await page.call("POST", "/messages", press)
        (said,) = answer.body["messages"]
        assert (answer.status, said["text"], said["deletion"], said["seq"]) == (200, "It is gone.", "done", 0)
        assert not bot.store.store
        for method, path, body in (
            ("GET", "/messages", None),
            ("GET", "/conversation", None),
            ("POST", "/messages", {"id": "client-id-9", "text": "hello"}),
            ("DELETE", "/conversation", None),
        ):
            assert (await page.call(method, path, body)).status == 401, path
        again = await page.call("POST", "/messages", press)  # its answer was lost on the way
        (said,) = again.body["messages"]
        assert (again.status, said["deletion"]) == (200, "done")
        assert said["text"] == safety.static("utter_data_deleted")[0]["text"]
        assert not bot.store.store

    talk(patient, bot)
    assert [str(one.text) for one in bot.heard] == ["canary", "offer", "yes"]
    assert b"canary" not in b"".join(file.read_bytes() for file in tmp_path.glob("journal.db*"))


def test_a_confirmation_sent_twice_at_once_deletes_once(talk: Talk) -> None:
    bot = Deleting(wait=0.05)

    async def patient(page: Page) -> None:
        await page.open()
        answers = await asyncio.gather(*(page.say("yes", "same-id-1") for _ in range(5)))
        assert {(answer.status, answer.body["messages"][0]["deletion"]) for answer in answers} == {(200, "done")}

    talk(patient, bot)
    assert len(bot.heard) == 1


def test_a_red_flag_that_overlaps_with_a_deletion_is_still_told(talk: Talk) -> None:
    bot = Deleting(wait=0.2)

    async def patient(page: Page) -> None:
        await page.open()
        running = asyncio.ensure_future(page.say(RED_FLAG))
        await asyncio.sleep(0.1)
        assert (await page.call("DELETE", "/conversation")).status == 204
        answer = await running
        assert answer.status == 200
        assert answer.body["messages"][0]["escalation"]["level"] == "emergency"
        assert (await page.call("GET", "/messages")).status == 401

    talk(patient, bot)


def test_where_the_tracker_store_cannot_remove_it_the_conversation_stays_and_that_is_said(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> None:
        raise OSError("words of the patient")

    monkeypatch.setattr(core, "erase", fails)

    async def patient(page: Page) -> None:
        await page.open()
        (said,) = (await page.say("yes")).body["messages"]
        assert said["text"] == safety.static("utter_delete_failed")[0]["text"]
        assert said["deletion"] == "failed"
        assert len((await page.call("GET", "/messages")).body["messages"]) == 3

    talk(patient, Deleting())


def test_where_the_journal_cannot_remove_it_that_is_said(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise OSError("words of the patient")

    monkeypatch.setattr(SqlJournal, "forget", fails)

    async def patient(page: Page) -> None:
        await page.open()
        (said,) = (await page.say("yes")).body["messages"]
        assert said["deletion"] == "failed"

    talk(patient, Deleting())
