"""Who gets in: the proxy's word, and OpenID Connect against a small provider."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from bot.team import people
from bot.team.people import NotLoggedIn, Oidc, Person, Proxy, Role, TeamError, door
from tests.unit.team.provider import CLIENT, WORD, Provider

SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"
PROXY = {"IL2_TEAM": "proxy", "IL2_TEAM_PROXY_SECRET": SECRET, "IL2_TEAM_CLINICIANS": "anna, bob"}
PROXY |= {"IL2_TEAM_AUDITORS": "carl,anna"}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")


# -- behind a proxy --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "role"), [("anna", Role.CLINICIAN), ("bob", Role.CLINICIAN), ("carl", Role.AUDITOR), ("dora", None)]
)
def test_the_proxy_names_a_person_and_the_settings_the_role(name: str, role: Role | None) -> None:
    headers = {"x-team-secret": SECRET, "x-team-user": name}
    assert door(PROXY).person(headers, {}) == Person(name, role)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-team-user": "anna"},
        {"x-team-user": "anna", "x-team-secret": ""},
        {"x-team-user": "anna", "x-team-secret": SECRET[:-1]},
        {"x-team-user": "anna", "x-team-secret": "ä\ud800"},
        {"x-team-secret": SECRET},
        {"x-team-secret": SECRET, "x-team-user": "  "},
        {"x-team-secret": SECRET, "x-team-user": "an\x00na"},
    ],
)
def test_a_header_without_the_secret_is_nobody(headers: dict[str, str]) -> None:
    assert door(PROXY).person(headers, {}) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"IL2_TEAM": "yes"}, "write proxy or oidc"),
        ({"IL2_TEAM_PROXY_SECRET": ""}, "IL2_TEAM_PROXY_SECRET"),
        ({"IL2_TEAM_PROXY_SECRET": "short"}, "at least 32"),
        ({"IL2_TEAM_PROXY_SECRET": "changeme" * 5}, "random"),
        ({"IL2_TEAM": "oidc"}, "IL2_OIDC_ISSUER is not set"),
        ({"IL2_TEAM": "oidc", "IL2_OIDC_ISSUER": "http://login.example", "IL2_OIDC_CLIENT_ID": "a",
          "IL2_OIDC_CLIENT_SECRET": "b", "IL2_OIDC_REDIRECT_URL": "https://x.example/team/callback"}, "https://"),
    ],
)  # fmt: skip
def test_an_unfit_setting_stops_the_start_with_a_sentence(change: dict[str, str], words: str) -> None:
    with pytest.raises(TeamError, match=words):
        door({**PROXY, **change})


# -- OpenID Connect --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    provider = Provider()
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture
def provider(running: Provider) -> Provider:
    running.claims, running.cheat = {"preferred_username": "anna", "roles": ["x", "clinician"]}, ""
    return running


@pytest.fixture
def oidc(provider: Provider) -> Oidc:
    settings = {"IL2_TEAM": "oidc", "IL2_OIDC_ISSUER": provider.issuer, "IL2_OIDC_CLIENT_ID": CLIENT}
    settings |= {"IL2_OIDC_CLIENT_SECRET": WORD, "IL2_OIDC_REDIRECT_URL": "http://localhost:1/team/callback"}
    made = door(settings)
    assert isinstance(made, Oidc)
    return made


def _log_in(oidc: Oidc, provider: Provider) -> tuple[Person, str]:
    address, cookie = oidc.begin()
    return oidc.finish(provider.visit(address), {people.STARTED: cookie})


@pytest.mark.parametrize(
    ("roles", "role"),
    [(["clinician"], Role.CLINICIAN), ("auditor", Role.AUDITOR), (["admin"], None), (None, None), ({"a": 1}, None)],
)
def test_somebody_logs_in_with_the_role_of_the_claim(
    roles: Any, role: Role | None, oidc: Oidc, provider: Provider
) -> None:
    provider.claims["roles"] = roles
    person, session = _log_in(oidc, provider)
    assert person == Person("anna", role)
    assert oidc.person({}, {people.SESSION: session}) == person


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "somebody else"},
        {"iss": "https://other.example"},
        {"exp": int(time.time()) - 3600},
        {"nonce": "of another login"},
    ],
)
def test_a_token_for_somebody_else_is_refused(claims: dict[str, Any], oidc: Oidc, provider: Provider) -> None:
    provider.claims |= claims
    with pytest.raises(NotLoggedIn):
        _log_in(oidc, provider)


@pytest.mark.parametrize("cheat", ["key", "algorithm", "issuer"])
def test_a_token_that_the_provider_did_not_sign_is_refused(cheat: str, oidc: Oidc, provider: Provider) -> None:
    provider.cheat = cheat
    with pytest.raises(NotLoggedIn):
        _log_in(oidc, provider)


def test_a_login_that_began_elsewhere_is_refused(oidc: Oidc, provider: Provider) -> None:
    address, cookie = oidc.begin()
    back = provider.visit(address)
    other = oidc.begin()[1]
    for query, cookies in (
        (back, {}),
        (back, {people.STARTED: other}),
        ({**back, "state": "x"}, {people.STARTED: cookie}),
        ({"state": back["state"]}, {people.STARTED: cookie}),
        (back, {people.STARTED: people.sealed("session", 60, {"state": back["state"]})}),
    ):
        with pytest.raises(NotLoggedIn):
            oidc.finish(query, cookies)
    assert oidc.finish(back, {people.STARTED: cookie})[0].name == "anna"
    with pytest.raises(NotLoggedIn):  # a code is good once
        oidc.finish(back, {people.STARTED: cookie})


def test_a_provider_that_is_away_is_said_so(provider: Provider) -> None:
    with pytest.raises(NotLoggedIn, match="cannot be reached"):
        Oidc("http://127.0.0.1:9", CLIENT, WORD, "http://localhost/team/callback", "roles").begin()


def test_a_session_ends_and_cannot_be_forged(oidc: Oidc) -> None:
    good = people.sealed("session", 60, {"sub": "anna", "role": "clinician"})
    assert oidc.person({}, {people.SESSION: good}) == Person("anna", Role.CLINICIAN)
    head, body, mark = good.split(".")
    for forged in (
        "", "x", "..", f"{head}.{body}.", f"{head}.{body[:-2]}aa.{mark}", f"eyJhbGciOiJub25lIn0.{body}.",
        people.sealed("login", 60, {"sub": "anna", "role": "clinician"}),
        people.sealed("session", -1, {"sub": "anna", "role": "clinician"}),
    ):  # fmt: skip
        assert oidc.person({}, {people.SESSION: forged}) is None


# -- forms -----------------------------------------------------------------------------------------


def test_a_form_belongs_to_one_person_and_one_shift() -> None:
    anna, now = Person("anna", Role.CLINICIAN), 1_000_000.0
    token = people.form_token(anna, now)
    assert people.form_is_ours(token, anna, now + people.SHIFT - 1)
    assert not people.form_is_ours(token, anna, now + people.SHIFT + 1)
    assert not people.form_is_ours(token, Person("bob", Role.CLINICIAN), now)
    for forged in ("", ".", "1000000.", token[:-1], token.replace("1000000", "1000001"), "9" * 13 + ".x", "٣.x"):
        assert not people.form_is_ours(forged, anna, now)


def test_an_unknown_person_of_the_proxy_has_no_role() -> None:
    assert Proxy(SECRET, {}).person({"x-team-secret": SECRET, "x-team-user": "eve"}, {}) == Person("eve", None)
