"""The widget on somebody's website: sizes, colors, security policy, its small interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.browser import measures
from tests.browser.chat import Chat

Make = Callable[..., BrowserContext]

SMALLER_THAN_44 = """
() => [...document.querySelector("il2-companion").shadowRoot.querySelectorAll("button, a, summary, textarea")]
  .filter((element) => element.checkVisibility())
  .map((element) => [element.textContent || element.localName, element.getBoundingClientRect()])
  .filter(([, box]) => box.width < 43.9 || box.height < 43.9)
  .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)
"""
TOO_WIDE = """
() => {
  const root = document.querySelector("il2-companion").shadowRoot;
  const wide = [...root.querySelectorAll(".panel, .panel *")].filter((element) =>
    element.checkVisibility() && element.clientWidth && element.scrollWidth > element.clientWidth + 1
    && !element.closest(".hidden, svg"));
  return [
    ...wide.map((element) => `${element.localName} ${element.className}: ${element.scrollWidth}`),
    ...(document.documentElement.scrollWidth > innerWidth ? ["the page"] : []),
  ];
}
"""
SPACED = "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }"


def _whole(chat: Chat) -> None:
    """Everything that the chat can show at once."""
    chat.open()
    chat.ask("can i have the flu jab?")
    for fold in chat.part("summary").all():
        fold.click()
    chat.ask("my first day is 3 october 2026")
    chat.ask("my chest hurts, how long is one infusion?")
    chat.part("button[aria-expanded]").and_(chat.page.get_by_role("button", name="More")).click()


@pytest.mark.parametrize("size", [(320, 640), (390, 780), (1280, 900), (320, 256), (780, 390)])
def test_every_control_is_large_and_nothing_scrolls_sideways(size: tuple[int, int], context: Make, home: str) -> None:
    chat = Chat.on(context(viewport={"width": size[0], "height": size[1]}), home)
    assert chat.page.evaluate(SMALLER_THAN_44) == []
    _whole(chat)
    assert chat.page.evaluate(SMALLER_THAN_44) == []
    assert chat.page.evaluate(TOO_WIDE) == []
    expect(chat.part(".contact a[href='tel:911']")).to_be_in_viewport()
    assert chat.input.evaluate("(input) => parseFloat(getComputedStyle(input).fontSize)") >= 16


def test_spaced_out_text_is_not_cut_off(context: Make, home: str) -> None:
    chat = Chat.on(context(viewport={"width": 390, "height": 780}), home)
    chat.page.evaluate(
        """(rules) => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(rules);
          document.querySelector("il2-companion").shadowRoot.adoptedStyleSheets.push(sheet);
        }""",
        SPACED,
    )
    _whole(chat)
    assert chat.page.evaluate(TOO_WIDE) == []


def test_the_readers_own_text_size_is_followed(chat: Chat) -> None:
    size = "(input) => parseFloat(getComputedStyle(input).fontSize)"
    chat.open()
    before = chat.input.evaluate(size)
    chat.page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert chat.input.evaluate(size) == 2 * before


def test_reduced_motion_stops_the_dots(context: Make, home: str) -> None:
    moving = "(dots) => getComputedStyle(dots).animationName"
    still = Chat.on(context(reduced_motion="reduce"), home)
    assert still.part(".dots").evaluate(moving) == "none"
    lively = Chat.on(context(reduced_motion="no-preference"), home)
    assert lively.part(".dots").evaluate(moving) == "dots"


def test_a_phone_gives_the_chat_the_whole_screen_and_the_page_rests(phone: Chat) -> None:
    phone.open()
    box = phone.panel.bounding_box()
    assert box
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 780)
    stops = []
    for _ in range(30):
        phone.page.keyboard.press("Tab")
        stops.append(phone.page.evaluate("document.activeElement.localName"))
    assert set(stops) <= {"il2-companion", "body"}


def test_turning_the_phone_keeps_what_is_written(context: Make, home: str) -> None:
    chat = Chat.on(context(viewport={"width": 390, "height": 780}), home).open()
    chat.input.fill("how long")
    chat.page.set_viewport_size({"width": 900, "height": 700})
    expect(chat.panel).to_be_visible()
    assert chat.input.input_value() == "how long"
    assert chat.focused() == "textarea"


def test_arrow_keys_go_through_the_messages(chat: Chat) -> None:
    chat.open()
    chat.ask("how long is one infusion?")
    keys = chat.page.keyboard
    chat.log.focus()
    walked = []
    for key in ("ArrowUp", "ArrowUp", "Home", "ArrowDown", "End"):
        keys.press(key)
        walked.append(chat.page.evaluate("document.querySelector('il2-companion').shadowRoot.activeElement.innerText"))
    assert "15 minutes" in walked[0]
    assert "how long is one infusion?" in walked[1]
    assert "Hello" in walked[2]
    assert walked[3] == walked[1]
    assert walked[4] == walked[0]
    keys.press("Escape")
    assert chat.focused() == "textarea"
    keys.press("Escape")
    expect(chat.panel).to_be_hidden()


def test_escape_leaves_the_menu_before_the_chat(chat: Chat) -> None:
    chat.open()
    more = chat.part("button[aria-expanded]").and_(chat.page.get_by_role("button", name="More"))
    more.click()
    expect(more).to_have_attribute("aria-expanded", "true")
    chat.page.keyboard.press("Escape")
    expect(more).to_have_attribute("aria-expanded", "false")
    expect(chat.panel).to_be_visible()


def test_the_page_keeps_a_strict_policy_and_nothing_breaks_it(chat: Chat) -> None:
    answer = chat.page.request.get(chat.home)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    chat.open()
    chat.ask("can i have the flu jab?")
    chat.ask("my first day is 3 october 2026")
    chat.ask("my chest hurts")
    assert chat.problems == []


def test_a_widget_with_another_hash_does_not_run(context: Make, home: str) -> None:
    browser = context()

    def change(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text() + "//")

    browser.route("**/widget.js", change)
    chat = Chat.on(browser, home)
    chat.page.wait_for_timeout(300)
    assert chat.page.evaluate("customElements.get('il2-companion') === undefined")
    assert any("integrity" in problem for problem in chat.problems)


def test_the_widget_leaves_nothing_on_the_page_but_its_element(chat: Chat) -> None:
    clean = chat.page.context.new_page()
    clean.goto(chat.home + "icon.svg")
    names = "() => Object.getOwnPropertyNames(window).sort()"
    before = set(clean.evaluate(names))
    after = set(chat.page.evaluate(names))
    assert {name for name in after - before if not name.isdigit()} <= {"companion"}  # the id of the page's own element
    assert chat.page.evaluate("document.styleSheets.length + document.adoptedStyleSheets.length") == 1
    written = chat.page.request.get(chat.home).text()
    assert chat.page.evaluate("document.body.lastElementChild.outerHTML") in written


def test_the_interface_opens_sends_closes_and_destroys_and_tells_no_words(chat: Chat) -> None:
    chat.page.evaluate(
        """() => {
          window.told = [];
          for (const name of ["open", "close", "message", "deleted", "error"])
            document.addEventListener(`il2-${name}`, (event) => window.told.push([name, event.detail]));
        }"""
    )
    chat.page.evaluate("() => { companion.open(); companion.send('my chest hurts a lot'); }")
    expect(chat.pinned).to_be_visible()
    chat.page.evaluate("companion.close()")
    expect(chat.panel).to_be_hidden()
    told: list[list[Any]] = chat.page.evaluate("window.told")
    names = [name for name, _ in told]
    assert names[0] == "open"
    assert names[-1] == "close"
    assert ["message", {"from": "bot", "level": "emergency"}] in told
    assert "chest" not in str(told)
    chat.page.evaluate("companion.destroy()")
    expect(chat.page.locator("il2-companion")).to_have_count(0)


def test_an_example_question_of_the_page_is_asked(chat: Chat) -> None:
    chat.page.locator("[data-ask]").first.click()
    expect(chat.part(".message.me")).to_have_count(1)
    expect(chat.replies).to_have_count(2)
    chat.page.keyboard.press("Escape")
    assert chat.page.evaluate("document.activeElement.dataset.ask") == chat.part(".message.me .words").text_content()


def test_inline_the_chat_is_a_part_of_the_page(context: Make, home: str) -> None:
    chat = Chat.on(context(bypass_csp=True), home)
    chat.page.evaluate(
        """() => {
          document.querySelector("il2-companion").remove();
          const made = document.createElement("il2-companion");
          made.setAttribute("mode", "inline");
          document.querySelector("main").prepend(made);
        }"""
    )
    expect(chat.panel).to_be_visible()
    expect(chat.part(".dock")).to_have_count(0)
    expect(chat.part(".choice").first).to_be_visible()
    assert "15 minutes" in chat.ask("how long is one infusion?")
    chat.page.keyboard.press("Escape")
    expect(chat.panel).to_be_visible()
    assert measures.axe(chat.page) == []


def test_moving_the_element_on_the_page_keeps_the_conversation(chat: Chat) -> None:
    chat.open()
    chat.ask("how long is one infusion?")
    chat.page.evaluate("() => document.querySelector('main').append(document.querySelector('il2-companion'))")
    expect(chat.part(".message.me")).to_have_count(1)
    chat.launcher.click() if chat.launcher.is_visible() else None
    assert "lcohol" in chat.ask("can i drink alcohol?")


@pytest.mark.parametrize("keep", ["session", "none"])
def test_a_page_may_ask_for_less_storage(keep: str, chat: Chat) -> None:
    chat.page.evaluate(
        """(keep) => {
          document.querySelector("il2-companion").remove();
          const made = document.createElement("il2-companion");
          made.setAttribute("storage", keep);
          document.body.append(made);
        }""",
        keep,
    )
    chat.open()
    chat.ask("how long is one infusion?")
    assert chat.saved() == {}
    assert chat.page.evaluate("sessionStorage.length") == (keep == "session")
