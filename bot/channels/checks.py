"""What is no request is refused with a reason, and what is no text is cleaned, before Rasa sees it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

MAX_BODY = 4096
"""Bytes of a request body."""
MAX_SENDER = 128
"""Characters of a conversation id."""
MAX_MESSAGE_ID = 64
"""Characters of a message's id."""


class BadRequest(ValueError):
    """A request that is not what the channel expects; the text is the reason given to the caller."""

    def __init__(self, reason: str, status: int = 400) -> None:
        """Keep the HTTP status beside the reason."""
        super().__init__(reason)
        self.status = status


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object of a request body.

    Raises:
        BadRequest: over :data:`MAX_BODY` (413), no UTF-8, no JSON, or no object (400).
    """
    if len(body) > MAX_BODY:
        raise BadRequest(f"The request is over {MAX_BODY} bytes. Please send a shorter message.", 413)
    try:
        value = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadRequest("The request is not UTF-8 text.") from None
    except (ValueError, RecursionError):
        raise BadRequest("The request is not valid JSON.") from None
    if not isinstance(value, dict):
        raise BadRequest('The request must be a JSON object such as {"sender": "...", "message": "..."}.')
    return value


def check_sender(value: Any) -> str:
    """A usable conversation id.

    Raises:
        BadRequest: when it is missing, no string, empty, too long or holds characters that are no text.
    """
    if not isinstance(value, str) or not value.strip():
        raise BadRequest("sender is missing: send the id of the conversation as a string.")
    if len(value) > MAX_SENDER:
        raise BadRequest(f"sender is over {MAX_SENDER} characters.")
    if not _is_text(value):
        raise BadRequest("sender holds characters that are no text.")
    return value


def check_message_id(value: Any) -> str:
    """An id that a caller has chosen for a message.

    Raises:
        BadRequest: when it is no string, empty, too long or holds characters that are no text.
    """
    if not isinstance(value, str) or not value.strip():
        raise BadRequest("message_id is no id: send a string, new for each message, or leave it out.")
    if len(value) > MAX_MESSAGE_ID:
        raise BadRequest(f"message_id is over {MAX_MESSAGE_ID} characters.")
    if not _is_text(value):
        raise BadRequest("message_id holds characters that are no text.")
    return value


def _is_text(value: str) -> bool:
    return not any(unicodedata.category(character) in ("Cc", "Cs", "Cn") for character in value)


def check_message(value: Any) -> str:
    """The text of a message as the bot reads it; see :func:`plain`.

    Raises:
        BadRequest: when it is missing or no string.
    """
    if not isinstance(value, str):
        raise BadRequest("message is missing: send the patient's text as a string.")
    return plain(value)


_LEADING = "/\\\uff0f\u2044\u2215\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""Slashes in all their forms, and the invisible characters that can stand before one."""


def plain(text: str) -> str:
    """Text without what is no text: control characters and lone surrogates become spaces, leading slashes go.

    A leading slash would make Rasa read the text as a command. The rest of the text is untouched.
    """
    spaced = "".join(
        " " if unicodedata.category(c) in ("Cc", "Cs") and c != "\n" else c for c in text.replace("\r\n", "\n")
    )
    while spaced[:1].isspace() or spaced[:1] in tuple(_LEADING):
        spaced = spaced.lstrip().lstrip(_LEADING)
    return spaced.strip()
