"""``make compare A=old.json B=new.json``: what changed between two reports of ``make evaluate``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.nlu.report import OUT


def _outcomes(report: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["part"], row["text"]): row for row in report["outcomes"]}


def _got(row: dict[str, Any]) -> str:
    if row["part"] == "red_flag":
        return str(row["level"])
    return ", ".join(row["given"]) or f"no answer ({', '.join(row['referral']) or row['level']})"


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The lines to print: figures that moved, sentences that were fixed and that were broken."""
    lines = []
    if old["set"] != new["set"]:
        lines.append(f"The reports are of different sets: {old['set']} and {new['set']}.")
    for name in dict.fromkeys([*old["figures"], *new["figures"]]):
        before, after = (report["figures"].get(name) for report in (old, new))
        if not before or not after:
            lines.append(f"{name:44} only in the {'new' if after else 'old'} report")
        elif (before["right"], before["total"]) != (after["right"], after["total"]):
            was, now = (figure["right"] / figure["total"] for figure in (before, after))
            counts = f"{before['right']}/{before['total']} -> {after['right']}/{after['total']}"
            lines.append(f"{name:44} {counts:22} {was:.1%} -> {now:.1%}")
    lines = lines or ["No figure moved."]
    earlier, later = _outcomes(old), _outcomes(new)
    shared = [key for key in later if key in earlier]
    for title, good in (("fixed", True), ("broken", False)):
        changed = [key for key in shared if later[key]["right"] is good and earlier[key]["right"] is not good]
        lines += ["", f"{title}: {len(changed)}"]
        for key in changed:
            lines.append(f"  {key[0]}: {key[1][:100]}\n      {_got(earlier[key])} -> {_got(later[key])}")
    added, gone = len(later) - len(shared), len(earlier) - len(shared)
    if added or gone:
        lines += ["", f"sentences only in one report: {gone} in the old, {added} in the new"]
    return lines


def main() -> int:
    """Compare two files."""
    try:
        old, new = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    except (OSError, ValueError) as error:
        print(f"make compare A=old.json B=new.json, both written by make evaluate ({OUT}/report.json): {error}")
        return 2
    print("\n".join(compare(old, new)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
