"""The check of credentials names what is missing and shows no secret."""

from __future__ import annotations

import pytest

from bot.runtime import check_credentials

NAMES = ["IL2_PUBLIC_URL", *(name for channel in check_credentials.CHANNELS for name in channel.variables)]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_all_off_is_fine_and_says_what_would_turn_each_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_credentials.main() == 0
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == len(check_credentials.CHANNELS)
    assert all(name in printed for name in NAMES)


def test_half_a_channel_is_an_error_that_names_the_other_half(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "a-secret-token")
    assert check_credentials.main() == 1
    printed = capsys.readouterr().out
    assert "telegram: NOT READY, TELEGRAM_SECRET_TOKEN is not set." in printed
    assert "a-secret-token" not in printed


def test_a_channel_that_is_set_up_names_its_webhook(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IL2_PUBLIC_URL", "https://chat.example.org/")
    for name in ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"):
        monkeypatch.setenv(name, "a-secret-token")
    assert check_credentials.main() == 0
    printed = capsys.readouterr().out
    assert "slack: ready. Its webhook is https://chat.example.org/webhooks/slack/webhook" in printed
    assert "a-secret-token" not in printed


def test_an_address_without_https_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IL2_PUBLIC_URL", "http://chat.example.org")
    assert check_credentials.main() == 1
