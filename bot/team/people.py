"""Who is at the team page: named by a proxy that shares a secret, or by an OpenID Connect provider.

Off by default. ``IL2_TEAM=proxy``: a proxy does the login (for instance basic auth over TLS) and says who it is in a
header that counts only beside the shared secret. ``IL2_TEAM=oidc``: the hospital's own login, through Authlib.
"""

from __future__ import annotations

import abc
import enum
import hmac
import os
import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bot import secret

SHIFT = 8 * 3600
"""Seconds for which a login is good."""
LOGIN = 600
"""Seconds that somebody may take to log in at the provider."""
SESSION, STARTED = "il2_team", "il2_team_login"
"""Names of the cookies."""
SHORTEST_SECRET = 32
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""How a provider may sign; nothing that the client's own secret could sign."""


class TeamError(ValueError):
    """The team page cannot start; the text is the one sentence for the person at the terminal."""


class NotLoggedIn(Exception):
    """The login failed or was not meant; the text may be shown."""


class Role(enum.Enum):
    """What somebody may do."""

    CLINICIAN = "clinician"
    """Sees, says what became of an escalation, labels and exports questions."""
    AUDITOR = "auditor"
    """Sees, and changes nothing."""


@dataclass(frozen=True)
class Person:
    """Somebody of the care team; without a role nothing is shown."""

    name: str
    role: Role | None


class Door(abc.ABC):
    """A way in."""

    login = ""
    """The page on which somebody logs in; empty where the proxy does it."""

    @abc.abstractmethod
    def person(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Person | None:
        """Who sends a request, or None."""


def door(environment: Mapping[str, str] = os.environ) -> Door:
    """The way in that ``IL2_TEAM`` names.

    Raises:
        TeamError: when it names none, or when something of it is missing or unfit.
    """
    kind = environment.get("IL2_TEAM", "")
    if kind == "proxy":
        return Proxy(
            _secret(environment, "IL2_TEAM_PROXY_SECRET"),
            {
                **dict.fromkeys(_names(environment, "IL2_TEAM_AUDITORS"), Role.AUDITOR),
                **dict.fromkeys(_names(environment, "IL2_TEAM_CLINICIANS"), Role.CLINICIAN),
            },
        )
    if kind == "oidc":
        needed = ("IL2_OIDC_ISSUER", "IL2_OIDC_CLIENT_ID", "IL2_OIDC_CLIENT_SECRET", "IL2_OIDC_REDIRECT_URL")
        missing = [name for name in needed if not environment.get(name)]
        if missing:
            raise TeamError(f"{missing[0]} is not set; IL2_TEAM=oidc needs it.")
        issuer, client, word, back = (environment[name] for name in needed)
        for name, url in (("IL2_OIDC_ISSUER", issuer), ("IL2_OIDC_REDIRECT_URL", back)):
            if not _safe(url):
                raise TeamError(f"{name} must be an https:// address.")
        return Oidc(issuer.rstrip("/"), client, word, back, environment.get("IL2_OIDC_ROLES") or "roles")
    raise TeamError(f"IL2_TEAM is {kind!r}; write proxy or oidc, or leave it unset.")


def _secret(environment: Mapping[str, str], name: str) -> str:
    given = environment.get(name, "")
    if len(given) < SHORTEST_SECRET or len(set(given)) < 10:
        raise TeamError(f"{name} must be a random text of at least {SHORTEST_SECRET} characters.")
    return given


def _names(environment: Mapping[str, str], name: str) -> list[str]:
    return [one.strip() for one in environment.get(name, "").split(",") if one.strip()]


def _safe(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))
    )


