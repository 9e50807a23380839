"""The running companion on every platform at once: whole conversations, its description, a start without platforms."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import validate_spec
from schemathesis.specs.openapi.checks import response_schema_conformance

from bot.channels import openapi
from bot.channels.texts import texts
from tests.channels.drivers import DRIVERS, Driver, Request, Sent
from tests.channels.stub import Stub
from tests.conversations.conftest import Server, free_port, start, stop

WORDS = texts().messaging
TOKEN = "token-of-the-tests"
CREDENTIALS = """
bot.channels.rest.RestInput:
bot.channels.web.WebInput:
  messages_per_conversation: 100000/minute
  conversations_per_address: 100000/minute
  calls_per_address: 100000/minute
bot.channels.twilio.TwilioInput: {{api: "{twilio}"}}
bot.channels.telegram.TelegramInput: {{api: "{telegram}"}}
bot.channels.slack.SlackInput: {{api: "{slack}"}}
bot.channels.messenger.MessengerInput: {{api: "{messenger}"}}
bot.channels.openapi.OpenApiInput:
bot.channels.site.SiteInput:
"""
PLATFORMS = ("twilio", "telegram", "slack", "messenger")


@dataclass
class Companion:
    """The companion and the stubs of all platforms."""

    server: Server
    stubs: dict[str, Stub]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def post(self, path: str, request: Request) -> tuple[int, bytes]:
        asked = urllib.request.Request(f"{self.base}{path}", data=request.body, headers=request.headers)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def _environment() -> dict[str, str]:
    """All platforms' variables, and a secret of its own: nobody here is known from an earlier run."""
    platforms = {name: value for driver in DRIVERS.values() for name, value in driver.environment.items()}
    return {**platforms, "IL2_SECRET": uuid.uuid4().hex}


