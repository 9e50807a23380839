"""Who may call what, over HTTP: for each resource somebody who may, and at least three who may not.

The rows are those of the table in docs/security.md. Rates of the channels: tests/unit/channels. A provider's login:
tests/unit/team.
"""

from __future__ import annotations

import re
import secrets
import socket
import stat
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from rasa.core.channels import BUILTIN_CHANNELS

from tests.security.conftest import ACTION_TOKEN, REST, REST_TOKEN, TEAM_SECRET, WEB, House, Patient

CLOSED = {401, 403, 404, 405}
EVIL = {"Origin": "https://evil.example"}


@pytest.fixture
def patient(house: House) -> Patient:
    return house.patient()


def _text(answer: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer))


# -- create a session ------------------------------------------------------------------------------


def test_anybody_may_begin_a_conversation_from_an_allowed_page(house: House) -> None:
    own = f"http://127.0.0.1:{house.server.port}"
    answers = [house.ask("POST", f"{WEB}/conversations", {}, headers) for headers in ({}, {"Origin": own})]
    assert [answer.status for answer in answers] == [201, 201]
    tokens = {answer.json["token"] for answer in answers}
    assert len(tokens) == 2
    assert all(len(token) >= 22 + 1 + 43 for token in tokens)  # 128 bits and their signature


@pytest.mark.parametrize(
    ("method", "body", "headers", "status"),
    [
        ("POST", b"{}", EVIL, 403),
        ("POST", b"{}", {"Origin": "null"}, 403),
        ("POST", b"{}", {"Content-Type": "text/plain"}, 415),
        ("POST", b"", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("POST", b'{"token": "mine"}', {}, 422),
        ("POST", b'{"id": "conversation-of-my-choice"}', {}, 422),
        ("GET", None, {}, 405),
        ("PUT", b"{}", {}, 405),
    ],
)
def test_no_other_page_and_no_wish_for_an_id(
    method: str, body: bytes | None, headers: dict[str, str], status: int, house: House
) -> None:
    answer = house.ask(method, f"{WEB}/conversations", body, headers)
    assert answer.status == status
    assert b"token" not in answer.body.replace(b'"token": "mine"', b"")


# -- own conversation: send, read, acknowledge, export, delete -------------------------------------

OWN = {
    "send": ("POST", "/messages", {"id": "0123456789", "text": "hello"}),
    "read": ("GET", "/messages", None),
    "acknowledge": ("POST", "/acknowledge", {"level": "urgent"}),
    "export": ("GET", "/conversation", None),
    "delete": ("DELETE", "/conversation", None),
}


@pytest.mark.parametrize("cell", OWN)
def test_a_patient_may_use_the_own_conversation(cell: str, patient: Patient) -> None:
    assert patient.say("my head is hot, 39.2").status == 200
    assert patient.ask(*OWN[cell]).status in (200, 204)


@pytest.mark.parametrize("cell", OWN)
def test_nobody_else_may(cell: str, house: House, patient: Patient) -> None:
    patient.say("canary kiwi")
    conversation, issued, signature = patient.token.split(".")
    other = house.patient()
    strangers = {
        "nobody": "",
        "the id alone": conversation,
        "the id with another's signature": f"{conversation}.{other.token.partition('.')[2]}",
        "another id with the signature": f"{secrets.token_urlsafe(16)}.{issued}.{signature}",
        "another time with the signature": f"{conversation}.{int(issued, 16) + 3600:08x}.{signature}",
        "a shorter signature": patient.token[:-1],
        "a word of staff": TEAM_SECRET,
        "the token of REST": REST_TOKEN,
        "a token of JWT without a signature": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    }
    for who, token in strangers.items():
        answer = patient.ask(*OWN[cell], token=token)
        assert answer.status == 401, who
        assert b"kiwi" not in answer.body
    method, path, body = OWN[cell]
    if method != "GET":
        assert patient.ask(method, path, body, **EVIL).status == 403
    # Neither the address nor a cookie carries a token.
    for headers in ({"Cookie": f"token={patient.token}"}, {"X-Team-Secret": TEAM_SECRET, "X-Team-User": "anna"}):
        assert house.ask(method, f"{WEB}{path}?token={patient.token}", body, headers).status == 401
    # A stranger's own token reads and removes the stranger's own conversation.
    assert b"kiwi" not in other.ask("GET", "/messages").body
    assert other.ask("DELETE", "/conversation").status == 204
    assert "kiwi" in patient.texts()


def test_a_thousand_guessed_ids_find_nothing(house: House) -> None:
    patients = [house.patient() for _ in range(5)]
    for patient in patients:
        patient.say("canary kiwi")
    ends = [patient.token.partition(".")[2] for patient in patients]

    def guess(number: int) -> int:
        made_up = f"{ends[0].partition('.')[0]}.{secrets.token_urlsafe(32)}"
        token = f"{secrets.token_urlsafe(16)}.{ends[number % 5] if number % 2 else made_up}"
        return house.ask("GET", f"{WEB}/messages", None, {"Authorization": f"Bearer {token}"}).status

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(guess, range(1000)))
    assert answers == [401] * 1000


