"""What the messaging platforms share: verify, keep, acknowledge at once, answer in the background, deliver for sure.

A platform's own module says how its callers are verified, how its events read, and how a message is sent. A platform
that is not configured, or cannot be reached, never keeps the server from starting.
"""

from __future__ import annotations

import abc
import asyncio
import functools
import hashlib
import json as jsons
import logging
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import aiohttp
from rasa.core.channels.channel import InputChannel
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot import clinic as clinics
from bot import safety, secret
from bot.channels import outgoing
from bot.channels.checks import MAX_BODY, BadRequest, plain
from bot.channels.core import Core, Handler, Queue
from bot.channels.journal import Claim, Journal, Option, Parcel, SqlJournal
from bot.channels.rates import Rates
from bot.channels.replies import Said, deleted, messages
from bot.channels.status import State, tell
from bot.channels.texts import texts

logger = logging.getLogger(__name__)

MAX_EVENTS_BODY = 262_144
"""Bytes of a platform's request, which may hold many events."""
SWEEP = 2.0
"""Seconds between two looks for messages to send again and for events that nobody finished."""
FIRST_RETRY, LAST_RETRY = 1.0, 60.0
"""Seconds before a message is sent again, doubled at each attempt."""
LONGEST_WAIT = 300.0
"""Seconds that a platform may ask us to wait."""
MAX_TRIES = 12
"""Attempts after which a message is recorded as undeliverable: about six minutes; a later answer would only confuse."""
MAX_TURNS = 3
"""Attempts to answer an event before it gets the safe reply."""
SEND_LIMIT = 10.0
"""Seconds that a platform may take to accept a message."""
STOP_LIMIT = 10.0
"""Seconds for which the server, when it stops, waits for what is being answered."""
PUBLIC_URL = "IL2_PUBLIC_URL"


class Refused(Exception):
    """A request that does not come from the platform."""


class Undeliverable(Exception):
    """The platform will never take this message; the text says why, without a word of it."""


