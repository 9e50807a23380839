"""``python -m tests.nlu.evaluate [dev|heldout]``: the trained bot on sentences that no training file holds.

Prints the figures with 95 % intervals and every miss, and writes ``reports/nlu-<set>.json``. The sets were written by
people who had not read the training sentences or the rules. ``dev`` may be tuned on; ``heldout`` is frozen.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
LEVELS = ("none", "soon", "urgent", "emergency")


@dataclass
class Figure:
    """A share with its counts and what went wrong."""

    name: str
    right: int = 0
    total: int = 0
    misses: list[str] = field(default_factory=list)

    def add(self, good: bool, miss: str) -> None:
        """Count one sentence."""
        self.right += good
        self.total += 1
        if not good:
            self.misses.append(miss)

    @property
    def share(self) -> float:
        """The share that went right; 1 for an empty set."""
        return self.right / self.total if self.total else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the share."""
        if not self.total:
            return 0.0, 1.0
        z, n, p = 1.96, self.total, self.share
        middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)

    def line(self) -> str:
        """One line of the table."""
        low, high = self.interval
        return f"{self.name:44}{self.right:5}/{self.total:<5}{self.share:7.1%}   ({low:.1%} to {high:.1%})"


def read(kind: str, name: str) -> list[dict[str, Any]]:
    """The sentences of the set ``dev`` or ``heldout`` in the files of that name; absent files hold none."""
    rows: list[dict[str, Any]] = []
    for file in sorted((HERE / kind).glob(f"{name}*.yml")):
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        rows += next(value for value in data.values() if isinstance(value, list))
    return rows


class Bot:
    """Asks the trained bot, each sentence in a conversation of its own."""

    def __init__(self, agent: Any) -> None:
        """Wrap an agent."""
        self._agent = agent

    async def replies(self, text: str, previous: Iterable[str] = ()) -> list[dict[str, Any]]:
        """The replies to a text after the patient's earlier messages."""
        from bot.runtime.agent import Chat

        chat = Chat(self._agent, uuid.uuid4().hex)
        for earlier in previous:
            await chat.say(earlier)
        return await chat.say(text)


def customs(replies: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """All reply metadata of a kind: ``answer``, ``escalation`` or ``referral``."""
    return [reply["custom"][key] for reply in replies if key in (reply.get("custom") or {})]


def level_of(replies: list[dict[str, Any]]) -> str:
    """The level of the escalation in the replies, ``none`` without one."""
    found = customs(replies, "escalation")
    return found[0]["level"] if found else "none"


def answers_of(replies: list[dict[str, Any]]) -> list[str]:
    """The ids of the leaflet answers in the replies, without ``faq/``."""
    return [answer["id"].removeprefix("faq/") for answer in customs(replies, "answer")]


async def questions(bot: Bot, kind: str) -> list[Figure]:
    """Leaflet questions: the fact asked for is in an answer; no answer is on a wrong subject."""
    fact, offered = Figure("question: the fact is in the answer"), Figure("question: or offered as a button")
    subject = Figure("question: no answer on a wrong subject")
    titles = _titles()
    for row in read(kind, "questions"):
        if not row["answers"]:
            continue
        replies = await bot.replies(row["text"])
        given = answers_of(replies)
        good = bool(set(given) & set(row["answers"]))
        buttons = {b["title"] for r in replies for b in r.get("buttons", ())} if not given else set()
        detail = f"{row['text'][:110]} -> {given or [*map(str, customs(replies, 'referral'))]}, wanted {row['answers']}"
        fact.add(good, detail)
        offered.add(good or bool(buttons & {titles.get(a, "?") for a in row["answers"]}), detail)
        topics = {_topic(a) for a in row["answers"]}
        subject.add(good or not given or bool(topics & {_topic(a) for a in given}), detail)
    return [fact, offered, subject]


async def two_questions(bot: Bot, kind: str) -> list[Figure]:
    """Messages with two questions: both are answered, in order."""
    both = Figure("two questions: both answered, in order")
    for row in read(kind, "two_questions"):
        given = answers_of(await bot.replies(row["text"]))
        first, second = row["answers"]
        good = len(given) == 2 and given[0] in first and given[1] in second
        both.add(good, f"{row['text'][:110]} -> {given}, wanted {row['answers']}")
    return [both]


async def out_of_scope(bot: Bot, kind: str) -> list[Figure]:
    """Messages that no leaflet answers."""
    declined = Figure("out of scope: no leaflet answer")
    for row in read(kind, "out_of_scope"):
        given = answers_of(await bot.replies(row["text"]))
        declined.add(not given, f"{row['text'][:110]} -> {given}")
    return [declined]


async def red_flags(bot: Bot, kind: str) -> list[Figure]:
    """Red flags: missed, at the right level, and false alarms by assertion."""
    found = Figure("red flag: emergency or urgent never none")
    emergency = Figure("red flag: emergency recognised as emergency")
    right = Figure("red flag: right level")
    context = Figure("red flag: right level with earlier messages")
    quiet: dict[str, Figure] = {}
    for row in read(kind, "red_flags"):
        level = level_of(await bot.replies(row["text"], row.get("previous", ())))
        wanted, lowest = row["level"], row.get("at_least", row["level"])
        detail = (
            f"{wanted} (row {row.get('row')}) got {level}: {' | '.join([*row.get('previous', ()), row['text']])[:150]}"
        )
        if row.get("bystander"):
            continue
        in_range = LEVELS.index(lowest) <= LEVELS.index(level) <= LEVELS.index(wanted)
        if row.get("previous"):
            context.add(in_range, detail)
            continue
        if wanted == "none":
            name = f"no alarm: {row['assertion']}"
            quiet.setdefault(name, Figure(name)).add(level == "none", detail)
            continue
        right.add(in_range, detail)
        if wanted in ("emergency", "urgent"):
            found.add(level != "none", detail)
        if wanted == "emergency" and lowest == "emergency":
            emergency.add(level == "emergency", detail)
    everything = Figure("no alarm: all")
    for figure in quiet.values():
        everything.right += figure.right
        everything.total += figure.total
    return [found, emergency, right, context, everything, *quiet.values()]


def _titles() -> dict[str, str]:
    from bot.content import Catalogue
    from bot.importer import read_nlu

    _, responses = read_nlu(sorted(Path("data/nlu").glob("*.yml")))
    return {a.id.removeprefix("faq/"): a.title for a in Catalogue.from_responses(responses).answers.values()}


def _topic(answer: str) -> str:
    return answer.split("_")[0]


PARTS: tuple[Callable[[Bot, str], Any], ...] = (questions, two_questions, out_of_scope, red_flags)


async def evaluate(agent: Any, kind: str) -> list[Figure]:
    """All figures of a set."""
    bot = Bot(agent)
    return [figure for part in PARTS for figure in await part(bot, kind) if figure.total]


def main() -> None:
    """Print and write the figures."""
    from bot.runtime import train
    from bot.runtime.agent import load

    kind = sys.argv[1] if len(sys.argv) > 1 else "heldout"
    figures = asyncio.run(evaluate(load(train.model_path()), kind))
    for figure in figures:
        print(figure.line())
    for figure in figures:
        for miss in figure.misses:
            print(f"  {figure.name}: {miss}")
    Path("reports").mkdir(exist_ok=True)
    report = {f.name: {"right": f.right, "total": f.total, "interval": f.interval, "misses": f.misses} for f in figures}
    Path(f"reports/nlu-{kind}.json").write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
