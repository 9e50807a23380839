"""The cluster on this machine: two workers, two action servers and nginx, as `make cluster` starts them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from bot.runtime import front
from bot.runtime.serve import free_port
from tests.canary import canary
from tests.cluster.conftest import POSTGRES

pytestmark = [pytest.mark.model, pytest.mark.slow]


@dataclass
class Running:
    """A running cluster."""

    folder: Path
    process: subprocess.Popen[str]
    database: str
    log: Path

    @property
    def state(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.folder / "state.json").read_text())
        return told

    @property
    def url(self) -> str:
        return str(self.state["url"])

    def pids(self, kind: str) -> list[int]:
        return [process["pid"] for process in self.state["processes"] if process["kind"] == kind]

    def rows(self, query: str) -> list[Any]:
        engine = sa.create_engine(self.database)
        with engine.connect() as db:
            found = db.execute(sa.text(query)).all()
        engine.dispose()
        return list(found)


@pytest.fixture(scope="module")
def cluster(
    model: Path, _postgres: str, redis_url: str, rabbitmq_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    if front.install() is None:
        pytest.skip(front.HOW)
    folder, prefix = tmp_path_factory.mktemp("cluster"), f"il2-test-{uuid.uuid4().hex[:8]}"
    name = prefix.replace("-", "_")
    database = POSTGRES.rpartition("/")[0] + f"/{name}"
    environment = {
        **os.environ,
        "PORT": str(free_port()),
        "IL2_CLUSTER_DIR": str(folder / "run"),
        "IL2_PREFIX": prefix,
        "IL2_MODELS": str(model.parent),
        "DATABASE_URL": database,
        "REDIS_URL": redis_url,
        "RABBITMQ_URL": rabbitmq_url,
        "IL2_NGINX_RATE": "10000r/s",
        "IL2_DRAIN": "2",
    }
    log = folder / "out.log"
    with log.open("w") as out:
        command = [sys.executable, "-m", "bot.runtime.cluster"]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, text=True, env=environment)
    limit = time.monotonic() + 120
    while "answers at" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < limit, log.read_text()
        time.sleep(0.1)
    running = Running(folder / "run", process, database, log)
    yield running
    if process.poll() is None:
        process.terminate()
        process.wait(60)
    admin = sa.create_engine(_postgres, isolation_level="AUTOCOMMIT")
    with admin.connect() as db:
        db.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    admin.dispose()
    _remove_queue(rabbitmq_url, prefix)


def _remove_queue(address: str, prefix: str) -> None:
    import asyncio

    import aio_pika

    async def remove() -> None:
        async with await aio_pika.connect(address) as connection:
            channel = await connection.channel()
            await channel.queue_delete(f"{prefix}-events")
            await channel.exchange_delete(prefix)

    asyncio.run(remove())


@dataclass
class Patient:
    """Chats over the website's channel, and sends a message again until it is answered, as the widget does."""

    url: str
    sent: list[str] = field(default_factory=list)
    longest: float = 0.0

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=f"{self.url}/webhooks/web", timeout=20)
        token = self.client.post("/conversations", json={}).json()["token"]
        self.client.headers["Authorization"] = f"Bearer {token}"

    def say(self, text: str) -> list[dict[str, Any]]:
        event, began = uuid.uuid4().hex, time.monotonic()
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = self.client.post("/messages", json={"id": event, "text": text})
                if answer.status_code == 200:
                    break
            time.sleep(0.2)
        self.sent.append(event)
        self.longest = max(self.longest, time.monotonic() - began)
        messages: list[dict[str, Any]] = answer.json()["messages"]
        assert messages
        return messages

    def transcript(self) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = self.client.get("/messages").json()["messages"]
        return said

    def check(self) -> None:
        """Each message is there once, in order, and each got one answer."""
        said = self.transcript()
        assert [one["id"] for one in said if one["from"] == "patient"] == self.sent
        answered = [one["reply_to"] for one in said if one["from"] == "bot" and "reply_to" in one]
        assert list(dict.fromkeys(answered)) == self.sent
        ids = [one["id"] for one in said]
        assert len(ids) == len(set(ids))


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_both_workers_answer_and_the_conversation_is_one(cluster: Running) -> None:
    patient = Patient(cluster.url)
    assert "escalation" in patient.say("my chest hurts")[0]
    for _ in range(5):
        # Whichever worker has it, it knows that nobody has called yet.
        assert "not called yet" in patient.say("what is contrast dye?")[-1]["text"]
    patient.check()
    used = {line.split()[5] for line in (cluster.folder / "log" / "nginx-access.log").read_text().splitlines()}
    assert len(used & {f"127.0.0.1:{p['port']}" for p in cluster.state["processes"] if p["kind"] == "rasa"}) == 2