class TryAgain(Exception):
    """The platform did not take the message now."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        """Keep the seconds to wait that the platform has named."""
        super().__init__(reason)
        self.after = after


@dataclass(frozen=True)
class Incoming:
    """Something that a patient did.

    Attributes:
        event: the platform's id of it; a retry has the same.
        person: who did it, as the platform names people.
        address: what the platform needs to send an answer there.
        text: what was typed.
        button: the token of a pressed button.
        kind: ``words``, ``no_words`` (a picture, a voice message) or ``start`` (the chat was opened).
        channel: the name in clinic.yml, where one platform carries several.
    """

    event: str
    person: str
    address: dict[str, str]
    text: str = ""
    button: str = ""
    kind: str = "words"
    channel: str = ""


@dataclass
class Outgoing:
    """A message to send; ``buttons`` are pairs of title and token."""

    address: dict[str, str]
    text: str
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Platform(InputChannel, abc.ABC):
    """A channel over somebody else's platform, configured by environment variables."""

    variables: ClassVar[tuple[str, ...]] = ()
    """The environment variables that it needs; with none of them set it is off."""
    needs_public_url: ClassVar[bool] = False
    """Whether it must know the address that the platform calls (``IL2_PUBLIC_URL``)."""
    limit: ClassVar[int] = 4096
    """UTF-16 units of one message."""
    max_buttons: ClassVar[int] = 0
    """Buttons of one message; 0 where options are a numbered list."""
    api_default: ClassVar[str] = ""

    def __init__(self, api: str = "", rate: str = "20/minute", journal: Journal | None = None) -> None:
        """Take the platform's address, how often one person may write, and where events are kept; all have defaults."""
        self._api = (api or self.api_default).rstrip("/")
        self._rate, self._rates = rate, Rates()
        self._journal = journal or SqlJournal(self.name())
        self._queue = Queue()
        self._work: set[asyncio.Task[None]] = set()
        self._pending: set[tuple[str, str]] = set()
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> Platform:
        """The settings from ``credentials.yml``; secrets are never there.

        Raises:
            TypeError: for a line that is none of the settings.
        """
        return cls(**(credentials or {}))

    # -- configuration ------------------------------------------------------------------------------

    @classmethod
    def missing(cls) -> list[str]:
        """Names of the environment variables that it needs and that are not set."""
        wanted = (*cls.variables, *((PUBLIC_URL,) if cls.needs_public_url else ()))
        return [name for name in wanted if not os.environ.get(name)]

    @classmethod
    def is_off(cls) -> bool:
        """Whether nothing of it is configured."""
        return not any(os.environ.get(name) for name in cls.variables)

    def _env(self, name: str) -> str:
        return os.environ[name]

    # -- what a platform's module says ----------------------------------------------------------------

    @abc.abstractmethod
    def verify(self, request: Request) -> None:
        """Check that the platform itself is calling.

        Raises:
            Refused: when it is not.
        """

    @abc.abstractmethod
    def read(self, request: Request) -> list[Incoming]:
        """All events of a request that a patient should be answered for; others are left out.

        Raises:
            BadRequest: when the request is not in the platform's format.
        """

    @abc.abstractmethod
    async def send(self, session: aiohttp.ClientSession, message: Outgoing) -> None:
        """Hand one message over.

        Raises:
            Undeliverable: when trying again is useless.
            TryAgain: when it is not; so do errors of aiohttp and timeouts.
        """

    def acknowledge(self, request: Request) -> HTTPResponse:
        """What the platform is told at once."""
        return json({})

    def add_routes(self, routes: Blueprint) -> None:
        """Further routes of the platform."""

    async def special(self, conversation: str, incoming: Incoming) -> list[Said] | None:
        """Answers of the platform's own, such as to STOP; None for everything else."""
        return None

    async def noticed(self, session: aiohttp.ClientSession, incoming: Incoming) -> None:
        """Tell the platform that an event was noticed, where it wants to be told."""

    # -- requests -------------------------------------------------------------------------------------

    def blueprint(self, on_new_message: Handler) -> Blueprint:
        """The routes of the channel: none while it is off."""
        routes = Blueprint(self.name())
        if self.is_off():
            tell(self.name(), State.OFF)
            return routes
        missing = self.missing()
        if missing:
            tell(self.name(), State.DOWN)
            logger.error("The channel %s is down: %s is not set.", self.name(), ", ".join(missing))
            routes.add_route(_not_set_up, "/webhook", methods=["GET", "POST"], name="webhook")
            return routes
        tell(self.name(), State.READY)
        self._core = Core(on_new_message, self.name())
        routes.add_route(functools.partial(self._receive), "/webhook", methods=["POST"], name="webhook")
        self.add_routes(routes)

        @routes.listener("after_server_start")
        async def start(app: Sanic, *_: Any) -> None:
            self._core.agent = getattr(app.ctx, "agent", None)
            self._sweeping = self._background(self._sweep())

        @routes.listener("before_server_stop")
        async def stop(app: Sanic, *_: Any) -> None:
            self._sweeping.cancel()
            await self._core.finish()
            # What has been taken is answered and sent; what takes too long is found in the journal by the next start.
            if ending := self._work - {self._sweeping}:
                await asyncio.wait(ending, timeout=STOP_LIMIT)
            for task in list(self._work):
                task.cancel()
            if self._session is not None:
                await self._session.close()

        return routes

    async def _receive(self, request: Request) -> HTTPResponse:
        """Verify, keep, acknowledge; the answer comes later and by another way."""
        try:
            if len(request.body) > MAX_EVENTS_BODY:
                raise BadRequest("The request is too large.", 413)
            self.verify(request)
            incoming = self.read(request)
        except Refused:
            return json({"status": "error", "reason": "The request is not signed by the platform."}, status=401)
        except BadRequest as error:
            return json({"status": "error", "reason": str(error)}, status=error.status)
        except Exception as error:
            logger.error("A request on %s could not be read: %s.", self.name(), type(error).__name__)
            return json({"status": "error", "reason": "The request could not be read."}, status=400)
        for one in incoming:
            await self._take(one)
        return self.acknowledge(request)

    async def _take(self, incoming: Incoming) -> None:
        conversation, event = self._conversation(incoming), _key(incoming.event)
        try:
            await self._journal.open(conversation)
            claim = await self._journal.accept(conversation, event, asdict(incoming))
        except Exception as error:  # nothing can be kept, yet nobody is left with silence
            logger.error("An event on %s could not be kept: %s.", self.name(), type(error).__name__)
            self._background(self._apologise(incoming))
            return
        if claim is Claim.NEW:
            self._background(self._handle(conversation, event, incoming))

    def _conversation(self, incoming: Incoming) -> str:
        """The conversation's name in all stores: it tells nothing of the person, and no caller of REST can guess it."""
        channel = incoming.channel or self.name()
        return f"{channel}-{secret.mac(f'{channel} person', incoming.person).hex()[:32]}"

    # -- turns ----------------------------------------------------------------------------------------

    async def _handle(self, conversation: str, event: str, incoming: Incoming, tries: int = 0) -> None:
        self._pending.add((conversation, event))
        try:
            async with self._queue.turn(conversation):
                self._background(self._notice(incoming))
                if tries < MAX_TURNS:
                    said = await self._said(conversation, event, incoming, again=tries > 0)
                else:
                    said = messages(safety.fallback(plain(incoming.text)))
                options = [Option(secrets.token_urlsafe(16), text) for one in said for text in one.buttons]
                parcels = self._parcels(incoming.address, said, options)
                sending = [asdict(parcel) for parcel in parcels]
                finished = await self._journal.finish(
                    conversation, event, options=options, parcels=sending, anew=deleted(said)
                )
            if finished:
                await self._deliver(conversation)
        except Exception as error:  # the event stays in the journal and is taken up again
            logger.error("An event on %s was not answered yet: %s.", self.name(), type(error).__name__)
        finally:
            self._pending.discard((conversation, event))

    async def _said(self, conversation: str, event: str, incoming: Incoming, again: bool) -> list[Said]:
        special = await self.special(conversation, incoming)
        if special is not None:
            return special
        words = texts().messaging
        text = await self._words(conversation, incoming)
        if await self._rates.wait(self._rate, "messages", conversation):
            # Red flags are never held back.
            urgent = messages(safety.screen(text))
            told = urgent or await self._rates.wait("1/minute", "told", conversation)
            return urgent if told else [Said(words["too_fast"])]
        if incoming.kind == "start":
            said = [Said(words["greeting"], list(texts().suggestions))]
        elif incoming.kind == "no_words":
            said = [Said(words["no_words"])]
        elif incoming.button and not text:
            said = [Said(words["old_button"])]
        elif len(text.encode()) > MAX_BODY:
            said = [*messages(safety.screen(text[:MAX_BODY])), Said(words["too_long"])]
        else:
            said = messages(await self._core.turn(conversation, text, f"{self.name()}-{event}", again))
        return await self._with_privacy(conversation, incoming, said)

    async def _words(self, conversation: str, incoming: Incoming) -> str:
        """What the patient says, typed, pressed or by number."""
        if incoming.button:
            return await self._journal.option(conversation, incoming.button) or ""
        meant = outgoing.chosen(incoming.text, await self._journal.last_options(conversation))
        return meant or plain(incoming.text)

    async def _with_privacy(self, conversation: str, incoming: Incoming, said: list[Said]) -> list[Said]:
        """Say once what the channel is not fit for: first, but never before a red flag."""
        channel = incoming.channel or self.name()
        if channel not in clinics.current().general_information_only:
            return said
        if (await self._journal.notes(conversation)).get("told_privacy"):
            return said
        await self._journal.note(conversation, told_privacy=True)
        notice = Said(texts().messaging["general_information_only"])
        return [*said, notice] if any("escalation" in one.custom for one in said) else [notice, *said]

    def _parcels(self, address: dict[str, str], said: Sequence[Said], options: Sequence[Option]) -> list[Outgoing]:
        """The messages as the platform takes them: in parts, with buttons or numbers."""
        parcels: list[Outgoing] = []
        used = 0
        for one in said:
            mine = options[used : used + len(one.buttons)]
            buttons = [(option.text, option.token) for option in mine]
            text = one.text
            if buttons and not self.takes_buttons(buttons):
                text = outgoing.numbered(text, one.buttons, texts().messaging["choose"], used + 1)
                buttons = self.short_buttons(mine, used + 1)
            used += len(mine)
            parts = outgoing.split(text, self.limit) or [""]
            parcels += [Outgoing(address, part) for part in parts[:-1]]
            if parts[-1] or buttons:
                parcels.append(Outgoing(address, parts[-1], buttons))
        return parcels

    def takes_buttons(self, buttons: Sequence[tuple[str, str]]) -> bool:
        """Whether the platform can show these buttons."""
        return len(buttons) <= self.max_buttons

    def short_buttons(self, options: Sequence[Option], first: int) -> list[tuple[str, str]]:
        """Buttons beside a numbered list, where the platform has any."""
        return []

    async def _apologise(self, incoming: Incoming) -> None:
        """Answer without the journal and without Rasa: the red-flag text if there is one, and the honest apology."""
        said = messages(safety.fallback(plain(incoming.text)))
        for parcel in self._parcels(incoming.address, said, ()):
            try:
                await self.send(self._client(), parcel)
            except Exception as error:
                logger.error("An apology on %s could not be sent: %s.", self.name(), type(error).__name__)

    async def _notice(self, incoming: Incoming) -> None:
        try:
            await self.noticed(self._client(), incoming)
        except Exception as error:
            logger.warning("The platform %s could not be told of an event: %s.", self.name(), type(error).__name__)

    # -- delivery -------------------------------------------------------------------------------------

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=SEND_LIMIT)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=True)
        return self._session

    async def _deliver(self, conversation: str | None = None) -> None:
        """Send what is due, of one conversation or of all, each conversation's messages in their order."""
        while parcels := await self._journal.due(conversation):
            await asyncio.gather(*(self._send(parcel) for parcel in parcels))

    async def _send(self, parcel: Parcel) -> None:
        body = parcel.body
        message = Outgoing(body["address"], body["text"], [(title, token) for title, token in body["buttons"]])
        try:
            await self.send(self._client(), message)
        except Undeliverable as error:
            logger.error("A message on %s could not be delivered: %s.", self.name(), error)
            await self._journal.failed(parcel.id, str(error), again_in=None)
        except Exception as error:
            reason = str(error) if isinstance(error, TryAgain) else type(error).__name__
            tell(self.name(), State.DOWN)
            logger.error("A message on %s was not taken: %s.", self.name(), reason)
            wait = min(FIRST_RETRY * 2**parcel.tries, LAST_RETRY)
            named = min(error.after or 0.0, LONGEST_WAIT) if isinstance(error, TryAgain) else 0.0
            last = parcel.tries + 1 >= MAX_TRIES
            await self._journal.failed(parcel.id, reason, again_in=None if last else max(wait, named))
        else:
            tell(self.name(), State.READY)
            await self._journal.sent(parcel.id)

    async def _sweep(self) -> None:
        while True:
            try:
                await self._journal.renew(list(self._pending))
                for one in await self._journal.abandoned():
                    self._background(self._handle(one.conversation, one.id, Incoming(**one.payload), one.tries))
                await self._deliver()
            except Exception as error:
                logger.error("The journal of %s could not be read: %s.", self.name(), type(error).__name__)
            await asyncio.sleep(SWEEP)

    def _background(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task


def _key(event: str) -> str:
    """The event's id as the journal keeps it: platforms put names of people and chats into theirs."""
    return hashlib.sha256(event.encode("utf-8", "replace")).hexdigest()[:32]


async def _not_set_up(request: Request) -> HTTPResponse:
    return json({"status": "error", "reason": "This channel is not set up."}, status=503)


# -- reading foreign JSON -----------------------------------------------------------------------------


def json_of(body: bytes | str) -> dict[str, Any]:
    """The JSON object of a platform's request.

    Raises:
        BadRequest: when it is none.
    """
    try:
        value = jsons.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("The request is not valid JSON.") from None
    if not isinstance(value, dict):
        raise BadRequest("The request must be a JSON object.")
    return value


def at(value: Any, *path: str) -> Any:
    """What stands at a path of keys, or None where the way ends."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text_at(value: Any, *path: str) -> str:
    """The string or whole number at a path, as a string; "" for anything else."""
    found = at(value, *path)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) else ""


def list_at(value: Any, *path: str) -> list[dict[str, Any]]:
    """The objects of the list at a path."""
    found = at(value, *path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


async def answer_of(reply: aiohttp.ClientResponse) -> dict[str, Any]:
    """The JSON object that a platform answers with; empty when it is none."""
    try:
        return json_of(await reply.read())
    except BadRequest:
        return {}
