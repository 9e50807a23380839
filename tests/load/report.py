"""The tables of the load test, and how far the figures reach."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

GUIDE = Path("docs/operations.md")
BEGIN, END = "<!-- load: written by `make load` -->", "<!-- /load -->"
MESSAGES_A_PATIENT = 10
BUSY_HOUR = 0.15
"""Share of a day's messages that come in its busiest hour."""
FILL = 0.5
"""Share of a core that is planned with, so that there is room for peaks."""


def machine() -> str:
    """Where and when, and how busy the machine was with other work at the end."""
    moment = datetime.now(UTC).isoformat(timespec="minutes")
    return f"{moment}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def _load(figures: dict[str, Any], users: int) -> dict[str, Any]:
    return next((load for load in figures.get("loads", ()) if load["users"] == users), {})


def tables(results: dict[str, Any]) -> str:
    """All tables in Markdown."""
    parts = [_speed(results), _ratios(results), _rest(results), _reach(results)]
    return "\n\n".join(part for part in parts if part)


def _speed(results: dict[str, Any]) -> str:
    lines = [
        "| Conversations at once | Bot | messages/s | p50 ms | p95 ms | p99 ms | failed | CPU ms/message | memory MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    names = [name for name in ("one worker", "two workers", "stock Rasa") if results.get(name, {}).get("loads")]
    for users in dict.fromkeys(load["users"] for name in names for load in results[name]["loads"]):
        for name in names:
            if load := _load(results[name], users):
                times = " | ".join(f"{load[key]:.0f}" for key in ("p50", "p95", "p99"))
                tail = f"{load['failures']} | {load['cpu_ms']} | {load['memory_mb']}"
                lines.append(f"| {users} | {name} | {load['per_second']} | {times} | {tail} |")
    machines = "; ".join(f"{name}: {results[name]['machine']}" for name in names if "machine" in results[name])
    return "\n".join(lines) + f"\n\nMeasured {machines}." if names else ""


def _ratios(results: dict[str, Any]) -> str:
    ours, stock, two = (results.get(name, {}) for name in ("one worker", "stock Rasa", "two workers"))
    rows: list[tuple[str, str, str]] = []
    if ours.get("loads") and stock.get("loads"):
        for users in (10, 50, 200):
            here, there = _load(ours, users), _load(stock, users)
            if here and there:
                rows.append((f"throughput, {users} at once", "≥ 2", f"{here['per_second'] / there['per_second']:.2f}"))
                rows.append((f"p95, {users} at once", "≤ 0.5", f"{here['p95'] / there['p95']:.2f}"))
        memory = [max(load["memory_mb"] for load in one["loads"]) for one in (ours, stock)]
        rows.append(("memory of all processes", "≤ 0.5", f"{memory[0] / memory[1]:.2f}"))
        rows.append(("start to first answer", "≤ 0.5", f"{ours['ready_seconds'] / stock['ready_seconds']:.2f}"))
    table = "| Measure | Goal | One worker : stock Rasa |\n|---|---|---|\n" + "\n".join(
        f"| {' | '.join(row)} |" for row in rows
    )
    if ours.get("loads") and two.get("loads"):
        pairs = [(_load(ours, users), _load(two, users)) for users in (10, 50)]
        both = [(a["users"], b["per_second"] / a["per_second"]) for a, b in pairs if a and b]
        ratios = ", ".join(f"{ratio:.2f} ({users} at once)" for users, ratio in both)
        table += f"\n\nTwo workers : one worker, messages per second (goal ≥ 1.6): {ratios}."
    return table if rows else ""


def _rest(results: dict[str, Any]) -> str:
    lines = []
    if many := results.get("many conversations"):
        grown = many["memory_after_mb"] - many["memory_before_mb"]
        lines.append(
            f"- {many['conversations']} conversations, {many['messages']} messages: {many['lost, doubled or swapped']}"
            f" lost, doubled or swapped, {many['silent']} without words; memory {many['memory_before_mb']} MB before,"
            f" {many['memory_after_mb']} MB after ({grown:+d})."
        )
    if long := results.get("long conversation"):
        lines.append(
            f"- A conversation of {long['turns']} turns: {long['first_ms']} ms a message in the first tenth,"
            f" {long['last_ms']} ms in the last."
        )
    if over := results.get("overload"):
        lines.append(
            f"- Three times the capacity ({over['capacity_per_second']} messages/s) for {over['seconds']:g} s: red"
            f" flags p50 {over['flag_p50_ms']} ms, p99 {over['flag_p99_ms']} ms (goal 300); of {over['sent']} messages"
            f" {over['silent']} without words, {over['honest']} got the safe reply."
        )
    return "\n".join(lines)


def _reach(results: dict[str, Any]) -> str:
    """What a day of patients would need, from the cost of a message."""
    loads = results.get("one worker", {}).get("loads", ())
    if not loads:
        return ""
    cost = max(load["cpu_ms"] for load in loads) / 1000
    lines = [
        f"| Patients a day | messages a day | in the busiest second | cores ({cost * 1000:.0f} ms, {FILL:.0%} full) |",
        "|---|---|---|---|",
    ]
    for patients in (10, 1_000, 100_000):
        messages = patients * MESSAGES_A_PATIENT
        second = messages * BUSY_HOUR / 3600
        lines.append(f"| {patients:,} | {messages:,} | {second:,.2f} | {max(1, round(second * cost / FILL + 0.5)):,} |")
    day = f"{MESSAGES_A_PATIENT} messages a patient, {BUSY_HOUR:.0%} of a day in its busiest hour"
    return "\n".join(lines) + f"\n\nComputed, not measured: {day}; the workers' cores, without those of the databases."


def publish(results: dict[str, Any], guide: Path = GUIDE) -> None:
    """Write the tables between their markers."""
    text = guide.read_text(encoding="utf-8")
    if BEGIN in text:
        before, _, rest = text.partition(BEGIN)
        guide.write_text(f"{before}{BEGIN}\n{tables(results)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
