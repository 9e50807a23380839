"""SMS and WhatsApp over Twilio: signed requests, numbered options, the words that phone companies ask for."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import aiohttp
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, empty, raw

from bot import safety
from bot.channels.checks import BadRequest, plain
from bot.channels.platform import PUBLIC_URL, Incoming, Outgoing, Platform, Refused, TryAgain, Undeliverable, answer_of
from bot.channels.replies import Said, messages
from bot.channels.texts import texts

STOP = frozenset({"stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "optout", "opt out", "revoke"})
"""A message of such a word alone ends the messages; Twilio knows the same words."""
START = frozenset({"start", "unstop"})
HELP = frozenset({"help", "info"})


class TwilioInput(Platform):
    """``POST /webhooks/twilio/webhook`` for incoming messages, ``/status`` for what became of outgoing ones."""

    variables: ClassVar[tuple[str, ...]] = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")
    needs_public_url: ClassVar[bool] = True
    limit: ClassVar[int] = 1600
    api_default: ClassVar[str] = "https://api.twilio.com"

    @classmethod
    def name(cls) -> str:
        """The name in the URL."""
        return "twilio"

    def _url(self, request: Request) -> str:
        """The address as Twilio called it."""
        query = f"?{request.query_string}" if request.query_string else ""
        return f"{self._env(PUBLIC_URL).rstrip('/')}{request.path}{query}"

    def verify(self, request: Request) -> None:
        """Check X-Twilio-Signature and that the account is ours."""
        form = _form(request)
        signature = request.headers.get("x-twilio-signature", "")
        mine = [_signature(self._env("TWILIO_AUTH_TOKEN"), url, form) for url in _spellings(self._url(request))]
        # All are compared, so that the time tells nothing.
        if sum(hmac.compare_digest(signature.encode("utf-8", "replace"), one) for one in mine) == 0:
            raise Refused
        if form.first("AccountSid") != self._env("TWILIO_ACCOUNT_SID"):
            raise Refused

    def read(self, request: Request) -> list[Incoming]:
        """The one message of the request."""
        form = _form(request)
        event, sender, own = form.first("MessageSid"), form.first("From"), form.first("To")
        if not (event and sender and own):
            raise BadRequest("MessageSid, From and To are needed.")
        text = form.first("Body")
        kind = "words" if text.strip() else "no_words"
        return [Incoming(event, sender, {"From": own, "To": sender}, text, kind=kind, channel=_channel(sender))]

    def acknowledge(self, request: Request) -> HTTPResponse:
        """An empty TwiML document: the answer is sent through the API."""
        return raw(b'<?xml version="1.0" encoding="UTF-8"?><Response/>', content_type="text/xml")

    def add_routes(self, routes: Blueprint) -> None:
        """Twilio reports here what became of a message."""
        routes.add_route(functools.partial(self._status), "/status", methods=["POST"], name="status")

    async def _status(self, request: Request) -> HTTPResponse:
        try:
            self.verify(request)
        except (Refused, BadRequest):
            return empty(status=401)
        form = _form(request)
        status, person = form.first("MessageStatus"), form.first("To")
        if status in ("failed", "undelivered"):
            conversation = self._conversation(Incoming("", person, {}, channel=_channel(person)))
            code = re.sub(r"\D", "", form.first("ErrorCode"))[:6]
            await self._journal.lost(conversation, f"Twilio {status} {code}".strip())
        return empty()

    async def special(self, conversation: str, incoming: Incoming) -> list[Said] | None:
        """STOP, START and HELP; whoever has said STOP is told only whom to call in danger."""
        words, text = texts().messaging, plain(incoming.text)
        word = re.sub(r"[^a-z ]", "", text.casefold()).strip()
        if word in STOP:
            await self._journal.note(conversation, stopped=True)
            # On SMS Twilio confirms by itself and takes nothing more; on WhatsApp it does not.
            return [Said(words["stopped"])] if incoming.channel == "whatsapp" else []
        if word in START:
            await self._journal.note(conversation, stopped=False)
            return [Said(words["started"])]
        if (await self._journal.notes(conversation)).get("stopped"):
            return messages(safety.screen(text))
        return [Said(words["help"])] if word in HELP else None

    async def send(self, session: aiohttp.ClientSession, message: Outgoing) -> None:
        """Post one message."""
        account = self._env("TWILIO_ACCOUNT_SID")
        form = {**message.address, "Body": message.text}
        form["StatusCallback"] = f"{self._env(PUBLIC_URL).rstrip('/')}/webhooks/{self.name()}/status"
        async with session.post(
            f"{self._api}/2010-04-01/Accounts/{account}/Messages.json",
            data=form,
            auth=aiohttp.BasicAuth(account, self._env("TWILIO_AUTH_TOKEN")),
        ) as reply:
            if reply.status < 300:
                return
            answer = await answer_of(reply)
            reason = f"Twilio {reply.status} {answer.get('code', '')}".strip()
            # 401 and 403: the account is at fault and may be put right; 408 and 429: slow or too fast.
            if 400 <= reply.status < 500 and reply.status not in (401, 403, 408, 429):
                raise Undeliverable(reason)
            raise TryAgain(reason)


def _signature(token: str, url: str, form: _Form) -> bytes:
    """What Twilio signs: the address, then each field's name and values in the order of the names."""
    fields = "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    return base64.b64encode(hmac.new(token.encode(), f"{url}{fields}".encode(), hashlib.sha1).digest())


def _spellings(url: str) -> list[str]:
    """The address without and with its port: Twilio signs either."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.netloc.rpartition("@")[2].partition(":")[0]
    return [parts._replace(netloc=netloc).geturl() for netloc in (host, f"{host}:{port}")]


class _Form(dict[str, list[str]]):
    """The fields of a form, each with all its values."""

    def first(self, name: str) -> str:
        """The first value of a field, or ""."""
        return self.get(name, [""])[0]


def _form(request: Request) -> _Form:
    """The form of the request, empty values included: they are signed too.

    Raises:
        BadRequest: when it is none.
    """
    try:
        return _Form(parse_qs(request.body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict"))
    except ValueError:
        raise BadRequest("The request is not a form.") from None


def _channel(address: str) -> str:
    return "whatsapp" if address.startswith("whatsapp:") else "sms"
