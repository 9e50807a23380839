"""The care team's page in a browser: without barriers, without scripts, by keyboard, on a phone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from bot.escalations import Escalation, Outbox
from bot.team.records import Records
from bot.unanswered import Unanswered
from tests.browser import measures
from tests.browser.conftest import PHONE
from tests.conversations.conftest import free_port

Make = Callable[..., BrowserContext]
SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"
PAGES = ("/team", "/team/questions", "/team/questions/1", "/team/deletions", "/team/audit", "/team/nope")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a team page with escalations and questions."""
    folder, port = tmp_path_factory.mktemp("team"), free_port()
    address = f"sqlite:///{folder}/team.db"
    outbox, questions = Outbox(folder / "escalations.db"), Unanswered(address)
    outbox.record(Escalation("1", "5f1c2a90d7e34b18", "soon", ("diarrhea",), "sms", "home"))
    outbox.record(Escalation("2", "a07e5513bc9d2f46", "urgent", ("fever", "chills"), "web", "home"))
    outbox.record(Escalation("3", "c4b8e9021f7a6d35", "emergency", ("chest_pain",), "web", "hospital"))
    questions.keep("a07e5513bc9d2f46", "web", "offered_choices", "is the scan ok after")
    questions.keep("5f1c2a90d7e34b18", "sms", "out_of_scope", "my name is Jo Doe, can i eat kiwi?")
    questions.keep("5f1c2a90d7e34b18", "sms", "not_understood", "gwendolyn from bed nine")
    Records(address).wish("question", "1", "bob")
    settings = {"IL2_TEAM": "proxy", "IL2_TEAM_PROXY_SECRET": SECRET, "IL2_TEAM_CLINICIANS": "anna,bob"}
    settings |= {"IL2_TEAM_AUDITORS": "carl", "IL2_TEAM_DB": address, "IL2_OUTBOX": str(folder / "escalations.db")}
    process = subprocess.Popen([sys.executable, "-m", "bot.team", str(port)], env={**os.environ, **settings})
    limit = time.monotonic() + 60
    while not _answers(port):
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(timeout=20)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/team/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _as(name: str) -> dict[str, dict[str, str]]:
    """What the proxy in front adds."""
    return {"extra_http_headers": {"X-Team-Secret": SECRET, "X-Team-User": name}}


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_axe_finds_nothing_on_any_page(size: str, context: Make, team: str) -> None:
    options = PHONE if size == "phone" else {}
    found = []
    for who in ("anna", "carl"):
        page = context(bypass_csp=True, **options, **_as(who)).new_page()
        for path in PAGES:
            page.goto(f"{team}{path}")
            for scheme, media in measures.SCHEMES.items():
                page.emulate_media(**media)
                found += [f"{who} {path} {scheme}: {violation}" for violation in measures.axe(page)]
    assert found == []


def test_without_scripts_an_escalation_is_called_back_and_closed(context: Make, team: str) -> None:
    page = context(java_script_enabled=False, **_as("anna")).new_page()
    page.goto(f"{team}/team")
    expect(page.locator("main")).to_contain_text("This is not a monitored alarm.")
    case = page.locator(".cases > li", has_text="Soon: diarrhea")
    case.get_by_role("button", name="Set to called back").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(case).to_contain_text(re.compile("called back, anna, "))
    case.get_by_role("button", name="Set to closed").click()
    expect(page.locator("main")).not_to_contain_text("Soon: diarrhea")
    page.get_by_label("Status").select_option("closed")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".cases > li")).to_have_count(1)
    page.reload()  # after a redirect: nothing is sent again
    expect(page.locator(".cases > li")).to_have_count(1)


def test_without_scripts_a_question_is_labelled_and_exported(context: Make, team: str) -> None:
    page = context(java_script_enabled=False, **_as("anna")).new_page()
    page.goto(f"{team}/team/questions")
    expect(page.locator("main")).not_to_contain_text("Jo Doe")
    page.get_by_role("link", name=re.compile("kiwi")).click()
    page.get_by_label("What should have answered it?").select_option("decline/food_safety")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Export")).click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "decline/food_safety" in text
    assert "can i eat kiwi?" in text


def test_without_scripts_two_people_delete_a_question(context: Make, team: str) -> None:
    anna = context(java_script_enabled=False, **_as("anna")).new_page()
    anna.goto(f"{team}/team/questions")
    anna.get_by_role("link", name="gwendolyn from bed nine").click()
    anna.get_by_role("button", name="Ask to delete this question").click()
    expect(anna.get_by_role("status")).to_have_text("Asked. Somebody else has to confirm it.")
    mine = anna.locator(".cases > li", has_text="gwendolyn")
    expect(mine.get_by_role("button")).to_have_count(1)  # to keep it after all
    bob = context(java_script_enabled=False, **_as("bob")).new_page()
    bob.goto(f"{team}/team/deletions")
    bob.get_by_role("button", name=re.compile("Delete for good: .*gwendolyn")).click()
    expect(bob.get_by_role("status")).to_have_text("Deleted.")
    expect(bob.locator("main")).not_to_contain_text("gwendolyn")
    carl = context(java_script_enabled=False, **_as("carl")).new_page()
    carl.goto(f"{team}/team/audit")
    expect(carl.locator("tr", has_text="asked to delete").first).to_contain_text("anna")
    expect(carl.locator("tr", has_text="question 3 asked by anna").first).to_contain_text("bob")
    carl.goto(f"{team}/team/deletions")
    expect(carl.get_by_role("button")).to_have_count(0)


def test_a_keyboard_reaches_the_content_and_changes_a_status(context: Make, team: str) -> None:
    page = context(**_as("anna")).new_page()
    page.goto(f"{team}/team")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if "Set to called back: urgent" in (page.evaluate("document.activeElement.ariaLabel") or ""):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".cases > li", has_text="Urgent:")).to_contain_text("called back, anna")


def test_on_a_phone_nothing_scrolls_sideways_and_targets_are_large(context: Make, team: str) -> None:
    page = context(**{**PHONE, "viewport": {"width": 320, "height": 640}}, **_as("anna")).new_page()
    for path in PAGES:
        page.goto(f"{team}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        sizes = page.evaluate(
            "[...document.querySelectorAll('button, select')].map(e => e.getBoundingClientRect().height)"
        )
        assert all(size >= 44 for size in sizes), path


def test_the_policy_is_kept_and_print_leaves_the_controls_out(context: Make, team: str) -> None:
    page = context(**_as("anna")).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for path in PAGES[:3]:
        page.goto(f"{team}{path}")
    assert said == []
    page.goto(f"{team}/team?status=all")
    page.emulate_media(media="print")
    expect(page.locator(".cases > li").first).to_be_visible()
    assert page.locator("button:visible").count() == 0
