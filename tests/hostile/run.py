"""Sends bad input to a running companion and judges what comes back.

Whatever is sent: no status from 500 on, no silence (a text gets words, a refusal its reason), and the process lives on.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.hostile.cases import QUESTION, Body, Case, Replay, Text, Wire
from tests.security.conftest import REST, REST_TOKEN, WEB, House

LATE = 12.0
"""Seconds after which no answer is silence: the companion promises one within nine."""


@dataclass
class Result:
    """What became of a case; ``wrong`` is empty when it went well."""

    kind: str
    name: str
    wrong: str = ""
    status: int = 0
    seconds: float = 0.0
    alarmed: bool = False


@dataclass
class Runner:
    """Sends cases over lines that stay open, one for each thread."""

    house: House
    _mine: threading.local = field(default_factory=threading.local)

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._mine, "session"):
            self._mine.session = requests.Session()
        session: requests.Session = self._mine.session
        return session

    def post(self, path: str, body: bytes, token: str, headers: dict[str, str] | None = None) -> requests.Response:
        given = {"Content-Type": "application/json", "Authorization": f"Bearer {token}", **(headers or {})}
        url = f"http://127.0.0.1:{self.house.server.port}{path}"
        return self._session.post(url, data=body, headers=given, timeout=LATE)

    def call(self, method: str, path: str, body: dict[str, Any] | None, token: str) -> requests.Response:
        url = f"http://127.0.0.1:{self.house.server.port}{path}"
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        data = None if body is None else json.dumps(body).encode()
        return self._session.request(method, url, data=data, headers=headers, timeout=LATE)

    def conversation(self) -> str:
        """The token of a new conversation on the website."""
        return str(self.post(f"{WEB}/conversations", b"{}", "").json()["token"])

    # -- one case ----------------------------------------------------------------------------------

    def run(self, case: Case, channel: str = "rest") -> Result:
        """Send a case; a text goes over the named channel."""
        result, began = (
            Result(case.kind, f"{case.name} ({channel})" if isinstance(case, Text) else case.name),
            time.monotonic(),
        )
        try:
            if isinstance(case, Text):
                self._text(case, channel, result)
            elif isinstance(case, Body):
                self._body(case, result)
            elif isinstance(case, Wire):
                self._wire(case, result)
            else:
                self._replay(case, result)
        except (requests.RequestException, OSError) as error:
            result.wrong = f"no answer: {type(error).__name__}"
        result.seconds = time.monotonic() - began
        return result

    def _text(self, case: Text, channel: str, result: Result) -> None:
        sender = uuid.uuid4().hex
        token = REST_TOKEN if channel == "rest" else self.conversation()
        for text in (*case.before, case.text):
            if channel == "rest":
                answer = self.post(REST, json.dumps({"sender": sender, "message": text}).encode(), token)
            else:
                body = {"id": uuid.uuid4().hex, "text": text}
                answer = self.post(f"{WEB}/messages", json.dumps(body).encode(), token)
            self._judge(answer, result)
        result.alarmed = "escalation" in answer.text
        if case.alarms and not result.alarmed and not result.wrong:
            result.wrong = "a red flag that did not alarm"

    def _body(self, case: Body, result: Result) -> None:
        body = case.body.replace(b"{id}", uuid.uuid4().hex.encode())
        token = REST_TOKEN if case.channel == "rest" else self.conversation()
        path = REST if case.channel == "rest" else f"{WEB}/messages"
        self._judge(self.post(path, body, token, case.headers), result)

    def _judge(self, answer: requests.Response, result: Result) -> None:
        result.status = answer.status_code
        if answer.status_code >= 500:
            result.wrong = f"status {answer.status_code}"
        elif not _words(answer):
            result.wrong = f"silence with status {answer.status_code}"

    def _wire(self, case: Wire, result: Result) -> None:
        """The answer may be a closed line: these are no requests. But never a 5xx, and the next patient is served."""
        with socket.create_connection(("127.0.0.1", self.house.server.port), timeout=LATE) as line:
            pieces = [case.sent[i : i + 20] for i in range(0, len(case.sent), 20)] if case.slowly else [case.sent]
            head = b""
            with contextlib.suppress(OSError):
                for piece in pieces:
                    line.sendall(piece)
                    if case.slowly:
                        time.sleep(0.02)
                if not case.hangs_up:
                    line.settimeout(0.5 if not case.sent.startswith(b"POST") else 3)
                    head = line.recv(64)
        if head.startswith(b"HTTP/"):
            status = head.split(b" ")[1][:3]
            result.status = int(status) if status.isdigit() else 0
            # 501 and 505 say that the protocol is not spoken; that is no failure of the companion.
            if result.status >= 500 and result.status not in (501, 505):
                result.wrong = f"status {result.status}"

    def _replay(self, case: Replay, result: Result) -> None:
        """The same id again gets the same answer, and the bot hears it once."""
        token, event = self.conversation(), uuid.uuid4().hex
        texts = [QUESTION] * case.times
        if case.changes == "text":
            texts = [QUESTION, *["what is contrast dye?"] * (case.times - 1)]
        tokens = [token] * case.times
        if case.changes == "conversation":
            tokens = [token, *[self.conversation()] * (case.times - 1)]
        events = [event, event.upper()] if case.changes == "other case" else [event] * case.times

        def send(number: int) -> requests.Response:
            body = {"id": events[number], "text": texts[number]}
            if case.changes == "button" and number:
                body = {"id": events[number], "button": "A" * 22}
            if case.changes in ("after deletion", "old token") and number:
                self._session.delete(
                    f"http://127.0.0.1:{self.house.server.port}{WEB}/conversation",
                    headers={"Authorization": f"Bearer {token}"}, timeout=LATE,
                )  # fmt: skip
            return self.post(f"{WEB}/messages", json.dumps(body).encode(), tokens[number])

        if case.at_once:
            with ThreadPoolExecutor(min(case.times, 10)) as pool:
                answers = list(pool.map(send, range(case.times)))
        else:
            answers = [send(number) for number in range(case.times)]
        for answer in answers:
            self._judge(answer, result)
            if result.wrong:
                return
        if not case.changes or case.changes == "text":
            if len({answer.text for answer in answers}) != 1:
                result.wrong = "the same message was answered in two ways"
            said = self._said(token)
            if said != 1:
                result.wrong = f"one message is kept {said} times"

    def _said(self, token: str) -> int:
        url = f"http://127.0.0.1:{self.house.server.port}{WEB}/messages"
        messages = self._session.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=LATE).json()["messages"]
        return sum(message["from"] == "patient" for message in messages)

    # -- many --------------------------------------------------------------------------------------

    def run_all(self, jobs: Iterable[tuple[Case, str]], threads: int = 3) -> list[Result]:
        """Run cases over channels, some at once."""
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda job: self.run(*job), jobs))

    def alive(self) -> bool:
        """Whether the same processes still run and the next patient gets an answer."""
        answer = self.post(REST, json.dumps({"sender": uuid.uuid4().hex, "message": QUESTION}).encode(), REST_TOKEN)
        return answer.status_code == 200 and "15 minutes" in answer.text


def _words(answer: requests.Response) -> bool:
    """Whether somebody who reads the answer reads anything."""
    try:
        body = answer.json()
    except ValueError:
        return False
    if answer.status_code >= 400:
        return bool(isinstance(body, dict) and (body.get("reason") or body.get("message")))
    messages = body if isinstance(body, list) else body.get("messages", [])
    return any(message.get("text", "").strip() for message in messages)


def rasa_process(house: House) -> int:
    """The id of the Rasa server."""
    (found,) = house.server.processes("bot.runtime.rasa")
    return found


def resident_mb(process: int) -> float:
    """The memory of a process."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextlib.contextmanager
def other_patient(runner: Runner, pause: float = 0.25) -> Iterator[list[float]]:
    """Somebody who goes on asking, and how many seconds each answer took; an answer that is none counts as infinite."""
    seconds: list[float] = []
    stopped = threading.Event()

    def ask() -> None:
        while not stopped.wait(pause):
            began = time.monotonic()
            try:
                answered = runner.alive()
            except requests.RequestException:
                answered = False
            seconds.append(time.monotonic() - began if answered else float("inf"))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seconds
    finally:
        stopped.set()
        thread.join()
