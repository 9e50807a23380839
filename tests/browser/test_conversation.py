"""A patient's conversation, from the first look to the deletion."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.chat import MESSAGES, Chat
from tests.browser.conftest import PHONE

Make = Callable[..., BrowserContext]


def test_the_greeting_says_what_this_is_before_anything_is_stored(chat: Chat) -> None:
    chat.open()
    expect(chat.replies).to_have_count(1)
    expect(chat.replies).to_contain_text("automated information service")
    expect(chat.replies).to_contain_text("Nobody reads this chat")
    expect(chat.part(".choice")).to_have_count(4)
    assert chat.saved() == {}


def test_an_answer_is_one_bubble_with_its_sources_to_unfold(chat: Chat) -> None:
    chat.open()
    text = chat.ask("can i have the flu jab?")
    assert "Ask your team before you have a flu vaccine" in text
    answer = chat.replies.last
    sources = answer.locator("details", has_text="Where this comes from")
    expect(sources.locator("li").first).to_be_hidden()
    sources.locator("summary").click()
    expect(sources.locator("li").first).to_contain_text(re.compile(", U[SK], "))
    differ = answer.locator("details", has_text="Where the leaflets differ")
    differ.locator("summary").click()
    expect(differ).to_contain_text("The leaflets differ")
    assert chat.problems == []


def test_a_suggestion_and_a_button_are_asked_like_typed_words(chat: Chat) -> None:
    chat.open()
    chat.choose("How long is one infusion?")
    expect(chat.part(".message.me").last).to_contain_text("How long is one infusion?")
    expect(chat.replies.last).to_contain_text("15 minutes")
    title = chat.part(".choice").first.inner_text()
    chat.choose(title)
    expect(chat.part(".message.me").last).to_contain_text(title)
    assert chat.focused() == "textarea"


def test_lists_and_paragraphs_stay(chat: Chat) -> None:
    chat.open()
    chat.reply_with({"text": "First.\n\nTwo things:\n- one < 5\n- two > 6\n\nLast\nline."})
    chat.ask("anything")
    words = chat.replies.last.locator(".words")
    assert words.locator("p").all_text_contents() == ["First.", "Two things:", "Last\nline."]
    assert words.locator("li").all_text_contents() == ["one < 5", "two > 6"]


def test_a_red_flag_is_a_card_that_stays_until_acknowledged(chat: Chat) -> None:
    chat.open()
    chat.ask("my chest hurts")
    card = chat.part(".message.card")
    expect(card.locator("h3")).to_have_text("Emergency: call now")
    expect(card.locator("a[href='tel:911']")).to_be_visible()
    expect(card.locator("h3 svg")).to_be_visible()  # never by color alone
    chat.ask("how long is one infusion?")
    expect(chat.pinned).to_be_visible()
    expect(chat.pinned.locator("h3")).to_have_text("Emergency: call now")
    expect(chat.pinned.locator("a[href='tel:911']")).to_be_visible()
    chat.page.reload()
    chat.open()
    expect(chat.pinned).to_be_visible()
    chat.pinned.get_by_role("button", name="I have called").click()
    expect(chat.pinned).to_be_hidden()
    expect(chat.replies.last).to_contain_text("Good that you called")
    chat.page.reload()
    chat.open()
    expect(chat.part(".message.card")).to_have_count(1)
    expect(chat.pinned).to_be_hidden()


@pytest.mark.parametrize("level", ["soon", "urgent", "emergency"])
@pytest.mark.parametrize("setting", ["home", "hospital"])
def test_each_level_and_place_has_its_own_heading(level: str, setting: str, chat: Chat) -> None:
    texts = json.loads(chat.page.request.get(f"{chat.home}webhooks/web/config").body())["texts"]
    chat.open()
    numbers = [] if setting == "hospital" else [{"label": "The team", "tel": "tel:+15550100"}]
    chat.reply_with({"text": "Call.", "escalation": {"level": level, "setting": setting, "numbers": numbers}})
    chat.ask("anything")
    title = texts[f"{level}_hospital" if setting == "hospital" else level]
    expect(chat.pinned.locator("h3")).to_have_text(title)
    expect(chat.pinned.locator("a")).to_have_count(len(numbers))
    expect(chat.pinned.locator("button")).to_have_text(texts["called_hospital" if setting == "hospital" else "called"])


def test_the_gravest_red_flag_stays_pinned(chat: Chat) -> None:
    chat.open()
    for level in ("urgent", "emergency", "soon"):
        chat.reply_with({"text": "Call.", "escalation": {"level": level, "setting": "home", "numbers": []}})
        chat.ask("anything")
    expect(chat.pinned.locator("h3")).to_have_text("Emergency: call now")
    expect(chat.pinned.locator("a[href='tel:911']")).to_be_visible()  # none given: those of the clinic


def test_dates_come_with_a_calendar_file(chat: Chat) -> None:
    chat.open()
    chat.ask("my first day is 3 october 2026")
    with chat.page.expect_download() as download:
        chat.part(".file").click()
    assert Path(download.value.path()).read_bytes().startswith(b"BEGIN:VCALENDAR")


def test_writing_is_shown_and_spoken_after_a_second(chat: Chat) -> None:
    chat.open()
    chat.listen()
    chat.page.route(MESSAGES, lambda route: (chat.page.wait_for_timeout(1600), route.fallback()))
    chat.write("how long is one infusion?")
    writing = chat.part(".writing")
    expect(writing).to_be_hidden()
    expect(writing).to_be_visible()
    chat.answered(1)
    expect(writing).to_be_hidden()
    assert [text for text in chat.spoken() if "Looking it up" in text] == ["Looking it up …"]


def test_the_number_is_one_tap_away_open_and_closed(phone: Chat) -> None:
    closed = phone.part(".dock a[href='tel:911']")
    expect(closed).to_be_in_viewport()
    phone.open()
    expect(phone.part(".contact a[href='tel:911']")).to_be_in_viewport()
    phone.ask("my chest hurts")
    expect(phone.part(".contact a[href='tel:911']")).to_be_in_viewport()
    expect(closed).to_be_hidden()


def test_a_reply_that_comes_while_the_chat_is_closed_is_counted(chat: Chat) -> None:
    chat.open()
    chat.page.route(MESSAGES, lambda route: (chat.page.wait_for_timeout(500), route.fallback()))
    chat.write("my chest hurts")
    chat.page.keyboard.press("Escape")
    expect(chat.launcher).to_contain_text("Emergency: call now")
    assert chat.focused().startswith("launcher")
    chat.open()
    expect(chat.pinned).to_be_visible()
    chat.page.keyboard.press("Escape")
    expect(chat.launcher).to_have_text("Ask a question")


def test_reading_further_up_is_not_disturbed(chat: Chat) -> None:
    chat.open()
    for _ in range(3):
        chat.ask("what side effects may i get?")
    chat.page.route(MESSAGES, lambda route: (chat.page.wait_for_timeout(600), route.fallback()))
    chat.write("how long is one infusion?")
    chat.log.evaluate("(log) => { log.scrollTop = 0; }")
    before = chat.replies.count()
    chat.answered(before)
    assert chat.log.evaluate("(log) => log.scrollTop") == 0
    newer = chat.part(".newer")
    expect(newer).to_be_visible()
    newer.click()
    expect(chat.replies.last).to_be_in_viewport()
    expect(newer).to_be_hidden()


def test_the_conversation_is_saved_as_a_file_and_printed(chat: Chat) -> None:
    chat.page.add_init_script("window.print = () => { top.printed = document.body.textContent; };")
    chat.page.reload()
    chat.open()
    chat.ask("can i have the flu jab?")
    with chat.page.expect_download() as download:
        chat.menu("Save as text")
    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert "can i have the flu jab?" in saved
    assert "Ask your team before you have a flu vaccine" in saved
    assert "Where the leaflets differ: " in saved
    chat.menu("Print")
    assert chat.page.evaluate("window.printed") == saved
    assert chat.problems == []


def test_all_that_is_kept_is_downloaded_from_the_menu_by_keyboard(chat: Chat) -> None:
    chat.open()
    chat.listen()
    chat.menu("Download my data")
    expect(chat.notice).to_contain_text("There was nothing to download")
    chat.heard("There was nothing to download")
    chat.ask("can i have the flu jab?")
    more = chat.part("button[aria-expanded]").and_(chat.page.get_by_role("button", name="More"))
    more.focus()
    chat.page.keyboard.press("Enter")
    entry = chat.part(".menu button").get_by_text("Download my data")
    for _ in range(8):
        chat.page.keyboard.press("Tab")
        if entry.evaluate("(entry) => entry.getRootNode().activeElement === entry"):
            break
    expect(entry).to_be_focused()
    with chat.page.expect_download() as download:
        chat.page.keyboard.press("Enter")
    expect(entry).to_be_hidden()
    expect(more).to_be_focused()
    assert download.value.suggested_filename == "il2-conversation.json"
    kept = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert [message["from"] for message in kept["messages"]] == ["bot", "patient", "bot"]
    assert kept["messages"][1]["text"] == "can i have the flu jab?"
    expect(chat.part(".message.me")).to_have_count(1)  # nothing on the page changes


def test_deleting_asks_first_and_then_nothing_is_left(chat: Chat) -> None:
    chat.open()
    chat.ask("how long is one infusion?")
    token = chat.token()
    chat.menu("Delete chat")
    chat.part(".menu button").get_by_text("Keep it").click()
    expect(chat.part(".message.me")).to_have_count(1)
    chat.menu("Delete chat")
    chat.part(".menu button").get_by_text("Delete it").click()
    expect(chat.notice).to_contain_text("The conversation is deleted")
    expect(chat.part(".message.me")).to_have_count(0)
    assert chat.saved() == {}
    answer = chat.page.request.get(
        f"{chat.home}webhooks/web/messages?after=0", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status == 401
    chat.ask("what is il-2?")
    assert chat.token() != token


def test_a_conversation_that_was_deleted_by_typing_is_gone_from_the_page_too(chat: Chat) -> None:
    chat.open()
    chat.ask("how long is one infusion?")
    token = chat.token()
    chat.ask("delete my data")
    chat.part(".choice").get_by_text("Yes, delete it", exact=True).click()
    expect(chat.notice).to_contain_text("The conversation is deleted")
    expect(chat.part(".message.me")).to_have_count(0)
    expect(chat.replies.last).to_contain_text("This chat is deleted")
    assert chat.saved() == {}
    chat.ask("what is il-2?")
    expect(chat.replies.last).to_contain_text("IL-2")
    assert chat.token() != token
    assert chat.problems == []


def test_a_finger_does_not_call_up_the_keyboard(context: Make, home: str) -> None:
    chat = Chat.on(context(**PHONE), home)
    chat.launcher.tap()
    before = chat.replies.count()
    chat.part(".choice").first.tap()
    chat.answered(before - 1)
    expect(chat.part(".message.me")).to_have_count(1)
    assert chat.focused() == "log"