class Proxy(Door):
    """The proxy in front has done the login and says who it is, beside a secret that only it knows."""

    def __init__(self, word: str, roles: Mapping[str, Role]) -> None:
        """Take the shared secret and the role of each name."""
        self._word, self._roles = word, roles

    def person(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Person | None:
        """See :meth:`Door.person`."""
        given = headers.get("x-team-secret", "").encode("utf-8", "replace")
        name = headers.get("x-team-user", "").strip()
        if not hmac.compare_digest(given, self._word.encode()) or not name or not name.isprintable():
            return None
        return Person(name[:128], self._roles.get(name))


class Oidc(Door):
    """OpenID Connect: authorization code with PKCE; the role is in a claim of the ID token."""

    login = "/team/login"

    def __init__(self, issuer: str, client: str, word: str, back: str, claim: str) -> None:
        """Take the provider, the client's id and secret, where the provider sends people back, and the roles' claim."""
        self._issuer, self._client, self._word, self._back, self._claim = issuer, client, word, back, claim
        self._known: dict[str, Any] = {}
        self._asking = threading.Lock()

    def person(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Person | None:
        """See :meth:`Door.person`."""
        claims = opened(cookies.get(SESSION, ""), "session")
        if claims is None:
            return None
        role = claims.get("role")
        return Person(str(claims["sub"]), Role(role) if role else None)

    def begin(self) -> tuple[str, str]:
        """Where to send somebody who wants to log in, and the cookie that remembers it.

        Raises:
            NotLoggedIn: when the provider cannot be reached.
        """
        started = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        with self._session() as session:
            address, _ = session.create_authorization_url(
                self._provider()["authorization_endpoint"],
                state=started["state"],
                nonce=started["nonce"],
                code_verifier=started["verifier"],
            )
        return str(address), sealed("login", LOGIN, started)

    def finish(self, query: Mapping[str, str], cookies: Mapping[str, str]) -> tuple[Person, str]:
        """Who came back from the provider, and the cookie of the session.

        Raises:
            NotLoggedIn: for everybody whom the provider did not send, or whose login began elsewhere.
        """
        started = opened(cookies.get(STARTED, ""), "login")
        state = query.get("state", "").encode("utf-8", "replace")
        if started is None or not hmac.compare_digest(state, started["state"].encode()) or not query.get("code"):
            raise NotLoggedIn("This login was not begun here, or it took too long. Please try again.")
        claims = self._claims(query["code"], started)
        name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])[:128]
        given = claims.get(self._claim)
        roles = given if isinstance(given, list) else [given]
        role = next((role for role in Role if role.value in roles), None)
        session = sealed("session", SHIFT, {"sub": name, "role": role.value if role else ""})
        return Person(name, role), session

    def _claims(self, code: str, started: Mapping[str, str]) -> dict[str, Any]:
        """The claims of the ID token that the provider gives for a code, once they are proved."""
        from joserfc import jwt
        from joserfc.jwk import KeySet

        try:
            with self._session() as session:
                given = session.fetch_token(
                    self._provider()["token_endpoint"], code=code, code_verifier=started["verifier"], timeout=10
                )
            given_keys: Any = self._get(self._provider()["jwks_uri"])
            keys = KeySet.import_key_set(given_keys)
            token = jwt.decode(given["id_token"], keys, algorithms=ALGORITHMS)
            jwt.JWTClaimsRegistry(
                leeway=60,
                iss={"essential": True, "value": self._provider()["issuer"]},
                aud={"essential": True, "value": self._client},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": started["nonce"]},
            ).validate(token.claims)
        except NotLoggedIn:
            raise
        except Exception as error:  # of several libraries; the text may hold the token
            raise NotLoggedIn(f"The login could not be proved ({type(error).__name__}). Please try again.") from None
        return dict(token.claims)

    def _session(self) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        return OAuth2Session(
            self._client,
            self._word,
            scope="openid profile email",
            redirect_uri=self._back,
            code_challenge_method="S256",
        )

    def _provider(self) -> dict[str, Any]:
        """What the provider says of itself, asked once."""
        with self._asking:
            if not self._known:
                found = self._get(f"{self._issuer}/.well-known/openid-configuration")
                if str(found.get("issuer", "")).rstrip("/") != self._issuer:
                    raise NotLoggedIn("The login service names itself differently from IL2_OIDC_ISSUER.")
                self._known = found
            return self._known

    def _get(self, url: str) -> dict[str, Any]:
        import requests

        try:
            answer = requests.get(url, timeout=10, allow_redirects=False)
            answer.raise_for_status()
            found = answer.json()
        except (requests.RequestException, ValueError):
            raise NotLoggedIn("The login service cannot be reached now. Please try again.") from None
        if not isinstance(found, dict):
            raise NotLoggedIn("The login service gave no usable answer.")
        return found


# -- signed texts ----------------------------------------------------------------------------------


def sealed(use: str, seconds: int, claims: Mapping[str, str]) -> str:
    """Claims that only this installation can have written, good for one use and some seconds."""
    from joserfc import jwt

    return jwt.encode({"alg": "HS256"}, {**claims, "aud": use, "exp": int(time.time()) + seconds}, _key())


def opened(text: str, use: str) -> dict[str, Any] | None:
    """The claims of :func:`sealed`; None for what is forged, spent or meant for another use."""
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        token = jwt.decode(text, _key(), algorithms=["HS256"])
        jwt.JWTClaimsRegistry(exp={"essential": True}, aud={"essential": True, "value": use}).validate(token.claims)
    except (JoseError, ValueError, TypeError):
        return None
    return dict(token.claims)


def _key() -> Any:
    from joserfc.jwk import OctKey

    return OctKey.import_key(secret.mac("team session", "key"))


# -- forms -----------------------------------------------------------------------------------------


def form_token(person: Person, now: float | None = None) -> str:
    """What a form of this person's carries, so that no other website can send it."""
    stamp = str(int(time.time() if now is None else now))
    return f"{stamp}.{_form_mac(person, stamp)}"


def form_is_ours(token: str, person: Person, now: float | None = None) -> bool:
    """Whether a form was given to this person, within a shift."""
    stamp, _, given = token.partition(".")
    if not re.fullmatch(r"\d{1,12}", stamp, re.ASCII):
        return False
    age = (time.time() if now is None else now) - int(stamp)
    return -60 <= age <= SHIFT and hmac.compare_digest(
        given.encode("utf-8", "replace"), _form_mac(person, stamp).encode()
    )


def _form_mac(person: Person, stamp: str) -> str:
    return secret.mac("team form", f"{stamp} {person.name}").hex()
