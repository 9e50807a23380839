"""What the gate prints and the tests assert: each function measures one thing in a real browser."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import re
import statistics
import string
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
from playwright.sync_api import Browser, BrowserContext, Error, Page, Route, expect

from tests.browser.chat import MESSAGES, Chat
from tests.conversations.conftest import Server, start

WIDGET = Path("bot/web/widget.js")
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
SCHEMES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "forced_colors": "none"},
    "dark": {"color_scheme": "dark", "forced_colors": "none"},
    "forced colors": {"color_scheme": "light", "forced_colors": "active"},
}
Make = Callable[..., BrowserContext]


def serve(model: Path, folder: Path) -> Server:
    """The companion with rate limits that no measure reaches."""
    credentials = folder / "credentials.yml"
    generous = re.sub(r"\d+/minute", "100000/minute", Path("credentials.yml").read_text(encoding="utf-8"))
    credentials.write_text(generous, encoding="utf-8")
    return start(model, folder, IL2_CREDENTIALS=str(credentials))


# -- weight and speed --------------------------------------------------------------------------------------------------


def gzip_size() -> int:
    """Bytes of the widget, code and styles and built-in texts, as gzip -9 packs it."""
    return len(gzip.compress(WIDGET.read_bytes(), 9, mtime=0))


def outside_requests(make: Make, home: str) -> tuple[list[str], list[str], int]:
    """Requests to other hosts, fonts, and the number of cookies, over a whole conversation."""
    context = make()
    addresses: list[str] = []
    fonts: list[str] = []

    def note(request: Any) -> None:
        addresses.append(request.url)
        if request.resource_type == "font":
            fonts.append(request.url)

    context.on("request", note)
    chat = Chat.on(context, home).open()
    chat.ask("how long is one infusion?")
    chat.ask("my chest hurts")
    chat.page.reload()
    foreign = [url for url in addresses if urlsplit(url).netloc not in (urlsplit(home).netloc, "")]
    return foreign, fonts, len(context.cookies())


@dataclass(frozen=True)
class Load:
    """Milliseconds until the launcher can be seen, and seconds of script until then."""

    usable: float
    script: float


def load_on_a_phone(browser: Browser, home: str, times: int = 3) -> Load:
    """Median of some first visits: 390×760, 1.6 Mbit/s, 150 ms round trip, CPU four times slower."""
    found: list[Load] = []
    for _ in range(times):
        context = browser.new_context(viewport={"width": 390, "height": 760})
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        speed = 1.6e6 / 8
        session.send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 150, "downloadThroughput": speed, "uploadThroughput": speed},
        )
        session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        session.send("Performance.enable")
        page.add_init_script(
            """
            const look = () => {
              const launcher = document.querySelector("il2-companion")?.shadowRoot?.querySelector(".launcher");
              if (launcher?.offsetWidth) window.usable ??= performance.now();
              else requestAnimationFrame(look);
            };
            requestAnimationFrame(look);
            """
        )
        page.goto(home)
        usable = page.wait_for_function("window.usable").json_value()
        metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        found.append(Load(float(usable), metrics["ScriptDuration"]))
        context.close()
    return Load(statistics.median(one.usable for one in found), statistics.median(one.script for one in found))


# -- axe ---------------------------------------------------------------------------------------------------------------


def _closed(chat: Chat) -> None:
    expect(chat.launcher).to_be_visible()


def _open(chat: Chat) -> None:
    chat.open()
    expect(chat.part(".choice").first).to_be_visible()


def _answer(chat: Chat) -> None:
    chat.open().ask("can i have the flu jab?")
    for fold in chat.part("summary").all():
        fold.click()


def _escalation(chat: Chat) -> None:
    chat.open().ask("my chest hurts, how long is one infusion?")
    expect(chat.pinned).to_be_visible()


def _offline(chat: Chat) -> None:
    chat.open()
    chat.page.context.set_offline(True)
    chat.write("how long is one infusion?")
    expect(chat.notice).to_be_visible()


def _restored(chat: Chat) -> None:
    _escalation(chat)
    chat.page.reload()
    expect(chat.replies).not_to_have_count(0)
    chat.open()


STATES: dict[str, Callable[[Chat], None]] = {
    "closed": _closed,
    "open": _open,
    "answer": _answer,
    "escalation": _escalation,
    "offline": _offline,
    "restored": _restored,
}


def axe(page: Page) -> list[str]:
    """Violations by name and place: WCAG 2.0 to 2.2 at A and AA, best practice, and contrast of 7:1."""
    page.evaluate(AXE)
    options = {"resultTypes": ["violations"], "rules": {"color-contrast-enhanced": {"enabled": True}}}
    found = page.evaluate("(options) => axe.run(document, options)", options)["violations"]
    return [f"{v['id']}: {[n['target'] for n in v['nodes']][:3]}" for v in found]


def axe_in(make: Make, home: str, state: str, **options: Any) -> list[str]:
    """Violations in one state of the chat, in each color scheme."""
    # axe is put into the page past its content security policy; everything else keeps it.
    chat = Chat.on(make(bypass_csp=True, reduced_motion="reduce", **options), home)
    STATES[state](chat)
    found = []
    for scheme, media in SCHEMES.items():
        chat.page.emulate_media(**media)
        found += [f"{scheme}: {violation}" for violation in axe(chat.page)]
    return found


# -- keyboard ----------------------------------------------------------------------------------------------------------


def keyboard(make: Make, home: str) -> dict[str, bool]:
    """The six steps that a chat must let a keyboard do, each done or not."""
    chat = Chat.on(make(), home)
    expect(chat.launcher).to_be_visible()
    keys = chat.page.keyboard
    done: dict[str, bool] = {}
    stops: list[str] = []
    for _ in range(60):
        keys.press("Tab")
        stops.append(chat.focused())
        if "launcher" in stops[-1]:
            break
    done["Tab reaches the launcher"] = "launcher" in stops[-1]
    name = chat.launcher.inner_text().strip()
    done["the launcher has a name and says that it is closed"] = (
        bool(name) and chat.launcher.get_attribute("aria-expanded") == "false"
    )
    done["no hidden stop before it"] = not {"textarea", "quiet", "log", "send"} & set(stops)
    keys.press("Enter")
    done["Enter opens, focus is in the input"] = chat.panel.is_visible() and chat.focused() == "textarea"
    before = chat.replies.count()
    keys.type("how long is one infusion?")
    keys.press("Enter")
    chat.answered(before)
    done["focus stays in the input after sending"] = chat.focused() == "textarea"
    keys.press("Escape")
    done["Escape closes, focus is back on the launcher"] = not chat.panel.is_visible() and "launcher" in chat.focused()
    return done


# -- what screen readers are told --------------------------------------------------------------------------------------

QUESTIONS = (
    "how long is one infusion?",
    "what is il-2?",
    "can i drink alcohol?",
    "can i have the flu jab?",
    "will my hair fall out?",
    "can i drive?",
    "my chest hurts",
    "what about contrast dye before a scan?",
    "hello",
    "what is the capital of france?",
)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"(?m)^- ", "", text).split())


def _tree(chat: Chat) -> list[tuple[str, str]]:
    """The accessibility tree's texts, each with the kind of live region or log that holds it."""
    session = chat.page.context.new_cdp_session(chat.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    by_id = {node["nodeId"]: node for node in nodes}
    found = []
    for node in nodes:
        if node.get("role", {}).get("value") != "StaticText":
            continue
        holder, parent = "", node
        while not holder and (parent := by_id.get(parent.get("parentId", ""), {})):
            live = next((p["value"].get("value") for p in parent.get("properties", ()) if p["name"] == "live"), None)
            role = parent.get("role", {}).get("value")
            holder = "log" if role == "log" else live if live in ("polite", "assertive") else ""
        found.append((holder, node["name"]["value"]))
    return found


def live_region(make: Make, home: str, turns: int) -> tuple[int, list[str]]:
    """Turns in which each reply was spoken exactly once, named, and the history was not; and what went wrong."""
    chat = Chat.on(make(), home).open()
    chat.page.wait_for_timeout(500)
    chat.listen()
    good, wrong, seen = 0, [], 0
    for turn in range(turns):
        question = f"{QUESTIONS[turn % len(QUESTIONS)]}"
        before = chat.replies.count()
        chat.write(question)
        chat.answered(before)
        fresh = [_plain(text) for text in chat.part(".message.bot .words").all_inner_texts()[before:]]
        chat.page.wait_for_function("(seen) => window.spoken.length > seen + 1", arg=seen)
        chat.page.wait_for_timeout(80)
        said = chat.spoken()[seen:]
        seen += len(said)
        replies = [text for text in said if text.startswith("IL-2 Companion: ")]
        own = [text for text in said if text == f"You: {question}"]
        in_tree = [text for holder, text in _tree(chat) if holder in ("polite", "assertive")]
        problem = None
        if len(own) != 1 or len(replies) != len(fresh):
            problem = f"{len(own)} times the question and {len(replies)} replies spoken for {len(fresh)}"
        elif not all(sum(words in _plain(text) for text in replies) == 1 for words in fresh):
            problem = "a reply was not spoken as it is written"
        elif not all(sum(_plain(text) == _plain(spoken) for text in in_tree) == 1 for spoken in replies):
            problem = "a reply is not once in the live regions of the accessibility tree"
        good += problem is None
        wrong += [f"turn {turn + 1}, {question}: {problem}"] if problem else []
    return good, wrong


# -- hostile and clinical text -----------------------------------------------------------------------------------------

_CALLS = (
    "javascript:window.pwned=1",
    "JaVaScRiPt:window.pwned=1",
    " javascript:window.pwned=1",
    "java\tscript:window.pwned=1",
)
PAYLOADS: tuple[str, ...] = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1>",
    "<svg><script>window.pwned=1</script></svg>",
    "<iframe src='javascript:window.pwned=1'></iframe>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<body onload=window.pwned=1>",
    "<details open ontoggle=window.pwned=1>",
    "<input autofocus onfocus=window.pwned=1>",
    "<video><source onerror=window.pwned=1></video>",
    "<math><mtext><img src=x onerror=window.pwned=1></mtext></math>",
    "<template><img src=x onerror=window.pwned=1></template>",
    "<form action=javascript:window.pwned=1><button>x</button></form>",
    "<object data=javascript:window.pwned=1></object>",
    "<embed src=javascript:window.pwned=1>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>@import 'https://evil.example/x.css'</style>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<img src=https://evil.example/pixel.gif>",
    "![pixel](https://evil.example/pixel.gif)",
    *(f"[press here]({call})" for call in _CALLS),
    *(f'<a href="{call}">press here</a>' for call in _CALLS),
    "[press](data:text/html,<script>window.pwned=1</script>)",
    "<a href='data:text/html;base64,PHNjcmlwdD53aW5kb3cucHduZWQ9MTwvc2NyaXB0Pg=='>press</a>",
    "[press](vbscript:msgbox)",
    "https://evil.example/ and http://evil.example",
    "{{constructor.constructor('window.pwned=1')()}}",
    "${window.pwned=1}",
    "<!--><img src=x onerror=window.pwned=1>-->",
    "]]><script>window.pwned=1</script>",
    "</textarea><script>window.pwned=1</script>",
    "</style><script>window.pwned=1</script>",
    '"><script>window.pwned=1</script>',
    "' onmouseover='window.pwned=1",
    "\u202egpj.exe\u202c <b>bold</b>",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "\x00<scr\x00ipt>window.pwned=1</script>",
    "<noscript><p title='</noscript><img src=x onerror=window.pwned=1>'>",
)


