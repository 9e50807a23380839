"""The clinic's file and the country's words: a wrong file is refused with a sentence, a right one fills the texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot import clinic as clinics
from bot.clinic import Clinic, ClinicError

Write = Callable[[str], Path]
REAL = Clinic("Clinic", False, "us", "+1 555 0100", ())
DEMO = Clinic("Demo", True, "", "", ())


@pytest.fixture(autouse=True)
def _no_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IL2_PRODUCTION", raising=False)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(text: str) -> Path:
        file = tmp_path / "clinic.yml"
        file.write_text(text, encoding="utf-8")
        return file

    return make


# -- reading ---------------------------------------------------------------------------------------


def test_all_keys_are_read(write: Write) -> None:
    file = write('name: North\ndemo: false\ncountry: UK\nteam_number: "+44 20 7946 0000"\nalerts: [MAIL, PAGER]\n')
    clinic = clinics.load(file)
    assert clinic == Clinic("North", False, "uk", "+44 20 7946 0000", ("MAIL", "PAGER"))
    assert clinic.somebody_is_told


def test_what_is_left_out_has_a_careful_default(write: Write) -> None:
    clinic = clinics.load(write("name: North\n"))
    assert clinic == Clinic("North", False, "", "", ())
    assert not clinic.somebody_is_told


def test_ask_leaves_the_country_open(write: Write) -> None:
    assert clinics.load(write("country: ask\n")).country == ""


def test_the_file_of_the_project_is_usable_and_a_demo() -> None:
    clinic = clinics.load()
    assert clinic.demo
    assert clinic.team_number == ""


@pytest.mark.parametrize("number", ["+1 555 0100", "020 7946 0000", "111", "555.010.0100", "+44 20 7946 0000/1"])
def test_phone_numbers_are_kept_as_they_are_written(write: Write, number: str) -> None:
    assert clinics.load(write(f'team_number: "{number}"\n')).team_number == number


@pytest.mark.parametrize("number", ["(555) 010-0100", "(020) 7946 0000"])
def test_a_phone_number_may_begin_with_a_bracket(write: Write, number: str) -> None:
    assert clinics.load(write(f'team_number: "{number}"\n')).team_number == number


@pytest.mark.parametrize("number", ["02071234567", "+15550100", "0100200", "1_555_0100"])
def test_a_number_without_quotes_never_becomes_another_number(write: Write, number: str) -> None:
    try:
        clinic = clinics.load(write(f"team_number: {number}\n"))
    except ClinicError:
        return
    assert clinic.team_number == number


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must hold keys and values."),
        ("- a\n- list\n", "must hold keys and values."),
        ("just words\n", "must hold keys and values."),
        ("name: [unclosed\n", "is no valid YAML: while parsing"),
        ("name: a\n\tdemo: true\n", "is no valid YAML: while"),
        (
            "phone: '1'\n",
            "unknown key 'phone'; known are alerts, country, demo, general_information_only, name, origins,",
        ),
        ("country: fr\n", "country is 'fr'; write us, uk or ask."),
        ("country: no\n", "country is 'false'; write us, uk or ask."),
        ("team_number: call us\n", "team_number 'call us' is no phone number."),
        ("team_number: '12'\n", "team_number '12' is no phone number."),
        ("team_number: '+1 555 0100 ext <b>'\n", "is no phone number."),
        ("team_number: '{crisis_line}'\n", "is no phone number."),
        (f"team_number: '{'1' * 26}'\n", "is no phone number."),
        ("alerts: MAIL\n", "alerts must be a list of names of environment variables."),
        ("alerts: [1, 2]\n", "alerts must be a list of names of environment variables."),
        ("alerts: {a: b}\n", "alerts must be a list of names of environment variables."),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_one_sentence(write: Write, text: str, reason: str) -> None:
    file = write(text)
    with pytest.raises(ClinicError) as error:
        clinics.load(file)
    assert str(error.value).startswith(str(file))
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClinicError, match=r"clinic\.yml is missing\.$"):
        clinics.load(tmp_path / "clinic.yml")


def test_a_file_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "clinic.yml"
    file.write_bytes("name: Klinik Köln\n".encode("latin-1"))
    with pytest.raises(ClinicError, match=r"clinic\.yml"):
        clinics.load(file)


@pytest.mark.parametrize(
    "text", ["demo: true\nteam_number: '111'\n", "demo: false\n", "demo: false\nteam_number: ''\n"]
)
def test_production_refuses_a_demo_and_a_clinic_without_a_number(
    write: Write, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    file = write(text)
    clinics.load(file)
    monkeypatch.setenv("IL2_PRODUCTION", "1")
    with pytest.raises(ClinicError, match=r"production needs the clinic's own team_number, and `demo: false`\.$"):
        clinics.load(file)


def test_production_takes_a_clinic_with_its_own_number(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IL2_PRODUCTION", "1")
    assert clinics.load(write("demo: false\nteam_number: '111'\n")).team_number == "111"


# -- details and fill ------------------------------------------------------------------------------


@pytest.mark.parametrize(("country", "emergency"), [("us", "911"), ("uk", "999"), ("", "911 (US), 999 (UK) or 112")])
def test_the_numbers_are_those_of_the_country(country: str, emergency: str) -> None:
    assert clinics.details(DEMO, country)["emergency_number"] == emergency


def test_the_clinics_country_counts_until_the_patient_names_one() -> None:
    assert clinics.details(REAL)["emergency_number"] == "911"
    assert clinics.details(REAL, "uk")["emergency_number"] == "999"


def test_an_unknown_country_gets_the_numbers_of_all() -> None:
    assert clinics.details(DEMO, "fr") == clinics.details(DEMO)


def test_every_country_has_every_detail() -> None:
    names = {"emergency_number", "crisis_line", "poison_line", "fallback", "team_number"}
    for country in ("us", "uk", ""):
        details = clinics.details(REAL, country)
        assert set(details) == names
        assert all(details.values())


def test_the_teams_number_is_named_and_a_demo_has_none() -> None:
    assert clinics.details(REAL)["team_number"] == "your team's 24-hour number, +1 555 0100,"
    assert clinics.details(DEMO)["team_number"] == "your team's 24-hour number"


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Call {team_number} now.", "Call your team's 24-hour number, +1 555 0100, now."),
        ("Please call {team_number}.", "Please call your team's 24-hour number, +1 555 0100."),
        ("Is {team_number}? {emergency_number}!", "Is your team's 24-hour number, +1 555 0100? 911!"),
        ("{nothing_known} {slot", "{nothing_known} {slot"),
        ("{} {0} {a.b} {{team}}", "{} {0} {a.b} {{team}}"),
        ("", ""),
    ],
)
def test_placeholders_are_filled_and_other_braces_stay(text: str, filled: str) -> None:
    assert clinics.fill(text, clinics.details(REAL, "us")) == filled


def test_a_filled_value_is_not_filled_again() -> None:
    assert clinics.fill("{a}", {"a": "{b}", "b": "no"}) == "{b}"


# -- spelling --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("american", "british"),
    [
        ("diarrhea", "diarrhoea"),
        ("Diarrhea is common.", "Diarrhoea is common."),
        ("a tumor, or tumors", "a tumour, or tumours"),
        ("Take acetaminophen.", "Take paracetamol."),
        ("high-fiber food", "high-fibre food"),
        ("Go to the emergency room now.", "Go to the A&E now."),
        ("You are in the hospital.", "You are in hospital."),
        ("In the hospital, press the button.", "In hospital, press the button."),
    ],
)
def test_british_patients_read_british_words(american: str, british: str) -> None:
    assert clinics.spell(american, "uk") == british


@pytest.mark.parametrize(
    "text", ["concentrated colorado literature", "Tumorix", "fiberglass", "moment", "antidiarrheal"]
)
def test_only_whole_words_are_swapped(text: str) -> None:
    assert clinics.spell(text, "uk") == text


@pytest.mark.parametrize("country", ["us", "", "fr"])
def test_other_countries_keep_the_american_words(country: str) -> None:
    assert clinics.spell("Diarrhea in the emergency room", country) == "Diarrhea in the emergency room"


def test_swapping_twice_changes_nothing_more() -> None:
    once = clinics.spell("Diarrhea, anemia and a tumor in the hospital center", "uk")
    assert clinics.spell(once, "uk") == once


# -- websites, channels and phone lines ------------------------------------------------------------


def test_websites_and_channels_are_read(write: Write) -> None:
    clinic = clinics.load(write('origins: ["https://a.example.org"]\ngeneral_information_only: [telegram]\n'))
    assert clinic.origins == ("https://a.example.org",)
    assert clinic.general_information_only == ("telegram",)


def test_no_channel_is_fit_for_health_data_unless_the_clinic_says_so(write: Write) -> None:
    assert clinics.load(write("name: North\n")).general_information_only == clinics.MESSAGING
    assert clinics.load(write("general_information_only: []\n")).general_information_only == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("origins: https://a.example.org\n", "origins must be a list"),
        ('origins: ["https://a.example.org/path"]\n', "is no website"),
        ('origins: ["*"]\n', "is no website"),
        ("general_information_only: [fax]\n", "there is no channel 'fax'"),
    ],
)
def test_a_wrong_website_or_channel_is_refused(write: Write, text: str, words: str) -> None:
    with pytest.raises(ClinicError, match=words):
        clinics.load(write(text))


def _dialled(lines: clinics.Lines) -> list[str]:
    return [line["tel"] for line in lines]


def test_the_teams_line_can_be_dialled() -> None:
    line = clinics.team_line(REAL)
    assert line["tel"] == "tel:+15550100"
    assert line["label"].endswith(REAL.team_number)
    assert clinics.team_line(DEMO)["tel"] is None


def test_the_public_lines_go_by_the_country() -> None:
    assert _dialled(clinics.public_lines(DEMO, "uk")) == ["tel:999"]
    assert _dialled(clinics.public_lines(REAL)) == ["tel:911"]
    assert _dialled(clinics.public_lines(DEMO)) == ["tel:911", "tel:999", "tel:112"]


@pytest.mark.parametrize(
    ("level", "more", "expected"),
    [
        ("emergency", {}, ["tel:911", "tel:+15550100"]),
        ("urgent", {}, ["tel:+15550100", "tel:911"]),
        ("urgent", {"country": "uk"}, ["tel:+15550100", "tel:111", "tel:999"]),
        ("soon", {}, ["tel:+15550100"]),
        ("emergency", {"crisis": True}, ["tel:988", "tel:911", "tel:+15550100"]),
        ("emergency", {"setting": "hospital"}, ["tel:+15550100"]),
    ],
)
def test_whom_to_call_about_an_escalation_comes_in_order(level: str, more: dict[str, str], expected: list[str]) -> None:
    assert _dialled(clinics.lines_to_call(REAL, level, **more)) == expected  # type: ignore[arg-type]


def test_the_lines_to_dial_are_the_numbers_of_the_texts() -> None:
    for country in ("us", "uk", ""):
        words = clinics.details(DEMO, country)
        for kind, key in (("emergency", "emergency_number"), ("crisis", "crisis_line")):
            digits = "".join(words[key].split())
            for line in clinics.public_lines(DEMO, country, kind):
                assert line["tel"].removeprefix("tel:") in digits, (country, kind)
