"""Telegram, straight on its Bot API: secret token, private chats, inline buttons, plain text."""

from __future__ import annotations

import hmac
from typing import Any, ClassVar

import aiohttp
from sanic.request import Request

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
    text_at,
)


class TelegramInput(Platform):
    """``POST /webhooks/telegram/webhook``; edits, reactions, groups and other bots are left alone."""

    variables: ClassVar[tuple[str, ...]] = ("TELEGRAM_BOT_TOKEN", "TELEGRAM_SECRET_TOKEN")
    limit: ClassVar[int] = 4096
    max_buttons: ClassVar[int] = 100
    api_default: ClassVar[str] = "https://api.telegram.org"

    @classmethod
    def name(cls) -> str:
        """The name in the URL."""
        return "telegram"

    def verify(self, request: Request) -> None:
        """Compare the secret token that was given to Telegram with the webhook's address."""
        given = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._env("TELEGRAM_SECRET_TOKEN").encode()):
            raise Refused

    def read(self, request: Request) -> list[Incoming]:
        """The one update of the request."""
        update = json_of(request.body)
        event = text_at(update, "update_id")
        if not event:
            raise BadRequest("update_id is missing.")
        pressed = at(update, "callback_query")
        if isinstance(pressed, dict):
            return self._pressed(event, pressed)
        message = at(update, "message")
        chat = text_at(message, "chat", "id")
        if not chat or at(message, "chat", "type") != "private" or at(message, "from", "is_bot") is True:
            return []
        text = text_at(message, "text") or text_at(message, "caption")
        kind = "words" if text else "no_words"
        if text.split(maxsplit=1)[:1] in (["/start"], ["/help"]):
            kind = "start"
        return [Incoming(event, chat, {"chat_id": chat}, text, kind=kind)]

    def _pressed(self, event: str, pressed: dict[str, Any]) -> list[Incoming]:
        # A very old message comes without its chat; in a private chat the chat is the person.
        chat = text_at(pressed, "message", "chat", "id") or text_at(pressed, "from", "id")
        kind = at(pressed, "message", "chat", "type")
        if not chat or kind not in ("private", None):
            return []
        address = {"chat_id": chat, "pressed": text_at(pressed, "id")}
        return [Incoming(event, chat, address, button=text_at(pressed, "data") or "-")]

    async def noticed(self, session: aiohttp.ClientSession, incoming: Incoming) -> None:
        """Stop the button's waiting sign."""
        if incoming.address.get("pressed"):
            await self._call(session, "answerCallbackQuery", {"callback_query_id": incoming.address["pressed"]})

    async def send(self, session: aiohttp.ClientSession, message: Outgoing) -> None:
        """Send one message, without a parse mode: text is text."""
        body: dict[str, Any] = {"chat_id": message.address["chat_id"], "text": message.text}
        body["link_preview_options"] = {"is_disabled": True}
        if message.buttons:
            rows = [[{"text": title, "callback_data": token}] for title, token in message.buttons]
            body["reply_markup"] = {"inline_keyboard": rows}
        await self._call(session, "sendMessage", body)

    async def _call(self, session: aiohttp.ClientSession, method: str, body: dict[str, Any]) -> None:
        async with session.post(f"{self._api}/bot{self._env('TELEGRAM_BOT_TOKEN')}/{method}", json=body) as reply:
            answer = await answer_of(reply)
            if reply.status == 200 and answer.get("ok") is True:
                return
            reason = f"Telegram {reply.status}"
            if reply.status == 429:
                raise TryAgain(reason, float(text_at(answer, "parameters", "retry_after") or 0))
            # 403: blocked by the person; 400: no such chat. 401 and 404: a wrong token, which may be put right.
            if reply.status in (400, 403):
                raise Undeliverable(reason)
            raise TryAgain(reason)
