"""The secret of this installation, the keys made from it (one for each purpose), and who may read what is written."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
from pathlib import Path

SECRET_FILE = Path("var/secret")


def keep_to_this_user() -> None:
    """Have what this process and those that it starts write from now on be for this user alone."""
    os.umask(0o077)


def secret() -> bytes:
    """``IL2_SECRET``, or one made at the first use and kept in ``var/secret`` for all processes of the machine."""
    given = os.environ.get("IL2_SECRET")
    if given:
        return given.encode()
    return _kept() or _make()


def _kept() -> bytes:
    return SECRET_FILE.read_bytes() if SECRET_FILE.is_file() else b""


def _make() -> bytes:
    """Make the secret, once: of several processes that find none, one makes it and the others wait and read it."""
    SECRET_FILE.parent.mkdir(parents=True, exist_ok=True)
    draft, lock = (SECRET_FILE.with_name(f"{SECRET_FILE.name}.{kind}") for kind in ("draft", "lock"))
    with lock.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if kept := _kept():
            return kept
        # Written whole under another name first: no process ever sees an empty or half a secret.
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_hex(32).encode())
        draft.replace(SECRET_FILE)
        return SECRET_FILE.read_bytes()


def mac(purpose: str, text: str) -> bytes:
    """HMAC-SHA256 of a text (32 bytes) under a key of its own for the purpose: what one key signs, no other accepts."""
    key = hmac.new(secret(), purpose.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode("utf-8", "replace"), hashlib.sha256).digest()
