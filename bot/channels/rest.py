"""The REST channel: the stock shape of Rasa's, with checks, a deadline and never an empty reply.

A caller may name a message (``message_id``); sent again under that name it is answered once, with the same replies.
"""

from __future__ import annotations

from typing import Any

from rasa.core.channels.channel import InputChannel
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot.channels.access import check_caller
from bot.channels.checks import BadRequest, check_message, check_message_id, check_sender, parse_json
from bot.channels.core import Core, Handler
from bot.channels.journal import Journal, SqlJournal
from bot.channels.once import Once


class RestInput(InputChannel):
    """``POST /webhooks/rest/webhook`` with ``{"sender": ..., "message": ...}`` and, if wanted, ``"message_id"``."""

    def __init__(self, journal: Journal | None = None) -> None:
        """Take where replies to messages with an id are kept; it has a default."""
        self._journal = journal or SqlJournal(self.name())

    @classmethod
    def name(cls) -> str:
        """The name in the URL."""
        return "rest"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> RestInput:
        """There is nothing to configure."""
        return cls()

    def blueprint(self, on_new_message: Handler) -> Blueprint:
        """The routes of the channel."""
        routes = Blueprint("rest")
        core = Core(on_new_message, self.name())
        once = Once(core, self._journal, self.name())

        @routes.listener("after_server_start")
        async def start(app: Sanic, *_: Any) -> None:
            core.agent = getattr(app.ctx, "agent", None)

        @routes.listener("before_server_stop")
        async def stop(app: Sanic, *_: Any) -> None:
            await core.finish()
            await once.stop()

        @routes.get("/")
        async def alive(request: Request) -> HTTPResponse:
            return json({"status": "ok"})

        @routes.post("/webhook")
        async def receive(request: Request) -> HTTPResponse:
            try:
                check_caller(request)
                body = parse_json(request.body)
                sender, text = check_sender(body.get("sender")), check_message(body.get("message"))
                message_id = check_message_id(body["message_id"]) if "message_id" in body else None
            except BadRequest as error:
                return json({"status": "error", "reason": str(error)}, status=error.status)
            if message_id is None:
                return json(await once.unnamed(sender, text))
            return json(await once.turn(sender, text, message_id))

        return routes
