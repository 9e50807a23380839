"""What patients type is in no log, no figure and no alert, at DEBUG and while parts of the companion raise errors.

One companion for all tests of this file: all channels, an action server that answers 500 with what it was sent, and
parts that raise errors with the patient's text (faults.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sqlite3
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from tests.canary import canary
from tests.channels.drivers import DRIVERS, Request
from tests.channels.stub import Stub
from tests.channels.test_companion import CREDENTIALS, PLATFORMS, Companion, Patient
from tests.conversations.conftest import free_port, start, stop
from tests.privacy.faults import PARTS

CANARY = canary()
NAME = f"Quentina{uuid.uuid4().hex[:8].translate(str.maketrans('0123456789', 'ghijklmnop'))}"
CLINIC_SECRET = uuid.uuid4().hex


@dataclass
class Actions:
    """An action server that answers, until ``broken`` is set: then 500 with the whole request; ``slow`` in seconds."""

    broken: bool = False
    slow: float = 0.0
    calls: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.calls += 1
        body = await request.text()
        await asyncio.sleep(self.slow)
        if self.broken:
            return web.Response(status=500, text=body)
        return web.json_response({"events": [], "responses": []})


@dataclass
class Watched(Companion):
    """The companion under test and the files that it may write to."""

    folder: Path
    actions: Actions
    action_port: int
    metrics_port: int

    def rest(self, text: str, sender: str) -> list[dict[str, Any]]:
        return self.server.say(text, sender)

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def written(self) -> dict[str, bytes]:
        """All that is told of the companion's work: logs, output, figures, alerts."""
        files = {str(file): file.read_bytes() for file in [*Path("var/log").glob("*.log"), self.server.log]}
        with sqlite3.connect(self.server.outbox) as outbox:
            files["alerts"] = "\n".join(outbox.iterdump()).encode()
        return files | {"metrics": self.metrics().encode()}

    def stores(self) -> dict[str, bytes]:
        """Every byte of the live stores, what SQLite keeps beside them too."""
        return {str(file): file.read_bytes() for file in self.folder.rglob("*") if re.search(r"\.db", file.name)}