def test_a_browser_of_another_website_is_told_nothing(house: House, patient: Patient) -> None:
    for method, path in (
        ("OPTIONS", f"{WEB}/messages"),
        ("GET", f"{WEB}/config"),
        ("OPTIONS", REST),
        ("GET", "/health"),
    ):
        answer = house.ask(method, path, None, {**EVIL, "Access-Control-Request-Method": "POST"})
        assert answer.headers.get("access-control-allow-origin") is None, path


def test_a_button_works_only_in_its_own_conversation(house: House, patient: Patient) -> None:
    (message,) = patient.say("my chest hurts").json["messages"]
    button = message["buttons"][0]["token"]
    other = house.patient()
    body = {"id": uuid.uuid4().hex, "button": button}
    assert other.ask("POST", "/messages", body).status == 422
    assert patient.ask("POST", "/messages", body).status == 200


def test_a_deleted_conversation_is_dead_for_its_own_token(patient: Patient) -> None:
    patient.say("canary kiwi")
    assert patient.ask("DELETE", "/conversation").status == 204
    for method, path, body in OWN.values():
        assert patient.ask(method, path, body).status == 401


# -- REST ------------------------------------------------------------------------------------------


def test_rest_answers_whoever_knows_its_token(house: House) -> None:
    assert house.rest("how long is one infusion?").json[0]["text"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {REST_TOKEN}x"},
        {"Authorization": REST_TOKEN},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TEAM_SECRET}"},
        {"X-IL2-Timestamp": str(int(time.time())), "X-IL2-Signature": "0" * 64},
    ],
)
def test_rest_refuses_everybody_else(headers: dict[str, str], house: House) -> None:
    answer = house.ask("POST", f"{REST}?token={REST_TOKEN}", {"sender": "x", "message": "hello"}, headers)
    assert answer.status == 401
    assert house.ask("POST", f"{REST}?stream=true", {"sender": "x", "message": "hello"}, headers).status == 401


# -- transcripts, escalations, acknowledging -------------------------------------------------------

STAFF_PAGES = (
    "/team", "/team/questions", "/team/questions/1", "/team/questions.yml", "/team/deletions", "/team/audit",
)  # fmt: skip


def test_a_clinician_sees_an_escalation_and_says_what_became_of_it(house: House, patient: Patient) -> None:
    patient.say("canary my chest hurts")
    patient.say("can i eat canary kiwi with my shoes on?")
    limit = time.monotonic() + 20
    while "Emergency: chest pain" not in (page := house.staff("GET", "/team").body.decode()):
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert "canary" not in page
    path = re.findall(r'action="(/team/escalations/\w+)"', page)[0]
    token = re.findall(r'name="token" value="([^"]+)"', page)[0]
    form = f"token={token}&status=called+back".encode()
    for who, given in (
        ("anna", b"status=closed"),
        ("anna", form.replace(token.encode(), b"1.x")),
        ("carl", form),
        ("eve", form),
    ):
        assert house.staff("POST", path, who, given).status == 403
    assert house.staff("POST", path, "anna", form, Origin="https://evil.example").status == 403
    assert house.ask("POST", path, form, {}, house.team).status == 401
    assert house.staff("POST", path, "anna", form).status == 303
    assert b"<strong>called back</strong>, anna" in house.staff("GET", "/team").body
    log = _text(house.staff("GET", "/team/audit", "carl").body.decode())
    assert "Every line fits" in log
    assert "anna clinician set called back" in log
    assert "eve nobody refused" in log


@pytest.mark.parametrize("path", STAFF_PAGES)
def test_nobody_else_reads_what_is_for_staff(path: str, house: House, patient: Patient) -> None:
    strangers: list[dict[str, str]] = [
        {},
        {"X-Team-User": "anna"},
        {"X-Team-User": "anna", "X-Team-Secret": TEAM_SECRET[:-1]},
        {"X-Team-Secret": TEAM_SECRET},
        {"Authorization": f"Bearer {patient.token}"},
        {"Authorization": f"Bearer {REST_TOKEN}"},
        {"Cookie": f"il2_team={patient.token}"},
    ]
    for headers in strangers:
        answer = house.ask("GET", path, None, headers, house.team)
        assert answer.status == 401
        assert b"chest" not in answer.body
    assert house.staff("GET", path, "eve").status == 403
    # The port of the patients does not know these pages at all.
    assert house.ask("GET", path, None, {"X-Team-Secret": TEAM_SECRET, "X-Team-User": "anna"}).status == 404


