"""Labelled questions as training data, in the format of ``data/nlu``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from bot.team.labels import NOTHING, titles
from bot.unanswered import Question

HEAD = """\
# Questions that the companion could not answer, labelled by the care team. Read each one before it is merged into
# the file of its topic under data/nlu: names that masking missed must not become training data.
"""


class _Block(str):
    """A text written as a block, line under line."""


class _Dumper(yaml.SafeDumper):
    """Writes blocks as blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)


_Dumper.add_representer(_Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))


def as_nlu(questions: Iterable[Question]) -> str:
    """The labelled questions as YAML; each wording of an intent once, in the order of the intents."""
    wordings: dict[str, dict[str, None]] = {}
    for question in questions:
        line = " ".join(question.text.split())
        if question.label in titles() and question.label != NOTHING and line:
            wordings.setdefault(str(question.label), {})[line] = None
    nlu = [
        {"intent": intent, "examples": _Block("".join(f"- {line}\n" for line in sorted(lines)))}
        for intent, lines in sorted(wordings.items())
    ]
    body = yaml.dump({"version": "3.1", "nlu": nlu}, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100_000)
    return HEAD + str(body)
