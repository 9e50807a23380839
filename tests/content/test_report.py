"""The page for a clinical reviewer holds every answer, and nothing of it is left unfilled or unescaped."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.content import report


@pytest.fixture(scope="module")
def found() -> list[report.Row]:
    return report.rows()


@pytest.fixture(scope="module")
def page(found: list[report.Row]) -> str:
    return report.render(found, report.declines())


class _Ids(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value[1:] for name, value in attrs if name == "href" and value]


def test_every_answer_stands_on_the_page_once_and_every_link_leads_somewhere(
    found: list[report.Row], page: str
) -> None:
    read = _Ids()
    read.feed(page)
    assert len(read.ids) == len(set(read.ids))
    assert {row.answer.id.removeprefix("faq/") for row in found} <= set(read.ids)
    assert set(read.links) <= set(read.ids)


def test_every_answer_comes_with_sources_facts_and_questions(found: list[report.Row]) -> None:
    assert all(row.questions and row.facts and row.answer.sources for row in found)


def test_no_placeholder_is_left(page: str) -> None:
    assert re.findall(r"\{\w+\}", page) == []


def test_the_page_says_how_many_answers_await_review(found: list[report.Row], page: str) -> None:
    assert f"{len(found)} of {len(found)}" in page
    signed = [replace(row, answer=replace(row.answer, reviewed="2026-11-01, oncology nurse")) for row in found]
    done = report.render(signed, [])
    assert f"0 of {len(found)}" in done
    assert "Review pending" not in done
    assert "2026-11-01, oncology nurse" in done


def test_what_somebody_wrote_into_a_file_is_no_markup(found: list[report.Row]) -> None:
    evil = replace(found[0], questions=("<script>alert(1)</script>",))
    assert "<script>" not in report.render([evil], [])
