"""The pages under ``/team``: who may open them, and what each shows or does.

Whatever somebody sees or does is first written to the audit log; what cannot be logged is not shown. No page needs a
script.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import jinja2
from sanic import Sanic
from sanic.exceptions import SanicException
from sanic.request import Request
from sanic.response import HTTPResponse, empty, html, raw, redirect, text

from bot import clinic as clinics
from bot import framing
from bot.escalations import Outbox, Recorded
from bot.team import export, labels, people
from bot.team.people import Door, NotLoggedIn, Oidc, Person, Role
from bot.team.records import ESCALATION, QUESTION, Change, Records, Status, Wish, key_of
from bot.unanswered import KEPT, Question, Unanswered

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": browsers then send the forms without their origin.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "Cache-Control": "no-store",
}
MAX_BODY = 16_384
SWEEP = 3600.0
"""Seconds between two looks for questions that have been kept long enough."""
DAYS = {"1": "last 24 hours", "7": "last 7 days", "30": "last 30 days", "3650": "all"}
LEVELS = ("emergency", "urgent", "soon")
SHOWN = {"open": "not closed", **{status.value: status.value for status in Status}, "all": "all"}

Work = Callable[[Request, Person], HTTPResponse]


class Refused(Exception):
    """A request that is answered with a short page."""

    def __init__(self, status: int, reason: str) -> None:
        """Keep the HTTP status beside the reason."""
        super().__init__(reason)
        self.status = status


class Pages:
    """What the pages show, from the outbox, the records and the questions."""

    def __init__(
        self,
        way_in: Door,
        clinic: clinics.Clinic,
        outbox: Outbox | None = None,
        records: Records | None = None,
        questions: Unanswered | None = None,
    ) -> None:
        """Take the way in and the clinic; the stores have defaults."""
        self.door, self._clinic = way_in, clinic
        self._outbox, self.records, self.questions = outbox or Outbox(), records or Records(), questions or Unanswered()
        self._zone = ZoneInfo(clinic.time_zone)
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
        )
        self._templates.filters |= {"moment": self._moment, "symptom": labels.symptom, "plain": labels.plain}

    def _moment(self, stamp: float | datetime) -> str:
        when = stamp if isinstance(stamp, datetime) else datetime.fromtimestamp(stamp, UTC)
        return when.astimezone(self._zone).strftime("%a %-d %b %Y, %H:%M %Z")

    def page(self, name: str, person: Person | None, status: int = 200, **values: Any) -> HTTPResponse:
        """A page from its template."""
        common = {
            "person": person,
            "clinic": self._clinic,
            "token": people.form_token(person) if person else "",
            "may_write": person is not None and person.role is Role.CLINICIAN,
            "can_leave": bool(self.door.login),
            "now": datetime.now(UTC),
            "zone": self._clinic.time_zone,
        }
        return html(self._templates.get_template(name).render(**common, **values), status=status)

    # -- escalations -------------------------------------------------------------------------------

    def escalations(self, request: Request, person: Person) -> HTTPResponse:
        """The escalations that fit the filters, the newest first."""
        shown = _one_of(request, "status", SHOWN, "open")
        level = _one_of(request, "level", ("", *LEVELS), "")
        days = _one_of(request, "days", DAYS, "7")
        found = self._outbox.recorded(datetime.now(UTC) - timedelta(days=int(days)))
        keys = [_key(one) for one in found]
        changes = self.records.last(keys)
        cases = []
        for key, one in zip(keys, found, strict=True):
            change = changes.get(key)
            status = change.status if change else Status.NEW
            fits = shown == "all" or (status is not Status.CLOSED if shown == "open" else status.value == shown)
            if fits and level in ("", one.escalation.level):
                cases.append({"key": key, "at": one.at, "alert": one.alert, "change": change, "status": status})
                cases[-1]["what"] = one.escalation
        self._saw(person, "escalations", f"status={shown} level={level} days={days} shown={len(cases)}")
        back = urlencode({"status": shown, "level": level, "days": days})
        chosen = {"status": shown, "level": level, "days": days}
        choices = {"status": SHOWN, "level": {"": "all", **{name: name for name in LEVELS}}, "days": DAYS}
        wished = {one.which: one.by for one in self.records.wishes() if one.kind == ESCALATION}
        return self.page(
            "escalations.html", person, wished=wished, cases=cases, chosen=chosen, choices=choices, back=back,
            statuses=list(Status), saved=request.args.get("saved", ""),
        )  # fmt: skip

    def change(self, request: Request, person: Person, key: str) -> HTTPResponse:
        """Note what became of an escalation."""
        form = self._form(request, person)
        status = next((one for one in Status if one.value == form.get("status")), None)
        if status is None:
            raise Refused(422, "Choose new, called back or closed.")
        if key not in {_key(one) for one in self._all()}:
            raise Refused(404, "This escalation is not known here.")
        self.records.note(person.name, _role(person), f"set {status.value}", key)
        self.records.set(key, status, person.name)
        kept = {name: value for name, value in form.items() if name in ("back_status", "back_level", "back_days")}
        query = urlencode({name.removeprefix("back_"): value for name, value in kept.items()} | {"saved": key})
        return redirect(f"/team?{query}", status=303)

    # -- questions ---------------------------------------------------------------------------------

    def list_questions(self, request: Request, person: Person) -> HTTPResponse:
        """The questions without an answer, masked."""
        counts = self.questions.counts()
        shown = _one_of(request, "show", ("open", "labelled"), "open")
        why = _one_of(request, "reason", ("", *counts), "")
        found = self.questions.find(why, labelled=shown == "labelled")
        self._saw(person, "questions", f"show={shown} reason={why} shown={len(found)}")
        return self.page(
            "questions.html", person, questions=found, counts=counts, shown=shown, why=why, titles=labels.titles(),
            kept=KEPT.days, saved=request.args.get("saved", ""),
        )  # fmt: skip

    def question(self, request: Request, person: Person, number: int) -> HTTPResponse:
        """One question with the labels to choose from."""
        found = self.questions.get(number)
        self._saw(person, "question", str(number))
        if found is None:
            raise Refused(404, "This question is not kept any more.")
        wish = self.records.wished(QUESTION, str(number))
        return self.page(
            "question.html", person, question=found, groups=labels.groups(), nothing=labels.NOTHING, wish=wish
        )

    def label(self, request: Request, person: Person, number: int) -> HTTPResponse:
        """Give a question its label."""
        label = self._form(request, person).get("label", "")
        if label and label != labels.NOTHING and label not in labels.titles():
            raise Refused(422, "This label is not known here.")
        self.records.note(person.name, _role(person), "label", f"{number} {label}")
        if not self.questions.label(number, label or None, person.name):
            raise Refused(404, "This question is not kept any more.")
        return redirect(f"/team/questions?{urlencode({'saved': number})}", status=303)

    def training(self, request: Request, person: Person) -> HTTPResponse:
        """The labelled questions as training data."""
        if person.role is not Role.CLINICIAN:
            raise Refused(403, "Only clinicians may export questions.")
        found = self.questions.find(labelled=True, limit=100_000)
        self._saw(person, "export", f"questions={len(found)}")
        name = {"Content-Disposition": 'attachment; filename="questions.yml"'}
        return text(export.as_nlu(found), content_type="application/yaml; charset=utf-8", headers=name)

    # -- deletion on request, by two people --------------------------------------------------------

    def deletions(self, request: Request, person: Person) -> HTTPResponse:
        """What somebody has asked to be deleted, for somebody else to confirm."""
        rows = []
        for wish in self.records.wishes():
            case, question = self._named(wish)
            if case is None and question is None:
                self.records.settle(wish)  # it has gone by itself meanwhile
                continue
            rows.append({"wish": wish, "case": case, "question": question, "own": _same(wish.by, person.name)})
        self._saw(person, "deletions", f"shown={len(rows)}")
        return self.page("deletions.html", person, rows=rows, told=request.args.get("told", ""))

    def ask_deletion(self, request: Request, person: Person) -> HTTPResponse:
        """Ask for the deletion of a record."""
        wish = self._wish(self._form(request, person), person)
        case, question = self._named(wish)
        if case is None and question is None:
            raise Refused(404, "This record is not kept here any more.")
        if case is not None and (case.alert == "pending" or self._status(wish.which) is not Status.CLOSED):
            raise Refused(422, "Only a closed escalation whose alert is delivered can be deleted.")
        self.records.note(person.name, _role(person), "asked to delete", f"{wish.kind} {wish.which}")
        self.records.wish(wish.kind, wish.which, person.name)
        return redirect("/team/deletions?told=asked", status=303)

    def settle_deletion(self, request: Request, person: Person) -> HTTPResponse:
        """Delete a record that somebody else has asked to be deleted, or keep it."""
        form = self._form(request, person)
        named = self._wish(form, person)
        wish = self.records.wished(named.kind, named.which)
        if wish is None:
            raise Refused(404, "Nobody asks for this deletion any more.")
        what = f"{wish.kind} {wish.which} asked by {wish.by}"
        if form.get("answer") == "keep":
            self.records.note(person.name, _role(person), "refused to delete", what)
            self.records.settle(wish)
            return redirect("/team/deletions?told=kept", status=303)
        if form.get("answer") != "delete":
            raise Refused(422, "Choose to delete or to keep.")
        if _same(wish.by, person.name):
            self.records.note(person.name, _role(person), "may not delete alone", what)
            raise Refused(403, "You have asked for this yourself. Somebody else has to confirm it.")
        case, _ = self._named(wish)
        if case is not None and case.alert == "pending":
            raise Refused(422, "The alert of this escalation is still on its way.")
        self.records.note(person.name, _role(person), "deleted", what)
        if case is not None:
            self._outbox.remove(case.escalation.conversation, case.escalation.message_id)
        elif wish.kind == QUESTION:
            self.questions.remove(int(wish.which))
        self.records.settle(wish)
        return redirect("/team/deletions?told=deleted", status=303)

    def _wish(self, form: dict[str, str], person: Person) -> Wish:
        """The record that a form names."""
        kind, which = form.get("kind", ""), form.get("which", "")
        shape = {ESCALATION: r"[0-9a-f]{20}", QUESTION: r"[0-9]{1,9}"}.get(kind)
        if shape is None or not re.fullmatch(shape, which, re.ASCII):
            raise Refused(422, "Choose an escalation or a question.")
        return Wish(kind, which, person.name, 0.0)

    def _named(self, wish: Wish) -> tuple[Recorded | None, Question | None]:
        """The escalation or the question that a wish is about, if it is still kept."""
        if wish.kind == QUESTION:
            return None, self.questions.get(int(wish.which))
        return next((one for one in self._all() if _key(one) == wish.which), None), None

    def _all(self) -> list[Recorded]:
        return self._outbox.recorded(datetime.fromtimestamp(0, UTC), limit=100_000)

    def _status(self, key: str) -> Status:
        change: Change | None = self.records.last([key]).get(key)
        return change.status if change else Status.NEW

    # -- the audit log -----------------------------------------------------------------------------

    def audit(self, request: Request, person: Person) -> HTTPResponse:
        """Who saw and did what, and whether the log is whole."""
        if person.role is not Role.AUDITOR:
            raise Refused(403, "Only auditors may read the audit log.")
        self._saw(person, "audit", "")
        return self.page("audit.html", person, lines=self.records.lines(), broken=self.records.broken())

    # -- shared ------------------------------------------------------------------------------------

    def _saw(self, person: Person, what: str, which: str) -> None:
        self.records.note(person.name, _role(person), f"saw {what}", which)

    def _form(self, request: Request, person: Person) -> dict[str, str]:
        """The fields of a form that this person was given, who may change something.

        Raises:
            Refused: for auditors, for other websites, and for what is no such form.
        """
        if person.role is not Role.CLINICIAN:
            raise Refused(403, "Only clinicians may change something here.")
        return _own_form(request, person)


def _own_form(request: Request, person: Person) -> dict[str, str]:
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise Refused(403, "This form was sent from another website.")
    if request.content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise Refused(415, "This is not a form of this page.")
    fields = {name: str(values[0]) for name, values in (request.form or {}).items()}
    if not people.form_is_ours(fields.get("token", ""), person):
        raise Refused(403, "This form is too old. Please go back, load the page again and repeat it.")
    return fields


def _one_of(request: Request, name: str, known: Any, otherwise: str) -> str:
    given = str(request.args.get(name, otherwise))
    return given if given in known else otherwise


def _key(one: Recorded) -> str:
    return key_of(one.escalation.conversation, one.escalation.message_id)


def _same(one: str, other: str) -> bool:
    """Whether two logins are one person's; logins that differ in capitals alone are taken for one."""
    return one.casefold().strip() == other.casefold().strip()


