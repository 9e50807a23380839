"""Patients as the stores and the network know them: on the website's channel, and on REST for a bare Rasa."""

from __future__ import annotations

import abc
import asyncio
import random
import time
import uuid
from collections.abc import Iterator
from typing import Any

import aiohttp

from tests.faults.history import Line, Sent

PAUSES = (0.3, 1.0, 3.0)
"""Seconds between the attempts of the widget; a patient then presses "try again"."""
PATIENCE = 60.0
"""Seconds after which a patient gives a message up."""

QUESTIONS = (
    ("How long is one infusion?", "faq/schedule_infusion_length"),
    ("can i drink alcohol?", "faq/alcohol_overview"),
    ("what is contrast dye?", "faq/contrast_which_scans"),
    ("Can I get the flu shot?", "faq/vaccines_flu"),
    ("what is capillary leak syndrome", "faq/capillary_leak_overview"),
)
TOLD = "told early"
"""A red flag whose advice came as an error, ahead of its turn; the widget shows it and sends the message again."""
FLAGS = ("i have chest pain", "I can't breathe properly", "i passed out")


class Patient(abc.ABC):
    """Somebody who sends one message after the other and keeps a history of it."""

    def __init__(self, name: str, url: str, day: int, rng: random.Random) -> None:
        """``day`` is the day of October 2026 that this patient tells and nobody else does."""
        self.name, self.url, self.day, self.rng = name, url, day, rng
        self.history: list[Sent] = []
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def leave(self) -> None:
        if self._session is not None:
            await self._session.close()

    def script(self) -> Iterator[Line]:
        """What the patient says, for ever: questions, one's own date again, and every fifth message a red flag."""
        yield self.tells()
        while True:
            rows = [self.question() for _ in range(3)] + [self.flag(), self.asks()]
            self.rng.shuffle(rows)
            yield from rows

    @abc.abstractmethod
    def question(self) -> Line:
        """A question with its answer."""

    @abc.abstractmethod
    def tells(self) -> Line:
        """The patient's own date is told."""

    @abc.abstractmethod
    def asks(self) -> Line:
        """The date is asked for, which needs the conversation's memory."""

    def flag(self) -> Line:
        return Line(self.rng.choice(FLAGS), flag=True)

    @abc.abstractmethod
    async def attempt(self, sent: Sent) -> bool:
        """Send once; whether it was acknowledged."""

    async def say(self, line: Line, phase: str, patience: float = PATIENCE) -> Sent:
        """Send a message until it is acknowledged or patience ends."""
        sent = Sent(self.name, len(self.history), uuid.uuid4().hex, line, phase)
        self.history.append(sent)
        pauses = iter(PAUSES)
        while True:
            sent.attempts += 1
            try:
                if await self.attempt(sent):
                    break
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                sent.errors.append(type(error).__name__)
            pause = next(pauses, 2.0)
            if time.monotonic() - sent.at + pause > patience:
                break
            await asyncio.sleep(pause)
        return sent

    def note(self, sent: Sent, replies: list[dict[str, Any]]) -> None:
        sent.acknowledged = time.monotonic() - sent.at
        sent.replies = replies
        if sent.seen is None and sent.text.strip():
            sent.seen = sent.acknowledged


class WebPatient(Patient):
    """Speaks as the widget does: a signed conversation, an id for each message, the same id again."""

    token = ""

    def __init__(self, name: str, url: str, day: int, rng: random.Random) -> None:
        super().__init__(name, url, day, rng)
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Begin the conversation, once."""
        async with self._opening:
            if not self.token:
                await self._begin()

    async def _begin(self) -> None:
        for pause in (*PAUSES, 5.0, 5.0, 5.0):
            try:
                async with self.session.post(f"{self.url}/webhooks/web/conversations", json={}) as answer:
                    self.token = (await answer.json())["token"]
                    return
            except (aiohttp.ClientError, OSError, KeyError):
                await asyncio.sleep(pause)
        raise RuntimeError("no conversation could be opened")

    @property
    def conversation(self) -> str:
        return self.token.partition(".")[0]

    def question(self) -> Line:
        text, answer = self.rng.choice(QUESTIONS)
        return Line(text, answer=answer)

    def tells(self) -> Line:
        return Line(f"My first day was {self.day} October 2026", day=self._marked)

    def asks(self) -> Line:
        return Line("what are my dates", day=self._marked)

    @property
    def _marked(self) -> str:
        """How the date reads in the reply's link to a calendar, which holds no date that was worked out."""
        return f"first_day=2026-10-{self.day:02d}"

    async def attempt(self, sent: Sent, timeout: float = 15.0) -> bool:
        await self.open()
        async with self.session.post(
            f"{self.url}/webhooks/web/messages",
            json={"id": sent.id, "text": sent.line.text},
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=aiohttp.ClientTimeout(total=timeout),
        ) as answer:
            body = await answer.json(content_type=None)
            if answer.status == 200 and body.get("messages"):
                self.note(sent, body["messages"])
                return True
            # What an error says beside the message is shown and spoken at once.
            told = "call" in str(body.get("reason") or "").lower()
            if told and sent.seen is None:
                sent.seen = time.monotonic() - sent.at
            sent.errors.append(TOLD if told and sent.line.flag and answer.status == 503 else str(answer.status))
            return False


class RestPatient(Patient):
    """Speaks to Rasa's stock REST channel. It knows no message ids: what was not answered is sent once more."""

    def __init__(self, name: str, url: str, day: int, rng: random.Random) -> None:
        super().__init__(name, url, day, rng)
        self.sender = f"{name}-{uuid.uuid4().hex[:8]}"
        self._number = 0
        self.either = [url]
        """The workers that this patient may meet."""

    def _numbered(self, text: str) -> str:
        self._number += 1
        return f"{text} x{self._number}"

    def question(self) -> Line:
        text, answer = self.rng.choice(QUESTIONS)
        return Line(self._numbered(text), answer=answer)

    def flag(self) -> Line:
        return Line(self._numbered(self.rng.choice(FLAGS)), flag=True)

    def tells(self) -> Line:
        return Line(f"my day is October {self.day}, 2026", day=f"October {self.day}, 2026")

    def asks(self) -> Line:
        return Line(self._numbered("what are my dates"), day=f"October {self.day}, 2026")

    async def attempt(self, sent: Sent) -> bool:
        async with self.session.post(
            f"{self.rng.choice(self.either)}/webhooks/rest/webhook",
            json={"sender": self.sender, "message": sent.line.text},
            timeout=aiohttp.ClientTimeout(total=15),
        ) as answer:
            body = await answer.json(content_type=None)
            if answer.status != 200:
                sent.errors.append(str(answer.status))
                return False
            self.note(sent, body)
            return True