def unsafe(make: Make, home: str) -> list[str]:
    """Payloads that ran, loaded something, made an address or an element: from the bot, the patient and the history."""
    found: list[str] = []
    context = make()
    chat = Chat.on(context, home)
    outside: list[str] = []
    chat.page.on("request", lambda r: outside.append(r.url) if "evil" in r.url or r.url.startswith("data:") else None)
    chat.page.on("dialog", lambda dialog: (found.append("a dialog"), dialog.dismiss()))
    chat.open()
    tag = {"title": "x", "country": "<img src=x onerror=window.pwned=1>", "year": "javascript:window.pwned=1"}
    said: list[dict[str, Any]] = [{"text": payload} for payload in PAYLOADS]
    said += [{"text": "a calendar", "calendar": call} for call in (*_CALLS, "//evil.example/x.ics", "data:text/html,x")]
    said += [
        {
            "text": "call",
            "escalation": {"level": "urgent", "setting": "home", "numbers": [{"label": payload, "tel": payload}]},
            "answer": {"sources_text": [tag], "differ": payload},
            "buttons": [{"title": payload, "token": payload}],
        }
        for payload in (*PAYLOADS[:4], *_CALLS)
    ]
    chat.reply_with(*said)
    chat.ask("anything")
    found += _unsafe_elements(chat, "the bot")
    chat.page.unroute(MESSAGES)
    for payload in PAYLOADS:
        chat.reply_with({"text": "noted"})
        chat.ask(payload)
    found += _unsafe_elements(chat, "the patient")
    history = [
        {"seq": n, "id": f"old-{n}", "from": ("bot", "patient")[n % 2], **message} for n, message in enumerate(said, 1)
    ]
    context.route(
        "**/webhooks/web/messages?after=*", lambda route: route.fulfill(json={"messages": history, "last": 999})
    )
    chat.page.unroute(MESSAGES)
    chat.page.route(MESSAGES, lambda route: route.fulfill(json={"id": "x", "messages": []}))
    chat.page.evaluate(
        """() => localStorage.setItem(`il2-companion ${location.origin}/`, '{"token":"x.y","last":0,"done":0}')"""
    )
    chat.page.reload()
    expect(chat.replies).not_to_have_count(0)
    chat.open()
    found += _unsafe_elements(chat, "the history")
    return found + [f"requested {url}" for url in outside]


