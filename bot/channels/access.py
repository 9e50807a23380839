"""Who may call REST: everybody, or, once a secret is set, only callers who know it."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time

from sanic.request import Request

from bot.channels.checks import BadRequest

TOKEN, KEY = "IL2_REST_TOKEN", "IL2_REST_HMAC_KEY"
"""Environment variables: a bearer token, and a key that requests are signed with."""
WINDOW = 300
"""Seconds that a signature is good for, before and after its time."""


def check_caller(request: Request) -> None:
    """Let a caller pass who sends the token or a good signature; everybody where neither secret is set.

    Raises:
        BadRequest: for everybody else, with status 401.
    """
    token, key = os.environ.get(TOKEN), os.environ.get(KEY)
    if not token and not key:
        return
    if token and _has_token(request, token):
        return
    if key and _is_signed(request, key):
        return
    raise BadRequest("Not authorised: send the bearer token, or sign the request.", 401)


def _has_token(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and _same(given.strip(), token)


def _is_signed(request: Request, key: str) -> bool:
    """``X-IL2-Signature`` is the hexadecimal HMAC-SHA256 of the timestamp, a dot and the body."""
    stamp = request.headers.get("x-il2-timestamp", "")
    if not re.fullmatch(r"\d{1,12}", stamp, re.ASCII) or abs(time.time() - int(stamp)) > WINDOW:
        return False
    mine = hmac.new(key.encode(), stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    return _same(request.headers.get("x-il2-signature", ""), mine)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())
