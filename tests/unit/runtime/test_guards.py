"""What the server is not started with, and what it is."""

from __future__ import annotations

import ast
import re
import secrets
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from bot.runtime import guards
from bot.runtime.check_credentials import CHANNELS
from bot.runtime.guards import Refused, check, production

GOOD = secrets.token_hex(32)
CREDENTIALS = Path("credentials.yml")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--enable-api"],
        ["--enable"],
        ["--enable-api", "--auth-token", ""],
        ["--enable-api", "--auth-token", "short"],
        ["--enable-api", "--auth-token=short"],
        ["--enable-api", "-t"],
        ["--remote-storage", "aws"],
        ["--remote-stor=aws"],
        ["--cors", "*"],
        ["--model", "/etc/model.tar.gz"],
        ["--model", "models/../../elsewhere/il2.tar.gz"],
        ["-m", "/tmp"],
    ],
)
def test_an_unsafe_start_is_refused(arguments: list[str]) -> None:
    with pytest.raises(Refused):
        check(arguments, {})


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--model", "models/il2.tar.gz", "--port", "5005", "--interface", "127.0.0.1"],
        ["--enable-api", "--auth-token", GOOD],
        ["--enable-api", f"--jwt-secret={GOOD}"],
        ["--cors", "https://www.example.org"],
    ],
)
def test_a_safe_start_passes(arguments: list[str]) -> None:
    check(arguments, {})


def test_a_link_to_a_model_elsewhere_is_refused(tmp_path: Path) -> None:
    models, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    for folder in (models, elsewhere):
        folder.mkdir()
    (elsewhere / "il2.tar.gz").write_bytes(b"")
    (models / "own.tar.gz").write_bytes(b"")
    check(["--model", str(models / "own.tar.gz")], {"IL2_MODELS": str(models)})
    (models / "il2.tar.gz").symlink_to(elsewhere / "il2.tar.gz")
    for given in (["--model", str(models / "il2.tar.gz")], ["--model", str(models)], []):
        with pytest.raises(Refused):
            check(given, {"IL2_MODELS": str(models)})


def test_a_model_server_is_refused(tmp_path: Path) -> None:
    (tmp_path / "endpoints.yml").write_text("models:\n  url: http://elsewhere.example/model\n")
    with pytest.raises(Refused):
        check(["--endpoints", str(tmp_path / "endpoints.yml")], {})


def test_the_command_says_why_it_does_not_start() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bot.runtime.rasa", "run", "--enable-api"], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert "--auth-token" in ended.stderr


PRODUCTION = {"IL2_PRODUCTION": "1", "IL2_REST_TOKEN": GOOD}


def test_production_starts_with_real_secrets() -> None:
    environment = {name: secrets.token_hex(16) for channel in CHANNELS for name in channel.variables}
    assert list(production({**PRODUCTION, **environment, "IL2_SECRET": GOOD}, CREDENTIALS)) == []
    check([], {**PRODUCTION, "DATABASE_URL": f"postgresql://il2:{GOOD}@db/il2"})


@pytest.mark.parametrize(
    "value", ["changeme", "change-me-please-now-1234", "x" * 40, "secret", "a1b2c3d4", "<your token here, long>"]
)
@pytest.mark.parametrize(
    "name",
    [
        "IL2_SECRET",
        "IL2_REST_TOKEN",
        "IL2_REST_HMAC_KEY",
        "TWILIO_AUTH_TOKEN",
        "SLACK_SIGNING_SECRET",
        "MESSENGER_VERIFY_TOKEN",
    ],
)
def test_production_refuses_placeholders(name: str, value: str) -> None:
    with pytest.raises(Refused, match=name):
        check([], {**PRODUCTION, name: value})


def test_every_secret_of_a_channel_is_known_as_one() -> None:
    for channel in CHANNELS:
        for name in channel.variables:
            assert guards.SECRETS.fullmatch(name) or name.endswith("_SID"), name


@pytest.mark.parametrize(
    "environment",
    [
        {"IL2_REST_TOKEN": ""},
        {"IL2_LOG_TEXT": "1"},
        {"DATABASE_URL": "postgresql://il2:postgres@db/il2"},
        {"RABBITMQ_URL": "amqp://guest:guest@rabbit/"},
    ],
)
def test_production_refuses_what_is_open(environment: dict[str, str]) -> None:
    with pytest.raises(Refused):
        check([], {**PRODUCTION, **environment})
    check([], {**PRODUCTION, **environment, "IL2_PRODUCTION": "0"})


# -- what the code itself must not do ----------------------------------------------------------------


def _calls() -> list[tuple[Path, ast.Call]]:
    found = []
    for file in [*Path("bot").rglob("*.py"), *Path("actions").rglob("*.py")]:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found += [(file, node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return found


def test_our_code_unpickles_nothing_and_runs_no_text() -> None:
    calls = {(file, ast.unparse(call.func)): call for file, call in _calls()}
    for (file, name), call in calls.items():
        assert not re.search(r"(?:^|\.)(?:pickle|dill|joblib|shelve|marshal)\b|^eval$|^exec$|os\.system", name), file
        if name == "yaml.load":
            loader = ast.unparse(next(word.value for word in call.keywords if word.arg == "Loader"))
            assert loader in ("yaml.BaseLoader", "yaml.SafeLoader", "_Loader", "_loader()"), file
        if name in ("np.load", "numpy.load"):
            allowed = next(word.value for word in call.keywords if word.arg == "allow_pickle")
            assert isinstance(allowed, ast.Constant), file
            assert allowed.value is False, file


def test_secrets_are_compared_in_constant_time() -> None:
    for file in [*Path("bot").glob("*.py"), *Path("bot/channels").glob("*.py"), *Path("bot").glob("team/*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
                secret = [
                    side
                    for side in sides
                    if re.search(r"signature|secret|\bmac\(|hexdigest|auth_token", side, re.IGNORECASE)
                ]
                plain = any(re.fullmatch(r"'.*'|None|\d+", side) for side in sides)
                assert not secret or plain, f"{file}: {ast.unparse(node)}"


def test_the_model_holds_no_pickle(model: Path) -> None:
    with tarfile.open(model) as archive:
        names = archive.getnames()
        assert names
        for member in archive.getmembers():
            assert not re.search(r"\.(?:pkl|pickle|joblib|h5|dill)$", member.name), member.name
            if member.name.endswith(".npy"):
                opened = archive.extractfile(member)
                assert opened is not None
                assert b"'|O'" not in opened.read(256), member.name  # an array of objects is a pickle
