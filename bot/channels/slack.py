"""Slack: Events API and buttons, signed; direct messages and mentions."""

from __future__ import annotations

import hashlib
import hmac
import html
import re
import time
from typing import Any, ClassVar
from urllib.parse import parse_qs

import aiohttp
from sanic.request import Request
from sanic.response import HTTPResponse, empty, json

from bot.channels.checks import BadRequest
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

WINDOW = 300
"""Seconds that a signature is good for."""
TITLE = 75
"""Characters of a button's text."""
ROW = 5
"""Buttons in one block; more go into further blocks."""
TEMPORARY = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
    # The app's own settings are at fault, and may be put right.
    | {"invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive", "missing_scope"}
)


class SlackInput(Platform):
    """``POST /webhooks/slack/webhook`` for events and for pressed buttons."""

    variables: ClassVar[tuple[str, ...]] = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET")
    limit: ClassVar[int] = 3000
    max_buttons: ClassVar[int] = 50
    api_default: ClassVar[str] = "https://slack.com"

    @classmethod
    def name(cls) -> str:
        """The name in the URL."""
        return "slack"

    def verify(self, request: Request) -> None:
        """Check the v0 signature, at most five minutes old."""
        stamp = request.headers.get("x-slack-request-timestamp", "")
        if not re.fullmatch(r"\d{1,12}", stamp, re.ASCII) or abs(time.time() - int(stamp)) > WINDOW:
            raise Refused
        signed = b":".join((b"v0", stamp.encode(), request.body))
        mine = "v0=" + hmac.new(self._env("SLACK_SIGNING_SECRET").encode(), signed, hashlib.sha256).hexdigest()
        given = request.headers.get("x-slack-signature", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), mine.encode()):
            raise Refused

    def read(self, request: Request) -> list[Incoming]:
        """The message of an event, or the pressed buttons of an interaction."""
        if request.content_type.startswith("application/x-www-form-urlencoded"):
            return self._pressed(request)
        body = json_of(request.body)
        event = at(body, "event")
        if body.get("type") == "url_verification":
            return []
        if body.get("type") != "event_callback" or not isinstance(event, dict):
            raise BadRequest("This is no event.")
        kind, channel, stamp = event.get("type"), text_at(event, "channel"), text_at(event, "ts")
        direct = kind == "message" and event.get("channel_type") == "im"
        if not (direct or kind == "app_mention") or not (channel and stamp and text_at(event, "user")):
            return []
        if event.get("bot_id") or event.get("subtype") not in (None, "file_share", "thread_broadcast"):
            return []  # the bot's own words, edits, joins
        address = {"channel": channel}
        thread = text_at(event, "thread_ts") or ("" if direct else stamp)
        if thread:
            address["thread_ts"] = thread
        text = _plain(text_at(event, "text"))
        # A mention in a direct message is two events of one message, so its time stands for both.
        key = f"{channel}:{stamp}"
        person = _person(text_at(body, "team_id"), text_at(event, "user"), channel)
        return [Incoming(key, person, address, text, kind="words" if text else "no_words")]

    def _pressed(self, request: Request) -> list[Incoming]:
        try:
            payload = json_of(parse_qs(request.body.decode())["payload"][0])
        except (KeyError, ValueError) as error:
            raise error if isinstance(error, BadRequest) else BadRequest("payload is missing.") from None
        channel, user = text_at(payload, "channel", "id"), text_at(payload, "user", "id")
        if payload.get("type") != "block_actions" or not (channel and user):
            return []
        address = {"channel": channel}
        if text_at(payload, "message", "thread_ts"):
            address["thread_ts"] = text_at(payload, "message", "thread_ts")
        person = _person(text_at(payload, "team", "id"), user, channel)
        pressed = [(text_at(a, "action_ts"), text_at(a, "value") or "-") for a in list_at(payload, "actions")]
        return [Incoming(f"{channel}:{stamp}", person, address, button=token) for stamp, token in pressed]

    def acknowledge(self, request: Request) -> HTTPResponse:
        """Nothing, or the word that Slack wants back when the address is entered."""
        if request.content_type.startswith("application/json"):
            body = json_of(request.body)
            if body.get("type") == "url_verification":
                return json({"challenge": text_at(body, "challenge")})
        return empty(status=200)

    async def send(self, session: aiohttp.ClientSession, message: Outgoing) -> None:
        """Post one message with its buttons as blocks; the text is plain, so nothing of it is read as markup."""
        body: dict[str, Any] = {**message.address, "text": html.escape(message.text, quote=False), "mrkdwn": False}
        body["unfurl_links"] = False
        if message.buttons:
            body["blocks"] = _blocks(message)
        headers = {"Authorization": f"Bearer {self._env('SLACK_BOT_TOKEN')}"}
        async with session.post(f"{self._api}/api/chat.postMessage", json=body, headers=headers) as reply:
            answer = await answer_of(reply)
            if reply.status == 200 and answer.get("ok") is True:
                return
            error = text_at(answer, "error")
            reason = f"Slack {reply.status} {re.sub(r'[^a-z_]', '', error)}".strip()
            after = reply.headers.get("Retry-After", "")
            if reply.status != 200 or not error or error in TEMPORARY:
                raise TryAgain(reason, float(after) if after.isdigit() else None)
            raise Undeliverable(reason)


def _blocks(message: Outgoing) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if message.text:
        blocks.append({"type": "section", "text": {"type": "plain_text", "text": message.text, "emoji": False}})
    buttons = [
        {
            "type": "button",
            "action_id": f"choice-{number}",
            "text": {"type": "plain_text", "text": title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"},
            "value": token,
        }
        for number, (title, token) in enumerate(message.buttons, 1)
    ]
    rows = [buttons[start : start + ROW] for start in range(0, len(buttons), ROW)]
    return [*blocks, *({"type": "actions", "elements": row} for row in rows)]


def _person(team: str, user: str, channel: str) -> str:
    return f"{team}:{user}:{channel}"


def _plain(text: str) -> str:
    """What was typed: without mentions, links as their words, Slack's three escapes undone."""
    text = re.sub(r"<[@!][^>]*>", " ", text)
    text = re.sub(r"<[^>|]*\|([^>]*)>", r"\1", text)
    text = re.sub(r"<([^>]*)>", r"\1", text)
    for escaped, sign in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(escaped, sign)
    return " ".join(text.split(" ")).strip()