def _unsafe_elements(chat: Chat, origin: str) -> list[str]:
    """Whatever a payload left on the page besides text."""
    chat.page.wait_for_timeout(300)
    found: list[str] = chat.page.evaluate(
        """
        (home) => {
          const root = document.querySelector("il2-companion").shadowRoot;
          const wrong = window.pwned ? ["a script ran"] : [];
          const strange = "script, img, iframe, object, embed, link, base, meta, style, video, math";
          for (const element of root.querySelectorAll(strange))
            wrong.push(`an element ${element.localName}`);
          for (const link of root.querySelectorAll("[href], [src], [action]")) {
            const address = link.getAttribute("href") ?? link.getAttribute("src") ?? link.getAttribute("action");
            if (!/^tel:[+\\d]/.test(address) && !address.startsWith(home)) wrong.push(`an address ${address}`);
          }
          for (const element of root.querySelectorAll("*"))
            for (const { name } of element.attributes) if (name.startsWith("on")) wrong.push(`an attribute ${name}`);
          return wrong;
        }
        """,
        chat.home,
    )
    return [f"{origin}: {one}" for one in found]


_PIECES = (
    *"<>≤≥*_[]&°µ/\\`~#|{}()%$^+=-:;,.!?'\"±×·–—…½αβ✓",
    "38.5 °C", "100.4°F", "5_mg", "2*3=6", "[as ordered]", "600,000 IU/kg", "< 50", "> 38", "10⁹/L", "q8h", "µg/kg",
    "&lt;", "&amp;", "**bold**", "__x__", "~~no~~", "<b>", "</p>", "http://x", "  ", "é", "日本", "عربي", "🤒", "​",
)  # fmt: skip


