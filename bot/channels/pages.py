"""The pages and files of the site: the demo page, the accessibility statement and the widget.

Everything is made once at the first request: pages are filled in with the clinic's details, each file is compressed and
gets an entity tag, so that a browser that has it gets an empty 304.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template

from sanic.request import Request
from sanic.response import HTTPResponse, raw

from bot import clinic as clinics
from bot.channels.texts import texts
from bot.content import leaflets

WEB = Path(__file__).parent.parent / "web"
HTML = "text/html; charset=utf-8"
JAVASCRIPT = "text/javascript; charset=utf-8"
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Browsers mind it over HTTPS only.
    "Strict-Transport-Security": "max-age=31536000",
}
PLAIN = {
    **SECURITY,
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""For whatever is no page: nothing may be loaded, framed or kept."""
# The widget is for other websites too; with this they may check its hash (SRI).
SHARED = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


@dataclass(frozen=True)
class File:
    """What is sent for one address."""

    content: bytes
    kind: str
    headers: dict[str, str] = field(default_factory=dict)

    @functools.cached_property
    def packed(self) -> bytes:
        """The content in gzip, the same bytes each time."""
        return gzip.compress(self.content, 9, mtime=0)

    @functools.cached_property
    def tag(self) -> str:
        """Changes with the content."""
        return f'W/"{hashlib.sha256(self.content).hexdigest()[:24]}"'

    def answer(self, request: Request) -> HTTPResponse:
        """The response to a request: compressed if the browser takes it, empty if it has the file already."""
        headers = {**SECURITY, **self.headers, "Cache-Control": "no-cache", "ETag": self.tag, "Vary": "Accept-Encoding"}
        if self.tag in request.headers.get("if-none-match", ""):
            return raw(b"", status=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return raw(self.packed, content_type=self.kind, headers={**headers, "Content-Encoding": "gzip"})
        return raw(self.content, content_type=self.kind, headers=headers)


@functools.cache
def files() -> dict[str, File]:
    """All addresses of the site with what they give."""
    return {
        "/": File(_filled("index.html"), HTML),
        "/accessibility": File(_filled("accessibility.html"), HTML),
        "/page.css": File(_read("page.css"), "text/css; charset=utf-8"),
        "/page.js": File(_read("page.js"), JAVASCRIPT),
        "/icon.svg": File(_read("icon.svg"), "image/svg+xml"),
        "/widget.js": File(_read("widget.js"), JAVASCRIPT, SHARED),
        "/widget.json": File(_read("widget.json"), "application/json", SHARED),
    }


def _read(name: str) -> bytes:
    return (WEB / name).read_bytes()


def _filled(name: str) -> bytes:
    """A page with the clinic's details in the place of its ``$names``."""
    clinic = clinics.current()
    details = clinics.details(clinic)
    lines: list[Mapping[str, str | None]] = [clinics.team_line(clinic), *clinics.public_lines(clinic)]
    calls = [f'<a href="{escape(str(line["tel"]))}">{escape(str(line["label"]))}</a>' for line in lines if line["tel"]]
    questions = map(escape, texts().suggestions)
    asks = [f'<li><button type="button" data-ask="{question}">{question}</button></li>' for question in questions]
    rows = [map(escape, (leaflet.title, leaflet.country, leaflet.year)) for leaflet in leaflets().values()]
    values = {
        "clinic": escape(clinic.name),
        "team_number": escape(details["team_number"].rstrip(",")),
        "emergency_number": escape(details["emergency_number"]),
        "calls": "\n".join(calls),
        "asks": "\n".join(asks),
        "leaflets": "\n".join(
            f'<tr><th scope="row">{title}</th><td>{country}</td><td>{year}</td></tr>' for title, country, year in rows
        ),
        **json.loads(_read("widget.json")),
    }
    return Template((WEB / name).read_text(encoding="utf-8")).substitute(values).encode()