def _role(person: Person) -> str:
    return person.role.value if person.role else "nobody"


def create_app(
    way_in: Door,
    clinic: clinics.Clinic,
    outbox: Outbox | None = None,
    records: Records | None = None,
    questions: Unanswered | None = None,
) -> Sanic:
    """The application; the stores have defaults."""
    pages = Pages(way_in, clinic, outbox, records, questions)
    app = Sanic("team", configure_logging=False)
    app.config.REQUEST_MAX_SIZE = MAX_BODY
    app.config.FALLBACK_ERROR_FORMAT = "text"

    def show(path: str, work: Callable[..., HTTPResponse], name: str, method: str = "GET") -> None:
        async def handler(request: Request, **parts: Any) -> HTTPResponse:
            return await asyncio.to_thread(_answer, pages, work, request, parts)

        app.add_route(handler, path, methods=[method], name=name)

    show("/team", pages.escalations, "escalations")
    show("/team/escalations/<key:[0-9a-f]{20}>", pages.change, "change", "POST")
    show("/team/questions", pages.list_questions, "questions")
    show("/team/questions/<number:[0-9]{1,9}>", _numbered(pages.question), "question")
    show("/team/questions/<number:[0-9]{1,9}>", _numbered(pages.label), "label", "POST")
    show("/team/questions.yml", pages.training, "training")
    show("/team/deletions", pages.deletions, "deletions")
    show("/team/deletions", pages.ask_deletion, "ask_deletion", "POST")
    show("/team/deletions/settle", pages.settle_deletion, "settle_deletion", "POST")
    show("/team/audit", pages.audit, "audit")
    app.add_signal(framing.check_framing, framing.EVENT)
    _add_open_routes(app)
    if isinstance(way_in, Oidc):
        _add_login(app, pages, way_in)

    @app.exception(Exception)
    async def failed(request: Request, error: Exception) -> HTTPResponse:
        return _failed(pages, error)

    @app.middleware("response")
    async def secure(request: Request, response: HTTPResponse) -> None:
        for name, value in SECURITY.items():
            response.headers.setdefault(name, value)

    sweeps: list[asyncio.Task[None]] = []

    async def start_sweep(app: Sanic, *_: Any) -> None:
        sweeps.append(asyncio.ensure_future(_sweep(pages.questions)))

    async def stop_sweep(app: Sanic, *_: Any) -> None:
        for task in sweeps:
            task.cancel()

    app.register_listener(start_sweep, "after_server_start")
    app.register_listener(stop_sweep, "before_server_stop")

    return app


