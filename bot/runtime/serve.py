"""``python -m bot.runtime.serve``: the action server and the Rasa server under one supervisor.

Starts both, prints the URL once a real message has been answered, starts a process again that ends or hangs, and stops
everything on Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bot import clinic as clinics
from bot import secret
from bot.runtime import guards, train

LOGS = Path("var/log")
START_LIMIT = 120.0
"""Seconds a process may take until it is ready."""
STOP_LIMIT = 20.0
"""Seconds a process gets to end by itself; it finishes messages in flight."""
LOOK, LOOK_LIMIT = 1.0, 4.0
"""Seconds between two looks whether a process still answers, and that one look may take."""
SILENT = 8.0
"""Seconds without an answer after which a process hangs: two looks at least, and far more than an event loop stands
still under load. One that refuses connections may be ending by itself and gets :data:`STOP_LIMIT`."""
FIRST_WAIT, LAST_WAIT = 0.5, 30.0
"""Seconds before a process that ended is started again, doubled at each end in a row."""
STEADY = 20.0
"""Seconds of running after which an end is no longer one in a row: far more than a start takes."""

PURGE_FIRST, PURGE_AGAIN = 300.0, 86_400.0
"""Seconds until what is too old is removed for the first time, and between two times."""

NOT_LOADED = re.compile(r'Could not load model due to ([^"\\]+)')
"""What Rasa's log says of a model that is broken or of another version."""


class ServeError(Exception):
    """The companion cannot start; the text is the one sentence for the person at the terminal."""


@dataclass
class Service:
    """A process that is kept running."""

    name: str
    command: list[str]
    health: str
    environment: dict[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    live: str = ""
    """What answers at once while its event loop turns; a process without it is never taken to hang."""

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return LOGS / f"{self.name.replace(' ', '-')}.log"

    async def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        LOGS.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    async def keep(self) -> None:
        """Start the process again whenever it ends, and end one that hangs."""
        wait = FIRST_WAIT
        while True:
            assert self.process is not None
            began = time.monotonic()
            watching = asyncio.ensure_future(self._watch())
            try:
                code = await self.process.wait()
            finally:
                watching.cancel()
            wait = FIRST_WAIT if time.monotonic() - began > STEADY else min(wait * 2, LAST_WAIT)
            print(f"· the {self.name} ended with code {code}; starting it again", flush=True)
            await asyncio.sleep(wait)
            try:
                await self.start()
            except OSError as error:
                print(f"· the {self.name} could not be started ({error.strerror}); trying again", flush=True)

    async def _watch(self) -> None:
        """End the process once it has not answered for too long; before its first answer it is starting."""
        if not self.live:
            return
        heard, patience, missed = time.monotonic(), START_LIMIT, 0
        # A connection of its own for each look: a process that stands still keeps those that it has.
        connector = aiohttp.TCPConnector(force_close=True)
        timeout = aiohttp.ClientTimeout(total=LOOK_LIMIT)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            while True:
                closed = False
                try:
                    async with session.get(self.live):
                        heard, patience, missed = time.monotonic(), SILENT, 0
                except (aiohttp.ClientError, TimeoutError) as error:
                    missed, closed = missed + 1, not isinstance(error, TimeoutError)
                limit = max(patience, STOP_LIMIT) if closed else patience
                # Counted as well as timed: while this process itself stood still nobody was asked.
                if missed > 1 and time.monotonic() - heard > limit:
                    print(f"· the {self.name} does not answer any more; ending it", flush=True)
                    self._signal(signal.SIGKILL)
                    return
                await asyncio.sleep(LOOK)

    async def stop(self) -> None:
        """Ask the process to end, then end it and whatever it started."""
        if self.process is None or self.process.returncode is not None:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), STOP_LIMIT)
        self._signal(signal.SIGKILL)  # and whatever of its group did not listen
        await self.process.wait()

    def _signal(self, number: int) -> None:
        assert self.process is not None
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return

    async def until_ready(self) -> None:
        """Wait until the health check answers 200.

        Raises:
            ServeError: when the process ends or takes too long.
        """
        assert self.process is not None
        limit = time.monotonic() + START_LIMIT
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
            while time.monotonic() < limit:
                if self.process.returncode is not None:
                    raise ServeError(f"the {self.name} did not start: {last_line(self.log)} (see {self.log})")
                try:
                    async with session.get(self.health) as answer:
                        if answer.status == 200:
                            return
                    # Rasa goes on without a model that it could not load, and would never be ready.
                    if refused := NOT_LOADED.search(self.log.read_text(encoding="utf-8", errors="replace")):
                        raise ServeError(f"the {self.name} could not load the model: {refused[1]} (see {self.log})")
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.2)
        raise ServeError(f"the {self.name} was not ready after {START_LIMIT:.0f} s (see {self.log})")


