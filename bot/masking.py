"""Takes out what tells who a patient is, before anything that was typed is stored.

Names, dates of birth, phone numbers, e-mail and postal addresses, and numbers such as the NHS number. Triage and the
answers see the text as typed; what is stored is masked. The rules are narrow on purpose: a reading, a dose or a day of
treatment must never be taken for a personal detail, since the next turn is understood in the light of what was stored.
Words and labels are in ``data/privacy``; `make masking` prints how much is found. phonenumbers knows phone numbers,
python-stdnum the check digits of numbers.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bot import clinic as clinics

FOLDER = Path("data/privacy")
MAX_NAME = 4
"""Words of a name."""
LEAST_ID = 5
"""Digits of a number that names a person; "NHS 111" is a phone line."""
PHONE_CUE_NEAR = 50
"""Characters before digits in which a word such as "call" makes them a phone number."""
REGIONS = ("US", "GB")
"""Countries whose phone numbers are known without the prefix."""

_WORD = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*\.?")
_GAP = re.compile(r"[ \t]*[:,]?[ \t]*")
_SPACE = re.compile(r"[ \t]+")


class Span(NamedTuple):
    """Where a personal detail stands, and of which kind it is."""

    start: int
    end: int
    kind: str


@functools.lru_cache(maxsize=256)
def mask(text: str) -> str:
    """The text with a label in the place of each personal detail; a text without any, and a masked one, as they are."""
    labels: dict[str, str] = _data()["labels"]
    masked, at = [], 0
    for span in spans(text):
        masked += [text[at : span.start], labels[span.kind]]
        at = span.end
    return "".join([*masked, text[at:]])


def masked_event(event: dict[str, Any]) -> dict[str, Any]:
    """An event of Rasa's as it is stored: what the patient typed is masked, wherever it stands."""
    if event.get("event") != "user":
        return event
    parsed = event.get("parse_data") or {}
    typed = {"text": mask(event["text"])} if event.get("text") else {}
    repeated = {"parse_data": {**parsed, "text": mask(parsed["text"])}} if parsed.get("text") else {}
    return {**event, **typed, **repeated}


def spans(text: str) -> list[Span]:
    """The personal details of a text, in order; where two overlap they become one, of the kind that begins first."""
    merged: list[Span] = []
    for span in sorted(_found(text), key=lambda one: (one.start, -one.end)):
        if merged and span.start < merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def _found(text: str) -> Iterator[Span]:
    yield from _emails(text)
    yield from _numbers(text)
    yield from _phones(text)
    yield from _births(text)
    yield from _addresses(text)
    yield from _names(text)


# -- data ----------------------------------------------------------------------------------------------------


@functools.cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((FOLDER / "masking.yml").read_text(encoding="utf-8"))
    return data