def _numbered(work: Callable[[Request, Person, int], HTTPResponse]) -> Callable[..., HTTPResponse]:
    return lambda request, person, number: work(request, person, int(number))


def _answer(pages: Pages, work: Callable[..., HTTPResponse], request: Request, parts: dict[str, Any]) -> HTTPResponse:
    """Run a page's work for somebody who may open it; everything else is a short page, never the error's own text."""
    try:
        person = pages.door.person(request.headers, request.cookies)
        if person is None:
            if pages.door.login and request.method == "GET":
                return redirect(pages.door.login, status=303)
            raise Refused(401, "Please log in.")
        if person.role is None:
            pages.records.note(person.name, "nobody", "refused", request.path)
            raise Refused(403, "You are logged in, and you have no role here. Ask whoever runs the companion.")
        return work(request, person, **parts)
    except Exception as error:
        return _failed(pages, error)


def _failed(pages: Pages, error: Exception) -> HTTPResponse:
    if isinstance(error, Refused | NotLoggedIn):
        status, reason = (error.status if isinstance(error, Refused) else 401), str(error)
    elif isinstance(error, SanicException):
        status, reason = error.status_code, "There is no such page." if error.status_code == 404 else "Not possible."
    else:
        logger.error("The team page failed: %s.", type(error).__name__)
        status, reason = 503, "This does not work now. Nothing was changed. Please try again."
    return pages.page("error.html", None, status=status, reason=reason)