def test_a_conversation_deleted_by_typing_is_gone_whichever_worker_had_it(cluster: Running) -> None:
    tables = [
        row[0] for row in cluster.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    ]

    def found(word: str) -> list[str]:
        return [name for name in tables if cluster.rows(f"SELECT 1 FROM {name} AS t WHERE t::text LIKE '%{word}%'")]

    def rest(text: str, sender: str) -> Any:
        body = {"sender": sender, "message": text}
        return httpx.post(f"{cluster.url}/webhooks/rest/webhook", json=body, timeout=20).json()

    for _ in range(4):
        word, patient = canary(), Patient(cluster.url)
        patient.say(f"how long is one infusion? {word}")
        assert found(word)
        patient.say("delete my data")
        assert patient.say("yes, delete it")[-1]["deletion"] == "done"
        assert found(word) == []
        assert patient.client.get("/messages").status_code == 401
        sender = uuid.uuid4().hex
        rest(f"how long is one infusion? {word}", sender)
        assert found(word)
        rest("delete my data", sender)
        assert rest("yes, delete it", sender)[-1]["custom"] == {"deletion": "done"}
        assert found(word) == []
        for _ in range(3):  # no worker remembers it
            assert "Which answer do you mean" in rest("why?", sender)[0]["text"]
        assert found(word) == []


def test_an_escalation_is_recorded_once(cluster: Running) -> None:
    def records() -> int:
        return int(cluster.rows("SELECT count(*) FROM escalations")[0][0])

    _until(lambda: records() >= 0)
    before = records()
    Patient(cluster.url).say("i have a fever of 40")
    _until(lambda: records() == before + 1)
    time.sleep(0.5)
    assert records() == before + 1


@pytest.mark.parametrize(
    "path",
    ["/conversations/x/tracker", "/model", "/status", "/version", "/metrics", "/webhook", "/team", "/unavailable.json"],
)
def test_what_is_internal_is_not_there(cluster: Running, path: str) -> None:
    answer = httpx.get(cluster.url + path)
    assert answer.status_code == 404
    assert answer.json()["status"] == "error"


def test_what_the_cluster_writes_is_for_its_user_alone_but_for_what_nginx_reads(cluster: Running) -> None:
    """The state names the databases with their passwords, and this process has not narrowed anything itself."""
    files = {file.relative_to(cluster.folder): file for file in cluster.folder.rglob("*") if file.is_file()}
    open_to_others = {str(name) for name, file in files.items() if stat.S_IMODE(file.stat().st_mode) & 0o077}
    assert open_to_others == {"nginx.conf", "unavailable.json", "extra/actions.conf"}
    assert {"state.json", "log/rasa-1.log"} <= set(map(str, files))


def test_the_log_of_the_database_gets_no_statements(cluster: Running) -> None:
    assert cluster.rows("SHOW log_min_error_statement") == [("panic",)]
    assert cluster.rows("SHOW log_error_verbosity") == [("terse",)]


def test_a_body_that_is_too_long_is_refused_in_json(cluster: Running) -> None:
    answer = httpx.post(f"{cluster.url}/webhooks/rest/webhook", content=b"x" * 100_000)
    assert answer.status_code == 413
    assert answer.json()["status"] == "error"