def fuzzed(count: int, seed: int = 6) -> list[str]:
    """Texts of medicine and markup, the same ones each time."""
    chance = random.Random(seed)
    letters = string.ascii_letters + string.digits
    texts = []
    for _ in range(count):
        parts = [chance.choice(_PIECES) if chance.random() < 0.6 else chance.choice(letters) for _ in range(20)]
        texts.append("x" + chance.choice(("", " ")).join(parts) + "x")
    return texts


def changed_texts(make: Make, home: str, count: int) -> list[str]:
    """Fuzzed texts that do not stand in the transcript, or were not spoken, exactly as the server sent them."""
    chat = Chat.on(make(), home).open()
    chat.page.wait_for_timeout(400)
    chat.listen()
    texts, changed = fuzzed(count), []
    for first in range(0, count, 250):
        batch = texts[first : first + 250]
        chat.reply_with(*({"text": text} for text in batch))
        chat.ask("go on")
        shown = chat.part(".message.bot .words").all_text_contents()[-len(batch) :]
        changed += [text for text, there in zip(batch, shown, strict=True) if text != there]
    chat.page.wait_for_function("(count) => window.spoken.length >= count", arg=count)
    spoken = set(chat.spoken())
    return changed + [text for text in texts if f"IL-2 Companion: {text}" not in spoken]


