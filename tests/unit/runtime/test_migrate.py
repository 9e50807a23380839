"""Bringing databases to this version from the command line."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def _migrate(folder: Path) -> str:
    named = ("DATABASE_URL", "IL2_JOURNAL", "IL2_OUTBOX", "IL2_TEAM_DB")
    environment = {name: value for name, value in os.environ.items() if name not in named}
    done = subprocess.run(
        [sys.executable, "-m", "bot.runtime.migrate"],
        cwd=folder, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, umask=0o022,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_embedded_files_are_made_for_their_owner_alone_and_a_second_time_nothing_is_done(tmp_path: Path) -> None:
    assert "conversations: 2 steps taken" in _migrate(tmp_path)
    files = list((tmp_path / "var").glob("*.db"))
    assert len(files) >= 3
    assert all(stat.S_IMODE(file.stat().st_mode) & 0o077 == 0 for file in files)
    assert {line.partition(": ")[2] for line in _migrate(tmp_path).splitlines()} == {"up to date"}