@functools.cache
def _first_names() -> frozenset[str]:
    lines = (FOLDER / "first_names.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


@functools.cache
def _no_name() -> frozenset[str]:
    from spacy.lang.en.stop_words import STOP_WORDS

    return frozenset(STOP_WORDS) | frozenset(map(str, _data()["no_name"]))


def _any(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first; a blank in one stands for any white space."""
    longest_first = sorted(map(str, words), key=len, reverse=True)
    return "(?:" + "|".join(re.escape(word).replace(r"\ ", r"\s+").replace("'", "['’]") for word in longest_first) + ")"


@functools.cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(_PATTERNS[name](_data()), re.IGNORECASE)


_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_YEAR = r"(?:1[89]|20)\d\d"
_DATE = (
    rf"(?:\d{{1,4}}[/.-]\d{{1,2}}[/.-]\d{{1,4}}|{_DAY}\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?"
    rf"|{_MONTH}\s+{_DAY}(?:,?\s+{_YEAR})?|{_MONTH}\s+{_YEAR}|{_YEAR})"
)
_IS = r"(?:\s+(?:is|was|are|on|in|the)\b)*\s*[:=#-]?\s*"

_PATTERNS: dict[str, Any] = {
    "birth": lambda d: rf"(?<!\w){_any(d['birth_cues'])}{_IS}(?P<it>{_DATE})(?!\d)",
    "id": lambda d: (
        rf"(?<!\w)(?:{_any(d['id_cues'])}|{_any(d['id_cues_with_number'])}\s+(?:number|no|nr|id)\.?|{_any(d['id_cues_with_number'])}\s*\#)"
        rf"{_IS}(?P<it>(?:[a-z]{{1,4}}[ -]?)?\d[a-z\d]*(?:[ -](?=[a-z]*\d)[a-z\d]+)*)"
    ),
    "name_follows": lambda d: rf"(?<![\w'’-])(?:{_any(d['name_follows'])}(?![\w'’])|{_any(d['name_labels'])}\s*:)",
    "name_may_follow": lambda d: rf"(?<![\w'’-]){_any(d['name_may_follow'])}(?![\w'’])",
    "people": lambda d: (
        rf"(?<!\w){_any(d['people'])}(?P<named>['’]?s\s+name\s+is|\s+is\s+called|\s+called|\s+named)?(?![\w'’])"
    ),
    "titles": lambda d: rf"(?<![\w'’]){_any(d['titles'])}\b\.?",
    "phone_cue": lambda d: rf"\b{_any(d['phone_cues'])}\b[^\d+(]{{0,30}}$",
    "address_cue": lambda d: rf"(?<!\w){_any(d['address_cues'])}(?!\w)\s*[:]?\s*",
    "street": lambda d: (
        rf"(?<![\w.,/])\d{{1,5}}[a-z]?,?\s+(?P<name>(?:[^\W\d_][\w'’.-]*\s+){{1,3}}?)"
        rf"(?P<kind>{_any([*d['streets'], *d['streets_with_capitals']])})\b\.?(?:\s+(?:N|S|E|W|NE|NW|SE|SW)\b)?"
        r"(?:,?\s+(?:apt|apartment|flat|unit|suite|\#)\.?\s*\w+)?"
    ),
}


# -- e-mail, numbers, phones ---------------------------------------------------------------------------------

_LOCAL = r"(?<![\w.+-])[\w.+-]{1,64}"
_EMAIL = re.compile(rf"{_LOCAL}@[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
_SPELT_EMAIL = re.compile(
    rf"{_LOCAL}\s+(?:at|\(at\)|\[at\])\s+[\w-]+(?:\s+(?:dot|\(dot\)|\[dot\])\s+[a-z]{{2,}})+", re.IGNORECASE
)


def _emails(text: str) -> Iterator[Span]:
    for pattern in (_EMAIL, _SPELT_EMAIL):
        yield from (Span(*found.span(), "email") for found in pattern.finditer(text))


_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_DIGITS = re.compile(r"(?<![\d.,+])\d(?:[ -]?\d){8,18}(?![\d.])")


def _numbers(text: str) -> Iterator[Span]:
    """Numbers that name a person: after a word that says so, or by their form and check digits."""
    from stdnum import luhn
    from stdnum.gb import nhs

    for found in _pattern("id").finditer(text):
        if sum(map(str.isdigit, found["it"])) >= LEAST_ID:
            yield Span(found.start("it"), found.end("it"), "id")
    for found in _SSN.finditer(text):
        yield Span(*found.span(), "id")
    for found in _DIGITS.finditer(text):
        digits = re.sub(r"\D", "", found[0])
        grouped = re.fullmatch(r"\d{3}[ -]?\d{3}[ -]?\d{4}", found[0])
        card = (
            len(digits) >= 13 and luhn.is_valid(digits) and re.fullmatch(r"\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,7}", found[0])
        )
        if card or (grouped and nhs.is_valid(digits)):
            yield Span(*found.span(), "id")


_PLAIN_PHONE = re.compile(r"\+?\(?\d[\d().-]*(?:[ ][\d().-]+)*")


def _phones(text: str) -> Iterator[Span]:
    """Phone numbers that are valid somewhere, and digits behind a word such as "call"; never the clinic's own lines."""
    from phonenumbers import Leniency, PhoneNumberMatcher, PhoneNumberType, number_type

    if sum(map(str.isdigit, text)) < 7:
        return
    seen: list[range] = []
    for region in REGIONS:
        for match in PhoneNumberMatcher(text, region, leniency=Leniency.VALID, max_tries=20):
            toll_free = number_type(match.number) == PhoneNumberType.TOLL_FREE  # nobody's own
            if not (toll_free or _is_reading(match.raw_string) or _is_public(match.raw_string)):
                yield Span(match.start, match.end, "phone")
            seen.append(range(match.start, match.end))
    for found in _PLAIN_PHONE.finditer(text):
        if any(found.start() in one for one in seen):
            continue
        raw = found[0].rstrip(" .-(")
        if not 7 <= sum(map(str.isdigit, raw)) <= 15 or _is_reading(raw) or _is_public(raw):
            continue
        before = text[max(0, found.start() - PHONE_CUE_NEAR) : found.start()]
        if raw.startswith("+") or _pattern("phone_cue").search(before):
            yield Span(found.start(), found.start() + len(raw), "phone")


def _is_reading(raw: str) -> bool:
    """Decimals, days and ranges such as "101.4 98.6", "24 12 2026" or "2026-12-01 14" are no phone number."""
    return bool(
        re.search(r"(?<!\d)\d{1,3}\.\d{1,2}(?!\d)", raw)
        or re.search(rf"(?<!\d)\d{{1,2}}[ ./-]\d{{1,2}}[ ./-]{_YEAR}(?!\d)|(?<!\d){_YEAR}-\d\d-\d\d(?!\d)", raw)
    )


def _is_public(raw: str) -> bool:
    return re.sub(r"\D", "", raw).lstrip("0") in _public_lines()


@functools.cache
def _public_lines() -> frozenset[str]:
    """The digits of the clinic's number and of public lines: whom to call is no secret."""
    clinic = clinics.current()
    lines = [clinics.team_line(clinic)["tel"] or ""]
    for country in (*clinics.COUNTRIES, "unknown"):
        for kind in ("emergency", "crisis", "fallback"):
            lines += [line["tel"] for line in clinics.public_lines(clinic, country, kind)]
    return frozenset(re.sub(r"\D", "", line).lstrip("0") for line in lines) - {""}


# -- dates of birth, addresses -------------------------------------------------------------------------------


def _births(text: str) -> Iterator[Span]:
    for found in _pattern("birth").finditer(text):
        yield Span(found.start("it"), found.end("it"), "birth")


_UK_POSTCODE = re.compile(r"(?<![\w-])[A-Z]{1,2}\d[A-Z\d]? ?\d[ABD-HJLNP-UW-Z]{2}(?!\w)")
_US_STATE_ZIP = re.compile(r"(?<!\w)[A-Z]{2} \d{5}(?:-\d{4})?(?!\w)")
_PO_BOX = re.compile(r"(?<!\w)p\.?\s?o\.?\s?box\s+\d+", re.IGNORECASE)
_AFTER_CUE = re.compile(
    r"(?:(?:flat|apt|apartment|unit|house|no)\.?\s+)?\d[\w/-]*\b|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b", re.IGNORECASE
)
_TAIL = re.compile(
    r"(?:,\s*(?!how\b|is\b|can\b|what\b|when\b|my\b|phone\b|tel\b|and\b|but\b|i\b)[^\W\d_][\w'’.-]*(?:\s+[A-Z][\w'’.-]*)*|,?\s+[A-Z]{2}\s+\d{5}(?:-\d{4})?"
    r"|,?\s+[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b)*"
)


def _addresses(text: str) -> Iterator[Span]:
    for pattern in (_UK_POSTCODE, _US_STATE_ZIP, _PO_BOX):
        for found in pattern.finditer(text):
            yield Span(found.start(), _TAIL.match(text, found.end()).end(), "address")  # type: ignore[union-attr]
    starts = {}
    for found in _pattern("street").finditer(text):
        between = set(re.findall(r"[\w'’]+", found["name"].lower()))
        capitals = found["name"][:1].isupper() and found["kind"][:1].isupper()
        certain = found["kind"].lower() in _data()["streets"]
        if not between & set(_data()["no_street"]) and (certain or capitals):
            starts[found.start()] = found.end()
    for found in _pattern("address_cue").finditer(text):
        behind = _AFTER_CUE.match(text, found.end())
        if behind is None:
            continue
        if re.search(r"zip|post", found[0], re.IGNORECASE):
            if re.fullmatch(r"\d{5}(?:-\d{4})?|[a-z]{1,2}\d[a-z\d]?\s?\d[a-z]{2}", behind[0], re.IGNORECASE):
                yield Span(behind.start(), behind.end(), "address")
            continue
        place = re.compile(r"[^,.;!?\n]*").match(text, found.end())
        inner = next(((start, end) for start, end in starts.items() if found.end() <= start < found.end() + 20), None)
        if inner:
            starts[found.end()] = inner[1]
        elif place and found[0].strip().lower().startswith(("my address", "address", "home address")):
            starts[found.end()] = place.end()
    for start, end in starts.items():
        yield Span(start, _TAIL.match(text, end).end(), "address")  # type: ignore[union-attr]


# -- names ---------------------------------------------------------------------------------------------------


def _names(text: str) -> Iterator[Span]:
    cased = text != text.upper()
    for found in _pattern("name_follows").finditer(text):
        yield from _name_at(text, _GAP.match(text, found.end()), cased, strict=False)
    for found in _pattern("name_may_follow").finditer(text):
        yield from _name_at(text, _GAP.match(text, found.end()), cased, strict=True)
    for found in _pattern("people").finditer(text):
        yield from _name_at(text, _SPACE.match(text, found.end()), cased, strict=not found["named"])
    for found in _pattern("titles").finditer(text):
        if found[0][:1].isupper() or found[0].lower() not in ("miss", "ms"):
            yield from _name_at(text, _SPACE.match(text, found.end()), cased, strict=False, most=2)
    yield from _signed(text)
    yield from _speaking(text)


def _name_at(text: str, gap: re.Match[str] | None, cased: bool, strict: bool, most: int = MAX_NAME) -> Iterator[Span]:
    """The name that begins behind a gap, if one does.

    Args:
        text: the message.
        gap: what stands between the cue and the name.
        cased: whether capital letters tell anything in this message.
        strict: whether the first word must be a known first name, or one of two in capitals.
        most: words that it may have.
    """
    if gap is None:
        return
    words: list[re.Match[str]] = []
    at = gap.end()
    while len(words) < most and (word := _WORD.match(text, at)):
        said = word[0].rstrip(".").lower()
        title = said in _data()["titles"]
        if not title and (said in _no_name() or said.replace("'", "’").partition("’")[0] in ("i", "it", "that")):
            break
        capital = cased and word[0][:1].isupper()
        before = [one for one in words if one[0].rstrip(".").lower() not in _data()["titles"]]
        if before and not (capital or said in _data()["particles"]):
            # In lower case only what surely goes on: "john smith", not "pete can".
            if before[-1][0][:1].isupper() and cased:
                break
            if len(before) > 1 or said in _common():
                break
        words.append(word)
        space = re.compile(r"[ \t]+|(?<=\.)").match(text, word.end())
        if space is None or (word[0].endswith(".") and len(said) > 3):
            break
        at = space.end()
    while words and words[-1][0].lower() in _data()["particles"]:
        words.pop()
    if not words:
        return
    first = words[0][0].rstrip(".").lower()
    known = first in _first_names() or first.partition("-")[0] in _first_names()
    capitals = cased and sum(word[0][:1].isupper() for word in words) >= 2
    if strict and not known and not (capitals and not any(w[0].lower() in _common() for w in words)):
        return
    yield Span(words[0].start(), words[-1].start() + len(words[-1][0].rstrip(".")), "name")


@functools.cache
def _common() -> frozenset[str]:
    """Words of the bot's own questions and answers: behind a first name in lower case they are no surname."""
    words: set[str] = set()
    for file in sorted(Path("data/nlu").glob("*.yml")):
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                words.update(re.findall(r"[a-z']+", line.lower()))
    return frozenset(words) - _first_names()


_SIGNED = re.compile(
    r"(?:^|[.,!?\n]\s*|\s)(?:thanks|thank you|cheers|love|regards|wishes|sincerely|yours|signed|xx?)[ \t]*[,.\n-]?\s*"
    r"(?P<it>[A-Z][\w'’.-]*(?:\s+[A-Z][\w'’.-]*){0,2})\s*[.!x]*\s*$"
)
_SPEAKING = re.compile(r"(?<![\w'’])(?P<it>[^\W\d_][\w'’-]*(?:\s+[A-Z][\w'’-]*){0,2})\s+(?:here|speaking)\b")


def _signed(text: str) -> Iterator[Span]:
    """A name under the message."""
    for found in _SIGNED.finditer(text):
        if not set(re.findall(r"[\w'’]+", found["it"].lower())) & _no_name():
            yield Span(found.start("it"), found.end("it"), "name")


def _speaking(text: str) -> Iterator[Span]:
    """A name before "here" or "speaking": "Tom Baker here"."""
    for found in _SPEAKING.finditer(text):
        words = re.findall(r"[\w'’-]+", found["it"].lower())
        if words[0] in _first_names():
            yield Span(found.start("it"), found.end("it"), "name")
