"""Logs without a word of a patient's: every line is JSON, and nothing that could hold a patient's text is in one.

Rasa, Sanic and other libraries put texts, conversation ids and whole trackers into their messages, at every level and
most of all when something fails; Rasa's own hook for it (``get_anonymization_pipeline``) covers some keys of some
messages. So this guard works on the other side: Python's factory of log records, which all of them go through. Of a
record of foreign code only its place, its level, the name of its event and the types of its errors are kept. Our own
code writes no texts (CONTRIBUTING.md), so its messages stay; of its errors too only the type and the place are kept.

Before the first patient is heard, foreign messages pass as they are: why a server does not start must be readable.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

OWN = ("bot", "actions", "__main__")
"""Code whose messages hold no text of a patient's."""
TURN = "turn"
"""The key under which a record of ours carries figures of a turn."""
FRAMES = 8
"""Places of an error that are named, the innermost last."""
WITH_TEXT = "IL2_LOG_TEXT"
"""``1`` switches the guard off, for development with invented patients; production refuses it."""

_EVENT = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+")
_heard = threading.Event()


def a_patient_is_heard() -> None:
    """From now on foreign messages may hold patients' words."""
    _heard.set()


def guard() -> None:
    """Keep patients' words out of every log record, warning and traceback of this process."""
    if os.environ.get(WITH_TEXT) == "1":
        return
    logging.setLogRecordFactory(_record)
    logging.raiseExceptions = False  # a line that cannot be written would be shown with its arguments
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)  # warnings are for developers
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def write() -> None:
    """Write the records of this process to standard output, each as one line of JSON; in place of other handlers."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(allow=[TURN]),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(os.environ.get("LOG_LEVEL", "WARNING").upper())
    logging.getLogger("bot").setLevel(logging.INFO)


def _record(
    name: str | None,
    level: int,
    pathname: str,
    lineno: int,
    msg: object,
    args: Any,
    exc_info: Any,
    func: str | None = None,
    sinfo: str | None = None,
) -> logging.LogRecord:
    own = not name or name.partition(".")[0] in OWN  # a copy of a record is made without a name and filled later
    if not own and _heard.is_set():
        msg, args = _withheld(msg, f"{_place(pathname)}:{lineno}"), None
    error = exc_info[1] if isinstance(exc_info, tuple) else None
    if error is not None and _heard.is_set():
        # The text of the error goes, with whatever the formatter would have made of it.
        msg, args, exc_info = f"{_filled(msg, args)} [{describe(error)}]", None, None
    return logging.LogRecord(name or "", level or 0, pathname, lineno, msg, args, exc_info, func, None)


def _withheld(msg: object, place: str) -> str:
    """What is told of a foreign message: the name of its event, if it is one of structlog's, and its place."""
    event, errors = "", ""
    if isinstance(msg, str) and msg.startswith("{"):
        try:
            said = json.loads(msg)
            event = str(said.get("event", "")) if isinstance(said, dict) else ""
            errors = ", ".join(str(error["exc_type"]) for error in said.get("exception") or ())
        except (ValueError, TypeError, KeyError, AttributeError):
            pass
    named = event if _EVENT.fullmatch(event) else "message withheld"
    return f"{named} ({place})" + (f" [{errors}]" if errors.replace(", ", "").isidentifier() else "")


def _filled(msg: object, args: Any) -> str:
    try:
        return str(msg) % args if args else str(msg)
    except (TypeError, ValueError):
        return str(msg)


def describe(error: BaseException) -> str:
    """An error's type and where it was raised, and the same of what caused it: no text, no values."""
    told = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        frames = traceback.extract_tb(one.__traceback__)[-FRAMES:]
        places = " > ".join(f"{_place(frame.filename)}:{frame.lineno}" for frame in frames)
        told.append(f"{type(one).__name__} at {places}" if places else type(one).__name__)
        one = one.__cause__ or one.__context__
    return " from ".join(told)


def _place(pathname: str) -> str:
    return "/".join(Path(pathname).parts[-2:])


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is None or not _heard.is_set():
        traceback.print_exception(kind, error, trace)
    else:
        print(f"Ended by {describe(error.with_traceback(trace))}", file=sys.stderr)
