"""REST: open without a secret; with one, only callers who know it."""

from __future__ import annotations

import hashlib
import hmac
import time
from types import SimpleNamespace
from typing import Any

import pytest

from bot.channels.access import KEY, TOKEN, WINDOW, check_caller
from bot.channels.checks import BadRequest

BODY = b'{"sender": "a", "message": "hi"}'


@pytest.fixture(autouse=True)
def _open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN, raising=False)
    monkeypatch.delenv(KEY, raising=False)


def _request(body: bytes = BODY, **headers: str) -> Any:
    return SimpleNamespace(headers={key.replace("_", "-"): value for key, value in headers.items()}, body=body)


def _signed(key: str = "key", at: float | None = None, body: bytes = BODY) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    signature = hmac.new(key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"x_il2_timestamp": stamp, "x_il2_signature": signature}


def _refused(request: Any) -> bool:
    try:
        check_caller(request)
    except BadRequest as error:
        return error.status == 401
    return False


def test_without_a_secret_everybody_may_call() -> None:
    assert not _refused(_request())


def test_with_a_token_only_its_bearer_may_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "token")
    assert not _refused(_request(authorization="Bearer token"))
    assert not _refused(_request(authorization="bearer  token"))
    for header in ("", "token", "Bearer", "Bearer ", "Bearer tokens", "Bearer toke", "Basic token", "Bearer tökén"):
        assert _refused(_request(authorization=header)), header
    assert _refused(_request(**_signed()))


def test_with_a_key_only_signed_requests_may_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "key")
    good = _signed()
    assert not _refused(_request(**good))
    assert not _refused(_request(**_signed(at=time.time() - WINDOW + 30)))
    for wrong in (
        {},
        _signed("another"),
        _signed(at=time.time() - WINDOW - 5),
        _signed(at=time.time() + WINDOW + 5),
        {**good, "x_il2_timestamp": str(int(good["x_il2_timestamp"]) - 1)},
        {**good, "x_il2_timestamp": "now"},
        {**good, "x_il2_timestamp": "9" * 50},
        {**good, "x_il2_signature": "é"},
        {**good, "x_il2_signature": ""},
    ):
        assert _refused(_request(**wrong)), wrong
    assert _refused(_request(BODY + b" ", **good))


def test_with_both_either_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "token")
    monkeypatch.setenv(KEY, "key")
    assert not _refused(_request(authorization="Bearer token"))
    assert not _refused(_request(**_signed()))
    assert _refused(_request())