def test_a_record_goes_by_the_hands_of_two_clinicians_alone(house: House, patient: Patient) -> None:
    word = f"kiwi{uuid.uuid4().hex[:8]}"
    patient.say(f"can i eat {word} with my shoes on?")
    limit = time.monotonic() + 20
    while word not in (page := house.staff("GET", "/team/questions").body.decode()):
        assert time.monotonic() < limit
        time.sleep(0.1)
    number = re.findall(rf'href="/team/questions/(\d+)">[^<]*{word}', page)[0]

    def form(who: str, answer: str = "") -> bytes:
        source = house.staff("GET", f"/team/questions/{number}", who).body.decode()
        token = (re.findall(r'name="token" value="([^"]+)"', source) or ["none"])[0]
        return f"token={token}&kind=question&which={number}&answer={answer}".encode()

    ask, settle, mine = "/team/deletions", "/team/deletions/settle", form("anna", "delete")
    for path in (ask, settle):
        assert house.ask("POST", path, mine, {}, house.team).status == 401
        assert house.staff("POST", path, "bob", mine).status == 403  # somebody else's form
        assert house.staff("POST", path, "carl", form("carl", "delete")).status == 403
        assert house.staff("POST", path, "eve", mine).status == 403
        assert house.staff("POST", path, "anna", mine, Origin="https://evil.example").status == 403
        assert house.ask("POST", path, mine).status == 404  # the patients' port
    assert house.staff("POST", settle, "bob", form("bob", "delete")).status == 404  # nobody has asked
    assert house.staff("POST", ask, "anna", mine).status == 303
    assert house.staff("POST", settle, "anna", mine).status == 403
    assert word in house.staff("GET", "/team/questions").body.decode()
    assert house.staff("POST", settle, "bob", form("bob", "delete")).status == 303
    assert word not in house.staff("GET", "/team/questions").body.decode()
    log = _text(house.staff("GET", "/team/audit", "carl").body.decode())
    assert f"anna clinician asked to delete question {number}" in log
    assert f"bob clinician deleted question {number} asked by anna" in log


def test_a_patient_who_deletes_by_typing_takes_the_question_off_the_page(house: House) -> None:
    word, sender = f"kiwi{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    house.rest(f"can i eat {word} with my shoes on?", sender)
    limit = time.monotonic() + 20
    while word not in house.staff("GET", "/team/questions").body.decode():
        assert time.monotonic() < limit
        time.sleep(0.1)
    house.rest("delete my data", sender)
    # Somebody who writes under another id deletes nothing of this one.
    other = uuid.uuid4().hex
    house.rest("delete my data", other)
    assert house.rest("yes, delete it", other).json[-1]["custom"] == {"deletion": "done"}
    assert word in house.staff("GET", "/team/questions").body.decode()
    assert house.rest("yes, delete it", sender).json[-1]["custom"] == {"deletion": "done"}
    assert word not in house.staff("GET", "/team/questions").body.decode()
    for file in house.folder.glob("*.db*"):
        assert word.encode() not in file.read_bytes(), file


def test_an_auditor_may_not_export_and_a_clinician_not_read_the_log(house: House) -> None:
    assert house.staff("GET", "/team/questions.yml", "anna").status == 200
    assert house.staff("GET", "/team/questions.yml", "carl").status == 403
    assert house.staff("GET", "/team/audit", "carl").status == 200
    assert house.staff("GET", "/team/audit", "anna").status == 403


@pytest.mark.parametrize("path", ["/team/nope", "/", "/team/escalations", "/team/../etc/passwd", "/team/team.css/.."])
def test_the_team_port_has_no_other_pages(path: str, house: House) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert house.staff(method, path).status in CLOSED


# -- Rasa's own HTTP API, other channels, models ---------------------------------------------------

RASA_API = [
    ("GET", "/version"), ("GET", "/status"), ("GET", "/domain"), ("GET", "/conversations/x/tracker"),
    ("POST", "/conversations/x/tracker/events"), ("PUT", "/conversations/x/tracker/events"),
    ("GET", "/conversations/x/story"), ("POST", "/conversations/x/execute"), ("POST", "/conversations/x/predict"),
    ("POST", "/conversations/x/messages"), ("POST", "/conversations/x/trigger_intent"), ("POST", "/model/train"),
    ("POST", "/model/test/stories"), ("POST", "/model/test/intents"), ("POST", "/model/predict"),
    ("POST", "/model/parse"), ("PUT", "/model"), ("DELETE", "/model"), ("POST", "/auth"), ("GET", "/auth/me"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), RASA_API)
