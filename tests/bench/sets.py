"""The data of the bench: our own, and loaders for public intent sets that somebody has put into a local folder.

Nothing is downloaded and nothing of these sets stands in the repository. A label is an answer or an intent; a text
without a right label is out of scope.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bot.content import FAQ
from bot.importer import read_nlu
from tests.nlu.evaluate import read

RED_FLAG = "red_flag_"
ANSWERED = f"{FAQ}/"


class SetMissing(Exception):
    """The folder holds no such set; the text says which file was looked for."""


@dataclass(frozen=True)
class Sample:
    """A test sentence: the labels that are right for it, none when it is out of scope."""

    text: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class DataSet:
    """Sentences to learn from and to be tested on.

    Attributes:
        name: as it stands in the report.
        train: (text, label) pairs.
        test: in-scope and out-of-scope sentences.
        answers: the text behind each label, for a search over the answers; empty where there are none.
        red_flags: texts that report a red flag, and whether they do; empty where there are none.
    """

    name: str
    train: list[tuple[str, str]]
    test: list[Sample]
    answers: dict[str, str] = field(default_factory=dict)
    red_flags: list[tuple[str, bool]] = field(default_factory=list)


LEAST = 2
"""Sentences that a label keeps in any sub-sample."""


def thin(pairs: Iterable[tuple[str, str]], share: float) -> list[tuple[str, str]]:
    """That share of each label's sentences, spread evenly over its list, and at least :data:`LEAST` of them."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for text, label in pairs:
        by_label[label].append(text)
    kept = []
    for label, texts in by_label.items():
        count = min(len(texts), max(LEAST, round(share * len(texts))))
        kept += [(texts[i * len(texts) // count], label) for i in range(count)]
    return kept


def ours(kind: str = "heldout", share: float = 1.0) -> DataSet:
    """The companion's own questions, tested on the set ``heldout`` or ``dev``."""
    sentences, responses = read_nlu(sorted(Path("data/nlu").glob("*.yml")))
    pairs = [(text, label) for label, text in sentences]
    test = [
        Sample(row["text"], tuple(f"{ANSWERED}{answer}" for answer in row["answers"]))
        for row in read(kind, "questions")
        if row["answers"]
    ]
    test += [Sample(row["text"], ()) for row in read(kind, "out_of_scope")]
    flags = [
        (row["text"], row["level"] in ("emergency", "urgent"))
        for row in read(kind, "red_flags")
        if not row.get("previous") and not row.get("bystander") and row["level"] != "soon"
    ]
    answers = {
        name.removeprefix("utter_"): f"{variants[0]['metadata']['title']}. {variants[0]['text']}"
        for name, variants in responses.items()
        if name.startswith(f"utter_{ANSWERED}")
    }
    return DataSet("ours", thin(pairs, share), test, answers, flags)


def _rows(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        raise SetMissing(f"{file} is not there")
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _label(name: str) -> str:
    """A public label as a leaflet answer would be labelled, so that the whole pipeline runs on it."""
    return ANSWERED + "_".join(name.lower().replace("/", " ").split())


HINT3_NONE = "NO_NODES_DETECTED"


def hint3(folder: Path, shop: str) -> DataSet:
    """One shop of HINT3 (``dataset`` of its repository): real users' messages, many of them out of scope."""
    train = [(row["sentence"], _label(row["label"])) for row in _rows(folder / "train" / f"{shop}_train.csv")]
    test = [
        Sample(row["sentence"], () if row["label"] == HINT3_NONE else (_label(row["label"]),))
        for row in _rows(folder / "test" / f"{shop}_test.csv")
    ]
    return DataSet(f"hint3/{shop}", train, test)


def clinc150(folder: Path) -> DataSet:
    """CLINC150 (``data_full.json``): 150 intents and sentences outside of them."""
    file = folder / "data_full.json"
    if not file.is_file():
        raise SetMissing(f"{file} is not there")
    parts = json.loads(file.read_text(encoding="utf-8"))
    train = [(text, _label(label)) for text, label in parts["train"]]
    train += [(text, "decline/out_of_scope") for text, _ in parts["oos_train"]]
    test = [Sample(text, (_label(label),)) for text, label in parts["test"]]
    test += [Sample(text, ()) for text, _ in parts["oos_test"]]
    return DataSet("clinc150", train, test)


def banking77(folder: Path) -> DataSet:
    """BANKING77 (``train.csv``, ``test.csv``): 77 intents of one domain, none out of scope."""
    train = [(row["text"], _label(row["category"])) for row in _rows(folder / "train.csv")]
    test = [Sample(row["text"], (_label(row["category"]),)) for row in _rows(folder / "test.csv")]
    return DataSet("banking77", train, test)


PUBLIC: dict[str, Callable[[Path], DataSet]] = {
    "hint3/sofmattress": lambda folder: hint3(folder / "hint3", "sofmattress"),
    "hint3/curekart": lambda folder: hint3(folder / "hint3", "curekart"),
    "hint3/powerplay11": lambda folder: hint3(folder / "hint3", "powerplay11"),
    "clinc150": lambda folder: clinc150(folder / "clinc150"),
    "banking77": lambda folder: banking77(folder / "banking77"),
}
"""Each public set by name, read from its folder below ``--data DIR``."""
