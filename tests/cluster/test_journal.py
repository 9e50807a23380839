"""The journal on PostgreSQL: a conversation that its patient has had deleted, seen by another worker."""

from __future__ import annotations

import asyncio

from bot.channels.journal import Claim, Option, SqlJournal


def test_a_platforms_conversation_begins_anew_with_what_waits(postgres: str) -> None:
    journal, other = SqlJournal("sms", postgres), SqlJournal("sms", postgres)

    async def work() -> None:
        await journal.open("a", [{"text": "canary"}], [Option("t", "canary")])
        await journal.accept("a", "earlier", {"text": "canary"})
        await journal.finish("a", "earlier", parcels=[{"text": "call now"}])
        await journal.accept("a", "yes", {"text": "canary"})
        await other.accept("a", "since", {"text": "said since"})
        assert await journal.finish("a", "yes", parcels=[{"text": "gone"}], anew=True)
        assert not await other.finish("a", "yes", parcels=[{"text": "gone"}], anew=True)
        assert await other.history("a") == []
        assert await other.option("a", "t") is None
        assert await other.last_options("a") == []
        assert await other.accept("a", "yes", {}) is Claim.DONE
        assert await other.finish("a", "since", [{"text": "answer"}], [Option("u", "more")])
        assert await journal.last_options("a") == ["more"]

    asyncio.run(work())


def test_a_website_conversation_leaves_a_mark_alone(postgres: str) -> None:
    journal, other = SqlJournal("web", postgres), SqlJournal("web", postgres)

    async def work() -> None:
        await journal.open("a", [{"text": "canary"}])
        await journal.accept("a", "yes", {}, {"text": "canary"})
        await journal.forget("a", by="yes")
        await journal.forgotten("a")
        assert await other.ended_by("a", "yes")
        assert not await other.ended_by("a", "no")
        assert not await other.knows("a")
        assert not await other.finish("a", "yes", [{"text": "late"}])

    asyncio.run(work())