def test_rasas_api_and_models_are_closed_to_everybody(method: str, path: str, house: House, patient: Patient) -> None:
    body = None if method == "GET" else b'{"model_file": "/tmp/evil.tar.gz", "text": "hi"}'
    tokens = ("", REST_TOKEN, patient.token, ACTION_TOKEN, TEAM_SECRET)
    for token in tokens:
        answer = house.ask(method, f"{path}?token={token}", body, {"Authorization": f"Bearer {token}"})
        assert answer.status in (404, 405)


@pytest.mark.parametrize("name", sorted(channel.name() for channel in BUILTIN_CHANNELS.values()) if isinstance(
    BUILTIN_CHANNELS, dict) else sorted(channel.name() for channel in BUILTIN_CHANNELS))  # fmt: skip
def test_rasas_own_channels_are_not_there(name: str, house: House) -> None:
    for method, path in (("POST", "webhook"), ("POST", ""), ("GET", "webhook"), ("POST", "webhook/x")):
        answer = house.ask(method, f"/webhooks/{name}/{path}", None if method == "GET" else b'{"sender": "x"}')
        # A platform of the companion's own that is not set up says so with 503; "rest" is its own, and closed.
        assert answer.status in (*CLOSED, 503) or (name == "rest" and (method, path) == ("POST", ""))
    assert house.ask("GET", "/socket.io/?EIO=4&transport=polling").status == 404


# -- the action server -----------------------------------------------------------------------------


def test_the_action_server_takes_calls_from_the_rasa_server_alone(house: House, patient: Patient) -> None:
    call = {"next_action": "action_escalate", "tracker": {"sender_id": "x", "latest_message": {}}, "domain": {}}
    good = house.ask("POST", "/webhook", call, {"Authorization": f"Bearer {ACTION_TOKEN}"}, house.actions)
    assert good.status == 200
    for given in ("", "Bearer", f"Bearer {ACTION_TOKEN}x", f"Bearer {patient.token}", f"Bearer {REST_TOKEN}"):
        for method, path in (("POST", "/webhook"), ("GET", "/actions"), ("POST", "/health/../webhook")):
            body = call if method == "POST" else None
            assert house.ask(method, path, body, {"Authorization": given}, house.actions).status in (401, 404)
    assert house.ask("GET", "/actions", None, {}, house.actions).status == 401


# -- liveness, readiness, metrics ------------------------------------------------------------------


def test_health_tells_no_data(house: House) -> None:
    body = house.ask("GET", "/health").json
    assert body.pop("status") == "ready"
    assert set(body) <= {"stores", "channels"}  # states by name, nothing of a conversation
    assert house.ask("GET", "/health/live").json == {"status": "live"}
    assert house.ask("GET", "/team/health", port=house.team).body == b"ok"
    for path in ("/health/tracker", "/health/../domain", "/metrics", "/health?sender=x&verbose=1"):
        assert b"sender" not in house.ask("GET", path).body
    for method in ("POST", "PUT", "DELETE"):
        assert house.ask(method, "/health", b"{}").status in CLOSED


def test_metrics_are_not_on_a_port_for_patients_or_staff(house: House, patient: Patient) -> None:
    for token in ("", REST_TOKEN, patient.token):
        for port in (house.server.port, house.team, house.actions):
            for path in ("/metrics", "/metrics/", "/stats", "/debug/vars"):
                assert house.ask("GET", path, None, {"Authorization": f"Bearer {token}"}, port).status in CLOSED


# -- what only the machine itself may reach --------------------------------------------------------


def test_inner_ports_listen_on_the_loopback_address_alone(house: House) -> None:
    for port in (house.server.port, house.team, house.actions):
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        # Another address of this machine: a port that is open to the network would take it.
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=2):
            pass


@pytest.mark.parametrize(
    "path",
    [
        "/var/secret", "/../var/secret", "/%2e%2e/var/secret", "/..%2fvar/journal.db", "/var/conversations.db",
        "//etc/passwd", "/.git/config", "/endpoints.yml", "/credentials.yml", "/clinic.yml", "/models/il2.tar.gz",
        "/widget.js/../../../var/secret", "/webhooks/web/../../var/secret", "/webhooks/rest/../../domain",
        "/calendar.ics/../domain", "/openapi.yml", "/admin", "/webhooks", "/webhooks/web/", "/webhooks/web/config/x",
    ],
)  # fmt: skip
def test_no_file_and_no_unlisted_path_is_served(path: str, house: House) -> None:
    for method in ("GET", "POST", "TRACE"):
        answer = house.ask(method, path, b"{}" if method == "POST" else None)
        assert answer.status in CLOSED, method
        assert not [word for word in (b"SQLite format", b"action_endpoint", b"country:") if word in answer.body]


def test_the_stores_are_for_their_owner_alone(house: House, patient: Patient) -> None:
    patient.say("hello")
    house.staff("GET", "/team")
    files = [file for file in house.folder.iterdir() if ".db" in file.name]
    assert {"journal.db", "escalations.db", "team.db"} <= {file.name for file in files}
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name
