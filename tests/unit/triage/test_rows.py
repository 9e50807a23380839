"""Every row of the red-flag table in words nobody tuned to: its level, and its look-alikes without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.triage import Level, assess

CASES = Path(__file__).parent / "cases"


def _sentences() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("rows_*.yml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            for level in ("emergency", "urgent", "soon", "none"):
                found += [
                    pytest.param(text, level, id=f"{entry['row']}-{level}-{text[:40]}") for text in entry.get(level, ())
                ]
    return found


@pytest.mark.parametrize(("text", "level"), _sentences())
def test_level(text: str, level: str) -> None:
    assert assess(text).level is Level.from_label(level)