def test_the_log_of_nginx_holds_no_dates_and_no_address(cluster: Running) -> None:
    assert httpx.get(f"{cluster.url}/calendar.ics?first_day=2031-05-17").status_code == 200
    written = (cluster.folder / "log" / "nginx-access.log").read_text()
    assert "/calendar.ics" in written
    assert "2031-05-17" not in written


def test_while_a_worker_hangs_the_other_one_answers_and_it_is_started_again(cluster: Running) -> None:
    patients, before = [Patient(cluster.url) for _ in range(2)], cluster.pids("rasa")
    victim, began = before[1], time.monotonic()
    os.kill(victim, signal.SIGSTOP)
    while cluster.pids("rasa") == before:
        for patient in patients:
            assert any("answer" in one for one in patient.say("how long is one infusion?"))
        assert time.monotonic() - began < 30
        time.sleep(1)  # a conversation may say only so much in a minute
    _until(lambda: not Path(f"/proc/{victim}").exists())
    (new,) = set(cluster.pids("rasa")) - set(before)
    port = next(process["port"] for process in cluster.state["processes"] if process["pid"] == new)

    def ready() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=20).status_code == 200
        return False

    _until(ready, 60)
    for patient in patients:
        patient.say("how long is one infusion?")
        assert patient.longest < 10
        patient.check()
    # What the one that hung had taken was handed on and run once: in the conversations as well as in the journal.
    for patient in patients:
        for event in patient.sent:
            assert len(cluster.rows(f"SELECT 1 FROM conversation_events WHERE data LIKE '%web-{event}%'"
                                    " AND type = 'user'")) == 1  # fmt: skip


def test_an_action_server_that_hangs_is_started_again(cluster: Running) -> None:
    before = cluster.pids("actions")
    os.kill(before[0], signal.SIGSTOP)
    _until(lambda: before[0] not in cluster.pids("actions"), 30)
    assert "escalation" in Patient(cluster.url).say("my chest hurts")[0]


def test_a_message_of_rest_is_not_given_to_a_second_worker(cluster: Running) -> None:
    """It has no id for nginx to know it by: once sent it is run at most once, and who asked is told whom to call."""
    before, marker = cluster.pids("rasa"), f"rest-{uuid.uuid4().hex[:8]}"
    os.kill(before[0], signal.SIGSTOP)
    answers = []

    def ask(number: int) -> None:
        body = {"sender": f"{marker}-{number}", "message": "how long is one infusion?"}
        answers.append(httpx.post(f"{cluster.url}/webhooks/rest/webhook", json=body, timeout=30))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 503}
    assert all("contact" in answer.json() for answer in answers if answer.status_code == 503)
    _until(lambda: before[0] not in cluster.pids("rasa"), 30)
    time.sleep(1)
    turns = cluster.rows(
        f"SELECT conversation, count(*) FROM conversation_events WHERE conversation LIKE '{marker}%'"
        " AND type = 'user' GROUP BY 1"
    )
    assert {count for _, count in turns} == {1}
    assert len(turns) == codes.count(200)


def test_a_worker_that_is_killed_loses_no_message(cluster: Running) -> None:
    patients = [Patient(cluster.url) for _ in range(2)]
    victim = cluster.pids("rasa")[0]

    def chat(patient: Patient) -> None:
        for _ in range(8):
            assert any("answer" in one for one in patient.say("how long is one infusion?"))

    threads = [threading.Thread(target=chat, args=(patient,)) for patient in patients]
    for thread in threads:
        thread.start()
    time.sleep(0.25)
    os.kill(victim, signal.SIGKILL)
    for thread in threads:
        thread.join()
    for patient in patients:
        assert patient.longest < 10
        patient.check()
    _until(lambda: victim not in cluster.pids("rasa"))


