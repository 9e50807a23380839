"""Loads and checks ``red_flags.yml`` and ``assertion.yml``; a mistake gives one clear sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from bot.triage.model import Level
from bot.triage.patterns import Compiler, Engine, PatternError
from bot.triage.readings.levels import thresholds
from bot.triage.readings.vocabulary import vocabulary
from bot.triage.text import expand

DATA = Path(__file__).resolve().parents[2] / "data" / "clinical"
RED_FLAGS = DATA / "red_flags.yml"
ASSERTION = DATA / "assertion.yml"
ROWS = 68
LEVELS = ("emergency", "urgent", "soon", "none")
LEAFLETS = frozenset({"kca", "goodrx", "macmillan", "aldesleukin_iv", "upmc", "cs"})
_ID = re.compile(r"[a-z][a-z0-9_]*")
_WALLS = frozenset({".", "!", "?", ";", "\n"})


class RulesError(ValueError):
    """A data file that cannot be used; the message names file, place and mistake."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a pattern stands for: kind row, sign, cue or mask; its name, row and level."""

    kind: str
    name: str
    row: int = 0
    level: Level = Level.NONE


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the red-flag table.

    Attributes:
        row: number in the table, 1 to 68.
        symptom: id, for example ``chest_pain``.
        title: the name a person reads.
        level: level of its plain wordings.
        leaflets: leaflet ids, or ``("cs",)``.
        over: level when it has passed within about a day, NONE where passed means no level.
        crisis: the crisis line belongs with it.
        explains: rows that do not count by themselves inside a wording of this one ("cannot sleep
            for itching" is the itch).
    """

    row: int
    symptom: str
    title: str
    level: Level
    leaflets: tuple[str, ...]
    over: Level = Level.NONE
    crisis: bool = False
    explains: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Picture:
    """Several findings that together mean more: one of every group of ``needs`` is present."""

    name: str
    row: int
    level: Level
    needs: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything the data files say, ready for use."""

    rows: Mapping[int, Row]
    by_symptom: Mapping[str, Row]
    pictures: tuple[Picture, ...]
    families: Mapping[str, frozenset[str]]
    spellings: dict[str, tuple[str, ...]]
    protected: frozenset[str]
    unprotected: frozenset[str]
    vocabulary: frozenset[str]
    engine: Engine
    labels: tuple[Label, ...]


def lines(value: object) -> list[str]:
    """A block of pattern lines (or a YAML list) without blank lines and ``#`` comments.

    Raises:
        PatternError: the value is neither text nor a list of texts.
    """
    if value is None:
        return []
    if isinstance(value, str):
        found = value.splitlines()
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        found = value
    else:
        raise PatternError(f"expected lines of text, found {value!r}")
    stripped = (line.split("#", 1)[0].strip() for line in found)
    return [line for line in stripped if line]


def _read(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=_loader())
    except OSError as error:
        raise RulesError(f"{path.name}: cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "somewhere"
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise RulesError(f"{path.name}, {where}: {problem}") from error
    except UnicodeDecodeError as error:
        raise RulesError(f"{path.name}: is not UTF-8 text") from error
    if not isinstance(loaded, dict):
        raise RulesError(f"{path.name}: must be a mapping of sections")
    return loaded


def _loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _row(entry: object, name: str) -> Row:
    if not isinstance(entry, dict) or not isinstance(entry.get("row"), int):
        raise RulesError(f"{name}: a row has no number (row: 1 to {ROWS})")
    number: int = entry["row"]
    where = f"{name}, row {number}"
    if not 1 <= number <= ROWS:
        raise RulesError(f"{where}: the number must lie between 1 and {ROWS}")
    symptom = entry.get("symptom")
    if not isinstance(symptom, str) or not _ID.fullmatch(symptom):
        raise RulesError(f"{where}: symptom must be an id like chest_pain, found {symptom!r}")
    title = entry.get("title")
    if not isinstance(title, str) or not title.strip():
        raise RulesError(f"{where}: title is missing")
    leaflets = entry.get("leaflets")
    if not isinstance(leaflets, list) or not leaflets or not set(leaflets) <= LEAFLETS:
        raise RulesError(f"{where}: leaflets must name some of {', '.join(sorted(LEAFLETS))}")
    unknown = set(entry) - {
        "row", "symptom", "title", "level", "leaflets", "over", "crisis", "explains", "wordings", *LEVELS
    }  # fmt: skip
    if unknown:
        raise RulesError(f"{where}: does not know {', '.join(sorted(unknown))!r}")
    try:
        level = Level.from_label(str(entry.get("level")))
        over = Level.from_label(str(entry.get("over", "none")))
    except ValueError as error:
        raise RulesError(f"{where}: {error}") from error
    return Row(
        number,
        symptom,
        title.strip(),
        level,
        tuple(leaflets),
        over,
        bool(entry.get("crisis")),
        frozenset(entry.get("explains") or ()),
    )


def _families(data: dict[str, Any], name: str) -> dict[str, list[str]]:
    section = data.get("families") or {}
    if not isinstance(section, dict):
        raise RulesError(f"{name}: families must be a mapping of names to words")
    out: dict[str, list[str]] = {}
    for key, value in section.items():
        try:
            out[str(key)] = [part.strip() for line in lines(value) for part in _split(line) if part.strip()]
        except PatternError as error:
            raise RulesError(f"{name}, family <{key}>: {error}") from error
    return out


def _split(line: str) -> list[str]:
    """Split at the ``|`` signs that stand outside of parentheses."""
    out, depth, begin = [], 0, 0
    for index, char in enumerate(line):
        depth += (char == "(") - (char == ")")
        if char == "|" and not depth:
            out.append(line[begin:index])
            begin = index + 1
    return [*out, line[begin:]]


def _pictures(data: dict[str, Any], name: str, rows: Mapping[int, Row], known: frozenset[str]) -> Iterable[Picture]:
    for index, entry in enumerate(data.get("pictures") or [], start=1):
        where = f"{name}, picture {index}"
        if not isinstance(entry, dict) or entry.get("row") not in rows:
            raise RulesError(f"{where}: must name a row of the table")
        needs = entry.get("needs")
        if not isinstance(needs, list) or len(needs) < 2:
            raise RulesError(f"{where}: needs must list at least two groups")
        for group in needs:
            strange = set(group) - known
            if strange:
                raise RulesError(f"{where}: knows no symptom or sign {min(strange)!r}")
        try:
            level = Level.from_label(str(entry.get("level")))
        except ValueError as error:
            raise RulesError(f"{where}: {error}") from error
        yield Picture(str(entry.get("name")), entry["row"], level, tuple(frozenset(g) for g in needs))


def _spellings(data: Mapping[str, Any], name: str) -> dict[str, tuple[str, ...]]:
    section = data.get("spellings") or {}
    if not isinstance(section, dict):
        raise RulesError(f"{name}: spellings must be a mapping of written word to words")
    out: dict[str, tuple[str, ...]] = {}
    for words, written in section.items():
        for form in str(written).split():
            out[form.lower()] = tuple(str(words).lower().split())
    return out


def _measured() -> frozenset[str]:
    """The symptoms that readings stand for, for example low_oxygen."""
    topics = vocabulary().at("thresholds")
    return frozenset(line.symptom for topic in topics for line in thresholds(topic))


def _build(red: Path, cues: Path) -> Rules:
    data, more = _read(red), _read(cues)
    rows: dict[int, Row] = {}
    for entry in data.get("rows") or []:
        row = _row(entry, red.name)
        if row.row in rows:
            raise RulesError(f"{red.name}, row {row.row}: stands there twice")
        rows[row.row] = row
    missing = sorted(set(range(1, ROWS + 1)) - set(rows))
    if missing:
        raise RulesError(f"{red.name}: row {missing[0]} is missing")
    by_symptom = {row.symptom: row for row in rows.values()}
    if len(by_symptom) != len(rows):
        raise RulesError(f"{red.name}: two rows share one symptom id")
    spellings = _spellings(data, red.name) | _spellings(more, cues.name)

    def opener(word: str) -> tuple[str, ...]:
        return expand(word.lower(), spellings)

    families = _families(data, red.name) | _families(more, cues.name)
    try:
        compiler = Compiler(families, opener)
    except PatternError as error:
        raise RulesError(f"{red.name} or {cues.name}, families: {error}") from error
    sections: list[tuple[str, Label, object]] = []
    for entry in data["rows"]:
        row = rows[entry["row"]]
        where = f"{red.name}, row {row.row}"
        if not any(entry.get(key) for key in ("wordings", *LEVELS)):
            raise RulesError(f"{where}: has no wordings")
        for key in ("wordings", *LEVELS):
            level = row.level if key == "wordings" else Level.from_label(key)
            sections.append((where, Label("row", row.symptom, row.row, level), entry.get(key)))
    signs = data.get("signs") or {}
    for key, value in signs.items():
        sections.append((f"{red.name}, sign {key}", Label("sign", str(key)), value))
    sections.append((f"{red.name}, not_symptoms", Label("mask", "mask"), data.get("not_symptoms")))
    for key, value in (more.get("cues") or {}).items():
        sections.append((f"{cues.name}, cue {key}", Label("cue", str(key)), value))
    for where, label, value in sections:
        try:
            for line in lines(value):
                compiler.add(label, line)
        except PatternError as error:
            raise RulesError(f"{where}: {error}") from error
    fillers = frozenset(str(data.get("fillers") or "").split())
    walls = _WALLS | frozenset(str(more.get("walls") or "").split())
    known = frozenset(by_symptom) | frozenset(map(str, signs)) | _measured()
    words = {key: frozenset(" ".join(sequence) for sequence in compiler.family(key)) for key in families}
    labels = tuple(label for label in compiler.labels if isinstance(label, Label))
    return Rules(
        rows=rows,
        by_symptom=by_symptom,
        pictures=tuple(_pictures(data, red.name, rows, known)),
        families=words,
        spellings=spellings,
        protected=frozenset(str(data.get("protected") or "").split()),
        unprotected=frozenset(str(data.get("unprotected") or "").split()),
        vocabulary=compiler.vocabulary,
        engine=Engine.build(compiler, fillers, walls),
        labels=labels,
    )


@lru_cache(maxsize=2)
def load(red_flags: Path = RED_FLAGS, assertion: Path = ASSERTION) -> Rules:
    """The rules of the two data files, read once per process.

    Raises:
        RulesError: a file is missing or wrong; one sentence with file, row and mistake.
    """
    return _build(red_flags, assertion)
