"""``python -m tests.nlu.evaluate [dev|heldout]``: the trained bot on sentences that no training file holds.

Prints the figures with 95 % intervals and every miss, and writes ``reports/nlu-<set>.json``. The sets were written by
people who had not read the training sentences or the rules. ``dev`` may be tuned on; ``heldout`` is frozen.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
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


@dataclass(frozen=True)
class Outcome:
    """One sentence of a set and what the bot did.

    Attributes:
        part: ``question``, ``two_questions``, ``out_of_scope`` or ``red_flag``.
        text: the message; earlier ones before it, separated by `` | ``.
        earlier: how many earlier ones.
        wanted: the right answers (any of them; for two questions the first and the second), reasons or level.
        given: ids of the leaflet answers, in order.
        buttons: titles of the topics offered instead of an answer.
        referral: reasons given for giving no answer.
        level: level of the escalation.
        lowest: the lowest level that is right too; ``assertion`` and ``row`` as in the red-flag files.
        best: the leaflet answer that ranked first, given or not; ``scope``: the probability that a leaflet answers it.
        milliseconds: from the message to the last reply, without servers.
        right: whether this is what was wanted.
    """

    part: str
    text: str
    earlier: int
    wanted: tuple[Any, ...]
    given: tuple[str, ...]
    buttons: tuple[str, ...]
    referral: tuple[str, ...]
    level: str
    lowest: str
    assertion: str
    row: int
    best: str
    scope: float | None
    milliseconds: float
    right: bool

    @property
    def miss(self) -> str:
        """One line that says what went wrong."""
        if self.part == "red_flag":
            return f"{self.wanted[0]} (row {self.row}) got {self.level}: {self.text[:150]}"
        got = list(self.given) or list(self.referral)
        return (
            f"{self.text[:110]} -> {got}, wanted {list(self.wanted)}" if self.wanted else f"{self.text[:110]} -> {got}"
        )


class Bot:
    """Asks the trained bot, each sentence in a conversation of its own."""

    def __init__(self, agent: Any) -> None:
        """Wrap an agent."""
        self._agent = agent

    async def replies(self, text: str, previous: Iterable[str] = ()) -> tuple[list[dict[str, Any]], float]:
        """The replies to a text after the patient's earlier messages, and the milliseconds they took."""
        from bot.runtime.agent import Chat

        chat = Chat(self._agent, uuid.uuid4().hex)
        for earlier in previous:
            await chat.say(earlier)
        began = time.perf_counter()
        return await chat.say(text), (time.perf_counter() - began) * 1000

    async def ranking(self, text: str) -> tuple[str, float]:
        """The leaflet answer that ranks first for a text, and the probability that a leaflet answers it."""
        from rasa.core.channels.channel import UserMessage

        parsed = await self._agent.processor.parse_message(UserMessage(text), only_output_properties=False)
        candidates = parsed.get("candidates")
        if candidates is None:
            return "", 0.0
        labels = (ranked.label for ranked in candidates.whole.labels)
        best = next((label.removeprefix("faq/") for label in labels if label.startswith("faq/")), "")
        return best, float(candidates.whole.scope)


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


def _right(part: str, row: dict[str, Any], given: list[str], level: str) -> bool:
    if part == "question":
        return bool(set(given) & set(row["answers"]))
    if part == "two_questions":
        return len(given) == 2 and all(answer in wanted for answer, wanted in zip(given, row["answers"], strict=True))
    if part == "out_of_scope":
        return not given
    lowest = row.get("at_least", row["level"])
    return LEVELS.index(lowest) <= LEVELS.index(level) <= LEVELS.index(row["level"])


FILES = {
    "question": "questions",
    "two_questions": "two_questions",
    "out_of_scope": "out_of_scope",
    "red_flag": "red_flags",
}
WANTED = {"question": "answers", "two_questions": "answers", "out_of_scope": "referral", "red_flag": "level"}


def rows(kind: str, part: str) -> list[dict[str, Any]]:
    """The sentences of a part that count: a question that no answer holds yet and a bystander do not."""
    found = read(kind, FILES[part])
    return [row for row in found if not row.get("bystander") and (part != "question" or row["answers"])]


async def outcomes(
    agent: Any,
    kind: str,
    parts: Iterable[str] = tuple(FILES),
    change: Callable[[str], str] | None = None,
    every: int = 1,
    rank: bool = True,
) -> list[Outcome]:
    """What the bot makes of the sentences of a set.

    Args:
        agent: the trained bot.
        kind: ``dev`` or ``heldout``.
        parts: which parts of the set.
        change: alters each sentence first; conversations are left out then.
        every: takes one sentence of so many.
        rank: also looks up the ranking of each question, for the plots.
    """
    bot, found = Bot(agent), []
    for part in parts:
        for row in rows(kind, part)[::every]:
            previous = row.get("previous") or ()
            if change and previous:
                continue
            text = change(row["text"]) if change else row["text"]
            replies, milliseconds = await bot.replies(text, previous)
            ranked = rank and part in ("question", "out_of_scope")
            best, scope = await bot.ranking(text) if ranked else ("", None)
            given, level = answers_of(replies), level_of(replies)
            wanted = row[WANTED[part]]
            found.append(
                Outcome(
                    part=part,
                    text=" | ".join([*previous, text]),
                    earlier=len(previous),
                    wanted=tuple(wanted) if isinstance(wanted, list) else (wanted,),
                    given=tuple(given),
                    buttons=tuple(b["title"] for r in replies for b in r.get("buttons") or ()) if not given else (),
                    referral=tuple(referral["reason"] for referral in customs(replies, "referral")),
                    level=level,
                    lowest=row.get("at_least", row.get("level", "none")),
                    assertion=row.get("assertion", ""),
                    row=row.get("row", 0),
                    best=best,
                    scope=scope,
                    milliseconds=milliseconds,
                    right=_right(part, row, given, level),
                )
            )
    return found


