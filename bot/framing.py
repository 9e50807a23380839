"""Refuses a request whose length makes no sense, before its body is read.

Sanic 21.12 takes any number for a length: with ``Content-Length: -1`` and one byte its reader goes round for ever
without giving way, and the server answers nobody any more; a length that is no number ends in a 500. The head of a
request can be looked at in Sanic's own signal, which is where this stands.
"""

from __future__ import annotations

import re
from typing import Any

from sanic.exceptions import InvalidUsage
from sanic.request import Request

EVENT = "http.lifecycle.request"
"""Sanic's signal between the head of a request and its body."""


async def check_framing(request: Request, **_: Any) -> None:
    """Let a request pass whose end can be told in one way.

    Raises:
        InvalidUsage: for everything else (400).
    """
    lengths, codings = request.headers.getall("content-length", []), request.headers.getall("transfer-encoding", [])
    if codings:
        good = codings == ["chunked"] and not lengths
    else:
        good = not lengths or (len(lengths) == 1 and bool(re.fullmatch(r"\d{1,12}", lengths[0], re.ASCII)))
    if not good:
        raise InvalidUsage("The length of the request makes no sense.")
