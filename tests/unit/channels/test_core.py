"""The core of all channels: one turn at a time, and none ends in silence."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from rasa.core.channels.channel import UserMessage
from rasa.shared.core.events import BotUttered, Event, SlotSet, UserUttered
from rasa.shared.core.slots import CategoricalSlot
from rasa.shared.core.trackers import DialogueStateTracker

from bot import safety
from bot.channels import core
from bot.channels.core import Core
from bot.escalations import Escalation, Outbox, conversation_hash
from bot.stores import health
from bot.stores.database import Unavailable

# -- turns -----------------------------------------------------------------------------------------

Handler = Callable[[UserMessage], Awaitable[Any]]
RED_FLAG = "I cannot breathe and my chest hurts"
QUESTION = "How long is one infusion?"


@pytest.fixture(autouse=True)
def _short_waits_and_own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(core, "URGENT", 0.02)
    monkeypatch.setattr(core, "SOON", 0.05)
    monkeypatch.setattr(core, "DEADLINE", 0.1)
    monkeypatch.setenv("IL2_OUTBOX", str(tmp_path / "escalations.db"))
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")


async def _says(message: UserMessage, *texts: str) -> None:
    assert message.output_channel is not None
    for text in texts:
        await message.output_channel.send_text_message(message.sender_id, text)


async def _echo(message: UserMessage) -> None:
    await _says(message, f"You said: {message.text}")


async def _hang(message: UserMessage) -> None:
    await asyncio.Event().wait()


async def _fail(message: UserMessage) -> None:
    raise RuntimeError(f"no such table for {message.text}")


async def _silent(message: UserMessage) -> None:
    return None


def _turn(handler: Handler, text: str) -> list[dict[str, Any]]:
    return asyncio.run(Core(handler, "test").turn("patient", text))


def _texts(replies: list[dict[str, Any]]) -> list[str]:
    return [reply["text"] for reply in replies if "text" in reply]


def _metadata(replies: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: value for reply in replies for key, value in reply.get("custom", {}).items()}


def _to_patient(replies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"recipient_id": "patient", **reply} for reply in replies]


SAFE = safety.static("utter_technical")[0]["text"]
EMERGENCY = safety.static("utter_contact_emergency")[0]["text"]


def test_a_turn_gives_what_the_handler_says_to_the_one_who_asked() -> None:
    assert _turn(_echo, QUESTION) == [{"recipient_id": "patient", "text": f"You said: {QUESTION}"}]


def test_the_handler_is_told_sender_text_and_channel() -> None:
    seen: list[UserMessage] = []

    async def handler(message: UserMessage) -> None:
        seen.append(message)
        await _says(message, "ok")

    _turn(handler, QUESTION)
    assert [(m.sender_id, m.text, m.input_channel) for m in seen] == [("patient", QUESTION, "test")]
    assert seen[0].message_id


def test_paragraphs_of_one_reply_stay_in_one_message() -> None:
    async def handler(message: UserMessage) -> None:
        await _says(message, "First.\n\nSecond.\n")

    assert _texts(_turn(handler, QUESTION)) == ["First.\n\nSecond."]


def test_several_messages_come_in_their_order() -> None:
    async def handler(message: UserMessage) -> None:
        await _says(message, "one", "two", "three")

    assert _texts(_turn(handler, QUESTION)) == ["one", "two", "three"]


def test_an_empty_text_is_answered_without_the_handler() -> None:
    assert _turn(_fail, "") == _to_patient(safety.static("utter_empty_message"))


@pytest.mark.parametrize("handler", [_fail, _hang, _silent])
def test_a_turn_that_says_nothing_gets_the_safe_reply(handler: Handler) -> None:
    replies = _turn(handler, QUESTION)
    assert replies == _to_patient(safety.static("utter_technical"))
    assert _metadata(replies) == {"referral": {"reason": "technical"}}


@pytest.mark.parametrize("handler", [_fail, _silent])
def test_a_red_flag_whose_turn_says_nothing_gets_its_text_first(handler: Handler) -> None:
    assert _texts(_turn(handler, RED_FLAG)) == [EMERGENCY, SAFE]


def test_a_red_flag_gets_its_text_while_the_turn_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Far beyond the patience of pytest: the reply must come at SOON, not at DEADLINE.
    monkeypatch.setattr(core, "DEADLINE", 10_000)
    replies = _turn(_hang, RED_FLAG)
    assert _texts(replies) == [EMERGENCY]
    assert {reply["recipient_id"] for reply in replies} == {"patient"}
    assert _metadata(replies)["escalation"]["level"] == "emergency"


def test_what_was_said_before_the_hang_is_sent_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "DEADLINE", 10_000)

    async def handler(message: UserMessage) -> None:
        await _says(message, "Call your team now.")
        await _hang(message)

    assert _texts(_turn(handler, RED_FLAG)) == ["Call your team now."]


def test_what_was_said_before_a_failure_is_sent() -> None:
    async def handler(message: UserMessage) -> None:
        await _says(message, "Call your team now.")
        await _fail(message)

    assert _texts(_turn(handler, RED_FLAG)) == ["Call your team now."]


def test_a_slow_answer_that_comes_before_the_deadline_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "DEADLINE", 10_000)

    async def handler(message: UserMessage) -> None:
        await asyncio.sleep(0.1)
        await _echo(message)

    assert _texts(_turn(handler, QUESTION)) == [f"You said: {QUESTION}"]


def test_a_failure_is_logged_by_its_type_and_without_the_patients_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        _turn(_fail, "my secret fear")
    assert "A turn on test failed: RuntimeError." in caplog.text
    assert "secret fear" not in caplog.text
    assert "patient" not in caplog.text


def test_ten_messages_at_once_are_answered_each_and_in_their_order() -> None:
    order: list[str] = []
    running = 0

    async def handler(message: UserMessage) -> None:
        nonlocal running
        running += 1
        assert running == 1, "two turns of one conversation at once"
        # The first takes longest: without a queue it would come last.
        await asyncio.sleep(0.01 if message.text == "0" else 0)
        order.append(str(message.text))
        await _echo(message)
        running -= 1

    async def all_at_once() -> list[list[dict[str, Any]]]:
        shared = Core(handler, "test")
        return await asyncio.gather(*(shared.turn("patient", str(number)) for number in range(10)))

    replies = asyncio.run(all_at_once())
    assert order == [str(number) for number in range(10)]
    assert [_texts(reply) for reply in replies] == [[f"You said: {number}"] for number in range(10)]


def test_one_conversation_does_not_wait_for_another() -> None:
    async def handler(message: UserMessage) -> None:
        if message.sender_id == "stuck":
            await _hang(message)
        await _echo(message)

    async def both() -> list[list[dict[str, Any]]]:
        shared = Core(handler, "test")
        return await asyncio.gather(shared.turn("stuck", QUESTION), shared.turn("other", QUESTION))

    stuck, other = asyncio.run(both())
    assert _texts(stuck) == [SAFE]
    assert _texts(other) == [f"You said: {QUESTION}"]


def test_a_red_flag_behind_a_hanging_turn_of_the_same_conversation_gets_its_text() -> None:
    async def run() -> list[dict[str, Any]]:
        shared = Core(_hang, "test")
        await shared.turn("patient", QUESTION)
        return await shared.turn("patient", RED_FLAG)

    assert _texts(asyncio.run(run())) == [EMERGENCY]


def test_a_caller_who_hangs_up_does_not_stop_the_turn() -> None:
    finished: list[str] = []

    async def handler(message: UserMessage) -> None:
        await asyncio.sleep(0.02)
        finished.append(str(message.text))

    async def run() -> None:
        caller = asyncio.ensure_future(Core(handler, "test").turn("patient", QUESTION))
        await asyncio.sleep(0.005)
        caller.cancel()
        await asyncio.sleep(0.1)

    asyncio.run(run())
    assert finished == [QUESTION]


# -- escalations of a turn -------------------------------------------------------------------------

TOLD = {"level": "urgent", "symptoms": ["fever"], "setting": "home"}


class FakeOutbox:
    def __init__(self) -> None:
        self.records: list[Escalation] = []

    def record(self, escalation: Escalation) -> None:
        self.records.append(escalation)


def _turn_with(outbox: Any, handler: Handler, text: str) -> list[dict[str, Any]]:
    async def turn() -> list[dict[str, Any]]:
        replies = await Core(handler, "test", outbox).turn("patient", text)
        # The record is made behind the reply's back.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(others, timeout=0.5) if others else None
        return replies

    return asyncio.run(turn())


async def _escalates(message: UserMessage) -> None:
    assert message.output_channel is not None
    await _says(message, "Call your team now.")
    await message.output_channel.send_custom_json(message.sender_id, {"escalation": TOLD})


def test_what_the_patient_was_told_to_call_about_is_recorded_under_the_id_of_the_message() -> None:
    outbox, seen = FakeOutbox(), []

    async def handler(message: UserMessage) -> None:
        seen.append(message.message_id)
        await _escalates(message)

    _turn_with(outbox, handler, "my temperature is 38.6 and i am at home")
    assert outbox.records == [
        Escalation(seen[0], conversation_hash("patient"), "urgent", ("fever",), "test", "home"),
    ]


@pytest.mark.parametrize("handler", [_fail, _hang, _silent])
def test_a_red_flag_is_recorded_also_where_the_turn_says_nothing(handler: Handler) -> None:
    outbox = FakeOutbox()
    _turn_with(outbox, handler, RED_FLAG)
    (record,) = outbox.records
    assert record.level == "emergency"
    assert record.symptoms
    assert record.message_id


@pytest.mark.parametrize("handler", [_echo, _fail])
def test_a_turn_without_a_red_flag_records_nothing(handler: Handler) -> None:
    outbox = FakeOutbox()
    _turn_with(outbox, handler, QUESTION)
    assert outbox.records == []


def test_two_red_flags_of_one_conversation_are_two_records(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "two.db")

    async def run() -> None:
        shared = Core(_fail, "test", outbox)
        await shared.turn("patient", RED_FLAG)
        await shared.turn("patient", RED_FLAG)
        await asyncio.gather(*shared._running)

    asyncio.run(run())
    assert outbox.counts() == {"pending": 2}


def test_an_outbox_that_fails_keeps_no_advice_from_the_patient(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeOutbox):
        def record(self, escalation: Escalation) -> None:
            raise OSError(f"disk full while writing {escalation}")

    assert _texts(_turn_with(Broken(), _fail, RED_FLAG)) == [EMERGENCY, SAFE]
    assert "An escalation could not be recorded yet: OSError." in caplog.text
    assert "disk full" not in caplog.text


def test_an_escalation_that_could_not_be_recorded_is_recorded_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.core.FIRST_TRY", 0.01)

    class Recovering(FakeOutbox):
        tries = 0

        def record(self, escalation: Escalation) -> None:
            self.tries += 1
            if self.tries < 3:
                raise OSError("away")
            super().record(escalation)

    outbox = Recovering()
    _turn_with(outbox, _escalates, RED_FLAG)
    assert len(outbox.records) == 1


def test_an_outbox_that_hangs_keeps_no_advice_from_the_patient() -> None:
    released = threading.Event()

    class Hanging(FakeOutbox):
        def record(self, escalation: Escalation) -> None:
            released.wait(10)

    async def run() -> bool:
        turn = asyncio.ensure_future(Core(_escalates, "test", Hanging()).turn("patient", RED_FLAG))  # type: ignore[arg-type]
        done, _ = await asyncio.wait({turn}, timeout=2)
        released.set()
        await turn
        return bool(done)

    assert asyncio.run(run()), "the reply came only after the outbox was free again"


def test_nothing_is_kept_of_a_conversation_that_is_over() -> None:
    shared = Core(_echo, "test")

    async def run() -> None:
        await asyncio.gather(*(shared.turn(f"patient-{number % 3}", QUESTION) for number in range(9)))

    asyncio.run(run())
    assert not shared._queue._locks
    assert not shared._queue._waiting
    assert not shared._running


# -- a worker was killed -----------------------------------------------------------------------------


class _Agent:
    """An agent whose tracker store holds one conversation."""

    def __init__(self, *events: Event) -> None:
        self.tracker_store, self._events = self, events

    async def retrieve(self, sender: str) -> DialogueStateTracker:
        return DialogueStateTracker.from_events(sender, list(self._events))


def _said_before(message_id: str) -> list[dict[str, Any]]:
    advice = {"escalation": {"level": "urgent", "symptoms": ["fever"], "setting": "home"}}
    agent = _Agent(
        UserUttered("before", message_id="m-0"),
        BotUttered("Old."),
        UserUttered(RED_FLAG, message_id="m-1"),
        BotUttered("Call now.", {"custom": advice, "buttons": None}),
        BotUttered("And the answer.", {"buttons": [{"title": "More", "payload": "More"}]}),
        UserUttered("after", message_id="m-2"),
        BotUttered("New."),
    )
    core_ = Core(_echo, "test")
    core_.agent = agent

    async def scene() -> list[dict[str, Any]]:
        replies = await core_.turn("patient", RED_FLAG, message_id, again=True)
        await asyncio.gather(*core_._running)
        return replies

    return asyncio.run(scene())


def test_a_turn_that_was_kept_before_its_worker_was_killed_is_told_again_and_recorded() -> None:
    replies = _said_before("m-1")
    assert _texts(replies) == ["Call now.", "And the answer."]
    assert _metadata(replies)["escalation"]["level"] == "urgent"
    assert replies[1]["buttons"] == [{"title": "More", "payload": "More"}]
    assert Outbox().counts() == {"pending": 1}


def test_a_turn_that_was_not_kept_is_run() -> None:
    assert _texts(_said_before("m-3")) == [f"You said: {RED_FLAG}"]


def test_a_store_that_cannot_be_read_does_not_stop_the_turn() -> None:
    assert _texts(asyncio.run(Core(_echo, "test").turn("patient", QUESTION, "m-1", again=True)))


# -- danger first ----------------------------------------------------------------------------------


async def _warns_and_hangs(message: UserMessage) -> None:
    assert message.output_channel is not None
    advice = {"text": "Call now.", "custom": {"escalation": {"level": "urgent", "symptoms": ["x"], "setting": "home"}}}
    await message.output_channel.send_response(message.sender_id, advice)
    await message.output_channel.send_response(message.sender_id, {"text": "And the answer."})
    await asyncio.Event().wait()


def test_advice_and_answer_do_not_wait_for_an_action_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "SOON", 3600.0)
    assert _texts(_turn(_warns_and_hangs, RED_FLAG)) == ["Call now.", "And the answer."]


def test_a_red_flag_is_told_soon_when_its_turn_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "SOON", 3600.0)
    assert _texts(_turn(_hang, RED_FLAG)) == [EMERGENCY]


def test_a_red_flag_is_told_at_once_while_the_server_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URGENT", "SOON", "DEADLINE", "HELD"):
        monkeypatch.setattr(core, name, 3600.0)

    async def scene() -> list[dict[str, Any]]:
        busy = Core(_hang, "test")
        turns = [asyncio.ensure_future(busy.turn(f"patient {number}", QUESTION)) for number in range(core.LANES)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        replies = await busy.turn("patient", RED_FLAG)
        for turn in turns:
            turn.cancel()
        return replies

    assert _texts(asyncio.run(scene())) == [EMERGENCY]


def test_no_more_turns_than_lanes_are_worked_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "DEADLINE", 3600.0)
    monkeypatch.setattr(core, "HELD", 3600.0)
    under_way: list[int] = []
    now = 0

    async def handler(message: UserMessage) -> None:
        nonlocal now
        now += 1
        under_way.append(now)
        await asyncio.sleep(0.001)
        now -= 1
        await _says(message, "done")

    async def scene() -> list[list[dict[str, Any]]]:
        busy = Core(handler, "test")
        return await asyncio.gather(*(busy.turn(f"patient {number}", QUESTION) for number in range(20)))

    assert all(_texts(replies) == ["done"] for replies in asyncio.run(scene()))
    assert max(under_way) == core.LANES


@pytest.mark.parametrize("speaks", [True, False])
def test_turns_that_wait_for_something_give_their_lane_back(monkeypatch: pytest.MonkeyPatch, speaks: bool) -> None:
    monkeypatch.setattr(core, "DEADLINE", 3600.0)
    monkeypatch.setattr(core, "HELD", 3600.0 if speaks else 0.01)

    async def handler(message: UserMessage) -> None:
        if message.sender_id != "patient":
            if speaks:
                await _says(message, "a moment")
            await asyncio.Event().wait()
        await _says(message, "done")

    async def scene() -> list[dict[str, Any]]:
        busy = Core(handler, "test")
        turns = [asyncio.ensure_future(busy.turn(f"patient {number}", QUESTION)) for number in range(core.LANES)]
        await asyncio.sleep(0)
        replies = await busy.turn("patient", QUESTION)
        for turn in turns:
            turn.cancel()
        return replies

    assert _texts(asyncio.run(scene())) == ["done"]


def test_a_turn_that_could_not_begin_in_time_never_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "HELD", 3600.0)
    begun: list[str] = []

    async def scene() -> list[dict[str, Any]]:
        free = asyncio.Event()

        async def handler(message: UserMessage) -> None:
            begun.append(message.sender_id)
            await free.wait()
            await _says(message, "done")

        busy = Core(handler, "test")
        turns = [asyncio.ensure_future(busy.turn(f"patient {number}", QUESTION)) for number in range(core.LANES)]
        await asyncio.sleep(0)
        replies = await busy.turn("late", QUESTION)
        free.set()
        await asyncio.gather(*turns)
        await asyncio.sleep(0.01)
        return replies

    assert _texts(asyncio.run(scene())) == [SAFE]
    assert len(begun) == core.LANES
    assert "late" not in begun


def test_when_too_many_wait_the_next_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URGENT", "SOON", "DEADLINE", "HELD"):
        monkeypatch.setattr(core, name, 3600.0)
    monkeypatch.setattr(core, "MOST_WAITING", 3)

    async def scene() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        busy = Core(_hang, "test")
        turns = [asyncio.ensure_future(busy.turn(f"patient {number}", QUESTION)) for number in range(core.LANES + 3)]
        await asyncio.sleep(0.01)
        replies = await busy.turn("patient", QUESTION), await busy.turn("patient", RED_FLAG)
        for turn in turns:
            turn.cancel()
        return replies

    question, flag = asyncio.run(scene())
    assert _texts(question) == [SAFE]
    assert _texts(flag) == [EMERGENCY]


def test_what_the_caller_has_spent_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "DEADLINE", 3600.0)
    assert _texts(asyncio.run(Core(_hang, "test").turn("patient", QUESTION, spent=3600.0))) == [SAFE]


def test_a_message_that_comes_again_while_its_turn_waits_joins_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URGENT", "SOON", "DEADLINE", "HELD"):
        monkeypatch.setattr(core, name, 3600.0)
    heard: list[str] = []

    async def scene() -> list[list[dict[str, Any]]]:
        free = asyncio.Event()

        async def handler(message: UserMessage) -> None:
            heard.append(str(message.message_id))
            await free.wait()
            await _says(message, "done")

        busy = Core(handler, "test")
        turns = [asyncio.ensure_future(busy.turn("patient", QUESTION, "m-1")) for _ in range(2)]
        await asyncio.sleep(0.01)
        free.set()
        return await asyncio.gather(*turns)

    assert [_texts(replies) for replies in asyncio.run(scene())] == [["done"], ["done"]]
    assert heard == ["m-1"]


# -- home or hospital ------------------------------------------------------------------------------

HERE = {name: safety.static("utter_contact_emergency", name)[0]["text"] for name in ("", "home", "hospital")}


class _Knows:
    """An agent whose conversations hold a setting; the store may hang or be away."""

    def __init__(self, setting: str | None, hangs: bool = False, away: bool = False) -> None:
        self.tracker_store, self._setting, self._hangs, self._away = self, setting, hangs, away

    async def retrieve(self, sender: str) -> DialogueStateTracker:
        if self._hangs:
            await asyncio.Event().wait()
        if self._away:
            raise Unavailable("conversations")
        slot = CategoricalSlot("setting", mappings=[], values=["home", "hospital"])
        return DialogueStateTracker.from_events(sender, [SlotSet("setting", self._setting)], [slot])


def _busy(agent: Any, monkeypatch: pytest.MonkeyPatch, before: str = "", outbox: Any = None) -> list[dict[str, Any]]:
    """What a red flag is told while all lanes are taken."""
    for name in ("URGENT", "SOON", "DEADLINE", "HELD"):
        monkeypatch.setattr(core, name, 3600.0)

    async def scene() -> list[dict[str, Any]]:
        busy = Core(_hang, "test", outbox)
        busy.agent = agent
        turns = [asyncio.ensure_future(busy.turn(f"patient {number}", QUESTION)) for number in range(core.LANES)]
        await asyncio.sleep(0.01)
        if before:
            turns.append(asyncio.ensure_future(busy.turn("patient", before)))
            await asyncio.sleep(0.01)
        replies = await asyncio.wait_for(busy.turn("patient", RED_FLAG), 1)
        await asyncio.sleep(0.3)  # the record is made behind the reply's back
        for turn in turns:
            turn.cancel()
        return replies

    return asyncio.run(scene())


@pytest.mark.parametrize("setting", ["home", "hospital"])
def test_a_busy_server_knows_where_the_patient_is(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    replies = _busy(_Knows(setting), monkeypatch)
    assert _texts(replies) == [HERE[setting]]
    assert _metadata(replies)["escalation"]["setting"] == setting


@pytest.mark.parametrize(
    ("agent", "before"),
    [
        (_Knows(None), ""),
        (_Knows("hospital", hangs=True), ""),
        (_Knows("hospital", away=True), ""),
        (None, ""),
        (_Knows("hospital"), "they let me go, i am at home now"),  # not understood yet
    ],
)
def test_where_that_cannot_be_had_at_once_the_advice_is_for_both(
    agent: Any, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _texts(_busy(agent, monkeypatch, before)) == [HERE[""]]


def test_what_a_worker_remembers_during_an_outage_may_be_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "states", lambda agent: {"database": "down"})
    assert _texts(_busy(_Knows("hospital"), monkeypatch)) == [HERE[""]]


def test_a_turn_that_hangs_and_one_that_failed_know_it_too() -> None:
    for handler in (_hang, _fail, _silent):
        hurt = Core(handler, "test")
        hurt.agent = _Knows("hospital")
        assert _texts(asyncio.run(hurt.turn("patient", RED_FLAG)))[0] == HERE["hospital"]


@pytest.mark.parametrize(
    ("agent", "text", "recorded"),
    [
        (_Knows(None), RED_FLAG, ""),
        (_Knows("home"), RED_FLAG, "home"),
        (_Knows("hospital"), RED_FLAG, "hospital"),
        (_Knows("home", hangs=True), RED_FLAG, ""),
        (_Knows(None), f"{RED_FLAG} and i am at home", "home"),
    ],
)
def test_the_care_team_is_never_told_home_where_nothing_is_known(agent: Any, text: str, recorded: str) -> None:
    """Programs read ``home`` then, as the metadata's contract has it; the record holds nothing, shown as unknown."""
    outbox = FakeOutbox()

    async def scene() -> list[dict[str, Any]]:
        failing = Core(_fail, "test", outbox)  # type: ignore[arg-type]
        failing.agent = agent
        replies = await failing.turn("patient", text)
        await asyncio.gather(*failing._running)
        return replies

    told = _metadata(asyncio.run(scene()))["escalation"]["setting"]
    assert told == (recorded or "home")
    assert [record.setting for record in outbox.records] == [recorded]


