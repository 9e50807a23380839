"""The website's channel: signed conversations over HTTPS POST, each message answered once, resumable and deletable.

The wire format is described in ``openapi.yml`` beside this file and in docs/integrators.md.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import hmac
import logging
import math
import os
import re
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from rasa.core.channels.channel import InputChannel
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, empty, json

from bot import clinic as clinics
from bot import content, deletion, safety, secret
from bot.channels.checks import BadRequest, parse_json, plain
from bot.channels.core import Collector, Core, Handler, deletion_failed
from bot.channels.erase import NotErasable
from bot.channels.journal import Claim, Entry, Journal, Option, SqlJournal, UnknownConversation
from bot.channels.pages import PLAIN
from bot.channels.rates import Rates
from bot.channels.replies import Said, deleted, messages
from bot.channels.texts import texts

logger = logging.getLogger(__name__)

PATIENCE = 15.0
"""Seconds for which a message that is sent again waits for its first turn."""
GOOD_FOR = 24 * 3600.0
"""Seconds for which a token is good; then it can only delete its conversation, not read it or go on with it."""
RENEWED_AFTER = 3600.0
"""Seconds after which whoever comes with a good token gets a new one, so that an active patient is never cut off."""
HASTE = 0.7
"""Seconds after which a red flag is told although nothing of it could be kept yet; the website sends it again."""
KEEP_SOON = 0.8
"""Seconds for which a reply waits until it is kept."""
KEEP_AGAIN = 2.0
"""Seconds before a reply that was given and could not be kept is kept again."""
RENEW = 1.0
"""Seconds between two signs of life of a turn that runs."""
LEASE = 3.5
"""Seconds without a sign of life after which another worker runs the turn: the one that began it is dead or hangs."""
SWEEP = 60.0
"""Seconds between two looks for conversations that still have to be removed."""
HEADERS = {**PLAIN, "Vary": "Origin"}
LEVELS = ("soon", "urgent", "emergency")
_TOKEN = re.compile(r"([\w-]{22})\.([0-9a-f]{8})\.([\w-]{43})", re.ASCII)
_EVENT = re.compile(r"[\w-]{8,64}", re.ASCII)
_BUTTON = re.compile(r"[\w-]{22}", re.ASCII)


@dataclass(frozen=True)
class Limits:
    """How often somebody may call, in the words of the `limits` library, and the store that counts."""

    messages_per_conversation: str = "30/minute"
    conversations_per_address: str = "30/minute"
    calls_per_address: str = "300/minute"
    store: str = field(default_factory=lambda: os.environ.get("IL2_RATES") or "memory://")


class Collected(Collector):
    """Replies for the website, whose sources and phone lines are parts of their own."""

    @classmethod
    def name(cls) -> str:
        """The name that responses and :mod:`bot.nlg` know the website by."""
        return "web"


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.headers = status, headers or {}


# -- conversations ---------------------------------------------------------------------------------


def new_conversation() -> str:
    """The id of a new conversation: 128 random bits."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True)
class Ticket:
    """What a good token says: for which conversation and when (Unix time) it was issued."""

    conversation: str
    issued: float

    @property
    def age(self) -> float:
        """Seconds since it was issued."""
        return time.time() - self.issued


def token_of(conversation: str) -> str:
    """What a patient's browser shows to go on with the conversation, from now on for :data:`GOOD_FOR` seconds."""
    signed = f"{conversation}.{int(time.time()):08x}"
    return f"{signed}.{_signature(signed)}"


def ticket_of(token: str) -> Ticket | None:
    """What a token says, however old it is, or None for a forged one."""
    parts = _TOKEN.fullmatch(token)
    if not parts or not hmac.compare_digest(parts[3], _signature(f"{parts[1]}.{parts[2]}")):
        return None
    return Ticket(parts[1], float(int(parts[2], 16)))


def _signature(signed: str) -> str:
    return base64.urlsafe_b64encode(secret.mac("web conversation", signed)).rstrip(b"=").decode()


def sender_of(conversation: str) -> str:
    """The conversation's name in Rasa's tracker store; no other channel makes such a name."""
    return f"web-{conversation}"


# -- what goes over the wire -----------------------------------------------------------------------


