"""The supervisor: refuses to start with one sentence, starts a dead process again, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.runtime import serve

ROOT = Path(__file__).resolve().parents[3]

SERVER = """
import http.server, os, signal, subprocess, sys
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "with-child" in sys.argv or "with-stubborn-child" in sys.argv:
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN);" if "with-stubborn-child" in sys.argv else ""
    code = f"import signal; {ignore} print('child ready', flush=True); signal.pause()"
    child = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE)
    child.stdout.readline()
    print("child", child.pid, flush=True)
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _gone(pid: int) -> bool:
    """Whether a process has ended, given a moment for its signal to arrive."""
    for _ in range(50):
        if not _alive(pid):
            return True
        time.sleep(0.02)
    return False


# -- refusing to start -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project without a trained model."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "clinic.yml", folder)
    return folder


def _refused(folder: Path, **variables: str) -> str:
    """Start the companion and return its one sentence."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PORT": str(serve.free_port()), **variables}
    done = subprocess.run(
        [sys.executable, "-m", "bot.runtime.serve"], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr.strip()


def test_a_port_in_use_is_said_in_one_sentence_with_another_to_try(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = _refused(project, PORT=str(port))
    assert said == (
        f"Not started: port {port} cannot be used (Address already in use). "
        f"Choose another one: PORT={port + 1} make run"
    )


@pytest.mark.parametrize("port", ["web", ""])
def test_a_port_that_is_no_port_is_said_in_one_sentence(project: Path, port: str) -> None:
    assert _refused(project, PORT=port) == f"Not started: PORT is {port!r}; write a number from 1 to 65535."


@pytest.mark.parametrize("port", ["0", "65536", "-1", "²", "①", "5005.0", " 5005", "5_005", "0x1f"])
def test_what_only_looks_like_a_port_is_none(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(serve.ServeError, match="write a number from 1 to 65535"):
        serve.chosen_port()


@pytest.mark.parametrize(("given", "port"), [("1", 1), ("5005", 5005), ("65535", 65535)])
def test_port_picks_the_port(monkeypatch: pytest.MonkeyPatch, given: str, port: int) -> None:
    monkeypatch.setenv("PORT", given)
    assert serve.chosen_port() == port


def test_the_port_is_5005_when_nobody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    assert serve.chosen_port() == 5005


def test_a_missing_model_is_said_in_one_sentence_with_the_command_that_makes_one(project: Path) -> None:
    assert _refused(project) == "Not started: there is no trained model (models/il2.tar.gz). Run: make train"


def test_an_address_that_is_not_this_machines_is_said_in_one_sentence(project: Path) -> None:
    assert _refused(project, HOST="192.0.2.1").startswith("Not started: port ")


def test_a_wrong_port_for_the_action_server_is_said_in_one_sentence(tmp_path: Path) -> None:
    shutil.copy(ROOT / "clinic.yml", tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "il2.tar.gz").write_bytes(b"never read")
    assert "ACTION_PORT" in _refused(tmp_path, ACTION_PORT="web")


def test_a_missing_clinic_file_is_said_in_one_sentence(tmp_path: Path) -> None:
    assert _refused(tmp_path) == "Not started: clinic.yml is missing."


def test_a_demo_is_refused_in_production(project: Path) -> None:
    assert "production needs the clinic's own team_number" in _refused(project, IL2_PRODUCTION="1")


def test_the_last_words_of_a_process_are_its_last_line_that_is_not_empty(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"Starting\n  it broke \xff \n\n   \n")
    assert serve.last_line(log) == "it broke \ufffd"
    log.write_bytes(b"")
    assert serve.last_line(log) == "it said nothing"
    log.write_text("x" * 5000)
    assert len(serve.last_line(log)) == 300


def test_both_processes_get_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTION_PORT", "6060")
    actions, rasa = serve.services("0.0.0.0", 7000, Path("models/some.tar.gz"))
    assert actions.command[1:] == ["-m", "bot.runtime.actions", "6060"]
    assert actions.health == "http://127.0.0.1:6060/health"
    assert rasa.health == "http://127.0.0.1:7000/health"
    assert rasa.environment["ACTION_ENDPOINT_URL"] == "http://127.0.0.1:6060/webhook"
    assert rasa.environment["RASA_TELEMETRY_ENABLED"] == "false"
    pairs = [rasa.command[i : i + 2] for i in range(len(rasa.command))]
    assert ["--port", "7000"] in pairs
    assert ["--interface", "0.0.0.0"] in pairs
    assert ["--model", "models/some.tar.gz"] in pairs


def test_both_processes_share_a_token_made_from_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACTION_TOKEN", raising=False)
    tokens = []
    for secret in ("one", "one", "two"):
        monkeypatch.setenv("IL2_SECRET", secret)
        actions, rasa = serve.services("127.0.0.1", 7000, Path("models/some.tar.gz"))
        assert actions.environment["ACTION_TOKEN"] == rasa.environment["ACTION_TOKEN"]
        tokens.append(actions.environment["ACTION_TOKEN"])
    assert tokens[0] == tokens[1] != tokens[2]
    assert min(map(len, tokens)) >= 32


def test_the_team_page_is_off_until_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IL2_TEAM", raising=False)
    assert serve.team_page() == []
    monkeypatch.setenv("IL2_TEAM", "proxy")
    monkeypatch.setenv("TEAM_PORT", "7007")
    (team,) = serve.team_page()
    assert team.command[1:] == ["-m", "bot.team", "7007"]
    assert team.health == "http://127.0.0.1:7007/team/health"


# -- one process -----------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small server to supervise, with short waits."""
    monkeypatch.setattr(serve, "LOGS", tmp_path / "log")
    monkeypatch.setattr(serve, "FIRST_WAIT", 0.01)
    file = tmp_path / "server.py"
    file.write_text(SERVER, encoding="utf-8")
    return file