def test_a_message_of_rest_that_has_an_id_is_answered_once_though_its_worker_is_killed(cluster: Running) -> None:
    event, answers = uuid.uuid4().hex, []

    def ask(number: int) -> None:
        body = {"sender": f"{event}-{number}", "message": "how long is one infusion?", "message_id": event}
        while len(answers) < 2 * (number + 1):
            with contextlib.suppress(httpx.TransportError):
                answer = httpx.post(f"{cluster.url}/webhooks/rest/webhook", json=body, timeout=20)
                if answer.status_code == 200:
                    answers.append(answer.json())

    for number in range(2):
        victim = cluster.pids("rasa")[number]
        thread = threading.Thread(target=ask, args=(number,))
        thread.start()
        time.sleep(0.02 * number)
        os.kill(victim, signal.SIGKILL)
        thread.join()
        assert answers[-1] == answers[-2]
        assert any("answer" in part.get("custom", {}) for part in answers[-1])
        _until(lambda victim=victim: victim not in cluster.pids("rasa"))
    turns = cluster.rows(
        f"SELECT conversation, count(*) FROM conversation_events WHERE data LIKE '%rest-{event}%' AND type = 'user'"
        " GROUP BY 1"
    )
    assert sorted(turns) == [(f"{event}-{number}", 1) for number in range(2)]


def test_a_switch_of_the_workers_costs_no_answer(cluster: Running) -> None:
    before, stop, answers = cluster.pids("rasa"), threading.Event(), []

    def ask() -> None:
        with httpx.Client(timeout=20) as client:
            while not stop.is_set():
                body = {"sender": uuid.uuid4().hex, "message": "how long is one infusion?"}
                answers.append(client.post(f"{cluster.url}/webhooks/rest/webhook", json=body))
                time.sleep(0.05)

    thread = threading.Thread(target=ask)
    thread.start()
    environment = {**os.environ, "IL2_CLUSTER_DIR": str(cluster.folder)}
    done = subprocess.run(
        [sys.executable, "-m", "bot.runtime.cluster", "--switch"], env=environment, capture_output=True, text=True
    )
    stop.set()
    thread.join()
    assert done.returncode == 0, done.stderr
    assert not set(before) & set(cluster.pids("rasa"))
    assert len(answers) > 10
    assert {answer.status_code for answer in answers} == {200}
    assert all(any("answer" in (part.get("custom") or {}) for part in answer.json()) for answer in answers)


def test_without_any_worker_a_patient_reads_whom_to_call(cluster: Running) -> None:
    for pid in cluster.pids("rasa"):
        os.kill(pid, signal.SIGKILL)
    answer = httpx.post(f"{cluster.url}/webhooks/rest/webhook", json={"sender": "anna", "message": "hello"})
    assert answer.status_code == 503
    told = answer.json()
    assert told["contact"]["emergency"]
    assert told["reason"]


def test_at_the_end_nothing_is_left(cluster: Running) -> None:
    pids = [process["pid"] for process in cluster.state["processes"]]
    cluster.process.terminate()
    assert cluster.process.wait(60) == 0
    assert not (cluster.folder / "state.json").exists()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_the_patients_words_are_in_no_log(cluster: Running) -> None:
    for file in (cluster.folder / "log").iterdir():
        written = file.read_text(errors="replace")
        assert "infusion?" not in written, file
        assert "chest hurts" not in written, file


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("DATABASE_URL", "postgresql://postgres@127.0.0.1:9/il2"),
        ("REDIS_URL", "redis://127.0.0.1:9/0"),
        ("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:9/"),
    ],
)
def test_a_part_that_is_missing_is_named_in_one_sentence(
    variable: str, address: str, postgres: str, redis_url: str, rabbitmq_url: str, model: Path, tmp_path: Path
) -> None:
    given = {"DATABASE_URL": postgres, "REDIS_URL": redis_url, "RABBITMQ_URL": rabbitmq_url, variable: address}
    environment = {**os.environ, **given, "PORT": str(free_port()), "IL2_CLUSTER_DIR": str(tmp_path)}
    environment["IL2_MODELS"] = str(model.parent)
    done = subprocess.run(
        [sys.executable, "-m", "bot.runtime.cluster"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    (sentence,) = done.stderr.strip().splitlines()
    assert variable in sentence
    assert "Traceback" not in done.stderr
