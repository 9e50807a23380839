"""No word of a patient's passes the guard: foreign messages, errors, tracebacks; our own messages and the turn do."""

from __future__ import annotations

import functools
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bot import logs

CANARY = "my chest hurts canary"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written at DEBUG once a patient is heard; all of logging is put back afterwards."""
    out, root = io.StringIO(), logging.root
    before = (logging.getLogRecordFactory(), root.handlers[:], root.level, logging.raiseExceptions)
    hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    heard = threading.Event()
    monkeypatch.setattr(logs, "_heard", heard)
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.delenv(logs.WITH_TEXT, raising=False)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", out)
    logs.guard()
    logs.write()
    heard.set()
    yield out
    logging.setLogRecordFactory(before[0])
    root.handlers[:], logging.raiseExceptions = before[1], before[3]
    root.setLevel(before[2])
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)


def _raise() -> None:
    try:
        raise KeyError(CANARY)
    except KeyError as cause:
        raise ValueError(f"broken by {CANARY}") from cause


def _lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("name", ["rasa.core.processor", "sanic.error", "sqlalchemy.engine", "aiohttp.client", "root"])
@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL])
def test_a_foreign_message_is_told_by_its_place_alone(
    name: str, level: int, written: io.StringIO, request: pytest.FixtureRequest
) -> None:
    logger = logging.getLogger(name)
    request.addfinalizer(functools.partial(logger.setLevel, logger.level))
    request.addfinalizer(functools.partial(setattr, logger, "propagate", logger.propagate))
    logger.setLevel(logging.DEBUG)
    logger.propagate = True
    logger.log(level, f"said {CANARY}", extra={"text": CANARY})
    logger.log(level, "said %s", CANARY)
    logger.log(level, "said %(text)s", {"text": CANARY})
    logger.log(level, json.dumps({"event": f"a {CANARY}", "text": CANARY, "exception": [{"exc_type": CANARY}]}))
    try:
        _raise()
    except ValueError:
        logger.log(level, "failed with %s", CANARY, exc_info=True, stack_info=True)
    assert "canary" not in written.getvalue()
    assert "ValueError at" in written.getvalue()
    assert "KeyError at" in written.getvalue()
    assert all("test_logs.py" in line["event"] for line in _lines(written))


def test_the_name_of_a_structured_event_is_kept(written: io.StringIO) -> None:
    said = {"event": "rest.message.received.failure", "text": CANARY, "exception": [{"exc_type": "LockError"}]}
    logging.getLogger("rasa.core.channels").error(json.dumps(said))
    assert written.getvalue().count("rest.message.received.failure") == 1
    assert "[LockError]" in written.getvalue()
    assert "canary" not in written.getvalue()


def test_our_own_messages_stay_but_for_the_text_of_errors(written: io.StringIO) -> None:
    try:
        _raise()
    except ValueError:
        logging.getLogger("bot.channels.core").exception("A turn on %s failed", "rest")
    assert "A turn on rest failed [ValueError at unit/test_logs.py:" in written.getvalue()
    assert "canary" not in written.getvalue()


def test_figures_of_a_turn_are_a_part_of_their_line(written: io.StringIO) -> None:
    logging.getLogger("bot.channels.observe").info("turn", extra={logs.TURN: {"milliseconds": 12}})
    assert _lines(written)[0]["turn"] == {"milliseconds": 12}


def test_what_nobody_caught_is_told_without_its_text(written: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.guard()  # pytest has set hooks and streams of its own for this phase
    monkeypatch.setattr(sys, "stderr", written)
    thread = threading.Thread(target=_raise)
    thread.start()
    thread.join()
    try:
        _raise()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    assert written.getvalue().count("Ended by ValueError") == 2
    assert "canary" not in written.getvalue()


def test_before_the_first_patient_the_reason_of_a_failed_start_is_readable(written: io.StringIO) -> None:
    logs._heard.clear()
    logging.getLogger("rasa.core.agent").error("Could not load model due to a broken file.")
    assert "a broken file" in written.getvalue()


def test_development_may_switch_the_guard_off(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = logging.getLogRecordFactory()
    monkeypatch.setenv(logs.WITH_TEXT, "1")
    logs.guard()
    assert logging.getLogRecordFactory() is factory