def figures(found: Iterable[Outcome]) -> list[Figure]:
    """All figures of the outcomes."""
    made: dict[str, Figure] = {name: Figure(name) for name in ORDER}

    def add(name: str, good: bool, outcome: Outcome) -> None:
        made.setdefault(name, Figure(name)).add(good, outcome.miss)

    titles = _titles()
    for one in found:
        if one.part == "question":
            topics = {_topic(answer) for answer in one.wanted}
            offered = set(one.buttons) & {titles.get(answer, "?") for answer in one.wanted}
            add("question: the fact is in the answer", one.right, one)
            add("question: or offered as a button", one.right or bool(offered), one)
            on_subject = not one.given or bool(topics & {_topic(answer) for answer in one.given})
            add("question: no answer on a wrong subject", one.right or on_subject, one)
        elif one.part == "two_questions":
            add("two questions: both answered, in order", one.right, one)
        elif one.part == "out_of_scope":
            add("out of scope: no leaflet answer", one.right, one)
        elif one.earlier:
            add("red flag: right level with earlier messages", one.right, one)
        elif one.wanted[0] == "none":
            add("no alarm: all", one.right, one)
            add(f"no alarm: {one.assertion}", one.right, one)
        else:
            add("red flag: right level", one.right, one)
            if one.wanted[0] in ("emergency", "urgent"):
                add("red flag: emergency or urgent never none", one.level != "none", one)
            if one.wanted[0] == one.lowest == "emergency":
                add("red flag: emergency recognised as emergency", one.level == "emergency", one)
    return [figure for figure in made.values() if figure.total]


ORDER = (
    "question: the fact is in the answer",
    "question: or offered as a button",
    "question: no answer on a wrong subject",
    "two questions: both answered, in order",
    "out of scope: no leaflet answer",
    "red flag: emergency or urgent never none",
    "red flag: emergency recognised as emergency",
    "red flag: right level",
    "red flag: right level with earlier messages",
    "no alarm: all",
)


def _titles() -> dict[str, str]:
    from bot.content import Catalogue
    from bot.importer import read_nlu

    _, responses = read_nlu(sorted(Path("data/nlu").glob("*.yml")))
    return {a.id.removeprefix("faq/"): a.title for a in Catalogue.from_responses(responses).answers.values()}


def _topic(answer: str) -> str:
    return answer.split("_")[0]


async def evaluate(agent: Any, kind: str) -> list[Figure]:
    """All figures of a set."""
    return figures(await outcomes(agent, kind, rank=False))


def gate_times(model: Path, kind: str, most: int = 200) -> list[float]:
    """Milliseconds that the red-flag gate adds to each of the first messages of the red-flag sets, ascending."""
    from bot.nlu.red_flag_gate import RedFlagGate
    from bot.runtime.agent import load

    times: list[float] = []
    process = RedFlagGate.process

    def timed(gate: Any, messages: Any, tracker: Any) -> Any:
        began = time.perf_counter()
        done = process(gate, messages, tracker)
        times.append((time.perf_counter() - began) * 1000)
        return done

    RedFlagGate.process = timed  # type: ignore[method-assign]
    try:
        agent = load(model)  # Rasa looks the method up when it loads
        for row in read(kind, "red_flags")[:most]:
            asyncio.run(agent.parse_message(row["text"]))
    finally:
        RedFlagGate.process = process  # type: ignore[method-assign]
    return sorted(times)


def main() -> None:
    """Print and write the figures."""
    from bot.runtime import train
    from bot.runtime.agent import load

    kind = sys.argv[1] if len(sys.argv) > 1 else "heldout"
    agent = load(train.model_path())
    found = asyncio.run(evaluate(agent, kind))
    for figure in found:
        print(figure.line())
    for figure in found:
        # The sum of the others needs no list of its own.
        for miss in figure.misses if figure.name != "no alarm: all" else ():
            print(f"  {figure.name}: {miss}")
    times = gate_times(train.model_path(), kind)
    if times:
        middle, late = times[len(times) // 2], times[int(len(times) * 0.95)]
        print(f"the red-flag gate adds {middle:.1f} ms (median), 95 % within {late:.1f} ms")
    Path("reports").mkdir(exist_ok=True)
    report = {f.name: {"right": f.right, "total": f.total, "interval": f.interval, "misses": f.misses} for f in found}
    Path(f"reports/nlu-{kind}.json").write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
