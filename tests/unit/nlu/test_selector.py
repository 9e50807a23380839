"""The answer selector on hand-made rankings: one answer, two, the nearest topics, or none."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot import clinic as clinics
from bot.content import Answer, Catalogue
from bot.conversation import Conversation
from bot.nlu.classifier import CANDIDATES, Candidates, Ranking
from bot.nlu.selector import AnswerSelector, Bands, Choice, choose
from bot.ranker import Ranked

BANDS = Bands(answer=0.6, offer=0.3, other=0.2, sibling=0.5, rival=0.8)
QUESTION = "what about it"
LONG = "what about it when we are back home with the children again"


def _answer(name: str, topic: str, title: str, following: tuple[str, ...] = ()) -> Answer:
    return Answer(f"faq/{name}", topic, title, "Text.", ("upmc",), next=tuple(f"faq/{n}" for n in following))


CATALOGUE = Catalogue(
    [
        _answer("wine", "alcohol", "Wine with dinner", ("driving", "gone")),
        _answer("beer", "alcohol", "Beer"),
        _answer("cider", "alcohol", "Cider"),
        _answer("driving", "driving", "Driving a car"),
        _answer("diarrhea", "bowels", "What to eat with diarrhea"),
    ]
)


def _ranking(scope: float, **scores: float) -> Ranking:
    """A ranking of labels; ``faq_wine`` stands for ``faq/wine``, ``decline_dose`` for ``decline/dose``."""
    named = {}
    for key, score in scores.items():
        kind, _, rest = key.partition("_")
        named[f"{kind}/{rest}" if kind in ("faq", "decline", "chitchat", "followup") else key] = score
    for answer in CATALOGUE.answers:
        named.setdefault(answer, 0.01)
    ordered = sorted(named.items(), key=lambda row: -row[1])
    return Ranking(tuple(Ranked(label, score) for label, score in ordered), scope)


def _choose(
    whole: Ranking, text: str = QUESTION, parts: tuple[Ranking, ...] = (), context: Ranking | None = None, **talk: Any
) -> Choice:
    return choose(text, Candidates(whole, parts, context), Conversation(**talk), CATALOGUE, BANDS)


UNSURE = _ranking(0.1, thanks=0.1, faq_wine=0.05)

# -- bands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [0.6, 0.61, 1.0])
def test_a_sure_question_gets_its_answer(scope: float) -> None:
    assert _choose(_ranking(scope, faq_wine=0.9)) == Choice("faq", scope, ("faq/wine",))


@pytest.mark.parametrize("scope", [0.3, 0.45, 0.599])
def test_a_question_that_is_not_sure_gets_the_three_nearest_topics(scope: float) -> None:
    choice = _choose(_ranking(scope, faq_wine=0.5, thanks=0.15, faq_driving=0.4, faq_cider=0.3, faq_beer=0.2))
    assert choice.intent == "offer_choices"
    assert choice.labels == ()
    assert choice.offers == ("faq/wine", "faq/driving", "faq/cider")


@pytest.mark.parametrize("scope", [0.0, 0.1, 0.299])
def test_a_message_that_is_near_nothing_is_not_understood(scope: float) -> None:
    choice = _choose(_ranking(scope, thanks=0.1, faq_wine=0.05, faq_beer=0.04))
    assert choice.intent == "not_understood"
    assert choice.labels == ()
    assert choice.offers[:2] == ("faq/wine", "faq/beer")


def test_an_answer_is_never_given_on_its_score_alone() -> None:
    assert _choose(_ranking(0.59, faq_wine=0.99)).labels == ()


@pytest.mark.parametrize(("score", "intent"), [(0.2, "called_team"), (0.9, "called_team"), (0.19, "not_understood")])
def test_another_intent_is_believed_from_its_own_band_on(score: float, intent: str) -> None:
    assert _choose(_ranking(0.1, called_team=score)).intent == intent


def test_small_talk_and_declines_keep_their_full_name() -> None:
    assert _choose(_ranking(0.1, chitchat_thanks=0.8)) == Choice("chitchat", 0.8, ("chitchat/thanks",))
    assert _choose(_ranking(0.1, decline_dose=0.8)) == Choice("decline", 0.8, ("decline/dose",))


def test_a_decline_that_ranks_first_still_gives_way_to_a_question_in_scope() -> None:
    choice = _choose(_ranking(0.7, decline_dose=0.5, faq_wine=0.49))
    assert choice.labels == ("faq/wine",)


# -- two answers -----------------------------------------------------------------------------------


def test_two_questions_in_one_message_get_two_answers_in_their_order() -> None:
    parts = (_ranking(0.9, faq_driving=0.9), _ranking(0.7, faq_wine=0.9))
    choice = _choose(_ranking(0.8, faq_wine=0.6, faq_driving=0.3), parts=parts)
    assert (choice.intent, choice.labels) == ("two_answers", ("faq/driving", "faq/wine"))


def test_of_three_questions_the_first_two_are_answered() -> None:
    parts = tuple(_ranking(0.9, **{f"faq_{name}": 0.9}) for name in ("beer", "wine", "driving"))
    whole = _ranking(0.8, faq_wine=0.6, faq_driving=0.3, faq_beer=0.2)
    assert _choose(whole, parts=parts).labels == ("faq/beer", "faq/wine")


def test_a_part_that_is_no_sure_question_does_not_count() -> None:
    parts = (_ranking(0.59, faq_driving=0.9), _ranking(0.9, faq_wine=0.9))
    assert _choose(_ranking(0.8, faq_wine=0.9), parts=parts) == Choice("faq", 0.8, ("faq/wine",))


def test_the_same_question_twice_gets_one_answer() -> None:
    parts = (_ranking(0.9, faq_wine=0.9), _ranking(0.9, faq_wine=0.8))
    assert _choose(_ranking(0.8, faq_wine=0.9), parts=parts) == Choice("faq", 0.8, ("faq/wine",))


def test_a_sure_part_answers_a_message_that_is_not_sure_as_a_whole() -> None:
    choice = _choose(_ranking(0.4, faq_beer=0.3, faq_wine=0.2), parts=(UNSURE, _ranking(0.9, faq_wine=0.9)))
    assert (choice.intent, choice.labels) == ("faq", ("faq/wine",))


def test_a_part_torn_out_of_its_sentence_counts_only_with_the_whole_message() -> None:
    parts = (_ranking(0.9, faq_wine=0.9), _ranking(0.9, faq_driving=0.9))
    assert _choose(_ranking(0.9, faq_wine=0.9, faq_driving=0.09), parts=parts).labels == ("faq/wine",)
    assert _choose(_ranking(0.9, faq_wine=0.9, faq_driving=0.1), parts=parts).labels == ("faq/wine", "faq/driving")


def test_a_part_that_the_whole_message_vouches_for_need_not_be_sure_alone() -> None:
    parts = (_ranking(0.9, faq_wine=0.9), _ranking(0.2, faq_driving=0.6))
    assert _choose(_ranking(0.9, faq_wine=0.9, faq_driving=0.2), parts=parts).labels == ("faq/wine", "faq/driving")
    assert _choose(_ranking(0.9, faq_wine=0.9, faq_driving=0.19), parts=parts).labels == ("faq/wine",)


def test_beside_a_part_that_asks_a_part_that_tells_is_no_question() -> None:
    parts = (_ranking(0.9, faq_driving=0.9), _ranking(0.9, faq_wine=0.9))
    whole = _ranking(0.9, faq_wine=0.9, faq_driving=0.3)
    assert _choose(whole, "He drives us every day. Can I drink wine?", parts).labels == ("faq/wine",)
    assert _choose(whole, "Can he drive us? Can I drink wine?", parts).labels == ("faq/driving", "faq/wine")


def test_the_one_part_that_asks_is_answered_not_what_is_told_beside_it() -> None:
    parts = (_ranking(0.2, faq_driving=0.5), _ranking(0.9, faq_wine=0.9))
    whole = _ranking(0.9, faq_driving=0.5, faq_wine=0.25)
    assert _choose(whole, "He drives badly. Can I drink wine?", parts).labels == ("faq/wine",)
    unsure = (parts[0], _ranking(0.9, faq_wine=0.69))
    assert _choose(whole, "He drives badly. Can I drink wine?", unsure).labels[0] == "faq/driving"


@pytest.mark.parametrize(
    ("order", "intent"), [(("wine", "dose"), "answer_and_decline"), (("dose", "wine"), "decline_and_answer")]
)
def test_an_answer_and_a_decline_stand_side_by_side(order: tuple[str, str], intent: str) -> None:
    by_name = {"wine": _ranking(0.9, faq_wine=0.9), "dose": _ranking(0.1, decline_dose=0.8)}
    whole = _ranking(0.4, decline_dose=0.5, faq_wine=0.4)
    choice = _choose(whole, parts=tuple(by_name[name] for name in order))
    assert choice.intent == intent
    assert set(choice.labels) == {"faq/wine", "decline/dose"}


def test_an_answer_that_is_far_from_the_whole_message_does_not_stand_beside_a_decline() -> None:
    parts = (_ranking(0.1, decline_dose=0.8), _ranking(0.9, faq_wine=0.9))
    assert _choose(_ranking(0.1, decline_dose=0.8, faq_wine=0.2), parts=parts).intent == "decline"


def test_nothing_is_answered_beside_orders_to_the_companion() -> None:
    orders = _ranking(0.1, decline_prompt_injection=0.8)
    choice = _choose(_ranking(0.9, faq_wine=0.9), parts=(orders, _ranking(0.9, faq_wine=0.9)))
    assert choice == Choice("decline", 1.0, ("decline/prompt_injection",))


@pytest.mark.parametrize(("second", "labels"), [(0.45, 2), (0.46, 2), (0.44, 1)])
def test_an_answer_of_the_same_topic_comes_along_from_its_share_on(second: float, labels: int) -> None:
    choice = _choose(_ranking(0.9, faq_wine=0.9, faq_beer=second))
    assert choice.labels == ("faq/wine", "faq/beer")[:labels]
    assert choice.intent == ("two_answers" if labels == 2 else "faq")


@pytest.mark.parametrize(("second", "labels"), [(0.4, 2), (0.41, 2), (0.39, 1), (0.3, 1)])
def test_an_answer_of_another_topic_must_be_nearer(second: float, labels: int) -> None:
    assert _choose(_ranking(0.9, faq_wine=0.5, faq_driving=second)).labels == ("faq/wine", "faq/driving")[:labels]


# -- titles and languages --------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Wine with dinner", "wine with dinner?", " WINE with  dinner. "])
def test_a_pressed_title_gets_its_answer_whatever_the_ranking_says(text: str) -> None:
    assert _choose(UNSURE, text) == Choice("faq", 1.0, ("faq/wine",))


def test_a_title_on_a_british_button_gets_its_answer_too() -> None:
    button = clinics.spell("What to eat with diarrhea", "uk")
    assert button == "What to eat with diarrhoea"
    assert _choose(UNSURE, button) == Choice("faq", 1.0, ("faq/diarrhea",))


def test_another_language_is_named_whatever_the_ranking_says() -> None:
    choice = _choose(_ranking(0.9, faq_wine=0.9), "Tengo fiebre y no puedo respirar")
    assert choice == Choice("other_language", 1.0, detail="es")


# -- context ---------------------------------------------------------------------------------------

AFTER_WINE = {"last_answers": ("faq/wine",), "given": ("faq/wine",)}
BEER_NEXT = _ranking(0.8, faq_beer=0.9)


def test_a_short_question_is_read_in_the_light_of_the_last_answer() -> None:
    choice = _choose(_ranking(0.4, faq_driving=0.3), "and at home", context=BEER_NEXT, **AFTER_WINE)
    assert (choice.intent, choice.labels) == ("faq", ("faq/beer",))


def test_a_long_question_is_understood_on_its_own() -> None:
    choice = _choose(_ranking(0.4, faq_driving=0.3), LONG, context=BEER_NEXT, **AFTER_WINE)
    assert choice.intent == "offer_choices"
    assert choice.offers[0] == "faq/driving"


def test_a_sure_question_is_not_bent_by_the_last_answer() -> None:
    choice = _choose(_ranking(0.9, faq_driving=0.9), "and in the car", context=BEER_NEXT, **AFTER_WINE)
    assert choice.labels == ("faq/driving",)


def test_a_context_that_is_not_sure_does_not_count() -> None:
    context = _ranking(0.5, faq_beer=0.9)
    choice = _choose(_ranking(0.4, faq_driving=0.3), "and in the car", context=context, **AFTER_WINE)
    assert choice.intent == "offer_choices"


def test_thanks_after_an_answer_are_thanks() -> None:
    assert _choose(_ranking(0.1, chitchat_thanks=0.8), "thanks", context=BEER_NEXT, **AFTER_WINE).intent == "chitchat"


def test_a_question_without_a_subject_stays_with_the_topic_of_the_last_answer() -> None:
    choice = _choose(
        _ranking(0.9, faq_driving=0.9), "and for how long?", context=_ranking(0.4, faq_beer=0.3), **AFTER_WINE
    )
    assert choice.labels == ("faq/beer",)


@pytest.mark.parametrize("context", [_ranking(0.2, faq_beer=0.9), _ranking(0.9, faq_driving=0.9), None])
def test_a_question_without_a_subject_stands_alone_where_nothing_near_is_sure(context: Ranking | None) -> None:
    choice = _choose(_ranking(0.9, faq_diarrhea=0.9), "and for how long?", context=context, **AFTER_WINE)
    assert choice.labels == ("faq/diarrhea",)


# -- after a call ----------------------------------------------------------------------------------

CALLED_AND_ASKED = (_ranking(0.1, called_team=0.9), _ranking(0.9, faq_beer=0.9))
CALL_AND_QUESTION = "I have called them. What about beer?"


def test_a_question_after_a_call_is_answered_and_the_call_is_noted() -> None:
    choice = _choose(_ranking(0.5, faq_beer=0.4), CALL_AND_QUESTION, CALLED_AND_ASKED, contact_level="urgent")
    assert (choice.intent, choice.labels, choice.called) == ("faq", ("faq/beer",), True)


def test_a_call_is_noted_only_where_one_is_awaited_and_surely_told() -> None:
    whole = _ranking(0.8, faq_beer=0.8)
    assert not _choose(whole, CALL_AND_QUESTION, CALLED_AND_ASKED).called
    unsure = (_ranking(0.1, called_team=0.49), CALLED_AND_ASKED[1])
    assert not _choose(whole, CALL_AND_QUESTION, unsure, contact_level="urgent").called


def test_what_follows_a_call_and_is_no_question_is_read_as_a_whole() -> None:
    parts = (CALLED_AND_ASKED[0], _ranking(0.1, thanks=0.1))
    choice = _choose(_ranking(0.1, called_team=0.7), CALL_AND_QUESTION, parts, contact_level="urgent")
    assert (choice.intent, choice.called) == ("called_team", False)


# -- follow-ups ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["repeat", "simpler", "why", "sources", "how_sure", "more", "other_one", "for_partner"]
)
def test_a_follow_up_without_an_answer_before_it_stays_a_follow_up(kind: str) -> None:
    choice = _choose(_ranking(0.1, **{f"followup_{kind}": 0.9}))
    assert choice == Choice("followup", 0.9, (f"followup/{kind}",))


@pytest.mark.parametrize("kind", ["repeat", "simpler", "why", "sources", "how_sure"])
def test_a_follow_up_on_the_last_answer_is_for_the_reply_to_work_out(kind: str) -> None:
    choice = _choose(_ranking(0.1, **{f"followup_{kind}": 0.9}), context=BEER_NEXT, **AFTER_WINE)
    assert choice == Choice("followup", 0.9, (f"followup/{kind}",))


@pytest.mark.parametrize("kind", ["at_home", "in_hospital"])
def test_another_place_gives_what_the_last_answer_says_of_it_or_an_answer_that_is_near(kind: str) -> None:
    asked = _ranking(0.1, **{f"followup_{kind}": 0.9})
    assert _choose(asked, context=BEER_NEXT, **AFTER_WINE).labels == ("faq/beer",)
    told = dataclasses.replace(CATALOGUE.answers["faq/wine"], home="None.", hospital="None.")
    catalogue = Catalogue([told, *(a for a in CATALOGUE.answers.values() if a.id != told.id)])
    choice = choose(QUESTION, Candidates(asked, (), BEER_NEXT), Conversation(**AFTER_WINE), catalogue, BANDS)
    assert choice.labels == (f"followup/{kind}",)


def test_a_faint_follow_up_is_none() -> None:
    assert _choose(_ranking(0.1, followup_why=0.19), **AFTER_WINE).intent == "not_understood"


def test_more_gives_the_next_topic_that_was_not_given_yet() -> None:
    more = _ranking(0.1, followup_more=0.9)
    assert _choose(more, **AFTER_WINE).labels == ("faq/driving",)
    assert _choose(more, last_answers=("faq/wine",), given=("faq/driving", "faq/wine")).labels == ("faq/beer",)
    assert _choose(more, last_answers=("faq/beer",), given=("faq/beer",)).labels == ("faq/wine",)


def test_more_when_all_was_given_is_a_plain_follow_up() -> None:
    choice = _choose(_ranking(0.1, followup_more=0.9), last_answers=("faq/wine",), given=tuple(CATALOGUE.answers))
    assert (choice.intent, choice.labels) == ("followup", ("followup/more",))


@pytest.mark.parametrize("kind", ["other_one", "correction", "for_partner"])
def test_the_other_one_gives_another_answer_where_it_is_sure(kind: str) -> None:
    choice = _choose(_ranking(0.1, **{f"followup_{kind}": 0.9}), context=BEER_NEXT, **AFTER_WINE)
    assert (choice.intent, choice.labels) == ("faq", ("faq/beer",))


@pytest.mark.parametrize("kind", ["other_one", "correction"])
def test_the_other_one_offers_its_neighbors_where_it_is_not_sure(kind: str) -> None:
    context = _ranking(0.3, faq_wine=0.9, faq_driving=0.8, faq_cider=0.7, faq_beer=0.6)
    choice = _choose(_ranking(0.1, **{f"followup_{kind}": 0.9}), context=context, **AFTER_WINE)
    assert choice.intent == "offer_choices"
    assert choice.offers == ("faq/cider", "faq/beer")


def test_the_other_one_offers_first_what_shares_its_words() -> None:
    context = _ranking(0.3, faq_wine=0.9, faq_driving=0.8, faq_cider=0.7, faq_beer=0.6)
    choice = _choose(_ranking(0.1, followup_other_one=0.9), "no, the beer one", context=context, **AFTER_WINE)
    assert choice.offers == ("faq/beer", "faq/cider")


@pytest.mark.parametrize(("score", "labels"), [(0.45, ("faq/beer",)), (0.4, ("followup/for_partner",))])
def test_for_my_partner_gives_a_near_answer_of_the_topic(score: float, labels: tuple[str, ...]) -> None:
    context = _ranking(0.3, faq_wine=0.9, faq_beer=score)
    text = "and what of my husband, is it the same with him then or not at all"
    assert _choose(_ranking(0.1, followup_for_partner=0.9), text, context=context, **AFTER_WINE).labels == labels


def test_the_other_one_is_never_the_answer_just_given() -> None:
    context = _ranking(0.9, faq_wine=0.95, faq_beer=0.1)
    choice = _choose(_ranking(0.1, followup_other_one=0.9), context=context, **AFTER_WINE)
    assert "faq/wine" not in (*choice.labels, *choice.offers)


# -- the component ---------------------------------------------------------------------------------

RESPONSES = {
    f"utter_{a.id}": [{"text": a.text, "metadata": {"topic": a.topic, "title": a.title}}]
    for a in CATALOGUE.answers.values()
}


def _processed(text: str, candidates: Candidates | None) -> Message:
    config = {**AnswerSelector.get_default_config(), "bands": vars(BANDS)}
    selector = AnswerSelector(config, None, None, RESPONSES)  # type: ignore[arg-type]
    message = Message({TEXT: text})
    if candidates:
        message.set(CANDIDATES, candidates)
    (done,) = selector.process([message], DialogueStateTracker("patient", []))
    return done


def test_the_stock_action_finds_the_chosen_answer() -> None:
    message = _processed(QUESTION, Candidates(_ranking(0.9, faq_wine=0.9)))
    assert message.get(INTENT) == {"name": "faq", "confidence": 0.9}
    selected = message.get("response_selector")
    assert selected["faq"]["response"]["utter_action"] == "utter_faq/wine"
    assert selected["faq"]["response"]["confidence"] == 0.9
    assert "second" not in selected


def test_the_second_answer_stands_beside_the_first() -> None:
    selected = _processed(QUESTION, Candidates(_ranking(0.9, faq_wine=0.9, faq_beer=0.8))).get("response_selector")
    assert selected["faq"]["response"]["utter_action"] == "utter_faq/wine"
    assert selected["second"]["response"]["utter_action"] == "utter_faq/beer"


def test_a_decline_is_found_although_an_answer_is_near() -> None:
    message = _processed(QUESTION, Candidates(_ranking(0.1, decline_dose=0.9, faq_wine=0.3)))
    assert message.get(INTENT)["name"] == "decline"
    assert message.get("response_selector")["decline"]["response"]["utter_action"] == "utter_decline/dose"


def test_offers_and_language_are_passed_on() -> None:
    offered = _processed(QUESTION, Candidates(_ranking(0.4, faq_wine=0.5, faq_beer=0.3, faq_cider=0.2)))
    assert offered.get("choice") == {"offers": ["faq/wine", "faq/beer", "faq/cider"], "detail": "", "called": False}
    polish = _processed("Mam gorączkę i nie mogę oddychać", Candidates(UNSURE))
    assert polish.get(INTENT)["name"] == "other_language"
    assert polish.get("choice") == {"offers": [], "detail": "pl", "called": False}


@pytest.mark.parametrize(
    ("intent", "entity", "value"),
    [
        ("inform_home", "setting", "home"),
        ("inform_hospital", "setting", "hospital"),
        ("inform_country_us", "country", "us"),
        ("inform_country_uk", "country", "uk"),
    ],
)
def test_setting_and_country_become_entities(intent: str, entity: str, value: str) -> None:
    message = _processed("that is where", Candidates(_ranking(0.1, **{intent: 0.9})))
    (found,) = message.get(ENTITIES)
    assert (found["entity"], found["value"], found["start"], found["end"]) == (entity, value, 0, 13)


def test_no_other_intent_sets_an_entity() -> None:
    assert not _processed(QUESTION, Candidates(_ranking(0.9, faq_wine=0.9))).get(ENTITIES)


def test_a_message_without_a_ranking_is_not_understood() -> None:
    message = _processed("", None)
    assert message.get(INTENT) == {"name": "not_understood", "confidence": 1.0}


def test_bands_can_be_set_and_have_defaults() -> None:
    assert AnswerSelector({"bands": {"answer": 0.9}}, None, None)._bands == Bands(answer=0.9)  # type: ignore[arg-type]
    assert AnswerSelector(AnswerSelector.get_default_config(), None, None)._bands == Bands()  # type: ignore[arg-type]


# -- deleting one's data -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "intent"), [("Yes, delete it", "delete_confirmed"), ("yes", "delete_confirmed"), ("no", "delete_refused")]
)
def test_right_after_the_offer_a_plain_word_decides(text: str, intent: str) -> None:
    assert _choose(_ranking(0.9, faq_wine=0.9), text, asked="deletion").intent == intent


@pytest.mark.parametrize("asked", ["", "setting", "dates"])
def test_without_the_offer_no_words_delete(asked: str) -> None:
    for text in ("Yes, delete it", "yes", "delete it"):
        assert _choose(_ranking(0.1, affirm=0.9), text, asked=asked).intent == "affirm"


def test_a_yes_in_other_words_gets_the_offer_once_more() -> None:
    assert _choose(_ranking(0.1, affirm=0.9), "ok then if you like", asked="deletion").intent == "delete_my_data"
    assert _choose(_ranking(0.1, delete_my_data=0.9), "delete my data", asked="deletion").intent == "delete_my_data"


def test_a_no_in_other_words_keeps_it_and_a_question_is_answered() -> None:
    assert _choose(_ranking(0.1, deny=0.9), "rather not i think", asked="deletion").intent == "delete_refused"
    assert _choose(_ranking(0.9, faq_wine=0.9), "can i drink wine", asked="deletion").intent == "faq"
