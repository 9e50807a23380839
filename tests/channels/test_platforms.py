"""What holds on every messaging platform: signed, at once, once, in order, in the platform's measure, never silent."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot import safety
from bot.channels import journal as journals
from bot.channels import outgoing, platform, status
from bot.channels.journal import SqlJournal
from bot.channels.texts import texts
from tests.channels.conftest import Bot, Run, Talk
from tests.channels.drivers import DRIVERS, Driver
from tests.channels.stub import Stub

RED_FLAG = "I cannot breathe and my chest hurts"
WORDS = texts().messaging


def test_a_message_is_answered_to_the_one_who_asked(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> None:
        (answer,) = await talk.ask(driver.says("How long is one infusion?"))
        assert answer.text == "You said: How long is one infusion?"
        assert answer.to.endswith(driver.person)

    run(driver, scene)


def test_rasa_is_not_told_who_it_is(driver: Driver, run: Run) -> None:
    bot = Bot()

    async def scene(talk: Talk) -> None:
        await talk.ask(driver.says("one"))
        await talk.ask(driver.says("two"))

    run(driver, scene, bot)
    assert bot.heard[0].sender_id == bot.heard[1].sender_id
    assert driver.person not in bot.heard[0].sender_id
    assert driver.person.lstrip("+") not in bot.heard[0].sender_id


def test_the_platform_is_answered_at_once_while_the_turn_runs(driver: Driver, run: Run) -> None:
    bot = Bot(wait=0.4)

    async def scene(talk: Talk) -> None:
        await talk.deliver(driver.says("hello"))
        assert talk.sent() == []  # the webhook was answered before the turn was done
        await talk.answers(1)

    run(driver, scene, bot)


def test_a_request_that_the_platform_repeats_is_answered_once(driver: Driver, run: Run) -> None:
    bot = Bot(wait=0.1)

    async def scene(talk: Talk) -> None:
        body = driver.says("hello", "77")
        await talk.deliver(body, body)
        await talk.answers(1)
        await talk.deliver(body)
        await asyncio.sleep(0.3)
        await talk.answers(1)

    run(driver, scene, bot)
    assert bot.texts == ["hello"]


def test_ten_repeats_at_once_are_one_turn(driver: Driver, run: Run) -> None:
    bot = Bot()

    async def scene(talk: Talk) -> None:
        request = driver.sign(driver.says("hello", "78"))
        assert {status for status, _ in await asyncio.gather(*(talk.post(request) for _ in range(10)))} == {200}
        await talk.answers(1)

    run(driver, scene, bot)
    assert bot.texts == ["hello"]


def test_a_repeat_after_a_restart_is_not_answered_again(driver: Driver, run: Run) -> None:
    body, bot = driver.says("hello", "79"), Bot()

    async def first(talk: Talk) -> None:
        await talk.ask(body)

    async def second(talk: Talk) -> None:
        await talk.deliver(body)
        await asyncio.sleep(0.3)
        assert talk.sent() == []

    run(driver, first)
    run(driver, second, bot)
    assert bot.heard == []


def test_messages_of_one_person_are_answered_in_their_order(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> None:
        await talk.deliver(*(driver.says(str(number) + " times") for number in range(6)))
        assert [sent.text for sent in await talk.answers(6)] == [f"You said: {number} times" for number in range(6)]

    run(driver, scene, Bot(wait=0.02))


def test_two_people_do_not_mix(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> None:
        other = driver.person[:-1] + "9"
        await talk.deliver(driver.says("mine"), driver.says("yours", person=other))
        assert {sent.to[-4:]: sent.text for sent in await talk.answers(2)} == {
            driver.person[-4:]: "You said: mine",
            other[-4:]: "You said: yours",
        }

    run(driver, scene)


def test_a_forged_request_is_refused_and_nothing_is_done(driver: Driver, run: Run) -> None:
    bot = Bot()

    async def scene(talk: Talk) -> None:
        for number, request in enumerate(driver.forged()):
            code, text = await talk.post(request)
            assert code == 401, (number, code, text)
        await asyncio.sleep(0.2)
        assert talk.stub.calls == []

    run(driver, scene, bot)
    assert bot.heard == []


def test_an_option_is_chosen_and_says_its_words(driver: Driver, run: Run) -> None:
    bot = Bot()

    async def scene(talk: Talk) -> None:
        (question,) = await talk.ask(driver.says("choose"))
        assert len(question.buttons) == 2
        assert "In the hospital, with a drip" in question.text + str(question.buttons)
        title, token = question.buttons[1]
        assert "At home" not in token
        (answer,) = await talk.ask(driver.presses(token, title, 2))
        assert answer.text == "You said: In the hospital, with a drip"

    run(driver, scene, bot)
    assert bot.texts == ["choose", "In the hospital, with a drip"]


def test_a_number_typed_back_is_an_option_too(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> None:
        await talk.ask(driver.says("choose"))
        assert (await talk.ask(driver.says("(2)")))[0].text == "You said: In the hospital, with a drip"
        # The answer had no options, so a number is a number again.
        assert (await talk.ask(driver.says("2")))[0].text == "You said: 2"
        await talk.ask(driver.says("choose"))
        assert (await talk.ask(driver.says("39")))[0].text == "You said: 39"

    run(driver, scene)


def test_twelve_options_are_all_shown(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> None:
        (question,) = await talk.ask(driver.says("many"))
        assert [title for title, _ in question.buttons] == [f"Topic {number}" for number in range(12)]
        title, token = question.buttons[11]
        assert (await talk.ask(driver.presses(token, title, 12)))[0].text == "You said: Topic 11"

    run(driver, scene)


def test_a_button_that_nobody_knows_gets_a_kind_word(run: Run) -> None:
    async def scene(talk: Talk) -> None:
        (answer,) = await talk.ask(talk.driver.presses("made-up-token", "Yes", 1))
        assert answer.text == WORDS["old_button"]

    for name in ("telegram", "slack", "messenger"):
        run(DRIVERS[name], scene)


def test_a_long_answer_comes_in_parts_that_the_platform_takes(driver: Driver, run: Run) -> None:
    bot = Bot()
    whole = bot.reply("long")["text"]
    parts = outgoing.split(whole, driver.channel.limit)
    assert len(parts) > 1

    async def scene(talk: Talk) -> None:
        sent = await talk.ask(driver.says("long"), len(parts))
        assert all(outgoing.size(one.text) <= driver.channel.limit for one in sent)
        assert " ".join(" ".join(one.text for one in sent).split()) == " ".join(whole.split())
        assert all(one.text.endswith((".", "it.")) for one in sent)

    run(driver, scene, bot)


def test_signs_of_markup_arrive_as_signs(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> None:
        (answer,) = await talk.ask(driver.says("signs"))
        text = answer.text
        if driver.name == "slack":  # whose three escapes are undone by Slack, and whose markup is switched off
            assert talk.stub.calls[-1].body["mrkdwn"] is False
            text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        assert text == bot.reply("signs")["text"]

    bot = Bot()
    run(driver, scene, bot)


def test_what_a_patient_types_arrives_as_typed(driver: Driver, run: Run) -> None:
    bot = Bot()
    typed = "temp > 38 & platelets < 50 * 2_3 [x] naïve 🤒"

    async def scene(talk: Talk) -> None:
        await talk.ask(driver.says(typed))
        await talk.ask(driver.says('/inform_hospital{"setting": "hospital"}'))

    run(driver, scene, bot)
    assert bot.texts == [typed, 'inform_hospital{"setting": "hospital"}']


def test_a_picture_without_words_gets_a_kind_word(driver: Driver, run: Run) -> None:
    bot = Bot()

    async def scene(talk: Talk) -> None:
        (answer,) = await talk.ask(driver.picture())
        assert answer.text == WORDS["no_words"]

    run(driver, scene, bot)
    assert bot.heard == []


# -- safety ----------------------------------------------------------------------------------------


def test_a_turn_that_fails_gets_the_safe_reply_and_a_red_flag_its_text(driver: Driver, run: Run) -> None:
    class Broken(Bot):
        async def __call__(self, message: Any) -> None:
            raise RuntimeError("broken")

    async def scene(talk: Talk) -> None:
        (answer,) = await talk.ask(driver.says("How long is one infusion?"))
        assert answer.text == safety.static("utter_technical")[0]["text"]
        sent = await talk.ask(driver.says(RED_FLAG), 2)
        assert sent[0].text == safety.static("utter_contact_emergency")[0]["text"]

    run(driver, scene, Broken())


def test_a_journal_that_fails_leaves_nobody_without_an_answer(
    driver: Driver, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise OSError("disk full")

    async def scene(talk: Talk) -> None:
        monkeypatch.setattr(SqlJournal, "accept", broken)
        sent = await talk.ask(driver.says(RED_FLAG), 2)
        assert sent[0].text == safety.static("utter_contact_emergency")[0]["text"]

    run(driver, scene)


def test_an_event_that_was_taken_before_a_crash_is_answered_after_it(
    driver: Driver, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(Bot):
        async def __call__(self, message: Any) -> None:
            raise asyncio.CancelledError

    async def crash(talk: Talk) -> None:
        await talk.deliver(driver.says("hello"))
        await asyncio.sleep(0.2)

    async def after(talk: Talk) -> None:
        monkeypatch.setattr(journals, "LEASE", -0.001)
        await talk.stub.until(lambda _: bool(talk.sent()))
        assert talk.sent()[0].text == "You said: hello"

    async def gone(*_: Any, **__: Any) -> bool:
        raise asyncio.CancelledError

    with monkeypatch.context() as dying:
        dying.setattr(SqlJournal, "finish", gone)
        run(driver, crash, Crash())
    run(driver, after)


def test_an_event_that_cannot_be_answered_gets_the_safe_reply_in_the_end(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = DRIVERS["telegram"]
    monkeypatch.setattr(journals, "LEASE", 0.5)

    async def broken(*_: Any) -> Any:
        raise ValueError("a fault of the channel")

    monkeypatch.setattr(driver.channel, "special", broken)

    async def scene(talk: Talk) -> None:
        await talk.deliver(driver.says(RED_FLAG))
        await talk.stub.until(lambda _: len(talk.sent()) == 2)
        assert talk.sent()[0].text == safety.static("utter_contact_emergency")[0]["text"]

    run(driver, scene)


def test_a_patient_who_writes_very_fast_is_asked_to_wait_but_never_with_a_red_flag(driver: Driver, run: Run) -> None:
    bot = Bot()

    async def scene(talk: Talk) -> None:
        for number in range(3):
            await talk.ask(driver.says(f"question {number}"))
        assert (await talk.ask(driver.says("question 4")))[0].text == WORDS["too_fast"]
        await talk.deliver(driver.says("question 5"))  # told once a minute
        emergency = safety.static("utter_contact_emergency")[0]["text"]
        assert (await talk.ask(driver.says(RED_FLAG)))[0].text == emergency

    run(driver, scene, bot, rate="3/minute")
    assert len(bot.heard) == 3


def test_a_very_long_message_gets_a_kind_word_and_its_red_flag_first(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> None:
        (answer,) = await talk.ask(driver.says("la " * 2000))
        assert answer.text == WORDS["too_long"]
        sent = await talk.ask(driver.says(f"{RED_FLAG}. " + "la " * 2000), 2)
        assert [one.text for one in sent] == [safety.static("utter_contact_emergency")[0]["text"], WORDS["too_long"]]

    run(driver, scene)


# -- privacy ---------------------------------------------------------------------------------------


def test_the_first_reply_says_once_what_the_channel_is_not_fit_for(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> None:
        sent = await talk.ask(driver.says("hello"), 2)
        assert [one.text for one in sent] == [WORDS["general_information_only"], "You said: hello"]
        await talk.ask(driver.says("again"), 1)

    run(driver, scene, general=True)


def test_the_sentence_on_privacy_never_comes_before_a_red_flag(driver: Driver, run: Run) -> None:
    class Escalates(Bot):
        def reply(self, text: str) -> dict[str, Any]:
            told = {"level": "emergency", "symptoms": ["chest_pain"], "setting": "home"}
            return {"text": "Call 911 now.", "custom": {"escalation": told}}

    async def scene(talk: Talk) -> None:
        sent = await talk.ask(driver.says(RED_FLAG), 2)
        assert [one.text for one in sent] == ["Call 911 now.", WORDS["general_information_only"]]

    run(driver, scene, Escalates(), general=True)


def test_no_log_holds_words_or_people(driver: Driver, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(talk: Talk) -> None:
        await talk.deliver(driver.says("canary"))
        await talk.stub.until(lambda calls: len(calls) >= 2)
        await talk.post(driver.forged()[0])

    with caplog.at_level("DEBUG", logger="bot"):
        run(driver, scene, stub=Stub(driver.ok, script=[driver.busy]))
    assert "was not taken" in caplog.text
    for word in ("canary", driver.person, *driver.environment.values()):
        assert word not in caplog.text.replace("canary_channel", "")


# -- delivery --------------------------------------------------------------------------------------


def test_a_message_that_the_platform_does_not_take_is_sent_again_in_order(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> None:
        await talk.deliver(driver.says("one"), driver.says("two"))
        await talk.stub.until(lambda _: len(talk.sent()) == 4)
        texts_sent = [sent.text for sent in talk.sent()]
        assert texts_sent == ["You said: one"] * 3 + ["You said: two"]
        assert await talk.journal.undeliverable() == []
        assert status.channels()[driver.channel.name()] == "ready"

    error = (500, {"error": "internal"})
    run(driver, scene, stub=Stub(driver.ok, script=[error, driver.busy]))


def test_a_message_that_can_never_arrive_is_recorded_and_the_next_one_is_sent(driver: Driver, run: Run) -> None:
    async def scene(talk: Talk) -> None:
        await talk.deliver(driver.says("one"), driver.says("two"))
        await talk.stub.until(lambda _: len(talk.sent()) == 2)
        ((conversation, reason),) = await talk.journal.undeliverable()
        assert conversation.startswith(driver.name if driver.name != "twilio" else "sms")
        assert "You said" not in reason
        assert reason

    run(driver, scene, stub=Stub(driver.ok, script=[driver.gone]))


def test_after_many_attempts_a_message_is_given_up_and_recorded(
    driver: Driver, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "MAX_TRIES", 3)

    async def scene(talk: Talk) -> None:
        await talk.deliver(driver.says("one"))
        while not await talk.journal.undeliverable():
            await asyncio.sleep(0.05)
        assert len(talk.sent()) == 3
        assert status.channels()[driver.channel.name()] == "down"

    run(driver, scene, stub=Stub((500, {})))


def test_a_slow_platform_holds_nobody_else(driver: Driver, run: Run) -> None:
    stub = Stub(driver.ok, slow=0.5)

    async def scene(talk: Talk) -> None:
        await talk.deliver(driver.says("one"))
        began = time.monotonic()
        await talk.deliver(*(driver.says("x", person=driver.person[:-1] + str(number)) for number in range(5)))
        held = time.monotonic() - began
        await talk.stub.until(lambda _: len(talk.sent()) == 6)
        # Five webhooks behind a platform of half a second each would take 2.5 s one after the other.
        assert held < time.monotonic() - began

    run(driver, scene, stub=stub)


# -- configuration ---------------------------------------------------------------------------------


def _channel(driver: Driver) -> Any:
    return driver.channel.from_credentials(None)


def test_without_its_variables_a_channel_is_off(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in driver.environment:
        monkeypatch.delenv(name, raising=False)
    routes = _channel(driver).blueprint(Bot())
    assert list(routes._future_routes) == []
    assert driver.channel.name() not in status.channels()


def test_with_half_of_its_variables_a_channel_is_down_and_says_what_is_missing(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in driver.environment.items():
        monkeypatch.setenv(name, value)
    missing = next(name for name in reversed(driver.environment))
    monkeypatch.delenv(missing)
    _channel(driver).blueprint(Bot())
    assert driver.channel.missing() == [missing]
    assert status.channels()[driver.channel.name()] == "down"
    assert missing in caplog.text


def test_an_unknown_setting_is_an_error(driver: Driver) -> None:
    with pytest.raises(TypeError):
        driver.channel.from_credentials({"token": "secret"})


def test_nothing_is_called_at_the_start(driver: Driver, run: Run) -> None:
    """A platform that cannot be reached must not keep the server from starting."""

    async def scene(talk: Talk) -> None:
        await asyncio.sleep(0.1)
        assert talk.stub.calls == []

    run(driver, scene)


def test_no_secret_and_no_person_is_in_the_journal_once_all_is_sent(driver: Driver, run: Run, tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.ask(driver.says("canary"))
        await asyncio.sleep(0.2)

    run(driver, scene)
    content = (tmp_path / "journal.db").read_bytes()
    for word in ("canary", driver.person, *driver.environment.values()):
        assert word.encode() not in content, word


# -- deleted in the chat ---------------------------------------------------------------------------


class Deleting(Bot):
    """A bot that offers to delete, and does so at "Yes, delete it"; its store holds what it heard."""

    def __init__(self) -> None:
        super().__init__(wait=0.05)
        self.kept: dict[str, list[str]] = {}
        self.tracker_store = self.lock_store = self

    @contextlib.asynccontextmanager
    async def lock(self, sender: str) -> AsyncIterator[None]:
        yield

    async def delete(self, sender: str) -> None:
        self.kept.pop(sender, None)

    async def __call__(self, message: Any) -> None:
        await super().__call__(message)
        self.kept.setdefault(message.sender_id, []).append(str(message.text))

    def reply(self, text: str) -> dict[str, Any]:
        if text == "delete my data":
            titles = ["Yes, delete it", "No, keep it"]
            return {"text": "Shall I?", "buttons": [{"title": title, "payload": title} for title in titles]}
        if text == "Yes, delete it":
            return {"text": "It is gone.", "custom": {"deletion": "done"}}
        return super().reply(text)


def test_a_conversation_is_deleted_by_words_or_a_number(driver: Driver, run: Run, tmp_path: Path) -> None:
    bot = Deleting()

    async def scene(talk: Talk) -> None:
        await talk.ask(driver.says("canary"))
        (offer,) = await talk.ask(driver.says("delete my data"))
        assert offer.text.startswith("Shall I?")
        yes = driver.says("1", "4711")
        (gone,) = await talk.ask(yes)
        assert gone.text == "It is gone."
        assert bot.kept == {}
        await talk.deliver(yes)  # the platform repeats it
        await asyncio.sleep(0.2)
        assert len(talk.sent()) == 3
        content = b"".join(file.read_bytes() for file in tmp_path.glob("journal.db*"))
        assert b"canary" not in content
        assert driver.person.encode() not in content  # nor the address that the answers went to
        (next_one,) = await talk.ask(driver.says("choose"))
        assert next_one.text.startswith("Where?")
        (chosen,) = await talk.ask(driver.says("1"))
        assert chosen.text == "You said: At home"

    run(driver, scene, bot)
    assert bot.texts == ["canary", "delete my data", "Yes, delete it", "choose", "At home"]


def test_what_comes_right_behind_a_deletion_is_answered(driver: Driver, run: Run) -> None:
    bot = Deleting()

    async def scene(talk: Talk) -> None:
        await talk.deliver(driver.says("one"), driver.says("Yes, delete it"), driver.says("two"), driver.says("three"))
        texts = [sent.text for sent in await talk.answers(4)]
        assert texts == ["You said: one", "It is gone.", "You said: two", "You said: three"]

    run(driver, scene, bot)
    assert list(bot.kept.values()) == [["two", "three"]]
