"""When the line or the server fails: nothing is lost, and the number to call is there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import BrowserContext, Route, expect

from tests.browser.chat import MESSAGES, Chat

Make = Callable[..., BrowserContext]
GREETING = 1


def test_what_is_written_offline_waits_and_is_sent_later(chat: Chat) -> None:
    chat.open()
    chat.page.context.set_offline(True)
    chat.listen()
    chat.write("how long is one infusion?")
    expect(chat.part(".state")).to_contain_text("Waiting to be sent")
    expect(chat.notice).to_contain_text("You are offline")
    expect(chat.notice).to_contain_text("call your team's 24-hour number")
    chat.heard("You are offline")
    chat.page.context.set_offline(False)
    chat.answered(GREETING)
    expect(chat.part(".state")).to_have_count(0)
    expect(chat.notice).to_be_hidden()


def test_a_message_that_was_not_sent_says_so_and_can_be_sent_again(chat: Chat) -> None:
    chat.open()
    chat.page.route("**/webhooks/web/**", lambda route: route.abort("connectionrefused"))
    chat.listen()
    chat.write("how long is one infusion?")
    expect(chat.part(".state")).to_contain_text("Not sent.")
    expect(chat.notice).to_contain_text("call your team's 24-hour number")
    chat.heard("cannot be reached")
    assert chat.focused() == "textarea"
    chat.page.unroute("**/webhooks/web/**")
    chat.part(".state").get_by_role("button", name="Try again").click()
    chat.answered(GREETING)
    expect(chat.part(".message.me")).to_have_count(1)
    expect(chat.notice).to_be_hidden()


def test_without_the_server_the_page_still_names_the_numbers(context: Make, home: str) -> None:
    browser = context()
    browser.route("**/webhooks/web/**", lambda route: route.abort("connectionrefused"))
    chat = Chat.on(browser, home)
    expect(chat.part(".dock a[href='tel:911']")).to_be_visible()
    chat.open()
    expect(chat.part(".contact a[href='tel:999']")).to_be_visible()
    expect(chat.notice).to_contain_text("cannot be reached")
    expect(chat.notice).to_contain_text("In an emergency, call 911 (US), 999 (UK) or 112")
    names = [button.text_content() for button in chat.part("button").all() if button.is_visible()]
    assert names == ["Close", "Send"]


def test_the_pages_own_numbers_are_used_while_the_server_is_silent(context: Make, home: str) -> None:
    browser = context()
    browser.route("**/webhooks/web/**", lambda route: route.abort("connectionrefused"))
    chat = Chat.on(browser, home)
    chat.page.evaluate(
        """() => {
          document.querySelector("il2-companion").remove();
          const made = document.createElement("il2-companion");
          made.setAttribute("team-number", "+1 555 0100");
          made.setAttribute("emergency-numbers", "911");
          document.body.append(made);
        }"""
    )
    expect(chat.part(".dock a").first).to_have_attribute("href", "tel:+15550100")
    expect(chat.part(".dock a")).to_have_count(2)
    chat.open()
    expect(chat.notice).to_contain_text("+1 555 0100")


def test_what_the_server_says_beside_an_error_is_shown_and_spoken(chat: Chat) -> None:
    chat.open()
    chat.ask("how long is one infusion?")
    chat.listen()
    error: dict[str, Any] = {"status": "error", "reason": "Call 911 now. Something went wrong here."}
    chat.page.route(MESSAGES, lambda route: route.fulfill(status=503, json=error))
    chat.write("my chest hurts")
    expect(chat.part(".state")).to_contain_text("Call 911 now.")
    expect(chat.part(".state")).to_contain_text("Not sent.")
    chat.heard("Call 911 now.")


def test_a_message_that_the_server_refuses_is_not_sent_again(chat: Chat) -> None:
    chat.open()
    seen: list[str] = []
    error: dict[str, Any] = {"status": "error", "reason": "That is too long."}

    def refuse(route: Any) -> None:
        seen.append(route.request.url)
        route.fulfill(status=422, json=error)

    chat.page.route(MESSAGES, refuse)
    chat.write("something")
    expect(chat.part(".state")).to_have_text("Not sent. That is too long.")
    chat.page.unroute(MESSAGES)
    chat.ask("how long is one infusion?")
    assert len(seen) == 1
    expect(chat.part(".message.me")).to_have_count(2)


def test_too_many_messages_go_out_a_little_later(chat: Chat) -> None:
    chat.open()
    chat.page.route(
        MESSAGES,
        lambda route: route.fulfill(status=429, headers={"Retry-After": "1"}, json={"status": "error", "reason": "x"}),
        times=1,
    )
    chat.write("how long is one infusion?")
    expect(chat.notice).to_contain_text("Too many messages")
    chat.answered(GREETING)
    expect(chat.notice).to_be_hidden()


def test_a_reload_brings_everything_back_and_reads_nothing_again(chat: Chat) -> None:
    chat.open()
    chat.ask("how long is one infusion?")
    chat.ask("can i drink alcohol?")
    before = chat.words()
    chat.page.reload()
    chat.page.wait_for_function("document.querySelector('il2-companion').shadowRoot")
    chat.listen()
    expect(chat.part(".message.me")).to_have_count(2)
    chat.open()
    chat.page.wait_for_timeout(600)
    assert chat.words() == before
    assert [text for text in chat.spoken() if "earlier conversation" not in text] == []
    expect(chat.replies.last).to_be_in_viewport()


def test_a_message_on_its_way_survives_a_reload(chat: Chat) -> None:
    chat.open()
    chat.page.route(MESSAGES, lambda route: route.abort("connectionreset"))
    chat.write("how long is one infusion?")
    chat.page.reload()
    chat.page.unroute(MESSAGES)
    chat.open()
    chat.page.evaluate("window.dispatchEvent(new Event('online'))")
    chat.answered(GREETING)
    assert chat.words()[1:] == ["how long is one infusion?", chat.words()[-1]]
    assert "15 minutes" in chat.words()[-1]


def test_two_tabs_show_the_same_conversation(context: Make, home: str) -> None:
    browser = context()
    first = Chat.on(browser, home).open()
    first.ask("how long is one infusion?")
    second = Chat.on(browser, home).open()
    expect(second.part(".message.me")).to_have_count(1)
    second.ask("my chest hurts")
    expect(first.part(".message.me")).to_have_count(2)
    expect(first.pinned).to_be_visible()
    assert first.words() == second.words()
    first.pinned.get_by_role("button", name="I have called").click()
    expect(second.pinned).to_be_hidden()
    second.menu("Delete chat")
    second.part(".menu button").get_by_text("Delete it").click()
    expect(first.part(".message.me")).to_have_count(0)
    expect(first.notice).to_contain_text("The conversation is deleted")


def test_a_new_token_is_kept_and_is_no_other_conversation(context: Make, home: str) -> None:
    browser = context()
    first = Chat.on(browser, home).open()
    first.ask("how long is one infusion?")
    second = Chat.on(browser, home).open()
    expect(second.part(".message.me")).to_have_count(1)
    conversation = first.token().split(".")[0]

    def renew(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "token": f"{conversation}.00000000.new"})

    first.page.route(re.compile(r"/messages\?after="), renew)
    first.page.evaluate("dispatchEvent(new Event('online'))")
    second.page.wait_for_function("() => JSON.stringify(localStorage).includes('00000000.new')")
    second.page.wait_for_timeout(300)
    for chat in (first, second):
        expect(chat.part(".message.me")).to_have_count(1)
        expect(chat.notice).to_be_hidden()


def test_a_conversation_that_the_server_no_longer_knows_begins_again(chat: Chat) -> None:
    chat.open()
    chat.ask("how long is one infusion?")
    headers = {"Authorization": f"Bearer {chat.token()}"}
    assert chat.page.request.delete(f"{chat.home}webhooks/web/conversation", headers=headers).status == 204
    chat.write("can i drink alcohol?")
    expect(chat.part(".message.me")).to_have_count(1)
    expect(chat.part(".message.me")).to_contain_text("can i drink alcohol?")
    expect(chat.replies.last).to_contain_text("lcohol")
    expect(chat.part(".state")).to_have_count(0)


def test_a_phone_without_storage_can_still_ask(context: Make, home: str) -> None:
    browser = context()
    browser.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    chat = Chat.on(browser, home).open()
    assert "15 minutes" in chat.ask("how long is one infusion?")
    assert chat.problems == []
