"""Reads the NLU files once and fast, at Rasa's own joint (``importers`` in ``config.yml``).

Rasa's importer parses each YAML file up to six times with a pure-Python parser and checks it against a schema each
time: over a minute for this project's 80 files. This one reads each file once with libyaml, keeps the parts of the
answers that only reviewers need (the fact map) out of the model, and says in one sentence which file is broken.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from rasa.shared.core.domain import Domain
from rasa.shared.core.training_data.structures import StoryGraph
from rasa.shared.exceptions import RasaException
from rasa.shared.importers import utils
from rasa.shared.importers.importer import ResponsesSyncImporter
from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

REVIEWERS_ONLY = ("facts", "conflicts")
_EXAMPLE = re.compile(r"^\s*-\s+(.+?)\s*$")


class ContentError(RasaException):
    """A content file cannot be used; the message names it and says why."""


def load_yaml(file: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ContentError: when it is no valid YAML or holds no mapping.
    """
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ContentError(f"{file} is no valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise ContentError(f"{file} must hold keys and values.")
    return data


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def examples(text: str) -> list[str]:
    """The training sentences of an ``examples`` block."""
    return [match[1] for line in text.splitlines() if (match := _EXAMPLE.match(line))]


def read_nlu(files: list[Path]) -> tuple[list[tuple[str, str]], dict[str, list[dict[str, Any]]]]:
    """All training sentences as (intent, text), and all responses, of the NLU files.

    Raises:
        ContentError: for a broken file, an intent without sentences, or a response that two files define.
    """
    sentences: list[tuple[str, str]] = []
    responses: dict[str, list[dict[str, Any]]] = {}
    for file in files:
        data = load_yaml(file)
        items, answers = data.get("nlu") or [], data.get("responses") or {}
        if not isinstance(items, list) or not isinstance(answers, dict):
            raise ContentError(f"{file}: nlu must be a list of intents and responses must be named answers.")
        for item in items:
            if not isinstance(item, dict) or not isinstance(item.get("examples"), str) or not item.get("intent"):
                raise ContentError(f"{file}: each entry under nlu needs an intent and examples.")
            found = examples(item["examples"])
            if not found:
                raise ContentError(f"{file}: the intent {item['intent']} has no sentences.")
            sentences.extend((item["intent"], sentence) for sentence in found)
        for name, variants in answers.items():
            if name in responses:
                raise ContentError(f"{file}: the response {name} stands in another file already.")
            if (
                not isinstance(variants, list)
                or not variants
                or not all(isinstance(v, dict) and v.get("text") for v in variants)
            ):
                raise ContentError(f"{file}: the response {name} needs a list of variants with a text.")
            responses[name] = variants
    return sentences, responses


class CompanionImporter(RasaFileImporter):
    """Imports ``config.yml``, ``domain.yml``, ``data/nlu`` and ``data/stories``."""

    def __init__(
        self,
        config_file: str | None = None,
        domain_path: str | None = None,
        training_data_paths: list[str] | str | None = None,
    ) -> None:
        """Sort the YAML files by their folder: ``nlu`` holds questions and answers, anything else stories and tests."""
        self.config_file = config_file
        self._domain_path = domain_path
        self._nlu: TrainingData | None = None
        self._domain: Domain | None = None
        paths = [training_data_paths] if isinstance(training_data_paths, str) else training_data_paths or []
        files = sorted({file for path in map(Path, paths) for file in _yaml_files(path)})
        self._nlu_paths = [file for file in files if "nlu" in file.parts]
        others = [file for file in files if "nlu" not in file.parts and "clinical" not in file.parts]
        self._story_files = [str(file) for file in others if not file.name.startswith("test_")]
        self._conversation_test_files = [str(file) for file in others if file.name.startswith("test_")]

    def get_nlu_data(self, language: str | None = "en") -> TrainingData:
        """All questions and answers."""
        if self._nlu is None:
            sentences, responses = read_nlu(self._nlu_paths)
            messages = [Message.build(text=text, intent=intent) for intent, text in sentences]
            self._nlu = TrainingData(messages, responses={name: _for_model(v) for name, v in responses.items()})
        return self._nlu

    def get_domain(self) -> Domain:
        """The domain file, read once."""
        if self._domain is None:
            self._domain = super().get_domain()
        return self._domain

    def get_stories(self, exclusion_percentage: int | None = None) -> StoryGraph:
        """The rules and stories."""
        return utils.story_graph_from_paths(self._story_files, self.get_domain(), exclusion_percentage)


class AnswersImporter(ResponsesSyncImporter):  # type: ignore[misc]
    """Puts the answers of ``data/nlu`` into the domain.

    Rasa's own class also copies every sentence, to add retrieval answers that stand in the domain file; here all of
    them stand beside their questions, and the copies cost seconds.
    """

    def get_nlu_data(self, language: str | None = "en") -> TrainingData:
        """All questions and answers.

        Raises:
            ContentError: when the domain file holds an answer.
        """
        misplaced = self._importer.get_domain().retrieval_intent_responses
        if misplaced:
            raise ContentError(f"domain.yml: {min(misplaced)} belongs beside its questions, in data/nlu.")
        return self._importer.get_nlu_data(language)


def _yaml_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.suffix in (".yml", ".yaml")]


def _for_model(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**v, "metadata": {k: x for k, x in v["metadata"].items() if k not in REVIEWERS_ONLY}}
        if v.get("metadata")
        else v
        for v in variants
    ]
