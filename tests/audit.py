"""``python -m tests.audit``: the written list against uv.lock, and both against the advisory service if it answers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import Version

LIST = Path("docs/advisories.md")
LOCK = Path("uv.lock")
UV = ".tools/bin/uv"
PIP_AUDIT = "pip-audit==2.10.1"
_ID = re.compile(r"\b(?:CVE-\d{4}-\d+|GHSA(?:-\w{4}){3}|PYSEC-\d{4}-\d+)\b")


@dataclass(frozen=True)
class Row:
    """A package of the list; ``locked`` is "absent" for one that must not be there, ``fixed`` may be empty."""

    package: str
    locked: str
    fixed: str
    advisories: frozenset[str]
    reason: str


def rows(file: Path = LIST) -> list[Row]:
    """The table."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 5 and cells[0] != "Package" and not cells[0].startswith("--"):
            package, locked, fixed, advisories, reason = cells
            found.append(Row(package, locked, fixed, frozenset(_ID.findall(f"{advisories} {reason}")), reason))
    return found


def locked(file: Path = LOCK) -> dict[str, str]:
    """The versions of all locked packages."""
    packages = tomllib.loads(file.read_text(encoding="utf-8"))["package"]
    return {package["name"]: package.get("version", "") for package in packages}


def overrides(file: Path = Path("pyproject.toml")) -> set[str]:
    """The packages that are lifted over Rasa's bounds, but for those that are left out."""
    lines = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["uv"]["override-dependencies"]
    return {re.split(r"[<>=!; ]", line, maxsplit=1)[0] for line in lines if "'never'" not in line}


def problems(table: list[Row], versions: dict[str, str]) -> list[str]:
    """Where the list and the lock do not agree."""
    told = []
    for row in table:
        version = versions.get(row.package)
        if row.locked == "absent":
            if version:
                told.append(f"{row.package} is said to be absent and is locked as {version}")
        elif version != row.locked:
            told.append(f"{row.package} is locked as {version}; the list says {row.locked}")
        elif row.fixed not in ("", "none") and Version(version) < Version(row.fixed):
            told.append(f"{row.package} {version} is older than {row.fixed}, which fixes its advisories")
        if not row.reason:
            told.append(f"{row.package}: the list does not say whether it is reachable")
    return told


def _ask(requirements: str) -> list[dict[str, Any]] | None:
    """What pip-audit finds in pinned requirements; None when the service does not answer for any of them."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        options = ["-r", file.name, "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
        ran = subprocess.run([UV, "tool", "run", PIP_AUDIT, *options], capture_output=True, text=True, timeout=900)
    try:
        found: list[dict[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    return found if any("vulns" in one for one in found) else None


def main() -> int:
    """Check the list, then ask; 1 for a disagreement or an advisory that is not on the list."""
    table, versions = rows(), locked()
    wrong = problems(table, versions)
    print(f"{LIST}: {len(table)} packages checked against {LOCK}: {'; '.join(wrong) or 'they agree'}")
    try:
        reached = _ask(f"rasa=={versions['rasa']}\n") is not None  # one package first: mostly nobody answers
        export = [UV, "export", "--frozen", "--no-dev", "--all-extras", "--no-emit-project", "--no-hashes", "--quiet"]
        found = _ask(subprocess.run(export, capture_output=True, text=True, check=True).stdout) if reached else None
    except (OSError, subprocess.SubprocessError):
        found = None
    if found is None:
        print("The advisory service cannot be reached from here: only the written list was checked.")
        return bool(wrong)
    known = frozenset().union(*(row.advisories for row in table))
    new = [
        f"{one['name']} {one['version']}: {vulnerability['id']}"
        for one in found
        for vulnerability in one.get("vulns", ())
        if not known & {vulnerability["id"], *vulnerability.get("aliases", ())}
    ]
    print(f"The advisory service was asked about {len(found)} packages: {'; '.join(new) or 'nothing new'}")
    return bool(wrong or new)


if __name__ == "__main__":
    sys.exit(main())
