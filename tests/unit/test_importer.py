"""The importer: what is broken is named with its file, and what only reviewers need stays out of the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rasa.shared.nlu.constants import INTENT, INTENT_RESPONSE_KEY, TEXT

from bot.importer import AnswersImporter, CompanionImporter, ContentError, examples, load_yaml, read_nlu

Write = Callable[..., Path]

GOOD = """
version: "3.1"
nlu:
- intent: faq/wine
  examples: |
    - can i drink wine
    - wine?
- intent: thanks
  examples: |
    - thank you
responses:
  utter_faq/wine:
  - text: No wine, please.
    metadata:
      topic: alcohol
      title: Wine
      sources: [upmc]
      facts: [Wine is out.]
      conflicts: [C1]
  utter_thanks:
  - text: You are welcome.
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(text: str | bytes, name: str = "data/nlu/wine.yml") -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return make


# -- sentences -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "sentences"),
    [
        ("- one\n- two\n", ["one", "two"]),
        ("  - indented\n\t- with a tab\n", ["indented", "with a tab"]),
        ("-   spaces around   \n", ["spaces around"]),
        ("- well - maybe - not\n", ["well - maybe - not"]),
        ("- - two dashes\n", ["- two dashes"]),
        ("- is it [bad]{now}?\n- 38.5°C 😀\n", ["is it [bad]{now}?", "38.5°C 😀"]),
        ("\n\n- after empty lines\n\n", ["after empty lines"]),
        ("# a comment\n- a sentence\n", ["a sentence"]),
        ("-\n- \n", []),
        ("no dash\n", []),
        ("", []),
        ("- windows\r\n- lines\r\n", ["windows", "lines"]),
    ],
)
def test_sentences_are_the_lines_with_a_dash(block: str, sentences: list[str]) -> None:
    assert examples(block) == sentences


def test_sentences_and_responses_are_read_in_the_order_of_files_and_lines(write: Write) -> None:
    other = write("nlu:\n- intent: bye\n  examples: |\n    - so long\n", "data/nlu/bye.yml")
    sentences, responses = read_nlu([write(GOOD), other])
    assert sentences == [
        ("faq/wine", "can i drink wine"),
        ("faq/wine", "wine?"),
        ("thanks", "thank you"),
        ("bye", "so long"),
    ]
    assert list(responses) == ["utter_faq/wine", "utter_thanks"]
    assert responses["utter_thanks"] == [{"text": "You are welcome."}]


def test_a_file_may_hold_only_sentences_or_only_responses_or_neither(write: Write) -> None:
    files = [
        write('version: "3.1"\n', "data/nlu/a.yml"),
        write("nlu:\nresponses:\n", "data/nlu/b.yml"),
        write("responses:\n  utter_x:\n  - text: X\n", "data/nlu/c.yml"),
    ]
    assert read_nlu(files) == ([], {"utter_x": [{"text": "X"}]})


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nlu: [unclosed\n", "is no valid YAML: "),
        ("nlu:\n\t- tab\n", "is no valid YAML: "),
        ("nlu: 'a\n  b: c\n", "is no valid YAML: "),
        (b"nlu: caf\xe9\n", "is no valid YAML: "),
        (b"nlu: \x00\n", "is no valid YAML: "),
        ("name: !!python/object:os.system {}\n", "is no valid YAML: "),
        ("", "must hold keys and values."),
        ("- a list\n", "must hold keys and values."),
        ("only words\n", "must hold keys and values."),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_one_sentence(write: Write, text: str | bytes, reason: str) -> None:
    file = write(text)
    with pytest.raises(ContentError) as error:
        load_yaml(file)
    assert str(error.value).startswith(f"{file} {reason}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nlu:\n- intent: a\n", "each entry under nlu needs an intent and examples"),
        ("nlu:\n- examples: |\n    - a\n", "each entry under nlu needs an intent and examples"),
        ("nlu:\n- intent: a\n  examples: [a, b]\n", "each entry under nlu needs an intent and examples"),
        ("nlu:\n- intent: ''\n  examples: |\n    - a\n", "each entry under nlu needs an intent and examples"),
        ("nlu:\n- words\n", "each entry under nlu needs an intent and examples"),
        ("nlu:\n  intent: a\n", "nlu must be a list of intents"),
        ("nlu: words\n", "nlu must be a list of intents"),
        ("nlu: 5\n", "nlu"),
        ("nlu:\n- intent: faq/a\n  examples: |\n    no dash\n", "the intent faq/a has no sentences"),
        ("responses:\n  utter_a: words\n", "the response utter_a needs a list of variants with a text"),
        ("responses:\n  utter_a:\n  - words\n", "the response utter_a needs a list of variants with a text"),
        ("responses:\n  utter_a:\n  - text: ''\n", "the response utter_a needs a list of variants with a text"),
        ("responses:\n  utter_a:\n  - image: x\n", "the response utter_a needs a list of variants with a text"),
        ("responses:\n  utter_a:\n", "the response utter_a needs a list of variants with a text"),
        ("responses:\n  utter_a: []\n", "the response utter_a needs a list of variants with a text"),
        ("responses:\n- utter_a\n", "responses"),
        ("responses: words\n", "responses"),
    ],
)
def test_wrong_content_is_named_with_its_file(write: Write, text: str, reason: str) -> None:
    file = write(text)
    with pytest.raises(ContentError) as error:
        read_nlu([file])
    assert str(error.value).startswith(f"{file}")
    assert reason in str(error.value)