def _credentials(folder: Path, addresses: dict[str, str]) -> str:
    file = folder / "credentials.yml"
    file.write_text(CREDENTIALS.format(**addresses), encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def companion(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Companion]:
    folder = tmp_path_factory.mktemp("companion")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    stubs = {name: Stub(DRIVERS[name].ok) for name in PLATFORMS}
    for stub in stubs.values():
        asyncio.run_coroutine_threadsafe(stub.start(free_port()), loop).result()
    credentials = _credentials(folder, {name: f"http://127.0.0.1:{stub.port}" for name, stub in stubs.items()})
    server = start(model, folder, IL2_CREDENTIALS=credentials, IL2_REST_TOKEN=TOKEN, **_environment())
    try:
        yield Companion(server, stubs)
    finally:
        stop(server)
        for stub in stubs.values():
            asyncio.run_coroutine_threadsafe(stub.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


class Patient:
    """Somebody on a platform."""

    def __init__(self, companion: Companion, driver: Driver) -> None:
        self._companion, self._driver = companion, driver
        self._path = f"/webhooks/{driver.channel.name()}/webhook"

    def sent(self) -> list[Sent]:
        calls = list(self._companion.stubs[self._driver.channel.name()].calls)
        everything = [sent for call in calls if (sent := self._driver.sent(call)) is not None]
        return [sent for sent in everything if sent.to.endswith(self._driver.person)]

    def does(self, body: bytes, until: str) -> list[Sent]:
        """What is sent for an event, once some words are among it."""
        before = len(self.sent())
        assert self._companion.post(self._path, self._driver.sign(body))[0] == 200
        limit = time.monotonic() + 20
        while not any(until in sent.text for sent in self.sent()[before:]):
            assert time.monotonic() < limit, self.sent()[before:]
            time.sleep(0.02)
        return self.sent()[before:]


@pytest.mark.parametrize("name", list(DRIVERS))
def test_a_whole_conversation(name: str, companion: Companion) -> None:
    driver = DRIVERS[name]
    patient = Patient(companion, driver)
    first = patient.does(driver.says("How long is one infusion?"), "15 minutes")
    assert first[0].text == WORDS["general_information_only"]
    answer = " ".join(sent.text for sent in first[1:])
    assert "Source:" in answer
    flag = patient.does(driver.says("my chest hurts"), "Are you at home")
    assert flag[0].text.startswith("Call 911 (US), 999 (UK) or 112 now.")
    assert WORDS["general_information_only"] not in [sent.text for sent in flag]
    titles = [title for title, _ in flag[-1].buttons]
    if titles[0] == "1":  # Messenger: the titles are too long for its buttons
        assert "1 I am at home" in flag[-1].text
    else:
        assert titles == ["I am at home", "I am in the hospital"]
    title, token = flag[-1].buttons[1]
    patient.does(driver.presses(token, title, 2), "keep that in mind")
    again = patient.does(driver.says("my temperature is 39.5 now"), "call button")
    assert "911" not in again[0].text
    patient.does(driver.says("I have told staff"), "Good that you")
    vaccine = patient.does(driver.says("can i have the flu jab?"), "leaflets differ")
    assert "not told staff" not in " ".join(sent.text for sent in vaccine)


def test_the_escalation_is_recorded_with_its_channel_and_without_the_person(companion: Companion) -> None:
    driver = DRIVERS["whatsapp"]
    Patient(companion, driver).does(driver.says("cant breathe"), "call button")
    recorded = companion.server.outbox.read_bytes()
    assert b"15005550001" not in recorded
    assert b"cant breathe" not in recorded


def test_forged_requests_reach_nobody(companion: Companion) -> None:
    before = {name: len(stub.calls) for name, stub in companion.stubs.items()}
    for driver in DRIVERS.values():
        for request in driver.forged():
            assert companion.post(f"/webhooks/{driver.channel.name()}/webhook", request)[0] == 401
    time.sleep(0.5)
    assert {name: len(stub.calls) for name, stub in companion.stubs.items()} == before


def test_health_names_the_channels(companion: Companion) -> None:
    status, body = companion.server.request("/health")
    assert status == 200
    told = json.loads(body)
    assert told["status"] == "ready"
    assert told["channels"] == dict.fromkeys(sorted(PLATFORMS), "ready")


# -- REST and the API description ------------------------------------------------------------------


def test_rest_is_closed_once_a_token_is_set(companion: Companion) -> None:
    body = json.dumps({"sender": uuid.uuid4().hex, "message": "How long is one infusion?"}).encode()
    path = "/webhooks/rest/webhook"
    assert companion.post(path, Request(body, {}))[0] == 401
    status, replies = companion.post(path, Request(body, {"Authorization": f"Bearer {TOKEN}"}))
    assert status == 200
    assert "15 minutes" in json.loads(replies)[0]["text"]


def test_the_description_is_valid_and_served(companion: Companion) -> None:
    status, body = companion.server.request("/openapi.json")
    assert status == 200
    document = json.loads(body)
    validate_spec(document)
    for path in document["paths"]:
        assert path.startswith(("/webhooks/rest/", "/webhooks/web/"))


api = schemathesis.openapi.from_dict(openapi.description())


@api.parametrize()
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_what_is_described_is_what_happens(case: Any, companion: Companion) -> None:
    """Good and bad requests made from the description: no 5xx, and each answer is one that it names."""
    opened = companion.post("/webhooks/web/conversations", Request(b"{}", {"Content-Type": "application/json"}))
    token = TOKEN if case.path.startswith("/webhooks/rest") else json.loads(opened[1])["token"]
    response = case.call(base_url=companion.base, headers={"Authorization": f"Bearer {token}"}, timeout=20)
    assert response.status_code < 500
    case.validate_response(response, checks=[response_schema_conformance])


# -- a start without platforms ---------------------------------------------------------------------


def test_the_companion_starts_and_answers_while_no_platform_can_be_reached(model: Path, tmp_path: Path) -> None:
    closed = f"http://127.0.0.1:{free_port()}"
    environment = {**_environment(), "SLACK_SIGNING_SECRET": ""}
    credentials = _credentials(tmp_path, dict.fromkeys(PLATFORMS, closed))
    server = start(model, tmp_path, IL2_CREDENTIALS=credentials, **environment)
    try:
        companion, driver = Companion(server, {}), DRIVERS["telegram"]
        states = json.loads(server.request("/health")[1])["channels"]
        assert states == {"messenger": "ready", "slack": "down", "telegram": "ready", "twilio": "ready"}
        began = time.monotonic()
        assert companion.post("/webhooks/telegram/webhook", driver.sign(driver.says("my chest hurts")))[0] == 200
        assert time.monotonic() - began < 20  # answered, not left hanging
        slack = DRIVERS["slack"]
        assert companion.post("/webhooks/slack/webhook", Request(slack.says("hi"), {}))[0] == 503
        limit = time.monotonic() + 20
        while json.loads(server.request("/health")[1])["channels"]["telegram"] != "down":
            assert time.monotonic() < limit
            time.sleep(0.1)
        assert server.say("my chest hurts")
    finally:
        stop(server)
