"""The answers as objects, found by id, by title and by topic."""

from __future__ import annotations

import pytest

from bot.content import Answer, Catalogue, Leaflet, Says, leaflets

RESPONSES = {
    "utter_faq/wine": [
        {
            "text": "  No wine.\n",
            "metadata": {
                "topic": "alcohol",
                "title": "Wine with dinner",
                "sources": ["upmc", "goodrx"],
                "differ": [{"leaflet": "upmc", "says": "None."}, {"leaflet": "macmillan", "says": "A little."}],
                "simple": " No. ",
                "why": "It irritates.",
                "home": "Pour it away.",
                "hospital": "There is none.",
                "next": ["beer", "gone"],
                "overview": True,
                "reviewed": "2026-01-01",
            },
        }
    ],
    "faq/beer": [{"text": "No beer.", "metadata": {"topic": "alcohol", "title": "Beer?", "sources": []}}],
    "utter_faq/bare": [{"text": "Bare."}],
    "utter_faq/null": [{"text": "Null.", "metadata": None}],
    "utter_faq/none": [],
    "utter_decline/dose": [{"text": "Ask your team.", "metadata": {"title": "Doses"}}],
    "utter_thanks": [{"text": "You are welcome."}],
}


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue.from_responses(RESPONSES)


def test_only_leaflet_answers_are_taken_with_and_without_utter(catalogue: Catalogue) -> None:
    assert set(catalogue.answers) == {"faq/wine", "faq/beer", "faq/bare", "faq/null"}


def test_an_answer_holds_all_that_its_metadata_says(catalogue: Catalogue) -> None:
    assert catalogue.get("faq/wine") == Answer(
        id="faq/wine",
        topic="alcohol",
        title="Wine with dinner",
        text="No wine.",
        sources=("upmc", "goodrx"),
        differ=(Says("upmc", "None."), Says("macmillan", "A little.")),
        simple="No.",
        why="It irritates.",
        home="Pour it away.",
        hospital="There is none.",
        next=("faq/beer", "faq/gone"),
        overview=True,
        reviewed="2026-01-01",
    )


@pytest.mark.parametrize("name", ["faq/bare", "faq/null"])
def test_an_answer_without_metadata_is_pending_review_and_says_no_more(catalogue: Catalogue, name: str) -> None:
    answer = catalogue.get(name)
    assert answer is not None
    assert (answer.topic, answer.title, answer.sources, answer.differ, answer.next) == ("", "", (), (), ())
    assert answer.reviewed == "pending"
    assert not answer.overview


def test_leaflets_differ_where_the_answer_says_how(catalogue: Catalogue) -> None:
    assert catalogue.answers["faq/wine"].leaflets_differ
    assert not catalogue.answers["faq/beer"].leaflets_differ


def test_an_unknown_answer_is_none(catalogue: Catalogue) -> None:
    assert catalogue.get("faq/gone") is None
    assert catalogue.get("utter_faq/wine") is None


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Wine with dinner", "faq/wine"),
        ("wine with dinner", "faq/wine"),
        ("  WINE   with\ndinner. ", "faq/wine"),
        ("Wine with dinner?!", "faq/wine"),
        ("Beer?", "faq/beer"),
        ("beer", "faq/beer"),
        ("beer please", None),
        ("wine", None),
        ("", None),
        ("?", None),
        ("Doses", None),
    ],
)
def test_a_pressed_or_typed_title_finds_its_answer(catalogue: Catalogue, typed: str, found: str | None) -> None:
    assert catalogue.by_title(typed) == found


def test_an_empty_catalogue_finds_nothing() -> None:
    empty = Catalogue.from_responses({})
    assert (empty.answers, empty.by_title("Wine")) == ({}, None)


@pytest.mark.parametrize(
    ("leaflet", "citation"),
    [
        (Leaflet("upmc", "UPMC", "US", "2011"), "UPMC, US, 2011"),
        (Leaflet("x", "Title", "UK", ""), "Title, UK"),
    ],
)
def test_a_leaflet_is_cited_with_title_country_and_year(leaflet: Leaflet, citation: str) -> None:
    assert leaflet.citation == citation


def test_the_five_leaflets_of_the_project_can_all_be_cited() -> None:
    assert set(leaflets()) == {"kca", "goodrx", "macmillan", "aldesleukin_iv", "upmc"}
    assert all(leaflet.title and leaflet.country in ("US", "UK") and leaflet.year for leaflet in leaflets().values())
    assert leaflets()["upmc"].citation == "UPMC, US, 2011"