# -- a bad line --------------------------------------------------------------------------------------------------------

FAULTS = ("request lost", "answer lost", "server error", "offline", "reload")
WEIGHTS = (3, 3, 3, 2, 1)


@dataclass
class Losses:
    """What 200 disconnects did: messages sent, and those lost, doubled or out of order."""

    disconnects: int
    sent: int
    lost: int
    doubled: int
    wrong: list[str]


def disconnect(make: Make, home: str, count: int, pages: int = 4, seed: int = 6) -> Losses:
    """Break the connection at random moments while patients write, then compare page, server and what was sent."""
    chance = random.Random(seed)
    chats = [Chat.on(make(), home).open() for _ in range(pages)]
    sent: list[list[str]] = [[] for _ in chats]
    for number in range(count):
        one = number % pages
        chat, fault = chats[one], chance.choices(FAULTS, WEIGHTS)[0]
        text = f"how long is one infusion? {_letters(number)}"
        _break(chat, fault)
        sent[one].append(text)
        chat.write(text)
        if fault == "offline":
            expect(chat.part(".state").last).to_be_visible()
            chat.page.context.set_offline(False)
        elif fault == "reload":
            chat.page.reload()
            chat.open()
    total = Losses(count, count, 0, 0, [])
    for chat, texts in zip(chats, sent, strict=True):
        chat.page.unroute(MESSAGES)
        _settle(chat, len(texts))
        answer = chat.page.request.get(
            f"{home}webhooks/web/messages?after=0", headers={"Authorization": f"Bearer {chat.token()}"}
        )
        history = answer.json()["messages"]
        kept = [message["text"] for message in history if message["from"] == "patient"]
        _compare(total, "the server", texts, kept)
        _compare(total, "the page", texts, chat.part(".message.me .words").all_text_contents())
        replies = [message["text"] for message in history if message["from"] == "bot"]
        shown = [_plain(text) for text in chat.part(".message.bot .words").all_inner_texts()]
        _compare(total, "the replies", [_plain(text) for text in replies], shown)
        chat.page.reload()
        expect(chat.part(".message.me")).to_have_count(len(texts))
        chat.open()
        _compare(total, "the page after a reload", texts, chat.part(".message.me .words").all_text_contents())
    return total


def _settle(chat: Chat, count: int) -> None:
    """Wait until each message is answered; one that is marked as not sent is sent again, as the patient is asked to."""
    for _ in range(600):
        again = chat.part(".state button")
        if again.count():
            again.first.click()
        if not chat.part(".state").count() and chat.part(".message.me + .message.bot").count() == count:
            return
        chat.page.wait_for_timeout(100)


def _break(chat: Chat, fault: str) -> None:
    """Let the next message meet a fault, once."""

    def handle(route: Route) -> None:
        with contextlib.suppress(Error):  # a reload has ended the request in the meantime
            if fault == "server error":
                route.fulfill(status=502, body="<html>Bad gateway</html>")
                return
            if fault == "answer lost":
                route.fetch()
            route.abort("connectionreset")

    if fault == "offline":
        chat.page.context.set_offline(True)
    elif fault != "reload":
        chat.page.route(MESSAGES, handle, times=1)


def _letters(number: int) -> str:
    """A made-up word for a number: no figure that could be a temperature, and near to no English word."""
    return "zqz" + "".join("bcdfghjklm"[int(digit)] for digit in str(number))


def _compare(total: Losses, where: str, expected: list[str], found: list[str]) -> None:
    lost = [text for text in expected if text not in found]
    doubled = len(found) - len(expected) + len(lost)
    total.lost += len(lost)
    total.doubled += max(doubled, 0)
    if expected != found:
        total.wrong.append(f"{where}: {len(lost)} lost, {doubled} doubled, or another order")


def unique(prefix: str) -> str:
    """A word that no other test has used."""
    return f"{prefix} {uuid.uuid4().hex[:8]}"


def failed(steps: dict[str, bool] | Iterable[str]) -> list[str]:
    """The steps that were not done."""
    return [step for step, done in steps.items() if not done] if isinstance(steps, dict) else list(steps)


def facts() -> dict[str, Any]:
    """What the build wrote down about the widget."""
    built: dict[str, Any] = json.loads(Path("bot/web/widget.json").read_text(encoding="utf-8"))
    return built
