"""A patient's page with the chat: what a person does with it, in the words of the tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

WAIT = 20_000
"""Milliseconds that a test machine under load may take for one step."""
MESSAGES = "**/webhooks/web/messages"

# Writes down every sentence that comes into a live region, with the region's manner.
LISTEN = """
() => {
  window.spoken = [];
  const root = document.querySelector("il2-companion").shadowRoot;
  for (const region of root.querySelectorAll("[aria-live=polite], [aria-live=assertive]")) {
    new MutationObserver((changes) => {
      for (const change of changes)
        for (const node of change.addedNodes) window.spoken.push([region.getAttribute("aria-live"), node.textContent]);
    }).observe(region, { childList: true, subtree: true, characterData: true });
  }
}
"""


@dataclass
class Chat:
    """The widget on one page."""

    page: Page
    home: str
    problems: list[str] = field(default_factory=list)
    made: int = 1000

    @classmethod
    def on(cls, context: BrowserContext, home: str, path: str = "") -> Chat:
        """A new page with the widget; everything that the browser complains about is written down."""
        chat = cls(context.new_page(), home)
        chat.page.set_default_timeout(WAIT)
        chat.page.on("pageerror", lambda error: chat.problems.append(str(error)))
        chat.page.on("console", lambda line: chat.problems.append(line.text) if line.type == "error" else None)
        chat.page.goto(home + path)
        return chat

    # -- parts ---------------------------------------------------------------------------------------------------------

    def part(self, selector: str) -> Locator:
        """An element inside the widget."""
        return self.page.locator(f"il2-companion {selector}")

    @property
    def launcher(self) -> Locator:
        return self.part(".launcher")

    @property
    def panel(self) -> Locator:
        return self.part(".panel")

    @property
    def input(self) -> Locator:
        return self.part("textarea")

    @property
    def log(self) -> Locator:
        return self.part(".log")

    @property
    def replies(self) -> Locator:
        return self.part(".message.bot")

    @property
    def pinned(self) -> Locator:
        return self.part(".pinned")

    @property
    def notice(self) -> Locator:
        return self.part(".notice")

    # -- what a patient does -------------------------------------------------------------------------------------------

    def open(self) -> Chat:
        self.launcher.click()
        expect(self.panel).to_be_visible()
        return self

    def write(self, text: str) -> None:
        self.input.fill(text)
        self.input.press("Enter")

    def ask(self, text: str) -> str:
        """Ask and wait for the answer; returns all text of the last reply."""
        before = self.replies.count()
        self.write(text)
        self.answered(before)
        return self.replies.last.inner_text()

    def answered(self, before: int) -> None:
        self.page.wait_for_function(
            "(before) => document.querySelector('il2-companion').shadowRoot"
            ".querySelectorAll('.message.bot').length > before",
            arg=before,
        )

    def choose(self, title: str) -> None:
        before = self.replies.count()
        self.part(".choice").get_by_text(title, exact=True).click()
        self.answered(before)

    def menu(self, entry: str) -> None:
        self.part("button[aria-expanded]").and_(self.page.get_by_role("button", name="More")).click()
        self.part(".menu button").get_by_text(entry).click()

    # -- what can be seen and heard ------------------------------------------------------------------------------------

    def words(self) -> list[str]:
        """The words of all messages, in their order."""
        return self.part(".message .words").all_text_contents()

    def listen(self) -> None:
        self.page.evaluate(LISTEN)

    def spoken(self) -> list[str]:
        """What screen readers were given since `listen`."""
        return [text for _, text in self.page.evaluate("window.spoken")]

    def heard(self, part: str) -> None:
        """Wait until a sentence with these words was given to screen readers."""
        self.page.wait_for_function("(part) => window.spoken.some(([, text]) => text.includes(part))", arg=part)

    def focused(self) -> str:
        """The focused element: its class or tag, inside the widget if it is there."""
        return str(
            self.page.evaluate(
                "() => { let e = document.activeElement;"
                " while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;"
                " return e.className || e.localName; }"
            )
        )

    def saved(self) -> dict[str, Any]:
        """What the widget keeps in the browser."""
        stored: dict[str, Any] = json.loads(self.page.evaluate("() => JSON.stringify(localStorage)"))
        return stored

    def token(self) -> str:
        key = next(key for key in self.saved() if " " in key and key.count(" ") == 1)
        return str(json.loads(self.saved()[key])["token"])

    # -- a server under the test's control -----------------------------------------------------------------------------

    def reply_with(self, *messages: dict[str, Any]) -> None:
        """Answer the messages that follow with these, instead of the server."""

        def answer(route: Route) -> None:
            asked = json.loads(route.request.post_data or "{}")
            said = []
            for message in messages:
                self.made += 1
                said.append(
                    {
                        "seq": self.made,
                        "id": f"made-{self.made}",
                        "from": "bot",
                        "reply_to": asked["id"],
                        "text": "",
                        **message,
                    }
                )
            route.fulfill(json={"id": asked["id"], "messages": said})

        self.page.unroute(MESSAGES)
        self.page.route(MESSAGES, answer)
