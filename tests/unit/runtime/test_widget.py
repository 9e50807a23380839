from __future__ import annotations

from pathlib import Path

import pytest

from bot.runtime import widget


def fake_node(folder: Path, version: str, status: int = 0) -> None:
    node = folder / "node"
    node.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo {version} && exit 0\necho "$@" >> "{folder}/asked"\nexit {status}\n'
    )
    npm = folder / "npm"
    npm.write_text(f'#!/bin/sh\necho "npm $@" >> "{folder}/asked"\nexit {status}\n')
    node.chmod(0o755)
    npm.chmod(0o755)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "widget"
    (folder / "node_modules").mkdir(parents=True)
    (folder / "node_modules" / ".package-lock.json").touch()
    (folder / "package-lock.json").touch()
    (folder / "node_modules" / ".package-lock.json").touch()
    monkeypatch.setattr(widget, "SOURCES", folder)
    monkeypatch.setattr(widget, "PACKAGES", folder / "node_modules")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.parametrize("version", ["v18.20.1", "nonsense"])
def test_without_a_recent_node_the_built_widget_is_used(
    version: str, sources: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_node(sources, version)
    assert widget.main([]) == 0
    assert "used as built" in capsys.readouterr().out
    assert not (sources / "asked").exists()


def test_with_node_it_is_built_and_with_check_only_compared(sources: Path) -> None:
    fake_node(sources, "v20.1.0")
    assert widget.main([]) == 0
    assert (sources / "asked").read_text().splitlines() == ["build.mjs"]
    assert widget.main(["--check"]) == 0
    assert (sources / "asked").read_text().splitlines()[-1] == "build.mjs --check"


def test_a_stale_widget_fails_the_check(sources: Path) -> None:
    fake_node(sources, "v22.0.0", status=1)
    assert widget.main(["--check"]) == 1


def test_without_a_network_the_built_widget_is_used(sources: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sources / "widget" / "node_modules" / ".package-lock.json").unlink()
    fake_node(sources, "v20.1.0", status=1)
    assert widget.main([]) == 0
    assert "npm could not get" in capsys.readouterr().out
    assert (sources / "asked").read_text().startswith("npm ci --ignore-scripts")
