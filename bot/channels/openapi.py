"""``/openapi.json``: the description of REST and of the website's channel for programs."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml
from rasa.core.channels.channel import InputChannel
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot.channels.core import Handler

FILE = Path(__file__).with_name("openapi.yml")


@functools.cache
def description() -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return document


class OpenApiInput(InputChannel):
    """Takes no messages; serves the description from the server's root."""

    @classmethod
    def name(cls) -> str:
        """The name of the channel."""
        return "openapi"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> OpenApiInput:
        """There is nothing to configure."""
        return cls()

    def url_prefix(self) -> str:
        """The root, not ``/webhooks/openapi``."""
        return "/"

    def blueprint(self, on_new_message: Handler) -> Blueprint:
        """The one route."""
        routes = Blueprint("openapi")

        @routes.get("/openapi.json")
        async def describe(request: Request) -> HTTPResponse:
            return json(description(), headers={"Cache-Control": "public, max-age=60"})

        return routes
