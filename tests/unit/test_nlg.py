"""What the patient reads: texts put together from a small domain, with sources, metadata, reminders and buttons."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, Event, SlotSet, UserUttered
from rasa.shared.core.slots import CategoricalSlot
from rasa.shared.core.trackers import DialogueStateTracker

from bot import nlg
from bot.clinic import Clinic
from bot.nlg import CompanionNLG
from bot.nlu.language import languages

DEMO = Clinic("Demo", True, "", "", ())
REAL = Clinic("Clinic", False, "us", "+1 555 0100", ())
TEAM = "your team's 24-hour number"


def _by_setting(anywhere: str, home: str, hospital: str) -> list[dict[str, Any]]:
    def slot(value: str) -> list[dict[str, str]]:
        return [{"type": "slot", "name": "setting", "value": value}]

    return [
        {"text": anywhere},
        {"text": home, "condition": slot("home")},
        {"text": hospital, "condition": slot("hospital")},
    ]


def _choices(*titles: str) -> list[dict[str, str]]:
    return [{"title": title, "payload": f"/{title}"} for title in titles]


RESPONSES: dict[str, list[dict[str, Any]]] = {
    "utter_faq/wine": [
        {
            "text": "No wine. Ask {team_number}.",
            "metadata": {
                "topic": "alcohol",
                "title": "Wine",
                "sources": ["upmc", "goodrx"],
                "differ": [
                    {"leaflet": "upmc", "says": "avoid all alcohol."},
                    {"leaflet": "macmillan", "says": "a little is fine"},
                ],
                "simple": "Wine: no.",
                "why": "It irritates the mouth.",
                "next": ["beer", "diarrhea", "gone"],
            },
        }
    ],
    "utter_faq/beer": [
        {"text": "No beer.", "metadata": {"topic": "alcohol", "title": "Beer", "sources": ["kca"], "next": ["wine"]}}
    ],
    "utter_faq/diarrhea": [
        {
            "text": "Diarrhea is common.",
            "metadata": {
                "topic": "bowels",
                "title": "Diarrhea",
                "sources": ["kca"],
                "home": "Call {team_number}.",
                "hospital": "Tell your nurse.",
            },
        }
    ],
    "utter_chitchat/thanks": [{"text": "You are welcome."}],
    "utter_decline/dose": [{"text": "Ask {team_number}.", "metadata": {"referral": "treatment_decision"}}],
    "utter_deny": [{"text": "All right."}],
    "utter_asking": [{"text": "That depends.", "metadata": {"asks": "country"}}],
    "utter_called_team": [{"text": "Good that you called."}],
    "utter_technical": [{"text": "Sorry. Call {team_number}.", "metadata": {"referral": "technical"}}],
    "utter_offer_choices": [{"text": "One of these?", "metadata": {"referral": "not_understood"}}],
    "utter_not_understood": [{"text": "I did not understand.", "metadata": {"referral": "not_understood"}}],
    "utter_other_language": [{"text": "Only English.", "metadata": {"referral": "out_of_scope"}}],
    "utter_second_answer": [{"text": "Ask again."}],
    "utter_contact_urgent": _by_setting("Call {team_number} now.", "Home: call now.", "Press your call button."),
    "utter_contact_emergency": [{"text": "Call {emergency_number} now."}],
    "utter_contact_crisis": [{"text": "Call {crisis_line}."}],
    "utter_contact_bystander": [{"text": "Call their doctor."}],
    "utter_also_overdose": [{"text": "Poison line: {poison_line}."}],
    "utter_nobody_reads": [{"text": "Nobody reads this chat."}],
    "utter_somebody_is_told": [{"text": "An alert goes out."}],
    "utter_reminder_urgent": _by_setting("Not called yet? Call {team_number}.", "Call from home.", "Press the button."),
    "utter_reminder_crisis": [{"text": "Dark thoughts: {crisis_line}."}],
    "utter_ask_setting": [{"text": "Home or hospital?", "buttons": _choices("I am at home", "I am in the hospital")}],
    "utter_ask_country": [{"text": "Which country?", "buttons": _choices("US", "UK")}],
    "utter_ask_happening_now": [{"text": "Is it now?", "buttons": _choices("Yes", "No")}],
    "utter_label_sources": [{"text": "Source:"}],
    "utter_label_home": [{"text": "At home:"}],
    "utter_label_hospital": [{"text": "In the hospital:"}],
    "utter_leaflets_differ": [{"text": "The leaflets differ."}],
    "utter_leaflets_agree": [{"text": "They agree."}],
    "utter_leaflets_disagree": [{"text": "They disagree."}],
    "utter_about_sources": [{"text": "See below."}],
    "utter_not_reviewed": [{"text": "Not signed off."}],
    "utter_no_reason": [{"text": "They do not say why."}],
    **{
        f"utter_followup/{kind}": [{"text": f"Nothing to {kind}."}]
        for kind in ("repeat", "simpler", "why", "sources", "how_sure", "at_home", "in_hospital", "more")
    },
}

WINE_TEXT = (
    f"No wine. Ask {TEAM}.\n\n"
    "The leaflets differ. UPMC, US, 2011: avoid all alcohol. Macmillan-style cancer charity, UK, undated: "
    "a little is fine.\n\nSource: UPMC, US, 2011; GoodRx, US, 2023 label."
)
WINE = {"id": "faq/wine", "topic": "alcohol", "sources": ["upmc", "goodrx"], "leaflets_differ": True}

Reply = dict[str, Any]
Compose = Callable[..., Reply]


@pytest.fixture
def compose(monkeypatch: pytest.MonkeyPatch) -> Compose:
    """Composes the reply to an action after some events."""

    def run(
        action: str,
        *events: Event,
        clinic: Clinic = DEMO,
        responses: dict[str, Any] | None = None,
        channel: str = "rest",
    ) -> Reply:
        monkeypatch.setattr(nlg.clinics, "load", lambda: clinic)
        domain = Domain.from_dict({"responses": copy.deepcopy(RESPONSES if responses is None else responses)})
        slots = [
            CategoricalSlot("setting", [{}], values=["home", "hospital"], influence_conversation=False),
            CategoricalSlot("country", [{}], values=["us", "uk"], influence_conversation=False),
        ]
        tracker = DialogueStateTracker("patient", slots)
        tracker.update_with_events(list(events), domain)
        message = asyncio.run(CompanionNLG(None, domain).generate(action, tracker, channel))
        assert message is not None
        return message

    return run


def _user(text: str = "question", intent: str = "faq", **parsed: Any) -> UserUttered:
    data = {"intent": {"name": intent, "confidence": 1.0}, "entities": [], "text": text, **parsed}
    return UserUttered(text, data["intent"], parse_data=data)  # type: ignore[arg-type]


def _red_flag(level: str, *symptoms: str, **more: Any) -> UserUttered:
    findings = [{"symptom": symptom, "level": level} for symptom in symptoms]
    return _user("help", f"red_flag_{level}", assessment={"level": level, "findings": findings, **more})


def _said(action: str, answer: str = "", **metadata: Any) -> BotUttered:
    return BotUttered(
        "said", {"custom": {"answer": {"id": answer}} if answer else None}, {"utter_action": action, **metadata}
    )


HOSPITAL, HOME, UK, US = (
    SlotSet("setting", "hospital"),
    SlotSet("setting", "home"),
    SlotSet("country", "uk"),
    SlotSet("country", "us"),
)
AFTER_WINE = (_user(), _said("utter_faq/wine", "faq/wine"), _user("and?", "followup"))
URGENT = (_red_flag("urgent", "fever"), _said("utter_contact_urgent"))


def _titles(message: Reply) -> list[str]:
    return [button["title"] for button in message.get("buttons", [])]


# -- answers ---------------------------------------------------------------------------------------


def test_an_answer_has_its_text_where_leaflets_differ_and_its_sources(compose: Compose) -> None:
    message = compose("utter_faq/wine", _user())
    assert message["text"] == WINE_TEXT
    assert message["custom"] == {"answer": WINE}


def test_the_website_gets_sources_and_differences_beside_the_text(compose: Compose) -> None:
    message = compose("utter_faq/wine", _user(), channel="web")
    answer = message["custom"]["answer"]
    assert message["text"] == f"No wine. Ask {TEAM}."
    assert answer["sources_text"] == [
        {"id": "upmc", "title": "UPMC", "country": "US", "year": "2011"},
        {"id": "goodrx", "title": "GoodRx", "country": "US", "year": "2023 label"},
    ]
    assert answer["differ"] in WINE_TEXT
    assert {key: answer[key] for key in WINE} == WINE
    assert compose("utter_faq/beer", _user(), channel="web")["custom"]["answer"]["differ"] is None


def test_an_answer_without_differences_says_nothing_of_them(compose: Compose) -> None:
    message = compose("utter_faq/beer", _user())
    assert message["text"] == "No beer.\n\nSource: Kidney Cancer Association, US, 2019."
    assert message["custom"]["answer"]["leaflets_differ"] is False


def test_the_next_topics_are_buttons_that_say_what_they_stand_for(compose: Compose) -> None:
    message = compose("utter_faq/wine", _user())
    assert message["buttons"] == [{"title": "Beer", "payload": "Beer"}, {"title": "Diarrhea", "payload": "Diarrhea"}]


def test_a_topic_that_was_given_is_not_offered_again(compose: Compose) -> None:
    given = (_user(), _said("utter_faq/beer", "faq/beer"), _user())
    assert _titles(compose("utter_faq/wine", *given)) == ["Diarrhea"]


def test_an_answer_that_depends_on_the_setting_gives_both_and_asks(compose: Compose) -> None:
    message = compose("utter_faq/diarrhea", _user())
    assert message["text"] == (
        f"Diarrhea is common.\n\nAt home: Call {TEAM}.\n\nIn the hospital: Tell your nurse.\n\n"
        "Source: Kidney Cancer Association, US, 2019.\n\nHome or hospital?"
    )
    assert _titles(message) == ["I am at home", "I am in the hospital"]
    assert message["asks"] == "setting"


@pytest.mark.parametrize(
    ("slot", "mine", "other"), [(HOME, f"Call {TEAM}.", "nurse"), (HOSPITAL, "Tell your nurse.", TEAM)]
)
def test_an_answer_gives_the_part_of_the_known_setting_alone(
    compose: Compose, slot: SlotSet, mine: str, other: str
) -> None:
    message = compose("utter_faq/diarrhea", slot, _user())
    assert message["text"].startswith(f"Diarrhea is common.\n\n{mine}\n\nSource:")
    assert other not in message["text"]
    assert "asks" not in message


def test_nothing_is_asked_twice_in_one_conversation(compose: Compose) -> None:
    before = (_user(), _said("utter_faq/diarrhea", "faq/diarrhea", asks="setting"), _user("no", "deny"))
    message = compose("utter_faq/diarrhea", *before)
    assert "Home or hospital?" not in message["text"]
    assert "asks" not in message


def test_british_patients_read_british_words_on_the_buttons_too(compose: Compose) -> None:
    assert compose("utter_faq/diarrhea", UK, HOME, _user())["text"].startswith("Diarrhoea is common.")
    assert _titles(compose("utter_faq/wine", UK, _user())) == ["Beer", "Diarrhoea"]


def test_the_clinics_country_counts_where_the_patient_named_none(compose: Compose) -> None:
    british = Clinic("Clinic", False, "uk", "111", ())
    assert "Diarrhoea" in compose("utter_faq/diarrhea", HOME, _user(), clinic=british)["text"]
    assert "Diarrhea" in compose("utter_faq/diarrhea", HOME, US, _user(), clinic=british)["text"]


def test_the_clinics_number_stands_in_the_text(compose: Compose) -> None:
    assert compose("utter_decline/dose", _user(), clinic=REAL)["text"] == f"Ask {TEAM}, +1 555 0100."


def test_the_second_answer_is_the_second_one_that_was_chosen(compose: Compose) -> None:
    second = {"second": {"response": {"utter_action": "utter_faq/beer"}}}
    asked = _user("both", "two_answers", response_selector=second)
    message = compose("utter_second_answer", asked, _said("utter_faq/wine", "faq/wine"))
    assert message["custom"]["answer"]["id"] == "faq/beer"
    assert message["text"].startswith("No beer.")


def test_an_answer_may_ask_for_the_country_until_it_is_known(compose: Compose) -> None:
    responses = copy.deepcopy(RESPONSES)
    responses["utter_faq/beer"][0]["metadata"]["asks"] = "country"
    message = compose("utter_faq/beer", _user(), responses=responses)
    assert message["asks"] == "country"
    assert "Which country?" in message["text"]
    assert "Which country?" not in compose("utter_faq/beer", UK, _user(), responses=responses)["text"]


@pytest.mark.parametrize("intent", ["two_answers", "answer_and_decline", "decline_and_answer"])
def test_of_two_replies_the_second_carries_the_next_topics(compose: Compose, intent: str) -> None:
    assert not compose("utter_faq/wine", _user("both", intent)).get("buttons")
    assert compose("utter_faq/wine", _user("both", intent), _said("utter_decline/dose", ""))["buttons"]


# -- plain responses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "reason"),
    [("utter_decline/dose", "treatment_decision"), ("utter_technical", "technical"), ("utter_deny", None)],
)
def test_a_response_carries_the_referral_it_declares_and_never_an_answer(
    compose: Compose, action: str, reason: str | None
) -> None:
    custom = compose(action, _user()).get("custom")
    assert custom == ({"referral": {"reason": reason}} if reason else None)


def test_a_response_may_ask_for_the_country_until_it_is_known(compose: Compose) -> None:
    message = compose("utter_asking", _user())
    assert (message["text"], message["asks"]) == ("That depends.\n\nWhich country?", "country")
    assert message["buttons"] == [{"title": "US", "payload": "US"}, {"title": "UK", "payload": "UK"}]
    assert compose("utter_asking", UK, _user())["text"] == "That depends."
    assert compose("utter_asking", _user(), clinic=REAL)["text"] == "That depends."


@pytest.mark.parametrize("action", ["utter_ask_setting", "utter_ask_happening_now"])
def test_every_button_says_what_a_patient_would_type(compose: Compose, action: str) -> None:
    buttons = compose(action, _user())["buttons"]
    assert len(buttons) == 2
    assert all(button["payload"] == button["title"] for button in buttons)


def test_a_variant_for_the_setting_takes_the_place_of_the_plain_one(compose: Compose) -> None:
    assert compose("utter_reminder_urgent", _user())["text"] == f"Not called yet? Call {TEAM}."
    assert compose("utter_reminder_urgent", HOME, _user())["text"] == "Call from home."
    assert compose("utter_reminder_urgent", HOSPITAL, _user())["text"] == "Press the button."


@pytest.mark.parametrize(
    "action", ["utter_no_such_thing", "utter_faq/gone", "utter_second_answer", "utter_contact_later"]
)
def test_what_cannot_be_composed_gives_the_safe_reply(compose: Compose, action: str) -> None:
    message = compose(action, _user())
    assert message["text"] == f"Sorry. Call {TEAM}."
    assert message["custom"] == {"referral": {"reason": "technical"}}


def test_a_failure_is_logged_without_the_patients_words(
    compose: Compose, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any, action: str) -> None:
        raise KeyError(self._tracker.latest_message.text)

    monkeypatch.setattr(nlg._Turn, "compose", fail)
    assert compose("utter_deny", _user("my secret fear"))["text"] == f"Sorry. Call {TEAM}."
    assert "The response utter_deny could not be composed: KeyError." in caplog.text
    assert "secret" not in caplog.text


def test_the_safe_reply_keeps_the_reminder_of_an_open_escalation(compose: Compose) -> None:
    message = compose("utter_no_such_thing", *URGENT, _user())
    assert "Not called yet?" in message["text"]


def test_responses_of_a_newer_domain_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nlg.clinics, "load", lambda: DEMO)
    generator = CompanionNLG(None, Domain.empty())
    tracker = DialogueStateTracker("patient", [])
    message = asyncio.run(
        generator.generate("utter_deny", tracker, "rest", domain_responses={"utter_deny": [{"text": "Newer."}]})
    )
    assert message == {"text": "Newer."}


# -- turns without an answer -----------------------------------------------------------------------


@pytest.mark.parametrize("action", ["utter_offer_choices", "utter_not_understood"])
def test_the_nearest_topics_are_buttons_with_human_titles(compose: Compose, action: str) -> None:
    asked = _user("hm", choice={"offers": ["faq/beer", "faq/gone", "faq/wine"], "detail": ""})
    message = compose(action, asked)
    assert message["buttons"] == [{"title": "Beer", "payload": "Beer"}, {"title": "Wine", "payload": "Wine"}]
    assert message["custom"] == {"referral": {"reason": "not_understood"}}
    assert "buttons" not in compose(action, _user("hm"))


def test_another_language_is_answered_in_it_first(compose: Compose) -> None:
    asked = _user("Tengo fiebre", choice={"offers": [], "detail": "es"})
    text = compose("utter_other_language", asked)["text"]
    spanish, english = text.split("\n\n")
    assert spanish.startswith("Solo puedo responder en inglés.")
    assert languages()["es"].no_number in spanish
    assert "{" not in spanish
    assert english == "Only English."


@pytest.mark.parametrize("code", [code for code in languages() if code != "other"])
def test_another_language_names_the_clinics_number_without_english_words(compose: Compose, code: str) -> None:
    asked = _user("...", choice={"offers": [], "detail": code})
    sentence = compose("utter_other_language", asked, clinic=REAL)["text"].split("\n\n")[0]
    assert "+1 555 0100" in sentence
    assert "your team" not in sentence
    assert "0100,." not in sentence.replace(" ", "")
    assert "0100,。" not in sentence


# -- follow-ups ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("repeat", WINE_TEXT),
        ("simpler", "Wine: no.\n\nThe leaflets differ."),
        ("why", "It irritates the mouth.\n\nThe leaflets differ."),
        ("sources", "See below.\n\nThe leaflets differ."),
        ("how_sure", "They disagree. Not signed off.\n\nThe leaflets differ."),
        ("at_home", WINE_TEXT),
        ("in_hospital", WINE_TEXT),
        ("more", "Nothing to more."),
    ],
)
def test_a_follow_up_speaks_of_the_last_answer(compose: Compose, kind: str, begins: str) -> None:
    assert compose(f"utter_followup/{kind}", *AFTER_WINE)["text"].startswith(begins)


@pytest.mark.parametrize("kind", ["simpler", "why", "sources", "how_sure"])
def test_a_follow_up_that_speaks_of_an_answer_carries_its_metadata(compose: Compose, kind: str) -> None:
    message = compose(f"utter_followup/{kind}", *AFTER_WINE)
    assert message["custom"] == {"answer": WINE}
    assert message["text"].endswith("Source: UPMC, US, 2011; GoodRx, US, 2023 label.")


def test_an_answer_without_a_reason_says_so_and_one_without_differences_is_agreed_on(compose: Compose) -> None:
    after_beer = (_user(), _said("utter_faq/beer", "faq/beer"), _user("why", "followup"))
    assert compose("utter_followup/why", *after_beer)["text"].startswith("They do not say why.\n\n")
    assert compose("utter_followup/how_sure", *after_beer)["text"].startswith("They agree. Not signed off.\n\n")
    assert compose("utter_followup/simpler", *after_beer)["text"] == "Nothing to simpler."


@pytest.mark.parametrize(("kind", "text"), [("at_home", f"Call {TEAM}."), ("in_hospital", "Tell your nurse.")])
def test_a_follow_up_on_the_setting_gives_that_part_alone(compose: Compose, kind: str, text: str) -> None:
    after = (_user(), _said("utter_faq/diarrhea", "faq/diarrhea"), _user("and there", "followup"))
    assert compose(f"utter_followup/{kind}", *after)["text"].startswith(f"{text}\n\nSource:")


@pytest.mark.parametrize("kind", ["repeat", "simpler", "why", "sources", "how_sure", "at_home"])
def test_a_follow_up_on_nothing_says_so(compose: Compose, kind: str) -> None:
    message = compose(f"utter_followup/{kind}", _user("why", "followup"))
    assert message == {"text": f"Nothing to {kind}."}


# -- safety ----------------------------------------------------------------------------------------


def test_a_red_flag_says_whom_to_call_and_that_nobody_reads_the_chat(compose: Compose) -> None:
    message = compose("utter_contact_urgent", HOME, _red_flag("urgent", "fever", "fever", "chills"))
    assert message["text"] == "Home: call now.\n\nNobody reads this chat."
    assert message["custom"] == {"escalation": {"level": "urgent", "symptoms": ["fever", "chills"], "setting": "home"}}


def test_the_website_gets_the_lines_to_call_beside_the_text(compose: Compose) -> None:
    flag = _red_flag("urgent", "fever")
    message = compose("utter_contact_urgent", UK, HOME, flag, channel="web")
    assert [line["tel"] for line in message["custom"]["escalation"]["numbers"]] == ["tel:111", "tel:999"]
    message = compose("utter_contact_urgent", HOSPITAL, flag, clinic=REAL, channel="web")
    assert [line["tel"] for line in message["custom"]["escalation"]["numbers"]] == ["tel:+15550100"]


def test_a_clinic_that_is_told_says_so(compose: Compose) -> None:
    told = Clinic("Clinic", False, "us", "111", ("PAGER",))
    text = compose("utter_contact_urgent", HOME, _red_flag("urgent", "fever"), clinic=told)["text"]
    assert text == "Home: call now.\n\nAn alert goes out."


def test_the_advice_is_the_one_for_the_setting(compose: Compose) -> None:
    message = compose("utter_contact_urgent", HOSPITAL, _red_flag("urgent", "fever"))
    assert message["text"].startswith("Press your call button.")
    assert message["custom"]["escalation"]["setting"] == "hospital"


def test_the_setting_is_asked_after_the_advice_where_it_is_not_known(compose: Compose) -> None:
    message = compose("utter_contact_urgent", _red_flag("urgent", "fever"))
    assert message["text"] == f"Call {TEAM} now.\n\nNobody reads this chat.\n\nHome or hospital?"
    assert message["asks"] == "setting"
    assert _titles(message) == ["I am at home", "I am in the hospital"]


def test_a_question_of_the_triage_comes_before_the_setting(compose: Compose) -> None:
    message = compose("utter_contact_urgent", _red_flag("urgent", "fever", ask="happening_now"))
    assert message["asks"] == "happening_now"
    assert _titles(message) == ["Yes", "No"]


def test_a_symptom_may_add_its_own_line(compose: Compose) -> None:
    text = compose("utter_contact_emergency", US, HOME, _red_flag("emergency", "overdose", "fever"))["text"]
    assert text == "Call 911 now.\n\nPoison line: 1-800-222-1222 (Poison Help).\n\nNobody reads this chat."


def test_a_finding_without_a_level_is_not_told(compose: Compose) -> None:
    findings = [{"symptom": "fever", "level": "urgent"}, {"symptom": "overdose", "level": "none"}]
    flag = _user("help", "red_flag_urgent", assessment={"level": "urgent", "findings": findings})
    message = compose("utter_contact_urgent", HOME, flag)
    assert message["custom"]["escalation"]["symptoms"] == ["fever"]
    assert "Poison" not in message["text"]


def test_advice_for_somebody_else_is_no_escalation(compose: Compose) -> None:
    bystander = _user("neighbor", "red_flag_bystander", assessment={"level": "none", "bystander": True, "findings": []})
    message = compose("utter_contact_bystander", HOME, bystander)
    assert message["text"].startswith("Call their doctor.")
    assert "escalation" not in message.get("custom", {})


@pytest.mark.parametrize(
    "action", ["utter_faq/beer", "utter_chitchat/thanks", "utter_decline/dose", "utter_not_understood"]
)
def test_every_reply_reminds_of_an_open_escalation(compose: Compose, action: str) -> None:
    text = compose(action, *URGENT, _user())["text"]
    assert text.endswith(f"\n\nNot called yet? Call {TEAM}.")
    assert compose(action, HOSPITAL, *URGENT, _user())["text"].endswith("\n\nPress the button.")


def test_the_reminder_ends_when_the_patient_has_called(compose: Compose) -> None:
    called = (_user("i called", "called_team"), _said("utter_called_team"))
    assert compose("utter_deny", *URGENT, *called, _user())["text"] == "All right."


def test_hearing_of_the_call_is_not_followed_by_a_reminder(compose: Compose) -> None:
    message = compose("utter_called_team", *URGENT, _user("i called", "called_team"))
    assert message["text"] == "Good that you called."


def test_without_an_escalation_there_is_no_reminder(compose: Compose) -> None:
    assert compose("utter_deny", _user())["text"] == "All right."


def test_the_answer_in_the_same_turn_as_the_advice_is_not_followed_by_a_reminder(compose: Compose) -> None:
    assert compose("utter_faq/beer", *URGENT)["text"] == "No beer.\n\nSource: Kidney Cancer Association, US, 2019."


def test_thoughts_of_suicide_are_kept_in_mind_after_the_call(compose: Compose) -> None:
    crisis = (_red_flag("emergency", "suicide", crisis=True), _said("utter_contact_crisis"))
    called = (_user("i called", "called_team"), _said("utter_called_team"))
    assert compose("utter_deny", US, *crisis, *called, _user())["text"] == (
        "All right.\n\nDark thoughts: 988 (call or text, day and night)."
    )


def test_what_the_patient_wrote_is_never_in_the_reply(compose: Compose) -> None:
    asked = _user("<script>{team_number}</script>", choice={"offers": [], "detail": ""})
    for action in ("utter_not_understood", "utter_deny", "utter_faq/wine", "utter_no_such_thing"):
        assert "script" not in str(compose(action, asked))