async def purge_daily(command: Sequence[str] = (sys.executable, "-m", "bot.runtime.purge")) -> None:
    """Have what is older than it may be kept removed, once a day, by a process of its own."""
    await asyncio.sleep(PURGE_FIRST)
    while True:
        LOGS.mkdir(parents=True, exist_ok=True)
        with (LOGS / "purge.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        if code := await process.wait():
            print(f"· old conversations could not be removed (code {code}); see {LOGS / 'purge.log'}", flush=True)
        await asyncio.sleep(PURGE_AGAIN)


def last_line(log: Path) -> str:
    """The last words of a process that gave up."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def chosen_port() -> int:
    """``PORT``, by default 5005.

    Raises:
        ServeError: when it is no port number.
    """
    given = os.environ.get("PORT", "5005")
    return port_number("PORT", given)


def port_number(name: str, given: str) -> int:
    """A port number from an environment variable.

    Raises:
        ServeError: when it is none.
    """
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
        raise ServeError(f"{name} is {given!r}; write a number from 1 to 65535.")
    return int(given)


def check_free(host: str, port: int) -> None:
    """Raise a ServeError when the port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OverflowError as error:
            raise ServeError(str(error)) from None
        except OSError as error:
            raise ServeError(
                f"port {port} cannot be used ({error.strerror}). Choose another one: PORT={port + 1} make run"
            ) from None


def free_port() -> int:
    """A port of the loopback address that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _files() -> list[str]:
    """The endpoints and the credentials as Rasa's arguments."""
    endpoints = os.environ.get("IL2_ENDPOINTS", "endpoints.yml")
    return ["--endpoints", endpoints, "--credentials", os.environ.get("IL2_CREDENTIALS", "credentials.yml")]


def services(host: str, port: int, model: Path) -> list[Service]:
    """The two processes; the action server is reached over the loopback address alone."""
    given = os.environ.get("ACTION_PORT")
    action_port = port_number("ACTION_PORT", given) if given else free_port()
    python = sys.executable
    shared = {
        "RASA_TELEMETRY_ENABLED": "false",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "PYTHONWARNINGS": "ignore",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        # Made from the secret that all machines share, so that each Rasa server may call each action server.
        "ACTION_TOKEN": os.environ.get("ACTION_TOKEN") or secret.mac("action server", "token").hex(),
    }
    actions = Service(
        "action server",
        [python, "-m", "bot.runtime.actions", str(action_port)],
        f"http://127.0.0.1:{action_port}/health",
        shared,
        live=f"http://127.0.0.1:{action_port}/health",
    )
    rasa_environment = {
        **shared,
        "ACTION_ENDPOINT_URL": f"http://127.0.0.1:{action_port}/webhook",
        # Requests over this are refused with 413 before they are read; the channels' own limit is lower.
        "SANIC_REQUEST_MAX_SIZE": "262144",
        "SANIC_FALLBACK_ERROR_FORMAT": "json",
    }
    command = [python, "-m", "bot.runtime.rasa", "run", "--model", str(model), "--interface", host, "--port", str(port)]
    command += _files()
    origins = clinics.load().origins
    command += ["--cors", *origins] if origins else []
    probe = "127.0.0.1" if host == "0.0.0.0" else host
    here = f"http://{probe}:{port}/health"
    return [actions, Service("Rasa server", command, here, rasa_environment, live=f"{here}/live")]


def team_page() -> list[Service]:
    """The care team's page, if it is on."""
    if not os.environ.get("IL2_TEAM"):
        return []
    port = port_number("TEAM_PORT", os.environ.get("TEAM_PORT", "5006"))
    command = [sys.executable, "-m", "bot.team", str(port)]
    quiet = {"SQLALCHEMY_SILENCE_UBER_WARNING": "1", "PYTHONWARNINGS": "ignore"}
    health = f"http://127.0.0.1:{port}/team/health"
    return [Service("team page", command, health, quiet, live=health)]


async def serve() -> None:
    """Start, watch and stop both processes.

    Raises:
        ServeError: when they cannot start.
    """
    host, port, model = os.environ.get("HOST", "127.0.0.1"), chosen_port(), train.model_path()
    clinics.load()
    guards.check(["--model", str(model), *_files()])
    check_free(host, port)
    if not model.is_file():
        raise ServeError(f"there is no trained model ({model}). Run: make train")
    Path("var").mkdir(exist_ok=True)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)

    running = [*services(host, port, model), *team_page()]
    for service in running:
        service.log.unlink(missing_ok=True)
    keepers: list[asyncio.Task[None]] = []
    stop = asyncio.ensure_future(stopped.wait())
    try:
        print("· starting the action server and the Rasa server", flush=True)
        await asyncio.gather(*(service.start() for service in running))
        ready = asyncio.gather(*(service.until_ready() for service in running))
        await asyncio.wait((ready, stop), return_when=asyncio.FIRST_COMPLETED)
        if stopped.is_set():
            ready.cancel()
            return
        await ready
        print(f"The companion answers at http://{host}:{port}/ (Ctrl-C stops it)", flush=True)
        keepers = [asyncio.ensure_future(service.keep()) for service in running]
        keepers.append(asyncio.ensure_future(purge_daily()))
        await stop
    finally:
        stop.cancel()
        for keeper in keepers:
            keeper.cancel()
        for service in reversed(running):  # the actions last: turns in flight need them
            await service.stop()
        print("· stopped", flush=True)


def main() -> int:
    """Serve until told to stop."""
    secret.keep_to_this_user()
    try:
        asyncio.run(serve())
    except (ServeError, guards.Refused, clinics.ClinicError) as error:
        print(f"Not started: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
