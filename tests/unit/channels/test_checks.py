"""What is no request is refused with its reason, and what is no text is cleaned."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.channels.checks import BadRequest, check_message, check_sender, parse_json, plain

INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
SLASHES = "/\\\uff0f"

# -- requests --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [{}, {"sender": "a", "message": "hi"}, {"message": "größer 😀 \u2019"}, {"nested": {"list": [1, None]}}],
)
def test_a_json_object_is_read(value: dict[str, Any]) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "The request is not valid JSON."),
        (b"   ", "The request is not valid JSON."),
        (b"sender=a&message=hi", "The request is not valid JSON."),
        (b'{"sender": "a", "message": "hi"', "The request is not valid JSON."),
        (b'{"sender": "a"} trailing', "The request is not valid JSON."),
        (b"[" * 4000, "The request is not valid JSON."),
        (b"\xef\xbb\xbf{}", "The request is not valid JSON."),
        (b'{"message": "caf\xe9"}', "The request is not UTF-8 text."),
        (b"\xff\xfe{\x00}\x00", "The request is not UTF-8 text."),
        (b'[{"sender": "a"}]', "The request must be a JSON object"),
        (b"null", "The request must be a JSON object"),
        (b'"hello"', "The request must be a JSON object"),
        (b"17", "The request must be a JSON object"),
        (b"NaN", "The request must be a JSON object"),
    ],
)
def test_anything_but_a_json_object_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadRequest) as error:
        parse_json(body)
    assert str(error.value).startswith(reason)
    assert error.value.status == 400


def test_4096_bytes_are_read_and_one_more_is_too_much() -> None:
    longest = b'{"message": "' + b"x" * (4096 - 15) + b'"}'
    assert len(longest) == 4096
    assert len(parse_json(longest)["message"]) == 4096 - 15
    with pytest.raises(BadRequest, match="over 4096 bytes") as error:
        parse_json(longest + b" ")
    assert error.value.status == 413


@given(st.binary(max_size=300))
def test_no_bytes_whatever_do_anything_but_parse_or_be_refused(body: bytes) -> None:
    try:
        status = 200 if isinstance(parse_json(body), dict) else 500
    except BadRequest as error:
        status = error.status
    assert status in (200, 400)


@pytest.mark.parametrize("sender", ["a", "patient-17", "名前", "é" * 128, "with space", "1" * 128])
def test_a_usable_sender_is_kept_as_it_is(sender: str) -> None:
    assert check_sender(sender) == sender


@pytest.mark.parametrize("sender", [None, "", "  ", "\n", 17, 1.5, True, ["a"], {"id": "a"}])
def test_a_missing_sender_is_refused(sender: Any) -> None:
    with pytest.raises(BadRequest, match=r"^sender is missing"):
        check_sender(sender)


def test_a_sender_of_more_than_128_characters_is_refused() -> None:
    with pytest.raises(BadRequest, match="over 128 characters"):
        check_sender("a" * 129)


@pytest.mark.parametrize("character", ["\x00", "\n", "\x1b", "\x7f", "\x85", "\ud800", "\U0010ffff"])
def test_a_sender_with_characters_that_are_no_text_is_refused(character: str) -> None:
    with pytest.raises(BadRequest, match="no text"):
        check_sender(f"a{character}b")


@pytest.mark.parametrize("message", [None, 17, True, ["hi"], {"text": "hi"}])
def test_a_message_that_is_no_string_is_refused(message: Any) -> None:
    with pytest.raises(BadRequest, match=r"^message is missing"):
        check_message(message)


def test_a_message_is_cleaned() -> None:
    assert check_message(" /restart\x00 ") == "restart"


# -- plain -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Is 38.5 a fever?", "Is 38.5 a fever?"),
        ("  two\n\nlines \t", "two\n\nlines"),
        ("one\r\ntwo", "one\ntwo"),
        ("Können wir 1/2 nehmen?", "Können wir 1/2 nehmen?"),
        ("{slot} <b>bold</b> **x**", "{slot} <b>bold</b> **x**"),
        ("👍🏽 ok", "👍🏽 ok"),
        ("a\x00b\x07c", "a b c"),
        ("a\x1b[31mred", "a [31mred"),
        ("bad \ud83d half", "bad   half"),
        ("\udc00\ud800", ""),
        ("", ""),
        (" \n\t ", ""),
        ("\x00\x00", ""),
        ("/restart", "restart"),
        ('/inform{"setting": "home"}', 'inform{"setting": "home"}'),
        ("//restart", "restart"),
        (" / restart", "restart"),
        ("\x00/restart", "restart"),
        ("\n/restart", "restart"),
        ("\\/restart", "restart"),
        ("\uff0frestart", "restart"),
        ("/\uff0f/restart", "restart"),
        ("\u200b/restart", "restart"),
        ("\ufeff/\u2060/restart", "restart"),
        ("/", ""),
        ("  /  ", ""),
        ("\\", ""),
        ("\uff0f", ""),
    ],
)
def test_text_is_kept_and_what_is_no_text_goes(text: str, cleaned: str) -> None:
    assert plain(text) == cleaned


@pytest.mark.parametrize("text", ["//", "///", "/ /", "\\\\", "\uff0f\uff0f", "/\u200b/", "//\n/"])
def test_nothing_but_slashes_is_an_empty_message(text: str) -> None:
    assert plain(text) == ""


def _starts_like_a_command(text: str) -> bool:
    return text.lstrip(INVISIBLE + string.whitespace).startswith(("/", "\uff0f"))


_NASTY = st.text(st.sampled_from(SLASHES + INVISIBLE + " \n\t\x00\ud800\u2028\u00a0ab{}"), max_size=8)


@example("/")
@example("//")
@example("\u200b/\u200b/a")
@given(st.one_of(_NASTY, st.text(), st.builds(str.__add__, _NASTY, st.text())))
def test_no_text_whatever_raises_or_begins_with_a_slash_afterwards(text: str) -> None:
    cleaned = plain(text)
    assert not cleaned.startswith(("/", "\uff0f"))
    assert cleaned == cleaned.strip()
    cleaned.encode("utf-8")


@given(_NASTY)
def test_no_invisible_character_hides_a_slash_at_the_beginning(text: str) -> None:
    assert not _starts_like_a_command(plain(text.replace("\u00ad", "")))


@given(st.one_of(_NASTY, st.text()))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert plain(plain(text)) == plain(text)
