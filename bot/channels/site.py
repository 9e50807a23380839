"""The site: pages and widget, calendar files, and ``/health``: 200 only while a real message can be answered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from datetime import date
from typing import Any

from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import BaseHTTPResponse, HTTPResponse, json, raw

from bot import action_server, dates, framing, logs, metrics, safety
from bot.channels import pages, status
from bot.channels.core import Collector, Handler
from bot.channels.erase import erase
from bot.content import FAQ
from bot.stores import health as stores

logger = logging.getLogger(__name__)

PROBE = "How long is one infusion?"
PROBE_AGAIN = 2.0
"""Seconds for which a good probe counts."""
PROBE_LIMIT = 3.0
"""Seconds that a probe may take."""


class SiteInput(InputChannel):
    """Serves the page and the health check from the server's root."""

    def __init__(self) -> None:
        """Nothing is probed yet."""
        self._good_until, self._answered = 0.0, False
        self._probing = asyncio.Lock()

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
        routes.signal(framing.EVENT)(framing.check_framing)

        async def ready(request: Request) -> HTTPResponse:
            good = await self._ready(on_new_message, request.app.ctx.agent)
            word = (
                "ready" if good else "stopping" if status.stopping() else "not ready" if self._answered else "starting"
            )
            body: dict[str, Any] = {"status": word}
            if messaging := status.channels():
                body["channels"] = messaging
            if shared := stores.states(request.app.ctx.agent):
                body["stores"] = shared
            return json(body, status=200 if good else 503)

        async def live(request: Request) -> HTTPResponse:
            return json({"status": "live"})

        routes.add_route(ready, "/health")
        routes.add_route(ready, "/health/ready", name="health_ready")
        routes.add_route(live, "/health/live")

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

        @routes.listener("after_server_start")
        async def open_to_patients(app: Sanic, *_: Any) -> None:
            logs.a_patient_is_heard()

        @routes.listener("before_server_stop")
        async def stop(app: Sanic, *_: Any) -> None:
            status.stop()

        @routes.listener("before_server_start")
        async def front_page(app: Sanic, *_: Any) -> None:
            # Rasa keeps the route "/" for its own greeting, so the page answers before routing.
            async def serve(request: Request) -> HTTPResponse | None:
                return await _file(request) if request.path == "/" and request.method == "GET" else None

            app.register_middleware(serve, "request")
            app.register_middleware(_secure, "response")
            metrics.serve(status.channels)

        @routes.listener("after_server_start")
        async def limit_actions(app: Sanic, *_: Any) -> None:
            action_server.limit(app.ctx.agent)

        return routes

    async def _ready(self, handler: Handler, agent: Any) -> bool:
        """Whether a real question gets a real answer.

        The first probe, and one after a turn has failed, is a whole turn; others only understand the question.
        """
        async with self._probing:
            doubted = status.doubted()
            good = not status.stopping() and await stores.ready(agent)
            if good and (doubted or time.monotonic() >= self._good_until):
                try:
                    probe = self._probe(handler, agent, whole=doubted or not self._answered)
                    good = await asyncio.wait_for(probe, PROBE_LIMIT)
                except Exception as error:
                    logger.error("The health probe failed: %s.", type(error).__name__)
                    good = False
                self._answered = self._answered or good
                self._good_until = time.monotonic() + PROBE_AGAIN if good else 0.0
                if doubted and not good:
                    status.doubt()
            metrics.READY.set(good)
            return good

    async def _probe(self, handler: Handler, agent: Any, whole: bool) -> bool:
        if not whole:
            return bool((await agent.parse_message(PROBE))["intent"]["name"] == FAQ)
        collector, sender = Collector(), f"health-{uuid.uuid4().hex}"
        await handler(UserMessage(PROBE, collector, sender, input_channel=self.name()))
        with contextlib.suppress(Exception):
            await erase(agent.tracker_store, sender)
        return any("answer" in (message.get("custom") or {}) for message in collector.messages)


async def _file(request: Request) -> HTTPResponse:
    return pages.files()[request.path].answer(request)


async def _secure(request: Request, response: BaseHTTPResponse) -> None:
    """What every answer carries, of whatever route, if it says nothing else."""
    for name, value in pages.PLAIN.items():
        response.headers.setdefault(name, value)
