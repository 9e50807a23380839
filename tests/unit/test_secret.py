"""The keys of an installation: one for each purpose. The file of the secret is tested with the escalations."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot import secret


def test_each_purpose_has_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IL2_SECRET", "one")
    first = secret.mac("a", "text")
    assert len(first) == 32
    assert secret.mac("a", "text") == first
    assert secret.mac("b", "text") != first
    assert secret.mac("a", "other") != first
    monkeypatch.setenv("IL2_SECRET", "two")
    assert secret.mac("a", "text") != first


def test_a_text_with_a_lone_surrogate_has_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IL2_SECRET", "one")
    assert len(secret.mac("a", "\ud800")) == 32


def test_processes_that_start_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    code = "import sys; sys.stdin.readline(); from bot import secret; print(secret.secret().decode())"
    environment = {k: v for k, v in os.environ.items() if k != "IL2_SECRET"} | {"PYTHONPATH": str(root)}
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, stdin=pipe, stdout=pipe, text=True
        )
        for _ in range(6)
    ]
    for process in started:  # all at the same moment
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert len({process.communicate()[0] for process in started}) == 1