# -- the patient has the conversation deleted in the chat --------------------------------------------


class _Locks:
    def __init__(self) -> None:
        self.held: list[str] = []

    @contextlib.asynccontextmanager
    async def lock(self, sender: str) -> AsyncIterator[None]:
        self.held.append(sender)
        yield


class _Rasa:
    """Stores each turn behind its reply, as Rasa does; "yes" has the conversation deleted."""

    def __init__(self, fails: bool = False, slow: float = 0.0) -> None:
        self.tracker_store, self.lock_store = self, _Locks()
        self.kept: dict[str, list[str]] = {}
        self._fails, self._slow = fails, slow

    async def __call__(self, message: UserMessage) -> None:
        out = message.output_channel
        assert out is not None
        done = {"custom": {"deletion": "done"}} if message.text == "yes" else {}
        await out.send_response(message.sender_id, {"text": f"Told: {message.text}", **done})
        await asyncio.sleep(self._slow)
        self.kept.setdefault(message.sender_id, []).append(str(message.text))

    async def delete(self, sender: str) -> None:
        if self._fails:
            raise OSError(f"cannot remove {self.kept}")
        self.kept.pop(sender, None)


def _talked(rasa: _Rasa, *texts: str) -> list[list[dict[str, Any]]]:
    shared = Core(rasa, "test")
    shared.agent = rasa

    async def scene() -> list[list[dict[str, Any]]]:
        replies = [asyncio.ensure_future(shared.turn("patient", text)) for text in texts]
        answers = list(await asyncio.gather(*replies))
        await asyncio.gather(*shared._running)
        return answers

    return asyncio.run(scene())


