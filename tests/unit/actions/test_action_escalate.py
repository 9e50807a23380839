"""The actions: whatever fails in them, the server answers, and nothing of the patient stands in a log or a record."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker, EventVerbosity
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.action_escalate import ActionEscalate
from actions.base import SafeAction
from bot.escalations import Escalation, Outbox, conversation_hash

SENDER = "jane.doe@example.org"
TEXT = "my secret fever is 39"
FINDINGS = [
    {"symptom": "fever", "level": "urgent"},
    {"symptom": "chills", "level": "soon"},
    {"symptom": "fever", "level": "urgent"},
    {"symptom": "rash", "level": "none"},
]
URGENT = {"level": "urgent", "findings": FINDINGS}


@pytest.fixture(autouse=True)
def _own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IL2_OUTBOX", str(tmp_path / "escalations.db"))
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")


class FakeOutbox:
    def __init__(self, error: Exception | None = None) -> None:
        self.records: list[Escalation] = []
        self.error = error

    def record(self, escalation: Escalation) -> None:
        if self.error:
            raise self.error
        self.records.append(escalation)


def _state(message_id: str = "message-1", **assessment: Any) -> dict[str, Any]:
    """The tracker exactly as Rasa sends it to an action."""
    tracker = DialogueStateTracker(SENDER, [])
    intent = {"name": "red_flag_urgent", "confidence": 1.0}
    data: dict[str, Any] = {"intent": intent, "entities": [], "text": TEXT}
    if assessment:
        data["assessment"] = assessment
    event = UserUttered(TEXT, intent, parse_data=data, input_channel="rest", message_id=message_id)  # type: ignore[arg-type]
    tracker.update(event, Domain.empty())
    return dict(tracker.current_state(EventVerbosity.ALL))


def _run(action: SafeAction, state: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    dispatcher = CollectingDispatcher()
    events = asyncio.run(action.run(dispatcher, Tracker.from_dict(state), {}))
    return events, dispatcher.messages


# -- the base class --------------------------------------------------------------------------------


class Failing(SafeAction):
    action_name = "action_failing"

    def __init__(self, error: Exception | None = None) -> None:
        # The server registers every action class of the process, this one too.
        self.error = error or RuntimeError()

    def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        raise self.error


@pytest.mark.parametrize(
    "error", [RuntimeError(TEXT), KeyError(TEXT), OSError(5, TEXT), RecursionError(TEXT), UnicodeError(TEXT)]
)
def test_an_action_never_raises_and_logs_only_the_type_of_the_error(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert _run(Failing(error), _state()) == ([], [])
    assert [record.getMessage() for record in caplog.records if record.name == "actions.base"] == [
        f"action_failing failed: {type(error).__name__}."
    ]
    assert "secret" not in caplog.text
    assert all(record.exc_info is None for record in caplog.records if record.name == "actions.base")


def test_an_action_without_its_work_cannot_be_made_nor_registered() -> None:
    class Empty(SafeAction):
        action_name = "action_empty"

    with pytest.raises(TypeError):
        Empty()  # type: ignore[abstract]


def test_what_an_action_says_and_returns_is_passed_on() -> None:
    class Polite(SafeAction):
        action_name = "action_polite"

        def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Any:
            dispatcher.utter_message(text="Hello")
            return [{"event": "slot", "name": "a", "value": 1}]

    events, messages = _run(Polite(), _state())
    assert events == [{"event": "slot", "name": "a", "value": 1}]
    assert [message["text"] for message in messages] == ["Hello"]
    assert Polite().name() == "action_polite"


# -- the escalation --------------------------------------------------------------------------------


def test_a_red_flag_is_recorded_with_level_symptoms_channel_and_a_hash() -> None:
    outbox = FakeOutbox()
    assert _run(ActionEscalate(outbox), _state(**URGENT)) == ([], [])  # type: ignore[arg-type]
    assert outbox.records == [
        Escalation("message-1", conversation_hash(SENDER), "urgent", ("fever", "chills"), "rest", "")
    ]


def test_the_setting_of_the_conversation_is_recorded() -> None:
    outbox = FakeOutbox()
    state = _state(**URGENT)
    state["slots"] = {"setting": "hospital"}
    _run(ActionEscalate(outbox), state)  # type: ignore[arg-type]
    assert outbox.records[0].setting == "hospital"


@pytest.mark.parametrize("assessment", [{}, {"level": "none", "findings": []}, {"findings": FINDINGS}])
def test_a_message_without_a_level_is_not_recorded(assessment: dict[str, Any]) -> None:
    outbox = FakeOutbox()
    assert _run(ActionEscalate(outbox), _state(**assessment)) == ([], [])  # type: ignore[arg-type]
    assert outbox.records == []


def test_a_conversation_without_a_message_is_not_recorded() -> None:
    outbox = FakeOutbox()
    state = {**_state(), "latest_message": None}
    assert _run(ActionEscalate(outbox), state) == ([], [])  # type: ignore[arg-type]
    assert outbox.records == []


def test_a_level_without_findings_is_still_recorded() -> None:
    outbox = FakeOutbox()
    _run(ActionEscalate(outbox), _state(level="emergency", findings=[]))  # type: ignore[arg-type]
    assert [record.level for record in outbox.records] == ["emergency"]


def test_the_same_message_handled_twice_is_one_record(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "escalations.db")
    for _ in range(2):
        _run(ActionEscalate(outbox), _state(**URGENT))
    _run(ActionEscalate(outbox), _state("message-2", **URGENT))
    assert outbox.counts() == {"pending": 2}


def test_an_outbox_that_fails_leaves_the_action_silent(caplog: pytest.LogCaptureFixture) -> None:
    broken = FakeOutbox(OSError(f"disk full while writing {TEXT} of {SENDER}"))
    assert _run(ActionEscalate(broken), _state(**URGENT)) == ([], [])  # type: ignore[arg-type]
    assert "action_escalate failed: OSError." in caplog.text
    assert "secret" not in caplog.text
    assert "jane" not in caplog.text


def test_no_file_holds_the_patients_words_or_id(tmp_path: Path) -> None:
    _run(ActionEscalate(), _state(**URGENT))
    content = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"fever" in content
    for word in (b"secret", b"my ", b"jane", b"example.org"):
        assert word not in content.replace(conversation_hash(SENDER).encode(), b"")


# -- over HTTP -------------------------------------------------------------------------------------


def _server() -> Any:
    from rasa_sdk.endpoint import create_app
    from sanic import Sanic

    Sanic.test_mode = True
    Sanic._app_registry.clear()
    return create_app("actions")


def _request(**fields: Any) -> dict[str, Any]:
    return {
        "next_action": "action_escalate",
        "sender_id": SENDER,
        "tracker": _state(**URGENT),
        "domain": {"config": {}},
        "version": "3.6.21",
        **fields,
    }


def test_the_server_records_and_answers_with_no_event_and_no_message(loopback: Any, tmp_path: Path) -> None:
    async def client(session: aiohttp.ClientSession) -> Any:
        async with session.post("/webhook", json=_request()) as reply:
            return reply.status, await reply.json()

    assert loopback(_server(), client) == (200, {"events": [], "responses": []})
    assert Outbox(tmp_path / "escalations.db").counts() == {"pending": 1}


def test_the_server_answers_200_and_nothing_of_the_patient_where_the_outbox_cannot_be_written(
    loopback: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a-file").write_text("not a folder")
    monkeypatch.setenv("IL2_OUTBOX", str(tmp_path / "a-file" / "escalations.db"))

    async def client(session: aiohttp.ClientSession) -> Any:
        async with session.post("/webhook", json=_request()) as reply:
            return reply.status, await reply.text()

    with caplog.at_level(logging.DEBUG):
        status, body = loopback(_server(), client)
    assert (status, json.loads(body)) == (200, {"events": [], "responses": []})
    messages = " ".join(record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)
    assert "action_escalate failed" in messages
    assert "secret" not in messages


def test_the_server_is_healthy_and_knows_its_actions(loopback: Any) -> None:
    async def client(session: aiohttp.ClientSession) -> Any:
        async with session.get("/health") as health, session.get("/actions") as actions:
            return health.status, [action["name"] for action in await actions.json()]

    status, names = loopback(_server(), client)
    assert status == 200
    assert "action_escalate" in names
    assert "" not in names


def test_an_action_that_nobody_wrote_is_refused_by_its_name(loopback: Any) -> None:
    async def client(session: aiohttp.ClientSession) -> Any:
        async with session.post("/webhook", json=_request(next_action="action_unknown")) as reply:
            return reply.status, await reply.json()

    status, body = loopback(_server(), client)
    assert status == 404
    assert body["action_name"] == "action_unknown"
