"""What is particular to each platform, with payloads as the platforms document them."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs, urlencode

import pytest
from twilio.request_validator import RequestValidator

from bot import safety
from bot.channels.slack import SlackInput
from bot.channels.texts import texts
from tests.channels.conftest import Bot, Run, Talk, golden
from tests.channels.drivers import PUBLIC, Messenger, Request, Slack, Telegram, Twilio, WhatsApp

WORDS = texts().messaging


# -- Twilio ----------------------------------------------------------------------------------------


def test_the_example_of_twilios_documents_has_its_signature() -> None:
    """The published example of token, address, fields and signature."""
    form = {
        "CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309",
        "To": "+18005551212",
    }  # fmt: skip
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert RequestValidator("12345").compute_signature(url, form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_twilio_is_acknowledged_with_an_empty_document(run: Run) -> None:
    driver = Twilio()

    async def scene(talk: Talk) -> None:
        assert await talk.post(driver.sign(driver.says("hi"))) == (
            200,
            '<?xml version="1.0" encoding="UTF-8"?><Response/>',
        )
        await talk.answers(1)
        assert talk.stub.calls[0].body["StatusCallback"] == f"{PUBLIC}/webhooks/twilio/status"

    run(driver, scene)


@pytest.mark.parametrize("word", ["STOP", "stop", " Stop. ", "STOPALL", "unsubscribe", "END", "quit", "CANCEL"])
def test_after_stop_an_sms_gets_nothing_until_start(word: str, run: Run) -> None:
    driver, bot = Twilio(), Bot()

    async def scene(talk: Talk) -> None:
        await talk.deliver(driver.says(word), driver.says("How long is one infusion?"))
        await asyncio.sleep(0.3)
        assert talk.sent() == []  # Twilio itself confirms
        assert (await talk.ask(driver.says("start")))[0].text == WORDS["started"]
        assert (await talk.ask(driver.says("and now?")))[0].text == "You said: and now?"

    run(driver, scene, bot)
    assert bot.texts == ["and now?"]


def test_after_stop_a_red_flag_still_gets_its_text(run: Run) -> None:
    driver = Twilio()

    async def scene(talk: Talk) -> None:
        await talk.deliver(driver.says("STOP"))
        (answer,) = await talk.ask(driver.says("I cannot breathe and my chest hurts"))
        assert answer.text == safety.static("utter_contact_emergency")[0]["text"]

    run(driver, scene)


def test_whatsapp_confirms_stop(run: Run) -> None:
    driver = WhatsApp()

    async def scene(talk: Talk) -> None:
        assert (await talk.ask(driver.says("STOP")))[0].text == WORDS["stopped"]

    run(driver, scene)


@pytest.mark.parametrize("text", ["stop the itching", "how do I cancel", "the end of cycle 2", "when does it start?"])
def test_such_a_word_inside_a_sentence_is_a_question(text: str, run: Run) -> None:
    driver = Twilio()

    async def scene(talk: Talk) -> None:
        assert (await talk.ask(driver.says(text)))[0].text == f"You said: {text}"

    run(driver, scene)


def test_help_says_who_this_is_and_whom_to_call(run: Run) -> None:
    driver = Twilio()

    async def scene(talk: Talk) -> None:
        assert (await talk.ask(driver.says("HELP")))[0].text == WORDS["help"]

    run(driver, scene)
    assert "STOP" in WORDS["help"]
    assert "call" in WORDS["help"]


def test_a_message_that_a_phone_company_could_not_deliver_is_recorded(run: Run) -> None:
    driver = Twilio()
    url = f"{PUBLIC}/webhooks/twilio/status"

    async def scene(talk: Talk) -> None:
        form = {"MessageStatus": "undelivered", "ErrorCode": "30003", "To": driver.person, "From": driver.own}
        body = driver.form(**form)
        assert (await talk.post(driver.sign(body), "/webhooks/twilio/status"))[0] == 401  # signed for another address
        assert (await talk.post(driver.sign(body, url), "/webhooks/twilio/status"))[0] == 204
        for status in ("queued", "sent", "delivered"):
            again = driver.sign(driver.form(**{**form, "MessageStatus": status}), url)
            assert (await talk.post(again, "/webhooks/twilio/status"))[0] == 204
        ((conversation, reason),) = await talk.journal.undeliverable()
        assert reason == "Twilio undelivered 30003"
        assert driver.person not in conversation

    run(driver, scene)


def test_an_address_with_a_query_is_signed_with_it(run: Run) -> None:
    driver = Twilio()

    async def scene(talk: Talk) -> None:
        request = driver.sign(driver.says("hi"), f"{driver.url}?clinic=1")
        assert (await talk.post(request, "/webhooks/twilio/webhook?clinic=1"))[0] == 200
        assert (await talk.post(request, "/webhooks/twilio/webhook?clinic=2"))[0] == 401

    run(driver, scene)


# -- Telegram --------------------------------------------------------------------------------------


def test_telegram_answers_words_and_leaves_the_rest_alone(run: Run) -> None:
    driver, bot, update = Telegram(), Bot(), golden("telegram")

    async def scene(talk: Talk) -> None:
        for name in ("edited", "reaction", "blocked", "group", "other_bot", "channel_post", "inline_query"):
            await talk.deliver(driver.body(update[name]))
        await asyncio.sleep(0.2)
        assert talk.stub.calls == []
        assert (await talk.ask(driver.body(update["text"])))[0].text == "You said: How long is one infusion?"
        (greeting,) = await talk.ask(driver.body(update["start"]))
        assert greeting.text == WORDS["greeting"]
        assert [title for title, _ in greeting.buttons] == list(texts().suggestions)
        assert (await talk.ask(driver.body(update["caption"])))[0].text == "You said: is this a rash?"
        assert (await talk.ask(driver.body(update["voice"])))[0].text == WORDS["no_words"]

    run(driver, scene, bot)


def test_telegram_is_told_that_a_button_was_noticed(run: Run) -> None:
    driver, update = Telegram(), golden("telegram")

    async def scene(talk: Talk) -> None:
        for name in ("old_button", "button_without_message"):
            (answer,) = await talk.ask(driver.body(update[name]))
            assert answer.text == WORDS["old_button"]
        await talk.stub.until(lambda calls: len([c for c in calls if c.path.endswith("answerCallbackQuery")]) == 2)
        noticed = {c.body["callback_query_id"] for c in talk.stub.calls if c.path.endswith("answerCallbackQuery")}
        assert noticed == {update[name]["callback_query"]["id"] for name in ("old_button", "button_without_message")}

    run(driver, scene)


# -- Slack -----------------------------------------------------------------------------------------


def test_slack_answers_direct_messages_and_mentions_and_leaves_the_rest_alone(run: Run) -> None:
    driver, bot, event = Slack(), Bot(), golden("slack")

    async def scene(talk: Talk) -> None:
        for name in ("edited", "deleted", "own_words", "old_bot", "channel_talk", "reaction"):
            await talk.deliver(driver.body(event[name]))
        shortcut = urlencode({"payload": json.dumps(event["shortcut"])}).encode()
        await talk.deliver(shortcut)
        await asyncio.sleep(0.2)
        assert talk.stub.calls == []
        assert (await talk.ask(driver.body(event["direct"])))[0].to == "D024BE91L"
        assert "thread_ts" not in talk.stub.calls[-1].body
        await talk.ask(driver.body(event["link"]))
        await talk.ask(driver.body(event["mention"]))
        assert talk.stub.calls[-1].body["thread_ts"] == "1515449522.000016"
        await talk.ask(driver.body(event["mention_in_thread"]))
        assert talk.stub.calls[-1].body["thread_ts"] == "1515449522.000016"

    run(driver, scene, bot)
    assert bot.texts == [
        "Is 38.5 > normal?", "see the leaflet and call 555 0100", "how long is one infusion?", "and the second?"
    ]  # fmt: skip


def test_slack_gets_its_challenge_back(run: Run) -> None:
    driver, event = Slack(), golden("slack")["url_verification"]

    async def scene(talk: Talk) -> None:
        body = driver.body(event)
        status, text = await talk.post(driver.sign(body))
        assert (status, json.loads(text)) == (200, {"challenge": event["challenge"]})
        assert (await talk.post(Request(body, {"Content-Type": "application/json"})))[0] == 401

    run(driver, scene)


def test_a_mention_in_a_direct_message_is_one_message(run: Run) -> None:
    driver, bot = Slack(), Bot()

    async def scene(talk: Talk) -> None:
        same = {"text": "<@UBOT> hello", "channel": "D1"}
        await talk.deliver(driver.event("55", **same), driver.event("55", **same, type="app_mention"))
        await talk.answers(1)

    run(driver, scene, bot)
    assert bot.texts == ["hello"]


def test_two_buttons_in_one_interaction_are_two_events(run: Run) -> None:
    driver, bot = Slack(), Bot()

    async def scene(talk: Talk) -> None:
        (question,) = await talk.ask(driver.says("choose"))
        tokens = [token for _, token in question.buttons]
        payload = json.loads(_payload(driver.presses(tokens[0], "x", 1, "1")))
        payload["actions"].append({**payload["actions"][0], "value": tokens[1], "action_ts": "1795000001.2"})
        await talk.ask(urlencode({"payload": json.dumps(payload)}).encode(), 2)

    run(driver, scene, bot)
    assert bot.texts == ["choose", "At home", "In the hospital, with a drip"]


def _payload(body: bytes) -> str:
    return parse_qs(body.decode())["payload"][0]


def test_slacks_blocks_keep_its_limits(run: Run) -> None:
    driver = Slack()

    class Long(Bot):
        def reply(self, text: str) -> dict[str, object]:
            titles = [f"A very long title {number} " + "x" * 80 for number in range(12)]
            return {"text": "Which?", "buttons": [{"title": title, "payload": title} for title in titles]}

    async def scene(talk: Talk) -> None:
        await talk.ask(driver.says("many"))
        blocks = talk.stub.calls[-1].body["blocks"]
        assert [len(block["elements"]) for block in blocks[1:]] == [5, 5, 2]
        assert all(len(b["text"]["text"]) <= 75 for block in blocks[1:] for b in block["elements"])
        names = [b["action_id"] for block in blocks[1:] for b in block["elements"]]
        assert len(set(names)) == 12

    run(driver, scene, Long())
    assert SlackInput.limit <= 3000


# -- Messenger -------------------------------------------------------------------------------------


def test_every_event_of_a_request_is_answered(run: Run) -> None:
    driver, bot = Messenger(), Bot()

    async def scene(talk: Talk) -> None:
        await talk.ask(driver.body(golden("messenger")["three"]), 3)
        many = driver.page(*(driver.typed(f"question {number}", f"9{number}") for number in range(40)))
        await talk.ask(many, 40)

    run(driver, scene, bot)
    assert bot.texts == ["first", "second", "third", *(f"question {number}" for number in range(40))]


def test_messenger_answers_words_and_leaves_the_rest_alone(run: Run) -> None:
    driver, bot, event = Messenger(), Bot(), golden("messenger")

    async def scene(talk: Talk) -> None:
        for name in ("echo", "read", "delivery", "reaction", "standby", "feed"):
            await talk.deliver(driver.body(event[name]))
        assert (await talk.post(driver.sign(driver.body(event["instagram"]))))[0] == 400
        await asyncio.sleep(0.2)
        assert talk.stub.calls == []
        assert (await talk.ask(driver.body(event["text"])))[0].text == "You said: hello, world!"
        assert (await talk.ask(driver.body(event["get_started"])))[0].text.startswith(WORDS["greeting"])
        assert (await talk.ask(driver.body(event["old_postback"])))[0].text == WORDS["old_button"]
        assert (await talk.ask(driver.body(event["sticker"])))[0].text == WORDS["no_words"]

    run(driver, scene, bot)
    assert bot.texts == ["hello, world!"]


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (
            {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "1158201444"},
            (200, "1158201444"),
        ),
        ({"hub.mode": "subscribe", "hub.verify_token": "verify", "hub.challenge": "1"}, (403, None)),
        ({"hub.mode": "subscribe", "hub.challenge": "1"}, (403, None)),
        ({"hub.mode": "other", "hub.verify_token": "verify-me", "hub.challenge": "1"}, (403, None)),
        ({}, (403, None)),
        ({"hub.mode": "subscribe", "hub.verify_token": "é", "hub.challenge": "1"}, (403, None)),
        (
            {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "<script>1</script>"},
            (200, "script1script"),
        ),
    ],
)
def test_facebook_learns_that_the_address_is_ours(
    query: dict[str, str], answer: tuple[int, str | None], run: Run
) -> None:
    driver = Messenger()

    async def scene(talk: Talk) -> tuple[int, str]:
        async with talk.session.get("/webhooks/messenger/webhook", params=query) as reply:
            return reply.status, await reply.text()

    status, text = run(driver, scene)
    assert status == answer[0]
    assert answer[1] in (None, text)


def test_long_titles_become_a_list_with_numbers_to_press(run: Run) -> None:
    driver, bot = Messenger(), Bot()

    async def scene(talk: Talk) -> None:
        (question,) = await talk.ask(driver.says("choose"))
        assert question.text.endswith("1 At home\n2 In the hospital, with a drip")
        assert [title for title, _ in question.buttons] == ["1", "2"]
        assert (await talk.ask(driver.presses(question.buttons[1][1], "2", 2)))[0].text.endswith("with a drip")

    run(driver, scene, bot)
