"""The REST channel: the stock shape of Rasa's, with checks, a deadline and never an empty reply."""

from __future__ import annotations

from typing import Any

from rasa.core.channels.channel import InputChannel
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot.channels.access import check_caller
from bot.channels.checks import BadRequest, check_message, check_sender, parse_json
from bot.channels.core import Core, Handler


class RestInput(InputChannel):
    """``POST /webhooks/rest/webhook`` with ``{"sender": ..., "message": ...}``."""

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
        routes.listener("before_server_stop")(core.finish)

        @routes.listener("after_server_start")
        async def start(app: Sanic, *_: Any) -> None:
            core.agent = getattr(app.ctx, "agent", None)

        @routes.get("/")
        async def alive(request: Request) -> HTTPResponse:
            return json({"status": "ok"})

        @routes.post("/webhook")
        async def receive(request: Request) -> HTTPResponse:
            try:
                check_caller(request)
                body = parse_json(request.body)
                sender, text = check_sender(body.get("sender")), check_message(body.get("message"))
            except BadRequest as error:
                return json({"status": "error", "reason": str(error)}, status=error.status)
            return json(await core.turn(sender, text))

        return routes