def _service(file: Path, *options: str) -> serve.Service:
    port = serve.free_port()
    command = [sys.executable, "-S", str(file), str(port), *options]
    return serve.Service("small server", command, f"http://127.0.0.1:{port}/health")


def _child(service: serve.Service) -> int:
    line = next(line for line in service.log.read_text().splitlines() if line.startswith("child "))
    return int(line.split()[1])


def _pid(service: serve.Service) -> int:
    assert service.process is not None
    return service.process.pid


def test_a_killed_process_is_started_again(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service = _service(server)

    async def run() -> tuple[int, int]:
        await service.start()
        await service.until_ready()
        first = _pid(service)
        keeper = asyncio.ensure_future(service.keep())
        os.kill(first, signal.SIGKILL)
        while _pid(service) == first:
            await asyncio.sleep(0.01)
        await service.until_ready()
        keeper.cancel()
        second = _pid(service)
        await service.stop()
        return first, second

    first, second = asyncio.run(run())
    assert first != second
    assert "the small server ended with code -9; starting it again" in capsys.readouterr().out
    assert _gone(first)
    assert _gone(second)


def _answered(service: serve.Service) -> int:
    """The process that answers at this moment, by its own word."""
    import urllib.request

    return int(urllib.request.urlopen(service.health, timeout=5).read())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that come soon and do not wait long."""
    short = {"LOOK": 0.02, "LOOK_LIMIT": 0.1, "SILENT": 0.4, "STOP_LIMIT": 1.0, "START_LIMIT": 5.0}
    for name, seconds in short.items():
        monkeypatch.setattr(serve, name, seconds)


@pytest.mark.usefixtures("impatient")
def test_a_process_that_hangs_is_ended_and_started_again(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service = _service(server)
    service.live = service.health

    async def run() -> tuple[int, int]:
        await service.start()
        await service.until_ready()
        first = _pid(service)
        keeper = asyncio.ensure_future(service.keep())
        await asyncio.sleep(0.2)
        os.kill(first, signal.SIGSTOP)
        began = time.monotonic()
        while _pid(service) == first:
            assert time.monotonic() < began + 10
            await asyncio.sleep(0.01)
        assert time.monotonic() - began >= serve.SILENT - serve.LOOK_LIMIT
        await service.until_ready()
        second = await asyncio.to_thread(_answered, service)
        keeper.cancel()
        await service.stop()
        return first, second

    first, second = asyncio.run(run())
    assert first != second
    said = capsys.readouterr().out
    assert "the small server does not answer any more; ending it" in said
    assert "the small server ended with code -9; starting it again" in said
    assert _gone(first)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("live", [True, False])
def test_a_process_that_stands_still_for_a_moment_or_is_not_watched_is_left_alone(server: Path, live: bool) -> None:
    service = _service(server)
    service.live = service.health if live else ""

    async def run() -> tuple[int, int]:
        await service.start()
        await service.until_ready()
        first = _pid(service)
        keeper = asyncio.ensure_future(service.keep())
        await asyncio.sleep(0.2)
        os.kill(first, signal.SIGSTOP)
        await asyncio.sleep(0.2 if live else 1.0)
        os.kill(first, signal.SIGCONT)
        await asyncio.sleep(0.6)
        second = await asyncio.to_thread(_answered, service)
        keeper.cancel()
        await service.stop()
        return first, second

    first, second = asyncio.run(run())
    assert first == second


@pytest.mark.usefixtures("impatient")
def test_a_process_that_takes_no_connections_has_time_to_end_by_itself(
    server: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.write_text("import signal; signal.pause()")
    monkeypatch.setattr(serve, "START_LIMIT", 0.0)
    service = _service(server)
    service.live = service.health

    async def run() -> float:
        await service.start()
        first, began = _pid(service), time.monotonic()
        keeper = asyncio.ensure_future(service.keep())
        while _pid(service) == first:
            assert time.monotonic() < began + 10
            await asyncio.sleep(0.01)
        took = time.monotonic() - began
        keeper.cancel()
        await service.stop()
        return took

    assert asyncio.run(run()) >= serve.STOP_LIMIT
    assert "does not answer any more" in capsys.readouterr().out


def test_all_that_take_calls_are_watched_cheaply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTION_PORT", "6060")
    monkeypatch.setenv("IL2_TEAM", "proxy")
    monkeypatch.setenv("TEAM_PORT", "7007")
    running = [*serve.services("0.0.0.0", 7000, Path("models/some.tar.gz")), *serve.team_page()]
    assert [service.live for service in running] == [
        "http://127.0.0.1:6060/health",
        "http://127.0.0.1:7000/health/live",
        "http://127.0.0.1:7007/team/health",
    ]


def test_a_process_that_ends_at_once_is_reported_with_its_last_words(server: Path) -> None:
    server.write_text("import sys; print('Starting'); sys.exit('there is no such file')")
    service = _service(server)

    async def run() -> None:
        await service.start()
        await service.until_ready()

    with pytest.raises(serve.ServeError) as error:
        asyncio.run(run())
    assert str(error.value) == f"the small server did not start: there is no such file (see {service.log})"


def test_a_process_that_never_gets_ready_is_given_up(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "START_LIMIT", 0.1)
    server.write_text("import signal; signal.pause()")
    service = _service(server)

    async def run() -> None:
        await service.start()
        try:
            await service.until_ready()
        finally:
            await service.stop()

    with pytest.raises(serve.ServeError, match="the small server was not ready after"):
        asyncio.run(run())


def test_a_model_that_cannot_be_loaded_is_said_at_once(server: Path) -> None:
    refusal = "print('ERROR  rasa.core.agent  - Could not load model due to it is too old.', flush=True)\n"
    server.write_text(refusal + SERVER.replace("send_response(200)", "send_response(503)"))
    service = _service(server)

    async def run() -> None:
        await service.start()
        try:
            await service.until_ready()
        finally:
            await service.stop()

    with pytest.raises(serve.ServeError, match=r"the small server could not load the model: it is too old\."):
        asyncio.run(run())


async def _start_and_stop(service: serve.Service) -> int:
    await service.start()
    await service.until_ready()
    await service.stop()
    assert service.process is not None
    assert service.process.returncode is not None
    return service.process.returncode


@pytest.fixture
def leftovers() -> Iterator[list[int]]:
    """Process ids to end after the test, in case the code did not."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if _alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_stopping_ends_the_process_and_what_it_started(server: Path, leftovers: list[int]) -> None:
    service = _service(server, "with-child")
    assert asyncio.run(_start_and_stop(service)) == -signal.SIGTERM
    leftovers.append(_child(service))
    assert _gone(_child(service))


def test_a_process_that_does_not_listen_is_killed_with_what_it_started(
    server: Path, leftovers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "STOP_LIMIT", 0.1)
    service = _service(server, "stubborn", "with-stubborn-child")
    assert asyncio.run(_start_and_stop(service)) == -signal.SIGKILL
    leftovers.append(_child(service))
    assert _gone(_child(service))


def test_a_child_that_does_not_listen_does_not_outlive_its_parent(
    server: Path, leftovers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "STOP_LIMIT", 0.1)
    service = _service(server, "with-stubborn-child")
    asyncio.run(_start_and_stop(service))
    leftovers.append(_child(service))
    assert _gone(_child(service))


def test_stopping_what_has_ended_or_never_started_does_nothing(server: Path) -> None:
    server.write_text("")
    service = _service(server)

    async def run() -> None:
        await service.stop()
        await service.start()
        assert service.process is not None
        await service.process.wait()
        await service.stop()

    asyncio.run(run())


# -- both ------------------------------------------------------------------------------------------

SUPERVISOR = """
import pathlib, sys
from bot.runtime import serve
serve.FIRST_WAIT = 0.01
def small(name):
    port = serve.free_port()
    return serve.Service(name, [sys.executable, "-S", "server.py", str(port)], f"http://127.0.0.1:{port}/health")
def services(host, port, model):
    made = [small("action server"), small("Rasa server")]
    pathlib.Path("ports").write_text(" ".join(service.health for service in made))
    return made
serve.services = services
sys.exit(serve.main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_url_is_printed_once_both_answer_and_a_signal_stops_both(
    tmp_path: Path, number: signal.Signals, leftovers: list[int]
) -> None:
    import urllib.request

    shutil.copy(ROOT / "clinic.yml", tmp_path)
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
    (tmp_path / "supervisor.py").write_text(SUPERVISOR, encoding="utf-8")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "il2.tar.gz").write_bytes(b"never read")
    port = serve.free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PORT": str(port)}
    supervisor = subprocess.Popen(
        [sys.executable, "supervisor.py"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    leftovers.append(supervisor.pid)
    assert supervisor.stdout is not None
    assert "starting the action server and the Rasa server" in supervisor.stdout.readline()
    assert supervisor.stdout.readline() == f"The companion answers at http://127.0.0.1:{port}/ (Ctrl-C stops it)\n"
    pids = [int(urllib.request.urlopen(url).read()) for url in (tmp_path / "ports").read_text().split()]
    leftovers.extend(pids)

    supervisor.send_signal(number)
    rest = supervisor.communicate()[0]

    assert rest == "· stopped\n"
    assert supervisor.returncode == 0
    assert all(_gone(pid) for pid in pids)


def test_old_conversations_are_removed_again_and_again_also_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serve, "LOGS", tmp_path)
    monkeypatch.setattr(serve, "PURGE_FIRST", 0.0)
    monkeypatch.setattr(serve, "PURGE_AGAIN", 0.01)

    async def watch() -> None:
        task = asyncio.ensure_future(serve.purge_daily((sys.executable, "-c", "print('ran'); raise SystemExit(3)")))
        log = tmp_path / "purge.log"
        limit = time.monotonic() + 30
        while not log.is_file() or log.read_text().count("ran") < 2:
            assert time.monotonic() < limit
            await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(watch())
    assert "code 3" in capsys.readouterr().out
