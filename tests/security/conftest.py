"""The companion as a clinic runs it: REST closed by a token, the team page on, every port known."""

from __future__ import annotations

import http.client
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conversations.conftest import Server, free_port, start, stop

REST_TOKEN = "token-of-the-tests-0123456789"
TEAM_SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"
ACTION_TOKEN = "token-of-the-action-server-0123456789"
REST, WEB = "/webhooks/rest/webhook", "/webhooks/web"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class House:
    """A running companion and the ports of its processes."""

    server: Server
    team: int
    actions: int
    folder: Path
    _lines: dict[int, http.client.HTTPConnection] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, port: int = 0
    ) -> Answer:
        """One request; a body that is no bytes is sent as JSON."""
        line = http.client.HTTPConnection("127.0.0.1", port or self.server.port, timeout=30)
        try:
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            given = dict(headers or {})
            if data is not None and not {"Content-Type", "content-type"} & set(given):
                given["Content-Type"] = "application/json"
            line.request(method, path, data, given)
            answer = line.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            line.close()

    def rest(self, text: Any, sender: Any = None) -> Answer:
        body = {"sender": uuid.uuid4().hex if sender is None else sender, "message": text}
        return self.ask("POST", REST, body, {"Authorization": f"Bearer {REST_TOKEN}"})

    def staff(self, method: str, path: str, who: str = "anna", body: bytes | None = None, **headers: str) -> Answer:
        headers = {"X-Team-Secret": TEAM_SECRET, "X-Team-User": who, **headers}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self.ask(method, path, body, headers, self.team)

    def patient(self) -> Patient:
        return Patient(self)


class Patient:
    """A browser with a conversation of its own."""

    def __init__(self, house: House) -> None:
        self._house = house
        opened = house.ask("POST", f"{WEB}/conversations", {})
        assert opened.status == 201, opened.body
        self.token: str = opened.json["token"]

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> Answer:
        given = self.token if token is None else token
        return self._house.ask(method, f"{WEB}{path}", body, {"Authorization": f"Bearer {given}", **headers})

    def say(self, text: str, **more: str) -> Answer:
        return self.ask("POST", "/messages", {"id": uuid.uuid4().hex, "text": text}, **more)

    def texts(self) -> str:
        return " ".join(message["text"] for message in self.ask("GET", "/messages").json["messages"])


def open_house(model: Path, folder: Path) -> House:
    """Start the companion with limits that no test reaches."""
    credentials = folder / "credentials.yml"
    generous = re.sub(r"\d+/minute", "1000000/minute", Path("credentials.yml").read_text(encoding="utf-8"))
    credentials.write_text(generous, encoding="utf-8")
    team, actions = free_port(), free_port()
    server = start(
        model,
        folder,
        IL2_CREDENTIALS=str(credentials),
        IL2_REST_TOKEN=REST_TOKEN,
        IL2_SECRET=uuid.uuid4().hex,
        IL2_TEAM="proxy",
        IL2_TEAM_PROXY_SECRET=TEAM_SECRET,
        IL2_TEAM_CLINICIANS="anna,bob",
        IL2_TEAM_AUDITORS="carl",
        IL2_TEAM_DB=f"sqlite:///{folder}/team.db",
        TEAM_PORT=str(team),
        ACTION_PORT=str(actions),
        ACTION_TOKEN=ACTION_TOKEN,
    )
    return House(server, team, actions, folder)


@pytest.fixture(scope="session")
def house(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    running = open_house(model, tmp_path_factory.mktemp("house"))
    yield running
    stop(running.server)