def _add_open_routes(app: Sanic) -> None:
    """What everybody may have, since it tells nothing."""
    style = (HERE / "team.css").read_bytes()

    @app.get("/team/health", name="health")
    async def health(request: Request) -> HTTPResponse:
        return text("ok")

    @app.get("/team/team.css", name="style")
    async def css(request: Request) -> HTTPResponse:
        return raw(style, content_type="text/css; charset=utf-8", headers={"Cache-Control": "max-age=300"})

    @app.get("/favicon.ico", name="icon")
    async def icon(request: Request) -> HTTPResponse:
        return empty()


def _add_login(app: Sanic, pages: Pages, provider: Oidc) -> None:
    def keep(answer: HTTPResponse, name: str, value: str, seconds: int) -> HTTPResponse:
        answer.cookies[name] = value
        # Lax: coming back from the provider is a visit from another website.
        answer.cookies[name].update({"path": "/team", "httponly": True, "secure": True, "samesite": "Lax"})
        answer.cookies[name]["max-age"] = seconds
        return answer

    def begin(request: Request) -> HTTPResponse:
        address, cookie = provider.begin()
        return keep(redirect(address, status=303), people.STARTED, cookie, people.LOGIN)

    def finish(request: Request) -> HTTPResponse:
        query = {name: str(values[0]) for name, values in request.args.items()}
        person, cookie = provider.finish(query, request.cookies)
        pages.records.note(person.name, _role(person), "logged in")
        answer = keep(redirect("/team", status=303), people.SESSION, cookie, people.SHIFT)
        return keep(answer, people.STARTED, "", 0)

    def leave(request: Request) -> HTTPResponse:
        person = provider.person(request.headers, request.cookies)
        if person:
            _own_form(request, person)
            pages.records.note(person.name, _role(person), "logged out")
        return keep(pages.page("error.html", None, reason="You are logged out."), people.SESSION, "", 0)

    def add(path: str, method: str, work: Callable[[Request], HTTPResponse]) -> None:
        def answer(request: Request) -> HTTPResponse:
            try:
                return work(request)
            except Exception as error:
                return _failed(pages, error)

        async def handler(request: Request) -> HTTPResponse:
            return await asyncio.to_thread(answer, request)

        app.add_route(handler, path, methods=[method], name=re.sub(r"\W", "_", path))

    add("/team/login", "GET", begin)
    add("/team/callback", "GET", finish)
    add("/team/logout", "POST", leave)


async def _sweep(questions: Unanswered) -> None:
    """Remove questions that have been kept long enough, also while no new one comes."""
    while True:
        try:
            await asyncio.to_thread(questions.purge, time.time())
        except Exception as error:
            logger.error("Old questions could not be removed: %s.", type(error).__name__)
        await asyncio.sleep(SWEEP)