def _endpoints(folder: Path, actions: int) -> str:
    data = yaml.safe_load(Path("endpoints.yml").read_text(encoding="utf-8"))
    data["action_endpoint"]["url"] = f"http://127.0.0.1:{actions}/webhook"
    data["nlg"]["type"] = "tests.privacy.faults.BrokenNLG"
    data["tracker_store"]["url"] = f"sqlite:///{folder}/conversations.db"
    file = folder / "endpoints.yml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def companion(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    stubs = {name: Stub(DRIVERS[name].ok) for name in PLATFORMS}
    for stub in stubs.values():
        run(stub.start(free_port()))
    actions, stub_port, action_port, metrics_port = Actions(), free_port(), free_port(), free_port()
    application = web.Application()
    application.router.add_post("/webhook", actions.answer)
    runner = web.AppRunner(application)
    run(runner.setup())
    run(web.TCPSite(runner, "127.0.0.1", stub_port).start())
    credentials = folder / "credentials.yml"
    credentials.write_text(CREDENTIALS.format(**{n: f"http://127.0.0.1:{s.port}" for n, s in stubs.items()}))
    environment = {name: value for driver in DRIVERS.values() for name, value in driver.environment.items()}
    server = start(
        model,
        folder,
        LOG_LEVEL="DEBUG",
        IL2_CREDENTIALS=str(credentials),
        IL2_ENDPOINTS=_endpoints(folder, stub_port),
        IL2_SECRET=CLINIC_SECRET,
        IL2_METRICS_PORT=str(metrics_port),
        ACTION_PORT=str(action_port),
        **environment,
    )
    try:
        yield Watched(server, stubs, folder, actions, action_port, metrics_port)
    finally:
        if server.process.poll() is None:
            stop(server)
        run(runner.cleanup())
        for stub in stubs.values():
            run(stub.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


class Visitor:
    """Somebody on the website."""

    def __init__(self, companion: Watched) -> None:
        self._companion = companion
        self._token = ""
        self._token = json.loads(self.call("POST", "conversations", {})[1])["token"]

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        data = json.dumps(body).encode() if body is not None else None
        url = f"{self._companion.base}/webhooks/web/{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def say(self, text: str) -> bytes:
        status, body = self.call("POST", "messages", {"id": uuid.uuid4().hex, "text": text})
        assert status == 200, body
        return body


def test_no_word_is_in_logs_figures_or_alerts(companion: Watched) -> None:
    sender = f"{CANARY}-sender"
    companion.rest(f"my chest hurts {CANARY}", sender)
    companion.rest(f"how long is one infusion {CANARY}", sender)
    companion.rest(f"{CANARY} {CANARY}", sender)
    visitor = Visitor(companion)
    visitor.say(f"cant breathe {CANARY}")
    for name, driver in DRIVERS.items():
        Patient(companion, driver).does(driver.says(f"i have a fever of 39.5 {CANARY} on {name}"), "24-hour")
    for part in PARTS:
        assert companion.rest(f"my chest hurts {part} {CANARY}", f"{CANARY}-{part}"), part
        visitor.say(f"how long is one infusion {part} {CANARY}")
    companion.actions.broken = True
    assert companion.rest(f"my chest hurts, the action server echoes {CANARY}", f"{CANARY}-action")
    companion.actions.broken = False
    for body in (f'{{"{CANARY}": ', f'{{"next_action": "{CANARY}", "tracker": {{}}}}', f'{{"tracker": "{CANARY}"}}'):
        status = companion.post("/webhooks/rest/webhook", Request(body.encode(), {}))[0]
        assert 400 <= status < 500
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{companion.action_port}/webhook", body.encode(), timeout=10)
    written = companion.written()
    log = written["var/log/Rasa-server.log"].decode()
    # The test would prove nothing if the errors had not happened, or nothing were written at this level.
    assert '"level": "debug"' in log
    assert log.count("RuntimeError") >= 2
    assert "Exception occurred during execution" not in written["var/log/action-server.log"].decode()
    assert "message withheld" in written["var/log/action-server.log"].decode()
    for where, content in written.items():
        assert CANARY.encode() not in content, where
        assert sender.encode() not in content, where


def test_every_turn_is_told_in_one_line_with_its_conversation_by_hash(companion: Watched) -> None:
    sender = uuid.uuid4().hex
    companion.rest("my chest hurts, how long is one infusion?", sender)
    lines = Path("var/log/Rasa-server.log").read_text(encoding="utf-8").splitlines()
    turns = [line for line in map(json.loads, lines) if line["event"] == "turn"]
    assert turns[-1]["turn"]["level"] == "emergency"
    assert turns[-1]["turn"]["answers"] == ["faq/schedule_infusion_length"]
    assert turns[-1]["turn"]["outcome"] == "answered"
    assert re.fullmatch(r"[0-9a-f]{16}", turns[-1]["conversation"])
    limit = time.monotonic() + 10  # it is recorded behind the reply
    while turns[-1]["conversation"] not in _escalated(companion.server.outbox):
        assert time.monotonic() < limit
        time.sleep(0.05)
    before = [line for line in map(json.loads, lines) if line.get("request") == turns[-1]["request"]]
    assert len(before) > 1  # Rasa's own lines of the turn carry the id as well


def _escalated(outbox: Path) -> set[str]:
    with sqlite3.connect(outbox) as db:
        return {row[0] for row in db.execute("SELECT conversation FROM escalations")}


def test_figures_are_counted(companion: Watched) -> None:
    def value(name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", companion.metrics(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    names = ('il2_messages_total{channel="rest"}', 'il2_answers_total{topic="schedule"}')
    more = ('il2_escalations_total{level="emergency"}', 'il2_declines_total{reason="not_understood"}')
    before = [value(name) for name in (*names, *more)]
    companion.rest("how long is one infusion", uuid.uuid4().hex)
    companion.rest("my chest hurts", uuid.uuid4().hex)
    companion.rest("xyzzy plugh qwe", uuid.uuid4().hex)
    assert [value(name) - was for name, was in zip((*names, *more), before, strict=True)] == [3, 1, 1, 1]
    assert value('il2_channel_up{channel="telegram"}') == 1
    assert value('il2_outbox{state="kept"}') + value('il2_outbox{state="pending"}') > 0


def test_what_tells_who_a_patient_is_is_masked_in_every_store(companion: Watched) -> None:
    visitor = Visitor(companion)
    visitor.say(f"my name is {NAME} and my temperature is 39.1 {CANARY}")
    companion.rest(f"I am {NAME} Smith, call me on 07700 900123", uuid.uuid4().hex)
    driver = DRIVERS["telegram"]
    Patient(companion, driver).does(driver.says(f"my name is {NAME}, how long is one infusion?"), "15 minutes")
    stores = companion.stores()
    assert any(CANARY.encode() in content for content in stores.values())
    for where, content in stores.items():
        assert NAME.encode() not in content, where
        assert b"900123" not in content, where
    history = visitor.call("GET", "messages?after=0")[1].decode()
    assert "[name] and my temperature is 39.1" in history
    assert '"urgent"' in history  # triage saw the reading


def test_nothing_is_left_of_a_deleted_conversation(companion: Watched) -> None:
    mine = f"mine{uuid.uuid4().hex}"
    visitor, other = Visitor(companion), Visitor(companion)
    other.say(f"how long is one infusion? {CANARY}")
    for number in range(3):
        visitor.say(f"how long is one infusion {number}? {mine}")
    assert sum(mine.encode() in content for content in companion.stores().values()) >= 2
    assert visitor.call("DELETE", "conversation")[0] == 204
    assert [where for where, content in companion.stores().items() if mine.encode() in content] == []
    assert any(CANARY.encode() in content for content in companion.stores().values())


def test_nothing_is_left_of_a_conversation_that_was_deleted_by_typing(companion: Watched) -> None:
    """On the website, over REST and on all four platforms; the wish, a plain yes or the number of the choice."""

    def found(word: str) -> list[str]:
        return [where for where, content in companion.stores().items() if word.encode() in content]

    def gone(word: str) -> None:
        limit = time.monotonic() + 5  # a platform's reply is sent once the conversation is gone, a file may be closing
        while found(word):
            assert time.monotonic() < limit, found(word)
            time.sleep(0.05)

    web_word, rest_word = canary(), canary()
    visitor = Visitor(companion)
    visitor.say(f"how long is one infusion? {web_word}")
    visitor.say(f"xyzzy {web_word}")
    assert len(found(web_word)) >= 2
    assert b"cannot be brought back" in visitor.say("delete my data")
    assert b'"deletion":"done"' in visitor.say("yes, delete it")
    gone(web_word)
    assert visitor.call("GET", "messages?after=0")[0] == 401

    sender = uuid.uuid4().hex
    for text in (f"how long is one infusion? {rest_word}", "delete my data"):
        companion.rest(text, sender)
    assert found(rest_word)
    assert companion.rest("Yes, delete it", sender)[-1]["custom"] == {"deletion": "done"}
    gone(rest_word)

    for name, driver in DRIVERS.items():
        word = canary()
        patient = Patient(companion, driver)
        patient.does(driver.says(f"how long is one infusion? {word}"), "15 minutes")
        assert found(word), name
        patient.does(driver.says("delete my data"), "cannot be brought back")
        patient.does(driver.says("1"), "This chat is deleted")
        gone(word)
        patient.does(driver.says("how long is one infusion?"), "15 minutes")  # and it goes on
        assert found(word) == [], name
    assert any(CANARY.encode() in content for content in companion.stores().values())


def test_a_stop_lets_the_turns_in_flight_end(companion: Watched) -> None:
    """SIGTERM while the action server takes its time: everybody is answered, on a platform too. The last test here."""
    companion.actions.slow = 1.5
    calls = companion.actions.calls
    driver = DRIVERS["telegram"]
    patient = Patient(companion, driver)
    sent = len(patient.sent())
    assert companion.post("/webhooks/telegram/webhook", driver.sign(driver.says("my chest hurts again")))[0] == 200
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(companion.rest, "my chest hurts", uuid.uuid4().hex)
        limit = time.monotonic() + 10
        while companion.actions.calls < calls + 2:
            assert time.monotonic() < limit
            time.sleep(0.01)
        os.kill(companion.server.process.pid, signal.SIGTERM)
        assert "911" in answer.result()[0]["text"]
    assert companion.server.process.wait(60) == 0
    assert any("911" in one.text for one in patient.sent()[sent:])