def test_a_response_that_two_files_define_is_named_with_the_second_file(write: Write) -> None:
    second = write("responses:\n  utter_thanks:\n  - text: Again.\n", "data/nlu/z.yml")
    with pytest.raises(ContentError) as error:
        read_nlu([write(GOOD), second])
    assert str(error.value) == f"{second}: the response utter_thanks stands in another file already."


# -- the importer ----------------------------------------------------------------------------------


@pytest.fixture
def importer(write: Write, tmp_path: Path) -> CompanionImporter:
    write(GOOD)
    write("rules:\n- rule: Thanks\n  steps:\n  - intent: thanks\n  - action: utter_thanks\n", "data/stories/rules.yml")
    write("stories:\n- story: t\n  steps:\n  - intent: thanks\n", "data/stories/test_thanks.yml")
    write("rows: []\n", "data/clinical/red_flags.yml")
    write("anything", "data/nlu/notes.md")
    domain = write("intents: [thanks]\nresponses:\n  utter_thanks:\n  - text: Thanks\n", "domain.yml")
    config = write("language: en\nassistant_id: a\n", "config.yml")
    return CompanionImporter(str(config), str(domain), [str(tmp_path / "data")])


def test_every_sentence_becomes_an_example_of_its_intent(importer: CompanionImporter) -> None:
    data = importer.get_nlu_data()
    assert [(m.get(TEXT), m.get(INTENT), m.get(INTENT_RESPONSE_KEY)) for m in data.training_examples] == [
        ("can i drink wine", "faq", "faq/wine"),
        ("wine?", "faq", "faq/wine"),
        ("thank you", "thanks", None),
    ]


def test_what_only_reviewers_need_stays_out_of_the_model(importer: CompanionImporter) -> None:
    (wine,) = importer.get_nlu_data().responses["utter_faq/wine"]
    assert wine["text"] == "No wine, please."
    assert wine["metadata"] == {"topic": "alcohol", "title": "Wine", "sources": ["upmc"]}
    assert "Wine is out" not in str(importer.get_nlu_data().responses)


def test_a_response_with_empty_metadata_can_be_imported(write: Write, tmp_path: Path) -> None:
    write("responses:\n  utter_a:\n  - text: A\n    metadata:\n")
    data = CompanionImporter(training_data_paths=str(tmp_path / "data")).get_nlu_data()
    assert data.responses["utter_a"][0]["text"] == "A"


def test_files_are_sorted_by_their_folder(importer: CompanionImporter) -> None:
    assert [path.name for path in importer._nlu_paths] == ["wine.yml"]
    assert [Path(path).name for path in importer._story_files] == ["rules.yml"]
    assert [Path(path).name for path in importer._conversation_test_files] == ["test_thanks.yml"]


def test_rules_are_read(importer: CompanionImporter) -> None:
    names = [step.block_name for step in importer.get_stories().story_steps]
    assert names == ["Thanks"]


def test_everything_is_read_once(importer: CompanionImporter, monkeypatch: pytest.MonkeyPatch) -> None:
    first: Any = (importer.get_nlu_data(), importer.get_domain())
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("read again"))
    assert importer.get_nlu_data() is first[0]
    assert importer.get_domain() is first[1]


def test_a_path_may_be_one_file_or_nothing_at_all(write: Write) -> None:
    file = write(GOOD)
    assert len(CompanionImporter(training_data_paths=str(file)).get_nlu_data().training_examples) == 3
    assert CompanionImporter().get_nlu_data().training_examples == []


# -- answers in the domain -----------------------------------------------------------------------


def _answers(write: Write, domain: str) -> AnswersImporter:
    write(GOOD)
    config, file = write("language: en\n", "config.yml"), write(domain, "domain.yml")
    return AnswersImporter(CompanionImporter(str(config), str(file), [str(file.parent / "data")]))


def test_the_answers_stand_in_the_domain_and_no_sentence_is_copied(write: Write) -> None:
    importer = _answers(write, 'version: "3.1"\nintents: [faq, thanks]\n')
    assert "utter_faq/wine" in importer.get_domain().responses
    assert "utter_faq" in importer.get_domain().action_names_or_texts
    assert importer.get_nlu_data() is importer._importer.get_nlu_data()


def test_an_answer_in_the_domain_file_is_refused_with_its_name(write: Write) -> None:
    domain = (
        'version: "3.1"\nintents: [{faq: {is_retrieval_intent: true}}]\nresponses: {utter_faq/beer: [{text: No.}]}\n'
    )
    with pytest.raises(ContentError, match="utter_faq/beer belongs beside its questions"):
        _answers(write, domain).get_nlu_data()
