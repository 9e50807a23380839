"""The keys of an installation: one for each purpose. The file of the secret is tested with the escalations."""

from __future__ import annotations

import pytest

from bot import secret


def test_each_purpose_has_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IL2_SECRET", "one")
    first = secret.mac("a", "text")
    assert len(first) == 32
    assert secret.mac("a", "text") == first
    assert secret.mac("b", "text") != first
    assert secret.mac("a", "other") != first
    monkeypatch.setenv("IL2_SECRET", "two")
    assert secret.mac("a", "text") != first


def test_a_text_with_a_lone_surrogate_has_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IL2_SECRET", "one")
    assert len(secret.mac("a", "\ud800")) == 32
