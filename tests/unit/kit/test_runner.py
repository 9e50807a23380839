"""The conversation runner and recorder: what differs is shown, and what is recorded passes."""

from __future__ import annotations

import asyncio
import builtins
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conversations import record, runner

ANSWER = {"text": "Fifteen minutes.", "custom": {"answer": {"id": "faq/length"}}, "buttons": [{"title": "More"}]}
ALARM = {"text": "Call now.\nDo not wait.", "custom": {"escalation": {"level": "urgent"}}}
DECLINE = {"text": "Ask your team.", "custom": {"referral": {"reason": "prognosis"}}}


class Scripted:
    """A bot that gives the prepared replies in turn."""

    def __init__(self, *replies: list[dict[str, Any]], slots: dict[str, Any] | None = None) -> None:
        self.replies, self.slots, self.heard = list(replies), slots, list[str]()

    async def say(self, text: str) -> list[dict[str, Any]]:
        self.heard.append(text)
        return self.replies.pop(0)

    async def context(self) -> dict[str, Any] | None:
        return self.slots


def run(turns: list[dict[str, Any]], bot: Scripted) -> list[str]:
    return asyncio.run(runner.run(turns, bot))


@pytest.mark.parametrize(
    ("wanted", "replies"),
    [
        ({"answers": ["length"]}, [ANSWER]),
        ({"any_of": ["other", "length"]}, [ANSWER]),
        ({"level": "none"}, [ANSWER]),
        ({"level": "urgent"}, [ALARM]),
        ({"referral": "prognosis"}, [DECLINE]),
        ({"buttons": ["More"]}, [ANSWER]),
        ({"contains": ["fifteen MINUTES"]}, [ANSWER]),
        ({"lacks": ["hour"]}, [ANSWER]),
        ({"text": "Call now.\nDo not wait.\n\nFifteen minutes."}, [ALARM, ANSWER]),
    ],
)
def test_what_comes_as_wanted_is_no_problem(wanted: dict[str, Any], replies: list[dict[str, Any]]) -> None:
    assert run([{"say": "x", **wanted}], Scripted(replies)) == []


@pytest.mark.parametrize(
    ("wanted", "replies", "said"),
    [
        ({"answers": ["length"]}, [ALARM], "answers are [] instead of ['length']"),
        ({"any_of": ["other"]}, [ANSWER], "none of ['other']"),
        ({"level": "none"}, [ALARM], "level is urgent instead of none"),
        ({"level": "urgent"}, [ANSWER], "level is none instead of urgent"),
        ({"referral": "prognosis"}, [ANSWER], "referral is [] instead of prognosis"),
        ({"buttons": ["Less"]}, [ANSWER], "no button 'Less' among ['More']"),
        ({"contains": ["hour"]}, [ANSWER], "lacks 'hour'"),
        ({"lacks": ["minutes"]}, [ANSWER], "holds 'minutes'"),
        ({}, [], "no reply"),
    ],
)
def test_what_does_not_come_as_wanted_is_named(
    wanted: dict[str, Any], replies: list[dict[str, Any]], said: str
) -> None:
    (found,) = run([{"say": "how long?", **wanted}], Scripted(replies))
    assert "turn 1, 'how long?'" in found
    assert said in found


def test_a_text_that_differs_is_shown_line_by_line() -> None:
    (found,) = run([{"say": "x", "text": "Call at once.\nDo not wait."}], Scripted([ALARM]))
    assert "    - Call at once.\n    + Call now.\n      Do not wait." in found


def test_the_context_is_compared_where_it_can_be_seen() -> None:
    turn = {"say": "i am at home", "context": {"setting": "home"}}
    assert run([turn], Scripted([ANSWER], slots={"setting": "home"})) == []
    assert "setting is None instead of 'home'" in run([turn], Scripted([ANSWER], slots={"setting": None}))[0]
    assert run([turn], Scripted([ANSWER], slots=None)) == []


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.yml"
    file.write_text("turns:\n- say: hi\n  anwsers: [x]\n")
    with pytest.raises(AssertionError, match="anwsers"):
        runner.load(file)


def test_a_recorded_chat_is_a_file_that_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["how long?", "oops", ":drop", "it hurts", ":save"])
    monkeypatch.setattr(builtins, "input", lambda _: next(typed))
    turns = asyncio.run(record.chat(Scripted([ANSWER], [DECLINE], [ALARM, ANSWER]), exact=True))
    file = tmp_path / "folder" / "a_name.yml"
    record.write(turns, file)
    read = runner.load(file)
    assert [turn["say"] for turn in read] == ["how long?", "it hurts"]
    assert read[1]["level"] == "urgent"
    assert run(read, Scripted([ANSWER], [ALARM, ANSWER])) == []
    assert len(run(read, Scripted([ANSWER], [ANSWER]))) == 1
    assert "text: |" in file.read_text()


def test_a_recording_never_overwrites_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a_name.yml"
    file.write_text("mine")
    with pytest.raises(FileExistsError):
        record.write([{"say": "x"}], file)
    assert file.read_text() == "mine"


@pytest.fixture
def companion() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that answers as the REST channel does, and what it was sent."""
    sent: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append({"path": self.path, **json.loads(self.rfile.read(int(self.headers["Content-Length"])))})
            body = json.dumps([ANSWER]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", sent
    server.shutdown()


def test_a_live_conversation_goes_over_rest_with_one_sender(companion: tuple[str, list[dict[str, Any]]]) -> None:
    address, sent = companion
    turns = yaml.safe_load("[{say: hi, answers: [length], context: {setting: home}}, {say: again, level: none}]")
    assert asyncio.run(runner.run(turns, runner.Live(address))) == []
    assert [row["message"] for row in sent] == ["hi", "again"]
    assert {row["path"] for row in sent} == {runner.WEBHOOK}
    assert len({row["sender"] for row in sent}) == 1
