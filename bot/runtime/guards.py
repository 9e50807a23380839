"""What the Rasa server is not started with: an open API, a model from elsewhere, a placeholder for a secret.

Rasa itself takes all of these. With ``--enable-api`` and no token anybody reads every conversation and replaces the
model; a foreign model archive runs code (CVE-2024-49375).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import yaml

LEAST_SECRET = 16
"""Characters of a secret in production."""
LEAST_DIFFERENT = 8
"""Different characters among them."""
REST = "bot.channels.rest.RestInput"
REST_SECRETS = ("IL2_REST_TOKEN", "IL2_REST_HMAC_KEY")
SECRETS = re.compile(r"(?:IL2|TWILIO|TELEGRAM|SLACK|MESSENGER)_(?:\w+_)?(?:SECRET|TOKEN|KEY|PASSWORD)")
"""Names of environment variables that hold secrets."""
ADDRESSES = ("IL2_JOURNAL", "IL2_OUTBOX", "DATABASE_URL", "REDIS_URL", "RABBITMQ_URL")
"""Environment variables whose addresses may hold a password."""
_PLACEHOLDER = re.compile(
    r"change.?(?:me|it|this)|place.?holder|example|your[-_ ]|<.*>|\btodo\b|dummy|replace|insert"
    r"|^(?:secret|password|pass|token|guest|postgres|admin|root|test|rasatoken|il2)\d*$",
    re.IGNORECASE,
)


class Refused(Exception):
    """The server is not started so; the text is the one sentence for the person at the terminal."""


def check(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
    """Let ``rasa run`` pass that is safe.

    Raises:
        Refused: when it is not.
    """
    _check_api(arguments)
    _check_model(arguments, Path(environment.get("IL2_MODELS", "models")))
    _check_endpoints(Path(_value(arguments, "--endpoints") or "endpoints.yml"))
    if environment.get("IL2_PRODUCTION") == "1":
        credentials = _value(arguments, "--credentials") or environment.get("IL2_CREDENTIALS", "credentials.yml")
        for problem in production(environment, Path(credentials)):
            raise Refused(problem)


def _value(arguments: Sequence[str], *names: str) -> str | None:
    """What is given for an option: ``--name value`` or ``--name=value``."""
    for number, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else next(iter(arguments[number + 1 :]), "")
    return None


def _check_api(arguments: Sequence[str]) -> None:
    given = {argument.partition("=")[0] for argument in arguments}
    # argparse takes the beginnings of long options for the whole.
    opens = any(len(name) > 3 and "--enable-api".startswith(name) for name in given)
    token = _value(arguments, "-t", "--auth-token") or _value(arguments, "--jwt-secret") or ""
    if opens and len(token) < LEAST_SECRET:
        raise Refused(f"--enable-api needs --auth-token or --jwt-secret of at least {LEAST_SECRET} characters.")
    if any(len(name) > 5 and "--remote-storage".startswith(name) for name in given):
        raise Refused("--remote-storage is refused: a model archive from elsewhere can run code.")
    if "*" in arguments:
        raise Refused("--cors '*' is refused: name the websites under origins in clinic.yml.")


def _check_model(arguments: Sequence[str], folder: Path) -> None:
    model = Path(_value(arguments, "-m", "--model") or folder)
    allowed = folder.resolve()
    real = model.resolve()  # a link counts as what it leads to
    if real != allowed and allowed not in real.parents:
        raise Refused(f"the model {model} is not in the folder {folder} (IL2_MODELS).")
    if real.is_dir() and any(allowed not in file.resolve().parents for file in real.glob("*.tar.gz")):
        raise Refused(f"{model} holds a link to a model elsewhere.")


def _check_endpoints(file: Path) -> None:
    named = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else None
    if isinstance(named, dict) and named.get("models"):
        raise Refused(f"{file} names a model server: a model archive from elsewhere can run code.")


def production(environment: Mapping[str, str], credentials: Path) -> Iterator[str]:
    """What keeps an installation from being used by patients, a sentence for each."""
    if environment.get("IL2_LOG_TEXT") == "1":
        yield "IL2_LOG_TEXT=1 writes patients' words to the log; production refuses it."
    channels = yaml.safe_load(credentials.read_text(encoding="utf-8")) or {}
    if REST in channels and not any(environment.get(name) for name in REST_SECRETS):
        yield f"REST is open to everybody: set {' or '.join(REST_SECRETS)}, or take {REST} out of {credentials}."
    for name, value in sorted(environment.items()):
        if SECRETS.fullmatch(name) and value:
            weak = len(value) < LEAST_SECRET or len(set(value)) < LEAST_DIFFERENT
            if weak or _PLACEHOLDER.search(value):
                yield f"{name} looks like a placeholder: make one with `openssl rand -hex 32`, or take the platform's."
        elif name in ADDRESSES:
            password = urlsplit(value).password if "://" in value else None
            if password and _PLACEHOLDER.search(password):
                yield f"the password in {name} is a placeholder."
