"""Which way imports run: the lower half of the stores knows nothing of the companion, its users nothing of Rasa."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

LOWER = ("database", "schema", "tables", "letters")


@pytest.mark.parametrize("name", LOWER)
def test_the_lower_half_of_the_stores_imports_itself_alone(name: str) -> None:
    tree = ast.parse(Path(f"bot/stores/{name}.py").read_text(encoding="utf-8"))
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imported += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [one for one in imported if one.split(".")[0] in ("rasa", "actions")] == []
    ours = {one for one in imported if one.split(".")[0] == "bot"}
    assert ours <= {"bot.stores", *(f"bot.stores.{one}" for one in LOWER)}


@pytest.mark.parametrize("module", ["bot.team.site", "bot.unanswered", "bot.escalations", "bot.runtime.migrate"])
def test_what_writes_into_the_stores_needs_no_rasa(module: str) -> None:
    code = f"import sys, {module}; sys.exit('rasa' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
