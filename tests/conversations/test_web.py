"""The website's channel of the running companion: a whole conversation, retries, other websites, deletion."""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.canary import canary
from tests.conversations.conftest import Server


class Page:
    """A patient's browser."""

    def __init__(self, server: Server) -> None:
        self._server, self.token = server, ""
        self.greeting = self.call("POST", "/conversations", {})[1]
        self.token = self.greeting["token"]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}", **headers}
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self._server.port}/webhooks/web{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                content = answer.read()
                return answer.status, json.loads(content) if content else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def send(self, event: str = "", **said: str) -> list[dict[str, Any]]:
        status, body = self.call("POST", "/messages", {"id": event or uuid.uuid4().hex, **said})
        assert status == 200, body
        messages: list[dict[str, Any]] = body["messages"]
        return messages


@pytest.fixture
def page(server: Server) -> Page:
    return Page(server)


def test_an_answer_has_sources_and_differences_beside_its_text_and_nowhere_twice(page: Page) -> None:
    (message,) = page.send(text="can i have the flu jab?")
    assert message["answer"]["leaflets_differ"] is True
    assert {"kca", "goodrx", "macmillan", "aldesleukin_iv", "upmc"} >= {
        source["id"] for source in message["answer"]["sources_text"]
    }
    assert "leaflets differ" in message["answer"]["differ"]
    assert "Source:" not in message["text"]
    assert "leaflets differ" not in message["text"]


def test_a_red_flag_then_the_setting_by_button_then_the_reminder_until_it_is_acknowledged(page: Page) -> None:
    (message,) = page.send(text="my chest hurts")
    assert message["escalation"]["level"] == "emergency"
    assert [line["tel"] for line in message["escalation"]["numbers"]] == ["tel:911", "tel:999", "tel:112"]
    home = next(button for button in message["buttons"] if button["title"] == "I am at home")
    assert "keep that in mind" in page.send(button=home["token"])[0]["text"]
    assert "not called yet" in page.send(text="what is contrast dye?")[0]["text"]
    status, body = page.call("POST", "/acknowledge", {"level": "emergency"})
    assert status == 200
    assert "Good that you called" in body["messages"][0]["text"]
    assert "not called yet" not in page.send(text="how long is one infusion?")[0]["text"]


def test_the_hospitals_words_of_acknowledging_end_the_reminder_too(page: Page) -> None:
    page.send(text="i am in the hospital")
    page.send(text="i have a fever of 39")
    assert "Good that you" in page.call("POST", "/acknowledge", {"level": "urgent"})[1]["messages"][0]["text"]
    assert "not told" not in page.send(text="how long is one infusion?")[0]["text"]


def test_a_second_tab_and_a_retry_see_the_same_and_run_one_turn(page: Page) -> None:
    event = uuid.uuid4().hex
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: page.send(event, text="how long is one infusion?"), range(5)))
    assert answers == [answers[0]] * 5
    said = page.call("GET", "/messages")[1]["messages"]
    assert [message["from"] for message in said] == ["bot", "patient", "bot"]
    assert said[2:] == answers[0]


@pytest.mark.parametrize("suggestion", range(4))
def test_the_suggested_questions_are_answered(page: Page, suggestion: int) -> None:
    question = page.call("GET", "/config")[1]["suggestions"][suggestion]
    assert "answer" in page.send(text=question)[0], question


def test_another_website_is_refused_and_gets_no_leave_to_read(page: Page, server: Server) -> None:
    status, body = page.call("POST", "/messages", {"id": uuid.uuid4().hex, "text": "hi"}, Origin="https://evil.example")
    assert (status, body["status"]) == (403, "error")
    url = f"http://127.0.0.1:{server.port}/webhooks/web/messages"
    asked = urllib.request.Request(url, headers={"Origin": "https://evil.example"}, method="OPTIONS")
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_deleted_conversation_is_in_no_store(page: Page, server: Server) -> None:
    word = canary()
    page.send(text=f"{word} how long is one infusion?")
    tracker, journal = Path("var/conversations.db"), server.outbox.with_name("journal.db")
    assert word in _dump(tracker)
    assert word in _dump(journal)
    assert page.call("DELETE", "/conversation") == (204, None)
    assert page.call("GET", "/messages")[0] == 401
    assert word not in _dump(tracker)
    assert word not in _dump(journal)


def _dump(file: Path) -> str:
    with sqlite3.connect(file) as db:
        return "\n".join(db.iterdump())
