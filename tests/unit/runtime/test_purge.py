"""What is older than it may be kept goes, in every store; what is younger stays."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import SessionStarted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.channels.journal import SqlJournal
from bot.channels.web import sender_of
from bot.escalations import Escalation, Outbox
from bot.runtime import purge as purging
from bot.runtime.purge import DAY, Counts, purge
from bot.stores.tracker import SqlTrackers
from bot.unanswered import Unanswered

NOW = time.time()
OLD, YOUNG = NOW - 40 * DAY, NOW - 2 * DAY


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


class Stores:
    """All stores in one folder, with one old, one young and one mixed conversation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trackers = SqlTrackers(Domain.empty(), host=f"sqlite:///{folder}/conversations.db")
        self.web = SqlJournal("web", f"sqlite:///{folder}/journal.db")
        self.telegram = SqlJournal("telegram", f"sqlite:///{folder}/journal.db")
        self.outbox = Outbox(folder / "escalations.db")

    async def fill(self) -> None:
        for name, moments in {"old": [OLD], "young": [YOUNG], "mixed": [OLD, YOUNG]}.items():
            for sender in (sender_of(name), f"rest-{name}"):
                await self._talk(sender, moments)
            await self.web.open(name)
            for number, moment in enumerate(moments):
                entry = {"id": f"e{number}", "from": "patient", "text": f"{_word(moment)} {name}", "at": _iso(moment)}
                await self.web.accept(name, f"event{number}", {}, entry)
                await self.web.finish(name, f"event{number}")
        await self.telegram.open("telegram-old")
        with sqlite3.connect(self.folder / "journal.db") as db:
            db.execute("UPDATE conversations SET opened = ?", (OLD,))
            db.execute("UPDATE events SET since = ? WHERE event = 'event0' AND conversation != 'young'", (OLD,))
        for moment, status in ((OLD, "kept"), (OLD, "pending"), (YOUNG, "kept")):
            escalation = Escalation(f"{moment}{status}", "hash", "urgent", ("fever",), "web", "home")
            self.outbox.record(escalation, datetime.fromtimestamp(moment, UTC))
        with sqlite3.connect(self.folder / "escalations.db") as db:
            db.execute("UPDATE escalations SET status = 'kept' WHERE message_id LIKE '%kept'")

    async def _talk(self, sender: str, moments: list[float]) -> None:
        tracker = DialogueStateTracker.from_events(sender, [])
        for moment in moments:
            tracker.update(SessionStarted(timestamp=moment))
            tracker.update(UserUttered(f"{_word(moment)} {sender}", {"name": "x"}, timestamp=moment))
        await self.trackers.save(tracker)

    def bytes(self) -> bytes:
        return b"".join(file.read_bytes() for file in self.folder.iterdir())

    async def purge(self, dry: bool = False) -> Counts:
        journals: Any = {"web": self.web, "telegram": self.telegram}
        return await purge(30, self.trackers, journals, self.outbox, dry, NOW)


def _word(moment: float) -> str:
    return "longago" if moment == OLD else "lately"


def test_a_dry_run_counts_the_same_and_removes_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        stores = Stores(tmp_path)
        await stores.fill()
        dry = await stores.purge(dry=True)
        assert b"longago" in stores.bytes()
        assert await stores.purge() == dry
        assert await stores.purge() == Counts()

    asyncio.run(scene())


def test_what_is_old_is_gone_from_every_byte_and_what_is_young_stays(tmp_path: Path) -> None:
    async def scene() -> None:
        stores = Stores(tmp_path)
        await stores.fill()
        counts = await stores.purge()
        assert counts == Counts(conversations=3, events=4, messages=2, escalations=1)
        assert b"longago" not in stores.bytes()
        assert not await stores.web.knows("old")
        assert not await stores.telegram.knows("telegram-old")
        assert [one["text"] for one in await stores.web.history("mixed")] == ["lately mixed"]
        kept = sorted(await stores.trackers.keys())
        assert kept == sorted([sender_of("mixed"), sender_of("young"), "rest-mixed", "rest-young"])
        tracker = await stores.trackers.retrieve("rest-mixed")
        assert tracker is not None
        assert tracker.latest_message.text == "lately rest-mixed"
        assert stores.outbox.counts() == {"kept": 1, "pending": 1}

    asyncio.run(scene())


def test_old_replies_of_rest_go_and_the_conversation_that_is_still_used_without_ids_stays(tmp_path: Path) -> None:
    async def scene() -> None:
        stores = Stores(tmp_path)
        await stores.fill()
        rest = SqlJournal("rest", f"sqlite:///{tmp_path}/journal.db")
        await rest.open("rest-young")
        await rest.accept("rest-young", "event0", {})
        reply = {"at": _iso(OLD), "reply_to": "event0", "reply": {"text": "oldreply"}}
        await rest.finish("rest-young", "event0", [reply])
        with sqlite3.connect(tmp_path / "journal.db") as db:
            db.execute("UPDATE conversations SET opened = ?", (OLD,))
            db.execute("UPDATE events SET since = ?", (OLD,))
        await purge(30, stores.trackers, {"rest": rest}, stores.outbox, now=NOW)
        assert not await rest.knows("rest-young")
        assert await rest.to_forget() == []
        assert b"oldreply" not in stores.bytes()
        assert "rest-young" in await stores.trackers.keys()

    asyncio.run(scene())


def test_the_command_tells_counts_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IL2_JOURNAL", f"sqlite:///{tmp_path}/journal.db")
    monkeypatch.setenv("IL2_OUTBOX", str(tmp_path / "escalations.db"))
    monkeypatch.setenv("IL2_TEAM_DB", f"sqlite:///{tmp_path}/team.db")
    Unanswered().keep("hash", "web", "out_of_scope", "kiwi", now=OLD)
    asyncio.run(Stores(tmp_path).fill())
    (tmp_path / "endpoints.yml").write_text(
        "action_endpoint:\n  url: ${NOT_SET_HERE}\n"
        "tracker_store:\n  type: bot.stores.tracker.SqlTrackers\n  url: ${DATABASE_OF_THE_TEST}\n"
    )
    monkeypatch.setenv("DATABASE_OF_THE_TEST", f"sqlite:///{tmp_path}/conversations.db")
    monkeypatch.setenv("IL2_ENDPOINTS", str(tmp_path / "endpoints.yml"))
    monkeypatch.setattr(purging.logs, "guard", lambda: None)
    root = purging.logging.root
    before, level = root.handlers[:], root.level
    try:
        assert purging.main(["--days", "30"]) == 0
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["event"] == "purged"
    assert line["turn"] == {
        "days": 30,
        "conversations": 3,
        "events": 4,
        "messages": 2,
        "escalations": 1,
        "questions": 1,
    }
    with pytest.raises(SystemExit):
        purging.main(["--days", "0"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nlg: {type: x}",
        "tracker_store: {type: SQL, url: sqlite:///x.db}",
        "tracker_store: {type: bot.stores.tracker.SqlTrackers, url: '${NOT_SET_HERE}'}",
    ],
)
def test_endpoints_without_a_store_that_can_be_purged_are_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "endpoints.yml"
    file.write_text(text)
    with pytest.raises(purging.PurgeError):
        purging.tracker_store(file)


def test_the_stores_of_both_set_ups_can_be_purged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    for name in ("endpoints.yml", "endpoints.cluster.yml"):
        assert isinstance(purging.tracker_store(Path(name)), SqlTrackers)
