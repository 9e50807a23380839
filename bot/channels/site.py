"""The site: the pages and the widget, calendar files, and ``/health``: 200 only once a real message can be answered."""

from __future__ import annotations

import logging
import time
import uuid
from datetime import date
from typing import Any

from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, json, raw

from bot import dates, safety
from bot.channels import pages
from bot.channels.core import Collector, Handler
from bot.channels.status import channels
from bot.content import FAQ

logger = logging.getLogger(__name__)

PROBE = "How long is one infusion?"
PROBE_AGAIN = 20.0
"""Seconds for which a good probe counts."""


class SiteInput(InputChannel):
    """Serves the page and the health check from the server's root."""

    def __init__(self) -> None:
        """Nothing is probed yet."""
        self._good_until, self._answered = 0.0, False

    @classmethod
    def name(cls) -> str:
        """The name of the channel."""
        return "site"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> SiteInput:
        """There is nothing to configure."""
        return cls()

    def url_prefix(self) -> str:
        """The root, not ``/webhooks/site``."""
        return "/"

    def blueprint(self, on_new_message: Handler) -> Blueprint:
        """The routes of the site."""
        routes = Blueprint("site")

        @routes.get("/health")
        async def health(request: Request) -> HTTPResponse:
            ready = await self._ready(on_new_message, request.app.ctx.agent)
            body: dict[str, Any] = {"status": "ready" if ready else "starting"}
            messaging = channels()
            return json(body | ({"channels": messaging} if messaging else {}), status=200 if ready else 503)

        @routes.get("/calendar.ics")
        async def calendar(request: Request) -> HTTPResponse:
            try:
                plan = dates.entries(dates.Dates(**{k: date.fromisoformat(v[0]) for k, v in request.args.items()}))
                file = dates.ics(plan, safety.texts())
            except (TypeError, ValueError, OverflowError):
                reason = "Name the days as first_day=2026-10-03, last_dose=... or scan=..., each YYYY-MM-DD."
                return json({"status": "error", "reason": reason}, status=400)
            disposition = {"Content-Disposition": 'attachment; filename="il2-dates.ics"'}
            return raw(file, content_type="text/calendar; charset=utf-8", headers={**pages.SECURITY, **disposition})

        for path in pages.files():
            if path != "/":
                routes.add_route(_file, path, name=f"file_{path.strip('/').replace('.', '_')}")

        @routes.listener("before_server_start")
        async def front_page(app: Sanic, *_: Any) -> None:
            # Rasa keeps the route "/" for its own greeting, so the page answers before routing.
            async def serve(request: Request) -> HTTPResponse | None:
                return await _file(request) if request.path == "/" and request.method == "GET" else None

            app.register_middleware(serve, "request")

        return routes

    async def _ready(self, handler: Handler, agent: Any) -> bool:
        """Whether a real question gets a real answer.

        The first probe is a whole turn; later ones only understand the question, so that no conversation is stored.
        """
        if time.monotonic() < self._good_until:
            return True
        try:
            if self._answered:
                understood = bool((await agent.parse_message(PROBE))["intent"]["name"] == FAQ)
            else:
                collector = Collector()
                await handler(UserMessage(PROBE, collector, f"health-{uuid.uuid4().hex}", input_channel=self.name()))
                understood = any("answer" in (message.get("custom") or {}) for message in collector.messages)
        except Exception as error:
            logger.error("The health probe failed: %s.", type(error).__name__)
            understood = False
        self._answered = self._answered or understood
        self._good_until = time.monotonic() + PROBE_AGAIN if understood else 0.0
        return understood


async def _file(request: Request) -> HTTPResponse:
    return pages.files()[request.path].answer(request)
