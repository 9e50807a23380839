"""A real browser against the running companion. Without Chromium these tests are skipped and say how to get it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser import chromium, measures
from tests.browser.chat import Chat
from tests.conversations.conftest import Server, stop

PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "device_scale_factor": 2}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    if not path:
        pytest.skip(chromium.HOW)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=chromium.arguments())
        yield running
        running.close()


@pytest.fixture(scope="session")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The companion with rate limits that a test does not reach."""
    running = measures.serve(model, tmp_path_factory.mktemp("browser"))
    yield running
    stop(running)


@pytest.fixture(scope="session")
def home(server: Server) -> str:
    """The address of the demo page."""
    return f"http://127.0.0.1:{server.port}/"


@pytest.fixture
def context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browsers without a past; closed after the test."""
    made: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        made.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def chat(context: Callable[..., BrowserContext], home: str) -> Chat:
    """The demo page on a desktop, chat closed."""
    return Chat.on(context(), home)


@pytest.fixture
def phone(context: Callable[..., BrowserContext], home: str) -> Chat:
    """The demo page on a phone, chat closed."""
    return Chat.on(context(**PHONE), home)
