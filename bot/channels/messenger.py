"""Facebook Messenger: SHA-256 signature, every event of a request, quick replies."""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Any, ClassVar

import aiohttp
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, json, text

from bot.channels.checks import BadRequest
from bot.channels.journal import Journal, Option
from bot.channels.platform import (
    Incoming,
    Outgoing,
    Platform,
    Refused,
    TryAgain,
    Undeliverable,
    answer_of,
    at,
    json_of,
    list_at,
    text_at,
)

TITLE = 20
"""Characters of a quick reply's title."""
START = "start"
"""Payload of the page's Get started button, as docs/integrators.md has it set up."""
PERMANENT = frozenset({10, 100, 200, 230, 551})
"""Graph errors that another attempt does not change: no permission, no such person, the person is not available."""


class MessengerInput(Platform):
    """``GET`` and ``POST /webhooks/messenger/webhook``; echoes, reads and deliveries are left alone."""

    variables: ClassVar[tuple[str, ...]] = ("MESSENGER_PAGE_TOKEN", "MESSENGER_APP_SECRET", "MESSENGER_VERIFY_TOKEN")
    limit: ClassVar[int] = 2000
    max_buttons: ClassVar[int] = 13
    api_default: ClassVar[str] = "https://graph.facebook.com"

    def __init__(
        self, api: str = "", rate: str = "20/minute", graph_version: str = "v26.0", journal: Journal | None = None
    ) -> None:
        """Take the version of the Graph API beside what all platforms take."""
        super().__init__(api, rate, journal)
        self._version = graph_version

    @classmethod
    def name(cls) -> str:
        """The name in the URL."""
        return "messenger"

    def add_routes(self, routes: Blueprint) -> None:
        """Facebook asks here whether the address is ours."""
        routes.add_route(functools.partial(self._subscribe), "/webhook", methods=["GET"], name="subscribe")

    async def _subscribe(self, request: Request) -> HTTPResponse:
        given = request.args.get("hub.verify_token", "")
        mine = self._env("MESSENGER_VERIFY_TOKEN")
        good = hmac.compare_digest(given.encode("utf-8", "replace"), mine.encode())
        if request.args.get("hub.mode") != "subscribe" or not good:
            return json({"status": "error", "reason": "The verify token is another."}, status=403)
        challenge = re.sub(r"[^\w-]", "", request.args.get("hub.challenge", ""), flags=re.ASCII)
        return text(challenge[:200])

    def verify(self, request: Request) -> None:
        """Check X-Hub-Signature-256."""
        algorithm, _, signature = request.headers.get("x-hub-signature-256", "").partition("=")
        mine = hmac.new(self._env("MESSENGER_APP_SECRET").encode(), request.body, hashlib.sha256).hexdigest()
        if algorithm != "sha256" or not hmac.compare_digest(signature.encode("utf-8", "replace"), mine.encode()):
            raise Refused

    def read(self, request: Request) -> list[Incoming]:
        """All events of all entries."""
        body = json_of(request.body)
        if body.get("object") != "page" or not isinstance(body.get("entry"), list):
            raise BadRequest("This is no event of a page.")
        events = [event for entry in list_at(body, "entry") for event in list_at(entry, "messaging")]
        return [incoming for event in events if (incoming := _incoming(event)) is not None]

    def acknowledge(self, request: Request) -> HTTPResponse:
        """The words of Facebook's own examples."""
        return text("EVENT_RECEIVED")

    def takes_buttons(self, buttons: Sequence[tuple[str, str]]) -> bool:
        """Quick replies are short; longer titles become a numbered list."""
        return super().takes_buttons(buttons) and all(len(title) <= TITLE for title, _ in buttons)

    def short_buttons(self, options: Sequence[Option], first: int) -> list[tuple[str, str]]:
        """The numbers of the list as quick replies."""
        return [(str(number), option.token) for number, option in enumerate(options[: self.max_buttons], first)]

    async def send(self, session: aiohttp.ClientSession, message: Outgoing) -> None:
        """Send one message, proving that the app itself is calling."""
        token = self._env("MESSENGER_PAGE_TOKEN")
        proof = hmac.new(self._env("MESSENGER_APP_SECRET").encode(), token.encode(), hashlib.sha256).hexdigest()
        said: dict[str, Any] = {"text": message.text}
        if message.buttons:
            said["quick_replies"] = [
                {"content_type": "text", "title": title, "payload": token} for title, token in message.buttons
            ]
        body = {"recipient": message.address, "messaging_type": "RESPONSE", "message": said, "appsecret_proof": proof}
        async with session.post(
            f"{self._api}/{self._version}/me/messages", json=body, headers={"Authorization": f"Bearer {token}"}
        ) as reply:
            if reply.status == 200:
                return
            answer = await answer_of(reply)
            code = at(answer, "error", "code")
            reason = f"Messenger {reply.status} {code if isinstance(code, int) else ''}".strip()
            raise Undeliverable(reason) if code in PERMANENT else TryAgain(reason)


def _incoming(event: dict[str, Any]) -> Incoming | None:
    person = text_at(event, "sender", "id")
    if not person:
        return None
    address = {"id": person}
    message, postback = at(event, "message"), at(event, "postback")
    if isinstance(postback, dict):
        payload = text_at(postback, "payload") or "-"
        key = text_at(postback, "mid") or f"{person}:{text_at(event, 'timestamp')}:{payload}"
        if payload == START:
            return Incoming(key, person, address, kind="start")
        return Incoming(key, person, address, button=payload)
    if not isinstance(message, dict) or message.get("is_echo") or not text_at(message, "mid"):
        return None
    words = text_at(message, "text")
    button = text_at(message, "quick_reply", "payload")
    return Incoming(text_at(message, "mid"), person, address, words, button, "words" if words or button else "no_words")