def test_a_confirmed_deletion_leaves_nothing_and_the_turn_itself_is_not_stored_again() -> None:
    rasa = _Rasa()
    rasa.kept["other"] = ["stays"]
    replies = _talked(rasa, "hello", "yes")
    assert rasa.kept == {"other": ["stays"]}
    assert rasa.lock_store.held == ["patient"]
    assert _texts(replies[1]) == ["Told: yes"]
    assert _metadata(replies[1]) == {"deletion": "done"}


def test_it_is_said_only_once_the_store_has_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "DEADLINE", 5.0)
    rasa = _Rasa(slow=0.3)
    shared = Core(rasa, "test")
    shared.agent = rasa

    async def scene() -> None:
        replies = await shared.turn("patient", "yes")
        assert _metadata(replies) == {"deletion": "done"}
        assert rasa.kept == {}

    asyncio.run(scene())


def test_what_is_said_right_behind_it_begins_a_new_conversation() -> None:
    rasa = _Rasa(slow=0.01)
    replies = _talked(rasa, "hello", "yes", "one", "two")
    assert [_texts(one) for one in replies] == [["Told: hello"], ["Told: yes"], ["Told: one"], ["Told: two"]]
    assert rasa.kept == {"patient": ["one", "two"]}


def test_where_it_cannot_be_removed_nobody_is_told_that_it_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    rasa = _Rasa(fails=True)
    replies = _talked(rasa, "secret words", "yes")
    assert _texts(replies[1]) == _texts(safety.static("utter_delete_failed"))
    assert _metadata(replies[1]) == {"deletion": "failed"}
    assert "secret words" not in caplog.text


def test_a_store_that_hangs_keeps_nobody_waiting() -> None:
    class Hanging(_Rasa):
        async def delete(self, sender: str) -> None:
            await asyncio.sleep(0.5)

    assert _metadata(_talked(Hanging(), "yes")[0]) == {"deletion": "failed"}


def test_a_confirmation_whose_worker_was_killed_is_carried_out_by_the_retry() -> None:
    rasa = _Rasa()
    events = [UserUttered("yes", message_id="m-1"), BotUttered("Gone.", {"custom": {"deletion": "done"}})]

    async def retrieve(sender: str) -> DialogueStateTracker:
        return DialogueStateTracker.from_events(sender, events)

    rasa.retrieve = retrieve  # type: ignore[attr-defined]
    rasa.kept["patient"] = ["hello", "yes"]
    shared = Core(rasa, "test")
    shared.agent = rasa

    assert _texts(asyncio.run(shared.turn("patient", "yes", "m-1", again=True))) == ["Gone."]
    assert rasa.kept == {}