def contact() -> dict[str, Any]:
    """Whom to call, whatever the conversation holds."""
    clinic = clinics.current()
    return {
        "team": clinics.team_line(clinic),
        "emergency": clinics.public_lines(clinic),
        "note": texts().web["note"],
    }


def config() -> dict[str, Any]:
    """What the widget shows before anything is said."""
    leaflets = [asdict(leaflet) for leaflet in content.leaflets().values()]
    return {
        "clinic": clinics.current().name,
        "texts": texts().web,
        "contact": contact(),
        "suggestions": list(texts().suggestions),
        "leaflets": leaflets,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def bot_entries(said: Sequence[Said], event: str) -> tuple[list[Entry], list[Option]]:
    """The bot's messages as the website gets them, and the buttons behind their tokens."""
    entries: list[Entry] = []
    options: list[Option] = []
    for number, one in enumerate(said):
        entry: Entry = {"id": f"{event}.{number}", "from": "bot", "text": one.text, "at": _now(), "reply_to": event}
        offered = [Option(secrets.token_urlsafe(16), text) for text in one.buttons]
        if offered:
            entry["buttons"] = [{"title": option.text, "token": option.token} for option in offered]
        options += offered
        entry.update(_parts(one.custom))
        entries.append(entry)
    return entries, options


def _parts(custom: dict[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {key: dict(custom[key]) for key in ("answer", "escalation", "referral") if key in custom}
    if "escalation" in parts and "numbers" not in parts["escalation"]:
        # Said without Rasa, so nothing is known of the patient's country.
        told = parts["escalation"]
        crisis = "suicide" in told["symptoms"]
        told["numbers"] = clinics.lines_to_call(clinics.current(), told["level"], "", told["setting"], crisis)
    if custom.get(deletion.KEY):
        parts[deletion.KEY] = custom[deletion.KEY]
    if custom.get("dates"):
        parts["calendar"] = f"/calendar.ics?{urlencode(custom['dates'])}"
    return parts


# -- the channel -----------------------------------------------------------------------------------


class WebInput(InputChannel):
    """``/webhooks/web``: config, conversations, messages, acknowledge, delete."""

    def __init__(self, limits: Limits | None = None, journal: Journal | None = None) -> None:
        """Take the rate limits and where conversations are kept; both have defaults."""
        self._limits = limits or Limits()
        self._journal = journal or SqlJournal(self.name())
        self._rates = Rates(self._limits.store)
        self._turns: dict[tuple[str, str], asyncio.Task[list[Entry]]] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._alive: set[tuple[str, str]] = set()

    @classmethod
    def name(cls) -> str:
        """The name in the URL."""
        return "web"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> WebInput:
        """The limits from ``credentials.yml``; unknown lines stop the start.

        Raises:
            TypeError: for a line that is none of :class:`Limits`.
        """
        return cls(Limits(**(credentials or {})))

    def blueprint(self, on_new_message: Handler) -> Blueprint:
        """The routes of the channel."""
        routes = Blueprint("web")
        self._core = Core(on_new_message, self.name(), collector=Collected)
        for path, methods in {
            "/config": {"GET": self._config},
            "/conversations": {"POST": self._open},
            "/messages": {"POST": self._receive, "GET": self._history},
            "/acknowledge": {"POST": self._acknowledge},
            "/conversation": {"GET": self._export, "DELETE": self._delete},
        }.items():
            for method, handler in methods.items():
                guarded = functools.partial(self._guarded, handler)
                routes.add_route(guarded, path, methods=[method], name=f"{path.strip('/')}_{method.lower()}")

        @routes.listener("after_server_start")
        async def sweep(app: Sanic, *_: Any) -> None:
            self._core.agent = getattr(app.ctx, "agent", None)
            self._ongoing = {self._background(self._sweep(app)), self._background(self._renew())}

        @routes.listener("before_server_stop")
        async def stop(app: Sanic, *_: Any) -> None:
            for task in self._ongoing:
                task.cancel()
            await self._core.finish()
            # Replies that are being kept, and removals.
            if ending := {*self._turns.values(), *self._work} - self._ongoing:
                await asyncio.wait(ending, timeout=PATIENCE)

        return routes

    # -- requests --------------------------------------------------------------------------------------

    async def _guarded(self, handler: Callable[[Request], Awaitable[HTTPResponse]], request: Request) -> HTTPResponse:
        """Run a handler behind the checks that all share; a failure is a message with the number to call."""
        try:
            _check_origin(request)
            await self._limit(self._limits.calls_per_address, "calls", _address(request))
            answer = await handler(request)
        except _Refused as error:
            answer = _error(error.status, str(error), error.headers)
        except BadRequest as error:
            answer = _error(error.status, str(error))
        except UnknownConversation:
            answer = _error(401, "This conversation is not known here. Start a new one.")
        except Exception as error:  # the error's text may hold the patient's words
            logger.error("A request of the website failed: %s.", type(error).__name__)
            answer = _error(503, safety.static("utter_technical")[0]["text"])
        answer.headers.update({**HEADERS, **dict(answer.headers)})
        return answer

    async def _limit(self, rate: str, what: str, who: str) -> None:
        wait = await self._rates.wait(rate, what, who)
        if wait:
            raise _Refused(429, "Too many requests. Please wait a moment.", {"Retry-After": str(wait)})

    async def _conversation(self, request: Request) -> str:
        """The conversation that the caller may use.

        Raises:
            UnknownConversation: without a token that is good now, or when the conversation was deleted.
        """
        conversation = _signed(request).conversation
        await self._check_usable(conversation)
        return conversation

    async def _check_usable(self, conversation: str) -> None:
        if not await self._journal.knows(conversation):
            raise UnknownConversation

    async def _config(self, request: Request) -> HTTPResponse:
        return json(config(), headers={"Cache-Control": "public, max-age=60"})

    async def _open(self, request: Request) -> HTTPResponse:
        await self._limit(self._limits.conversations_per_address, "conversations", _address(request))
        if _body(request):
            raise _Refused(422, "Send an empty object: {}.")
        conversation = new_conversation()
        greeting = {"id": uuid.uuid4().hex, "from": "bot", "text": texts().web["greeting"], "at": _now()}
        await self._journal.open(conversation, [greeting])
        said = await self._journal.history(conversation)
        return json({"token": token_of(conversation), "contact": contact(), "messages": said}, status=201)

    async def _receive(self, request: Request) -> HTTPResponse:
        # The journal is asked only behind the screening: while it hangs, a red flag must still be told.
        ticket = _signed(request)
        conversation = ticket.conversation
        await self._limit(self._limits.messages_per_conversation, "messages", conversation)
        body = _body(request)
        event = body.get("id")
        if not isinstance(event, str) or not _EVENT.fullmatch(event):
            raise _Refused(422, "id: send 8 to 64 letters, digits, - or _, new for each message.")
        if set(body) not in ({"id", "text"}, {"id", "button"}):
            raise _Refused(422, "Send id, and either text or button.")
        said = body.get("text", body.get("button"))
        if not isinstance(said, str):
            raise _Refused(422, "text and button are strings.")
        try:
            if "button" in body:
                said = await self._meant(conversation, said)
            told = await self._answered(conversation, event, plain(said))
        except UnknownConversation:
            if not await self._journal.ended_by(conversation, event):
                raise
            # The answer to the message that has deleted the conversation was lost on its way, and is given again.
            done = [*safety.static(deletion.DELETED_TEXT), {"custom": {deletion.KEY: deletion.DONE}}]
            told = _unkept(bot_entries(messages(done), event)[0])
        over = any(one.get(deletion.KEY) == deletion.DONE for one in told)
        return json({"id": event, "messages": told, **({} if over else _renewed(ticket))})

    async def _meant(self, conversation: str, button: str) -> str:
        """What pressing a button says."""
        await self._check_usable(conversation)
        meant = await self._journal.option(conversation, button) if _BUTTON.fullmatch(button) else None
        if meant is None:
            raise _Refused(422, "This button is not known.")
        return meant

    async def _history(self, request: Request) -> HTTPResponse:
        ticket = _signed(request)
        await self._check_usable(ticket.conversation)
        after = request.args.get("after", "0")
        if not re.fullmatch(r"\d{1,9}", after, re.ASCII):
            raise _Refused(422, "after is the sequence number of the last message you have.")
        said = await self._journal.history(ticket.conversation, int(after))
        last = said[-1]["seq"] if said else int(after)
        return json({"messages": said, "last": last, **_renewed(ticket)})

    async def _acknowledge(self, request: Request) -> HTTPResponse:
        conversation = await self._conversation(request)
        await self._limit(self._limits.messages_per_conversation, "messages", conversation)
        body = _body(request)
        if set(body) != {"level"} or body["level"] not in LEVELS:
            raise _Refused(422, f"Send the level: {', '.join(LEVELS)}.")
        told = [entry["escalation"] for entry in await self._journal.history(conversation) if "escalation" in entry]
        here = "_hospital" if told and told[-1]["setting"] == "hospital" else ""
        said = await self._answered(conversation, uuid.uuid4().hex, texts().web[f"acknowledged{here}"])
        return json({"messages": said})

    async def _export(self, request: Request) -> HTTPResponse:
        """Everything that is kept of the conversation, as a file for the patient."""
        conversation = await self._conversation(request)
        await self._limit(self._limits.messages_per_conversation, "messages", conversation)
        name = {"Content-Disposition": 'attachment; filename="il2-conversation.json"'}
        return json({"exported": _now(), "messages": await self._journal.history(conversation)}, headers=name)

    async def _delete(self, request: Request) -> HTTPResponse:
        conversation = _signed(request, good_for=math.inf).conversation
        await self._check_usable(conversation)
        await self._forget(request.app, conversation)
        return empty()

    # -- turns -----------------------------------------------------------------------------------------

    async def _answered(self, conversation: str, event: str, text: str) -> list[Entry]:
        """The replies to a message, from the one turn that it gets however often it is sent.

        Raises:
            UnknownConversation: when the conversation is deleted meanwhile.
        """
        running = self._turns.get((conversation, event))
        if running is None:
            running = asyncio.ensure_future(self._handle(conversation, event, text))
            self._turns[conversation, event] = running
            running.add_done_callback(functools.partial(self._over, (conversation, event)))
        # A caller who hangs up does not take the turn with him.
        await asyncio.wait({running}, timeout=HASTE)
        if not running.done() and (urgent := safety.screen(text)):
            raise _Refused(503, _words(urgent), {"Retry-After": "1"})
        return await asyncio.shield(running)

    def _over(self, which: tuple[str, str], turn: asyncio.Task[list[Entry]]) -> None:
        del self._turns[which]
        if not turn.cancelled():
            turn.exception()  # whoever asked may have gone with the red flag's text

    async def _handle(self, conversation: str, event: str, text: str) -> list[Entry]:
        entry = {"id": event, "from": "patient", "text": text, "at": _now()}
        began = asyncio.get_running_loop().time()
        try:
            await self._check_usable(conversation)
            while (claim := await self._journal.accept(conversation, event, {}, entry, LEASE)) is Claim.RUNNING:
                if asyncio.get_running_loop().time() > began + PATIENCE:
                    raise TimeoutError("another worker has not finished the turn")
                await asyncio.sleep(0.2)
        except UnknownConversation:
            raise
        except Exception as error:  # nothing is stored, yet a red flag must be told
            logger.error("A message of the website could not be kept: %s.", type(error).__name__)
            raise _Refused(503, _words(safety.fallback(text))) from None
        if claim in (Claim.NEW, Claim.AGAIN):
            self._alive.add((conversation, event))
            try:
                again, spent = claim is Claim.AGAIN, asyncio.get_running_loop().time() - began
                said = messages(await self._core.turn(sender_of(conversation), text, f"web-{event}", again, spent))
            finally:
                self._alive.discard((conversation, event))
            if deleted(said):
                return _unkept(bot_entries(await self._end(conversation, event, said), event)[0])
            entries, options = bot_entries(said, event)
            try:
                kept = self._journal.finish(conversation, event, entries, options)
                if not await asyncio.wait_for(kept, KEEP_SOON):
                    await self._check_still_there(conversation)
            except UnknownConversation:
                if any("escalation" in entry for entry in entries):
                    return _unkept(entries)  # deleted meanwhile, yet a red flag must be told
                raise
            except Exception as error:  # said, though not kept: better than silence
                logger.error("A reply of the website could not be kept yet: %s.", type(error).__name__)
                self._background(self._keep(conversation, event, entries, options))
                return _unkept(entries)
        return await self._journal.history(conversation, reply_to=event)

    async def _keep(self, conversation: str, event: str, entries: list[Entry], options: list[Option]) -> None:
        """Keep a reply that was given while the journal was away."""
        while True:
            await asyncio.sleep(KEEP_AGAIN)
            with contextlib.suppress(Exception):
                await self._journal.finish(conversation, event, entries, options)
                return

    async def _renew(self) -> None:
        """Show other workers which turns run here: all at once, for under load there are many."""
        while True:
            await asyncio.sleep(RENEW)
            if self._alive:
                with contextlib.suppress(Exception):
                    await self._journal.renew(list(self._alive))

    async def _check_still_there(self, conversation: str) -> None:
        """Have a turn that ran on behind a deletion removed as well."""
        if not await self._journal.knows(conversation):
            await self._journal.forget(conversation)  # the next sweep removes what the turn has left
            raise UnknownConversation

    # -- deletion --------------------------------------------------------------------------------------

    async def _end(self, conversation: str, event: str, said: list[Said]) -> list[Said]:
        """Keep nothing of a conversation that was deleted in the chat; the core has removed the rest."""
        try:
            await self._journal.forget(conversation, by=event)
            await self._journal.forgotten(conversation)
        except Exception as error:
            logger.error("A conversation could not be removed: %s.", type(error).__name__)
            return messages(deletion_failed())
        return said

    async def _forget(self, app: Sanic, conversation: str) -> None:
        """Remove the conversation; what a running turn still holds goes when the turn has ended."""
        await self._journal.forget(conversation)
        erased = self._background(self._erase(app, conversation))
        await asyncio.wait({erased}, timeout=PATIENCE)

    async def _erase(self, app: Sanic, conversation: str) -> None:
        try:
            await self._core.forget(app.ctx.agent, sender_of(conversation))
            await self._journal.forgotten(conversation)
        except NotErasable as error:
            logger.error("A conversation could not be removed: %s", error)
        except Exception as error:
            logger.error("A conversation could not be removed yet: %s.", type(error).__name__)

    async def _sweep(self, app: Sanic) -> None:
        while True:
            with contextlib.suppress(Exception):
                for conversation in await self._journal.to_forget():
                    await self._erase(app, conversation)
            await asyncio.sleep(SWEEP)

    def _background(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task


def _signed(request: Request, good_for: float | None = None) -> Ticket:
    """What the caller's token says; its conversation may have been deleted.

    Raises:
        UnknownConversation: without a token, with a forged one, or one that is older than it may be.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    ticket = ticket_of(token.strip()) if scheme.lower() == "bearer" else None
    if ticket is None or ticket.age > (GOOD_FOR if good_for is None else good_for):
        raise UnknownConversation
    return ticket


def _renewed(ticket: Ticket) -> dict[str, str]:
    """A new token for one that is no longer fresh; the old one stays good for the rest of its time, in another tab."""
    return {"token": token_of(ticket.conversation)} if ticket.age > RENEWED_AFTER else {}


def _unkept(entries: Sequence[Entry]) -> list[Entry]:
    """Messages that are said and not kept; they have no number."""
    return [{"seq": 0, **said} for said in entries]


def _words(replies: Sequence[safety.Reply]) -> str:
    return "\n\n".join(reply["text"] for reply in replies if reply.get("text"))


def _body(request: Request) -> dict[str, Any]:
    if request.content_type.partition(";")[0].strip().lower() != "application/json":
        raise _Refused(415, "Send JSON with the header Content-Type: application/json.")
    return parse_json(request.body)


def _address(request: Request) -> str:
    """The caller's address; behind a proxy Sanic's ``PROXIES_COUNT`` says how far it may be believed."""
    return str(request.remote_addr or request.ip)


def _same_origin(request: Request, origin: str) -> bool:
    return bool(urlsplit(origin).netloc) and urlsplit(origin).netloc == request.headers.get("host", "")


def _check_origin(request: Request) -> None:
    """Refuse other websites. Rasa's ``--cors`` (bot/runtime/serve.py) tells browsers the same about the answers."""
    origin = request.headers.get("origin")
    if origin is not None and not _same_origin(request, origin) and origin not in clinics.current().origins:
        raise _Refused(403, "This website is not named under origins in clinic.yml.")


def _error(status: int, reason: str, headers: dict[str, str] | None = None) -> HTTPResponse:
    return json({"status": "error", "reason": reason, "contact": contact()}, status=status, headers=headers)
