"""A message in another language is known by it; English with typing errors and gibberish are not taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.nlu.language import FALLBACK, detect, languages

FEVER = {
    "es": "Tengo fiebre y no puedo respirar",
    "zh": "我发烧了，怎么办？",
    "pl": "Mam gorączkę i nie mogę oddychać",
    "pa": "ਮੈਨੂੰ ਬੁਖਾਰ ਹੈ ਅਤੇ ਸਾਹ ਨਹੀਂ ਆਉਂਦਾ",
    "ur": "مجھے بخار ہے اور سانس نہیں آ رہی",
    "bn": "আমার জ্বর হয়েছে, কী করব?",
    "ar": "عندي حرارة ولا أستطيع التنفس",
    "pt": "Estou com febre e não consigo respirar",
    "fr": "J'ai de la fièvre et je ne peux pas respirer",
    "vi": "Tôi bị sốt và tôi không thở được",
    "ro": "Am febră și nu pot să respir bine",
    "gu": "મને તાવ છે, હું શું કરું?",
}
WINE = {
    "es": "¿Puedo tomar alcohol durante el tratamiento?",
    "zh": "治疗期间可以喝酒吗",
    "pl": "Czy mogę pić alkohol podczas leczenia?",
    "pa": "ਕੀ ਮੈਂ ਸ਼ਰਾਬ ਪੀ ਸਕਦਾ ਹਾਂ",
    "ur": "کیا میں شراب پی سکتا ہوں؟",
    "bn": "আমি কি মদ খেতে পারি?",
    "ar": "هل يمكنني شرب الكحول؟",
    "pt": "Posso beber álcool durante o tratamento?",
    "fr": "Est-ce que je peux boire du vin pendant le traitement ?",
    "vi": "Tôi có thể uống rượu không?",
    "ro": "Pot să beau alcool în timpul tratamentului?",
    "gu": "શું હું દારૂ પી શકું?",
}


def test_there_are_twelve_languages_and_one_for_all_others() -> None:
    assert set(languages()) == {*FEVER, FALLBACK}


@pytest.mark.parametrize("code", FEVER)
def test_a_report_in_each_of_the_languages_is_known(code: str) -> None:
    assert detect(FEVER[code]) == code


@pytest.mark.parametrize("code", WINE)
def test_a_question_in_each_of_the_languages_is_known(code: str) -> None:
    assert detect(WINE[code]) == code


@pytest.mark.parametrize("code", [code for code in FEVER if code not in ("zh", "vi")])
def test_a_report_in_capitals_is_known(code: str) -> None:
    assert detect(FEVER[code].upper()) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("estoy mal y no puedo dormir tengo frio", "es"),
        ("mam goraczke i nie moge oddychac", "pl"),
        ("mujhe bukhar hai kya karoon abhi", "ur"),
        ("mainu bukhar hai tusi dasso", "pa"),
        ("amar jor hocche ami ki korbo", "bn"),
    ],
)
def test_a_language_typed_without_its_own_letters_is_known(text: str, code: str) -> None:
    assert detect(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "Можно ли пить алкоголь?",
        "Μπορώ να πιω αλκοόλ;",
        "האם מותר לי לשתות?",
        "Kann ich während der Behandlung Alkohol trinken?",
    ],
)
def test_a_language_that_is_not_among_the_twelve_is_another_language(text: str) -> None:
    assert detect(text) == FALLBACK


@pytest.mark.parametrize(
    "text",
    [
        "How long is one infusion?",
        "I have a fever",
        "can i drink wine",
        "I hav diarhea and feeel dizy today",
        "can i tak ibuprofin with prolukin",
        "wat r teh side efects plz",
        "ma mum iz nausious",
        "iv been vomitin sinse yestrday",
        "wots the tempriture to ring at",
        "Proleukin interleukin aldesleukin",
        "aldesleukin nivolumab ipilimumab",
        "Dr Nguyen said no, Señor Pérez",
        "my nurse Małgorzata told me to call",
        "no",
        "me",
        "non stop pain",
        "a la carte",
        "Is naïve café food ok?",
        "temperature of 38°C, µg",
        "What does 发烧 mean in my Chinese leaflet please",
    ],
)
def test_english_with_or_without_typing_errors_is_english(text: str) -> None:
    assert detect(text) is None


@pytest.mark.parametrize(
    "text",
    ["", " ", "a", "?!", "38.5", "😀😀", "asdf qwer zxcv hjkl", "qwertyuiop asdfghjkl zxcvbnm", "sdkjfh skdj ksjd kjsd",
     "blah blah bleh bloop", "xkcd lmao rofl brb gtg", "fjdksl ajfkdls", "jjjjjjjj", "hgf jhg kjh lkj", "\x00\x01"],
)  # fmt: skip
def test_gibberish_is_no_language(text: str) -> None:
    assert detect(text) is None


@given(st.text(max_size=60))
def test_no_text_whatever_raises_and_every_code_has_its_sentence(text: str) -> None:
    code = detect(text)
    assert code is None or languages()[code].sentence


@pytest.mark.parametrize("code", [*FEVER, FALLBACK])
def test_each_sentence_has_room_for_both_numbers(code: str) -> None:
    sentence = languages()[code].sentence
    assert "{team_number}" in sentence
    assert "{emergency_number}" in sentence
