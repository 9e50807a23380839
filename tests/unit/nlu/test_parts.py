"""A message is cut into the questions that stand in it, and a question is told from a report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.nlu.parts import MAX_PARTS, asks, leans, questions


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Can I drink wine? Can I drive?", ["Can I drink wine?", "Can I drive?"]),
        ("Can I drink wine and can I drive", ["Can I drink wine", "can I drive"]),
        ("Can I drink wine, and also how long is a cycle?", ["Can I drink wine", "how long is a cycle?"]),
        ("how long is a cycle or do I go home", ["how long is a cycle", "do I go home"]),
        ("What is IL-2; when does it start?", ["What is IL-2", "when does it start?"]),
        ("My arm is red.\nIs that normal?", ["My arm is red.", "Is that normal?"]),
        ("first line\n\nsecond line", ["first line", "second line"]),
        ("Can I eat nuts? And also can I eat eggs?", ["Can I eat nuts?", "can I eat eggs?"]),
        ("one two! three four. five six", ["one two!", "three four.", "five six"]),
        ("When's the scan, and if there's dye do I say so?", ["When's the scan", "if there's dye do I say so?"]),
        ("how long is it, what's a cycle", ["how long is it", "what's a cycle"]),
        ("how much to drink + what to eat", ["how much to drink", "what to eat"]),
    ],
)
def test_a_message_of_several_questions_is_cut_where_they_meet(text: str, parts: list[str]) -> None:
    assert questions(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "fever",
        "Can I drink wine?",
        "Can I drink wine and beer?",
        "nausea and vomiting",
        "Is 38.5 a fever?",
        "My doctor said 3.5 mg. Ok?",
        "Thanks! Bye!",
        "Is it safe and useful",
        "Hydrocortisone, can I",
        "C++ is no medicine",
    ],
)
def test_a_message_of_one_question_is_not_cut(text: str) -> None:
    assert questions(text) == []


def test_no_more_than_four_parts_are_read() -> None:
    text = " ".join(f"Can I eat number {n}?" for n in range(9))
    assert questions(text) == [f"Can I eat number {n}?" for n in range(MAX_PARTS)]


@given(st.text(st.sampled_from("ab ?!.;,\n andorcwh"), max_size=80))
def test_parts_are_pieces_of_the_message_and_none_stands_alone(text: str) -> None:
    parts = questions(text)
    assert len(parts) != 1
    assert len(parts) <= MAX_PARTS
    assert all(part in text for part in parts)


@pytest.mark.parametrize(
    "text",
    [
        "Can I drive?",
        "can i drive",
        "Hi, can I drive",
        "so how long is it",
        "ok and what about food",
        "wine allowed?",
        "My mouth hurts, is that normal",
        "I want to know if I can swim",
        "tell me about fever",
        "any advice on sleep",
        "not sure whether to eat",
        "I have a rash and I wonder, should I call",
        "My arm is red. Is it bad",
        "My wife asks about her ramipril",
        "dad wants 2 kno if he can shave",
        "and whoever looks after my teeth",
        "¿dónde?",
    ],
)
def test_questions_ask(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I have a fever",
        "my temperature is 38.6",
        "thank you",
        "chest pain since this morning",
        "he cannot breathe",
        "I called them",
        "wine",
        "My candy is gone",
        "They told me where it was",
        "I asked the nurse and she gave me tablets",
    ],
)
def test_reports_do_not_ask(text: str) -> None:
    assert not asks(text)


@given(st.text())
def test_no_text_whatever_raises(text: str) -> None:
    assert isinstance(asks(text), bool)
    assert isinstance(questions(text), list)


@pytest.mark.parametrize(
    "text",
    [
        "for how long?",
        "and for how long",
        "and at home?",
        "Does that go for my partner too?",
        "what about after?",
        "how many",
    ],
)
def test_a_message_without_a_subject_leans_on_what_was_said(text: str) -> None:
    assert leans(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "fever",
        "for how long is the drip",
        "who do I call",
        "and the pneumonia one",
        "is it serious",
        "so " * 11,
    ],
)
def test_a_message_with_a_subject_stands_alone(text: str) -> None:
    assert not leans(text)
