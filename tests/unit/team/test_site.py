"""The pages over real HTTP: who sees what, forms that only this page can send, and a log of everything."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from sanic import Sanic

from bot.clinic import Clinic
from bot.escalations import Escalation, Outbox
from bot.team import people
from bot.team.people import Role, door
from bot.team.records import Records, Status, key_of
from bot.team.site import SECURITY, create_app
from bot.unanswered import Unanswered
from tests.unit.team.provider import CLIENT, WORD, Provider

SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"
PROXY = {"IL2_TEAM": "proxy", "IL2_TEAM_PROXY_SECRET": SECRET}
PROXY |= {"IL2_TEAM_CLINICIANS": "anna,bob", "IL2_TEAM_AUDITORS": "carl"}
SCRIPT = "<script>alert(1)</script>"
KEY = key_of("aaaa1111bbbb2222", "m1")
ANSWER = "faq/contrast_before_scan"


@dataclass
class Answer:
    status: int
    text: str
    headers: Any

    @property
    def token(self) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.text)
        assert found, self.text
        return found[1]


@dataclass
class Team:
    """Somebody at the page."""

    session: aiohttp.ClientSession
    records: Records
    questions: Unanswered
    outbox: Outbox

    async def ask(self, method: str, path: str, who: str = "anna", data: Any = None, **headers: str) -> Answer:
        if who:
            headers = {"X-Team-Secret": SECRET, "X-Team-User": who, **headers}
        async with self.session.request(method, path, data=data, headers=headers, allow_redirects=False) as answer:
            return Answer(answer.status, await answer.text(), answer.headers)

    async def get(self, path: str, who: str = "anna", **headers: str) -> Answer:
        return await self.ask("GET", path, who, **headers)

    async def post(self, path: str, who: str = "anna", token: str | None = None, **fields: str) -> Answer:
        if token is None:
            token = people.form_token(people.Person(who, Role.CLINICIAN))
        return await self.ask("POST", path, who, {"token": token, **fields})

    def log(self) -> list[tuple[str, str]]:
        return [(line.who, line.did) for line in reversed(self.records.lines())]


Scene = Callable[[Team], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loopback: Any) -> Callable[..., None]:
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")
    Sanic.test_mode = True
    address = f"sqlite:///{tmp_path}/team.db"
    records, questions, outbox = Records(address), Unanswered(address), Outbox(tmp_path / "escalations.db")
    told = Escalation("m1", "aaaa1111bbbb2222", "emergency", ("chest_pain",), "web", "home")
    outbox.record(told, datetime.now(UTC) - timedelta(hours=1))
    outbox.record(Escalation("m2", "cccc", "soon", ("fever",), "sms", ""), datetime.now(UTC) - timedelta(days=3))
    outbox.record(Escalation("m3", "dddd", "urgent", (SCRIPT,), SCRIPT, ""), datetime.now(UTC) - timedelta(days=20))
    questions.keep("eeee", "web", "out_of_scope", f"kiwi {SCRIPT}?")

    def start(scene: Scene, settings: dict[str, str] = PROXY, zone: str = "Europe/London") -> None:
        clinic = Clinic("Clinic", False, "uk", "+44 555", (), time_zone=zone)
        app = create_app(door(settings), clinic, outbox, records, questions)

        async def client(session: aiohttp.ClientSession) -> None:
            await scene(Team(session, records, questions, outbox))

        loopback(app, client)

    return start


def test_escalations_with_names_times_and_a_plain_warning(run: Any) -> None:
    async def scene(team: Team) -> None:
        page = await team.get("/team")
        assert page.status == 200
        assert "Emergency: chest pain or tightness" in page.text
        assert "This is not a monitored alarm." in page.text
        assert "nobody is told about an escalation" in page.text
        assert "Soon: fever" in page.text
        assert "2 escalations." in page.text
        local = (datetime.now(UTC) - timedelta(hours=1)).astimezone(ZoneInfo("Asia/Tokyo"))
        assert local.strftime("%H:") in page.text
        assert "JST" in page.text
        assert "Times are those of Asia/Tokyo" in page.text

    run(scene, zone="Asia/Tokyo")


def test_filters(run: Any) -> None:
    async def scene(team: Team) -> None:
        async def shown(query: str) -> list[str]:
            return re.findall(r"<h2>(\w+):", (await team.get(f"/team?{query}")).text)

        assert await shown("days=1") == ["Emergency"]
        assert await shown("days=30") == ["Urgent", "Soon", "Emergency"]
        assert await shown("days=30&level=urgent") == ["Urgent"]
        assert await shown("level=nonsense&days=-5&status=x") == await shown("") == ["Soon", "Emergency"]
        team.records.set(KEY, Status.CLOSED, "bob")
        assert await shown("") == ["Soon"]
        assert await shown("status=closed") == ["Emergency"]
        assert await shown("status=all") == ["Soon", "Emergency"]

    run(scene)


def test_whatever_a_store_holds_is_text_on_the_page(run: Any) -> None:
    async def scene(team: Team) -> None:
        for path in ("/team?days=30", "/team/questions", "/team/questions/1"):
            page = await team.get(path)
            assert page.status == 200
            assert "<script" not in page.text
            assert "&lt;script&gt;" in page.text

    run(scene)


def test_a_clinician_says_what_became_of_an_escalation(run: Any) -> None:
    async def scene(team: Team) -> None:
        token = (await team.get("/team")).token
        answer = await team.post(
            f"/team/escalations/{KEY}", token=token, status="called back", back_days="1", back_status="all"
        )
        assert answer.status == 303
        assert answer.headers["Location"] == f"/team?days=1&status=all&saved={KEY}"
        page = await team.get(answer.headers["Location"])
        assert re.search(r"<strong>called back</strong>, anna, \w+ \d+ \w+ \d{4}, \d\d:\d\d", page.text)
        assert team.log()[1] == ("anna", "set called back")

    run(scene)


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        (f"/team/escalations/{KEY}", {"status": "nonsense"}, 422),
        (f"/team/escalations/{KEY}", {}, 422),
        ("/team/escalations/" + "0" * 20, {"status": "closed"}, 404),
        ("/team/escalations/../../etc", {"status": "closed"}, 404),
        ("/team/questions/1", {"label": "faq/none"}, 422),
        ("/team/questions/99", {"label": ANSWER}, 404),
        ("/team/questions/x", {"label": ANSWER}, 404),
        ("/team", {"status": "closed"}, 405),
    ],
)
def test_what_makes_no_sense_changes_nothing(path: str, fields: dict[str, str], status: int, run: Any) -> None:
    async def scene(team: Team) -> None:
        assert (await team.post(path, **fields)).status == status
        assert team.records.last([KEY]) == {}
        assert team.questions.find(labelled=True) == []

    run(scene)


def test_a_forged_form_changes_nothing(run: Any) -> None:
    async def scene(team: Team) -> None:
        path, fields = f"/team/escalations/{KEY}", {"status": "closed"}
        assert (await team.post(path, token="", **fields)).status == 403
        bobs = people.form_token(people.Person("bob", Role.CLINICIAN))
        assert (await team.post(path, token=bobs, **fields)).status == 403
        good = people.form_token(people.Person("anna", Role.CLINICIAN))
        forged = await team.ask("POST", path, "anna", {"token": good, **fields}, Origin="https://evil.example")
        assert forged.status == 403
        assert (await team.ask("POST", path, "anna", {"token": good, **fields}, Origin="null")).status == 403
        body = f'{{"token": "{good}", "status": "closed"}}'
        odd = await team.ask("POST", path, "anna", body, **{"Content-Type": "application/json"})
        assert odd.status == 415
        plain = await team.ask("POST", path, "anna", f"token={good}&status=closed", **{"Content-Type": "text/plain"})
        assert plain.status == 415
        assert team.records.last([KEY]) == {}

    run(scene)


def test_an_auditor_sees_everything_and_changes_nothing(run: Any) -> None:
    async def scene(team: Team) -> None:
        for path in ("/team", "/team/questions", "/team/questions/1", "/team/audit"):
            page = await team.get(path, "carl")
            assert page.status == 200, path
            assert "/team/escalations/" not in page.text
            assert 'method="post"' not in page.text
        for path, fields in (
            (f"/team/escalations/{KEY}", {"status": "closed"}),
            ("/team/questions/1", {"label": ANSWER}),
        ):
            token = people.form_token(people.Person("carl", Role.AUDITOR))
            assert (await team.post(path, "carl", token, **fields)).status == 403
        assert (await team.get("/team/questions.yml", "carl")).status == 403
        assert team.records.last([KEY]) == {}
        assert team.log() == [
            ("carl", "saw escalations"), ("carl", "saw questions"), ("carl", "saw question"), ("carl", "saw audit"),
        ]  # fmt: skip
        assert "Every line fits" in (await team.get("/team/audit", "carl")).text
        assert (await team.get("/team/audit", "anna")).status == 403

    run(scene)


@pytest.mark.parametrize("who", ["", "eve"])
def test_everybody_else_sees_nothing(who: str, run: Any) -> None:
    async def scene(team: Team) -> None:
        status = 403 if who else 401
        for path in ("/team", "/team/questions", "/team/questions/1", "/team/questions.yml", "/team/audit"):
            page = await team.get(path, who)
            assert page.status == status, path
            assert "chest" not in page.text
            assert "kiwi" not in page.text
        post = await team.post(f"/team/escalations/{KEY}", who, "x", status="closed")
        assert post.status == status
        assert team.log() == ([("eve", "refused")] * 6 if who else [])

    run(scene)


def test_a_question_is_labelled_and_exported(run: Any) -> None:
    async def scene(team: Team) -> None:
        page = await team.get("/team/questions/1")
        assert page.text.count("<option") > 300
        answer = await team.post("/team/questions/1", token=page.token, label=ANSWER)
        assert (answer.status, answer.headers["Location"]) == (303, "/team/questions?saved=1")
        assert "anna" in (await team.get("/team/questions?show=labelled")).text
        exported = await team.get("/team/questions.yml")
        assert exported.status == 200
        assert f"intent: {ANSWER}" in exported.text
        assert "kiwi" in exported.text
        assert "attachment" in exported.headers["Content-Disposition"]
        assert ("anna", "saw export") in team.log()
        assert "kiwi" not in str(team.records.lines())

    run(scene)


def test_nothing_is_shown_that_cannot_be_logged(run: Any, tmp_path: Path) -> None:
    async def scene(team: Team) -> None:
        assert (await team.get("/team")).status == 200
        with sqlite3.connect(tmp_path / "team.db") as db:
            db.execute("DROP TABLE audit")
        for path in ("/team", "/team/questions", "/team/questions/1", "/team/questions.yml"):
            page = await team.get(path)
            assert page.status == 503
            assert "chest" not in page.text
            assert "kiwi" not in page.text

    run(scene)


def test_every_answer_has_the_headers_and_unlisted_paths_are_closed(run: Any) -> None:
    async def scene(team: Team) -> None:
        for method, path, status in (
            ("GET", "/team", 200), ("GET", "/team/health", 200), ("GET", "/team/team.css", 200),
            ("GET", "/team/nope", 404), ("GET", "/", 404), ("GET", "/team/login", 404), ("DELETE", "/team", 405),
            ("PUT", "/team/questions/1", 404), ("GET", f"/team/escalations/{KEY}", 405), ("GET", "/team/../x", 404),
            ("GET", "/team/templates/base.html", 404), ("POST", "/team/questions.yml", 405),
        ):  # fmt: skip
            answer = await team.ask(method, path)
            assert answer.status == status, path
            for name in set(SECURITY) - {"Cache-Control"}:
                assert answer.headers[name] == SECURITY[name], (path, name)
        huge = await team.ask("POST", f"/team/escalations/{KEY}", data=b"x" * 50_000)
        assert huge.status == 413

    run(scene)


def test_login_and_logout_with_openid_connect(run: Any) -> None:
    provider = Provider(claims={"preferred_username": "anna", "roles": ["clinician"]})
    settings = {"IL2_TEAM": "oidc", "IL2_OIDC_ISSUER": provider.start(), "IL2_OIDC_CLIENT_ID": CLIENT}
    settings |= {"IL2_OIDC_CLIENT_SECRET": WORD, "IL2_OIDC_REDIRECT_URL": "http://localhost:1/team/callback"}

    async def scene(team: Team) -> None:
        def cookie(answer: Answer, name: str) -> str:
            (set_cookie,) = [one for one in answer.headers.getall("Set-Cookie") if one.startswith(f"{name}=")]
            for part in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/team"):
                assert part in set_cookie
            return set_cookie.partition(";")[0]

        first = await team.get("/team", "")
        assert (first.status, first.headers["Location"]) == (303, "/team/login")
        assert (await team.get("/team", "anna")).status == 303  # the proxy's headers mean nothing here
        begun = await team.get("/team/login", "")
        back = provider.visit(begun.headers["Location"])
        path = f"/team/callback?code={back['code']}&state={back['state']}"
        assert (await team.get(path, "")).status == 401  # another browser
        done = await team.get(path, "", Cookie=cookie(begun, people.STARTED))
        assert (done.status, done.headers["Location"]) == (303, "/team")
        session = cookie(done, people.SESSION)
        page = await team.get("/team", "", Cookie=session)
        assert "anna, clinician" in page.text
        changed = await team.ask(
            "POST", f"/team/escalations/{KEY}", "", {"token": page.token, "status": "closed"}, Cookie=session
        )
        assert changed.status == 303
        assert (await team.ask("POST", "/team/logout", "", {"token": "x"}, Cookie=session)).status == 403
        left = await team.ask("POST", "/team/logout", "", {"token": page.token}, Cookie=session)
        assert left.status == 200
        assert cookie(left, people.SESSION) in (f'{people.SESSION}=""', f"{people.SESSION}=")
        assert [did for _, did in team.log()] == ["logged in", "saw escalations", "set closed", "logged out"]

    try:
        run(scene, settings)
    finally:
        provider.stop()


# -- deletion on request, by two people --------------------------------------------------------------


def _which(kind: str) -> dict[str, str]:
    return {"kind": kind, "which": KEY if kind == "escalation" else "1"}


def _kept(team: Team) -> tuple[bool, bool]:
    """Whether the escalation and the question are still there."""
    since = datetime.now(UTC) - timedelta(days=400)
    found = {key_of(one.escalation.conversation, one.escalation.message_id) for one in team.outbox.recorded(since)}
    return KEY in found, team.questions.get(1) is not None


async def _close(team: Team) -> None:
    team.outbox.deliver((), lambda *_: True)
    assert (await team.post(f"/team/escalations/{KEY}", status="closed")).status == 303


@pytest.mark.parametrize("kind", ["escalation", "question"])
def test_one_asks_for_a_deletion_and_another_confirms_it(kind: str, run: Any) -> None:
    async def scene(team: Team) -> None:
        await _close(team)
        where = "/team?status=closed" if kind == "escalation" else "/team/questions/1"
        assert "Ask to delete" in (await team.get(where)).text
        asked = await team.post("/team/deletions", **_which(kind))
        assert (asked.status, asked.headers["Location"]) == (303, "/team/deletions?told=asked")
        assert "anna asks to" in (await team.get(where, "bob")).text
        own = (await team.get("/team/deletions")).text
        assert "Somebody else has to confirm it." in own
        assert "Delete for good" not in own
        assert _kept(team) == (True, True)
        assert "Delete for good" in (await team.get("/team/deletions", "bob")).text
        done = await team.post("/team/deletions/settle", "bob", answer="delete", **_which(kind))
        assert (done.status, done.headers["Location"]) == (303, "/team/deletions?told=deleted")
        assert _kept(team) == ((False, True) if kind == "escalation" else (True, False))
        assert "0 deletions to confirm" in (await team.get("/team/deletions")).text
        log = [(who, did) for who, did in team.log() if "delete" in did and not did.startswith("saw")]
        assert log == [("anna", "asked to delete"), ("bob", "deleted")]
        which = KEY if kind == "escalation" else "1"
        assert f"{kind} {which} asked by anna" in {line.what for line in team.records.lines()}
        assert team.records.broken() is None
        again = await team.post("/team/deletions/settle", "bob", answer="delete", **_which(kind))
        assert again.status == 404

    run(scene)


@pytest.mark.parametrize("kind", ["escalation", "question"])
def test_nobody_deletes_alone(kind: str, run: Any) -> None:
    async def scene(team: Team) -> None:
        await _close(team)
        nobody = await team.post("/team/deletions/settle", "bob", answer="delete", **_which(kind))
        assert nobody.status == 404  # nobody has asked
        await team.post("/team/deletions", **_which(kind))
        await team.post("/team/deletions", **_which(kind))
        alone = await team.post("/team/deletions/settle", answer="delete", **_which(kind))
        assert alone.status == 403
        assert ("anna", "may not delete alone") in team.log()
        for who, role in (("carl", Role.AUDITOR), ("dora", None)):
            token = people.form_token(people.Person(who, role))
            for path in ("/team/deletions", "/team/deletions/settle"):
                assert (await team.post(path, who, token, answer="delete", **_which(kind))).status == 403
        stolen = people.form_token(people.Person("anna", Role.CLINICIAN))
        for path, more in (("/team/deletions", {}), ("/team/deletions/settle", {"answer": "delete"})):
            assert (await team.post(path, "bob", stolen, **more, **_which(kind))).status == 403
            evil = {"token": people.form_token(people.Person("bob", Role.CLINICIAN)), **more, **_which(kind)}
            assert (await team.ask("POST", path, "bob", evil, Origin="https://evil.example")).status == 403
            assert (await team.post(path, "", stolen, **more, **_which(kind))).status == 401
        assert _kept(team) == (True, True)

    run(scene)


def test_a_login_in_capitals_is_not_a_second_person(run: Any) -> None:
    async def scene(team: Team) -> None:
        await team.post("/team/deletions", **_which("question"))
        answer = await team.post("/team/deletions/settle", "Anna", answer="delete", **_which("question"))
        assert answer.status == 403
        assert _kept(team)[1]

    run(scene, {**PROXY, "IL2_TEAM_CLINICIANS": "anna,Anna"})


def test_either_may_keep_it_after_all(run: Any) -> None:
    async def scene(team: Team) -> None:
        for who in ("bob", "anna"):
            await team.post("/team/deletions", **_which("question"))
            kept = await team.post("/team/deletions/settle", who, answer="keep", **_which("question"))
            assert kept.headers["Location"] == "/team/deletions?told=kept"
            assert (who, "refused to delete") in team.log()
        assert _kept(team)[1]
        assert (await team.post("/team/deletions/settle", "bob", answer="delete", **_which("question"))).status == 404

    run(scene)


def test_only_what_is_closed_and_delivered_can_go(run: Any) -> None:
    async def scene(team: Team) -> None:
        assert (await team.post("/team/deletions", **_which("escalation"))).status == 422  # new, alert on its way
        assert (await team.post(f"/team/escalations/{KEY}", status="closed")).status == 303
        assert (await team.post("/team/deletions", **_which("escalation"))).status == 422  # alert on its way
        assert "Ask to delete" not in (await team.get("/team?status=closed")).text
        assert not team.outbox.remove("aaaa1111bbbb2222", "m1")
        assert _kept(team)[0]

    run(scene)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"kind": "escalation", "which": "1"},
        {"kind": "question", "which": "x"},
        {"kind": "audit", "which": "1"},
        {"kind": "question", "which": "1' OR 1=1"},
        {"kind": "question", "which": "٣"},
    ],
)
def test_what_names_no_record_is_refused(form: dict[str, str], run: Any) -> None:
    async def scene(team: Team) -> None:
        for path in ("/team/deletions", "/team/deletions/settle"):
            assert (await team.post(path, "bob", answer="delete", **form)).status == 422
        assert (await team.post("/team/deletions", kind="question", which="999")).status == 404
        assert _kept(team) == (True, True)

    run(scene)


def test_auditors_see_what_is_asked_and_a_record_that_went_by_itself_is_off_the_list(run: Any) -> None:
    async def scene(team: Team) -> None:
        await team.post("/team/deletions", **_which("question"))
        seen = (await team.get("/team/deletions", "carl")).text
        assert "anna" in seen
        assert "&lt;script&gt;" in seen
        assert "<button" not in seen
        team.questions.forget("eeee")
        assert "0 deletions to confirm" in (await team.get("/team/deletions", "carl")).text
        assert team.records.wishes() == []

    run(scene)
