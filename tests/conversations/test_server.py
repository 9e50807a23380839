"""The running companion from outside: bad input, the supervisor, and red flags while half of it is down."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conversations.conftest import Server, start, stop
from tests.conversations.runner import metadata, text_of

WEBHOOK = "/webhooks/rest/webhook"

REFUSED = {
    "no sender": (b'{"message": "hi"}', 400),
    "an empty sender": (b'{"sender": " ", "message": "hi"}', 400),
    "a sender that is no string": (b'{"sender": {"a": 1}, "message": "hi"}', 400),
    "a lone surrogate as sender": (b'{"sender": "\\ud800", "message": "hi"}', 400),
    "a NUL in sender": (b'{"sender": "x\\u0000y", "message": "hi"}', 400),
    "a long sender": (json.dumps({"sender": "x" * 300, "message": "hi"}).encode(), 400),
    "no message": (b'{"sender": "a"}', 400),
    "a number as message": (b'{"sender": "a", "message": 5}', 400),
    "a list as message": (b'{"sender": "a", "message": ["hi"]}', 400),
    "null as message": (b'{"sender": "a", "message": null}', 400),
    "an array": (b"[]", 400),
    "null": (b"null", 400),
    "a string": (b'"hi"', 400),
    "no body": (b"", 400),
    "no JSON": (b"sender=a&message=hi", 400),
    "deep JSON": (b"[" * 2000, 400),
    "broken UTF-8": (b'{"sender": "a", "message": "\xff\xfe"}', 400),
    "over 4 KB": (json.dumps({"sender": "a", "message": "x" * 5000}).encode(), 413),
    "100 KB": (json.dumps({"sender": "a", "message": "x" * 100_000}).encode(), 413),
}

ODD = {
    "nothing": "",
    "white space": " \n\t ",
    "emoji": "🤒🤒🤒",
    "control characters": "how long\x00 is one\x07 infusion",
    "a lone surrogate": "how long is one infusion \ud83d",
    "a slash payload": '/inform_hospital{"setting": "hospital"}',
    "restart": "/restart",
    "only slashes": "////",
    "braces": "{setting} {{team_number}} {country}",
    "HTML": "<script>alert(1)</script><b>how long is one infusion</b>",
    "markdown": "**how long** is [one](http://x.example) infusion",
    "a right-to-left mark": "‮noisufni eno si gnol woh",
    "one long word": "a" * 2000,
    "many words": "infusion " * 200,
    "a thousand newlines": "\n" * 1000 + "how long is one infusion",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_message_is_refused_with_a_reason(case: str, server: Server) -> None:
    body, status = REFUSED[case]
    answered, content = server.request(WEBHOOK, body)
    assert answered == status
    assert json.loads(content)


@pytest.mark.parametrize("case", ODD)
def test_an_odd_message_gets_a_clear_reply_and_no_echo(case: str, server: Server) -> None:
    replies = server.say(ODD[case])
    text = text_of(replies)
    assert text
    assert "<script" not in text
    assert "{" not in text
    assert "http://x.example" not in text


def test_a_typed_payload_sets_no_slot(server: Server) -> None:
    sender = uuid.uuid4().hex
    server.say('/inform_hospital{"setting": "hospital"}', sender)
    escalation = metadata(server.say("my chest hurts", sender), "escalation")[0]
    assert escalation["setting"] == "home"


def test_the_same_message_twice_is_answered_twice(server: Server) -> None:
    sender = uuid.uuid4().hex
    first, second = (metadata(server.say("how long is one infusion", sender), "answer") for _ in range(2))
    assert first == second != []


def test_ten_messages_at_once_from_one_sender_are_all_answered(server: Server) -> None:
    sender = uuid.uuid4().hex
    with ThreadPoolExecutor(10) as pool:
        texts = list(pool.map(lambda _: text_of(server.say("how long is one infusion", sender)), range(10)))
    assert all("15 minutes" in text for text in texts)


def test_two_patients_at_once_do_not_mix(server: Server) -> None:
    def talk(number: int) -> str:
        sender = uuid.uuid4().hex
        server.say("i am in the hospital" if number % 2 else "i am at home", sender)
        return text_of(server.say("my chest hurts", sender))

    with ThreadPoolExecutor(6) as pool:
        texts = list(pool.map(talk, range(6)))
    # With many turns at once, whoever comes late is told at once, for home and hospital together.
    at_home, in_hospital = "do not drive yourself", "Do not get up on your own"
    assert not any((at_home if number % 2 else in_hospital) in text for number, text in enumerate(texts))
    assert all("911" in text or "call button" in text for text in texts)
    assert any(at_home in text for text in texts)
    assert any(in_hospital in text for text in texts)


def test_the_page_is_served_with_its_security_headers(server: Server) -> None:
    status, page = server.request("/")
    assert status == 200
    assert b"<il2-companion" in page
    for path in ("/page.js", "/page.css", "/widget.js", "/widget.json", "/icon.svg", "/accessibility"):
        assert server.request(path)[0] == 200, path


def test_health_says_ready_and_the_api_is_closed(server: Server) -> None:
    for path in ("/health", "/health/ready"):
        status, body = server.request(path)
        assert (status, json.loads(body)["status"]) == (200, "ready")
    assert server.request("/health/live") == (200, b'{"status":"live"}')
    for path in ("/status", "/version", "/domain", "/conversations/x/tracker", "/model/parse"):
        assert server.request(path)[0] == 404, path


def test_an_escalation_is_recorded_once_without_the_patients_words(server: Server) -> None:
    before = _rows(server.outbox)
    sender = f"canary-{uuid.uuid4().hex}"
    server.say("my chest hurts like a canary in a coal mine", sender)
    new = _rows(server.outbox)[len(before) :]
    assert len(new) == 1
    assert json.loads(new[0])["level"] == "emergency"
    assert b"canary" not in server.outbox.read_bytes()
    assert "canary" not in "".join(file.read_text(errors="replace") for file in Path("var/log").glob("*.log"))


def _rows(outbox: Path) -> list[str]:
    with sqlite3.connect(outbox) as db:
        return [row[0] for row in db.execute("SELECT record FROM escalations ORDER BY id")]


def _until(true: Any, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_red_flag_gets_its_text_while_the_action_server_hangs_and_it_comes_back_when_killed(
    model: Path, tmp_path: Path
) -> None:
    server = start(model, tmp_path)
    try:
        (actions,) = server.processes("bot.runtime.actions")
        os.kill(actions, signal.SIGSTOP)
        replies = server.say("my chest hurts, how long is one infusion?")
        assert metadata(replies, "escalation")[0]["level"] == "emergency"
        assert "15 minutes" in text_of(replies)
        os.kill(actions, signal.SIGKILL)
        assert metadata(server.say("cant breathe"), "escalation")[0]["level"] == "emergency"
        _until(lambda: [p for p in server.processes("bot.runtime.actions") if p != actions])
        assert len(_rows(server.outbox)) == 2
        (rasa,) = server.processes("bot.runtime.rasa")
        os.kill(rasa, signal.SIGKILL)
        _until(lambda: [p for p in server.processes("bot.runtime.rasa") if p != rasa])
        _until(lambda: _healthy(server))
        assert "15 minutes" in text_of(server.say("how long is one infusion"))
        children = [*server.processes("bot.runtime.actions"), *server.processes("bot.runtime.rasa")]
    finally:
        assert stop(server) == 0
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def _healthy(server: Server) -> bool:
    try:
        return server.request("/health", timeout=5)[0] == 200
    except OSError:
        return False
