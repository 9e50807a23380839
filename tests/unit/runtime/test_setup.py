"""Set-up on a fresh machine: the right Python is found, uv is fetched safely, and a failure is one sentence."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot.runtime import setup

Script = Callable[[str, str], Path]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def binaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one folder."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def script(binaries: Path) -> Script:
    """Puts a shell script on the PATH."""

    def make(name: str, body: str) -> Path:
        file = binaries / name
        file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        file.chmod(0o755)
        return file

    return make


# -- Python ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["3.11", "3.12"])
def test_the_default_python_is_used_where_it_fits(script: Script, version: str) -> None:
    default = script("python3", f"echo {version}")
    script("python3.11", "echo 3.11")
    assert setup.find_python("") == str(default)


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.13", "3.1"])
def test_another_python_is_looked_for_where_the_default_does_not_fit(script: Script, version: str) -> None:
    script("python3", f"echo {version}")
    fitting = script("python3.12", "echo 3.12")
    assert setup.find_python("") == str(fitting)


def test_the_python_that_was_asked_for_is_used_and_no_other(script: Script) -> None:
    script("python3", "echo 3.11")
    wanted = script("python3.12", "echo 3.12")
    assert setup.find_python("3.12") == str(wanted)


def test_asking_for_a_python_that_is_not_there_says_so_although_another_would_fit(script: Script) -> None:
    script("python3", "echo 3.11")
    with pytest.raises(setup.SetupError, match=r"^Python 3\.12 was not found\. Install it"):
        setup.find_python("3.12")


def test_an_interpreter_that_lies_about_its_version_in_its_name_is_passed_over(script: Script) -> None:
    script("python3.11", "echo 3.8")
    fitting = script("python3.12", "echo 3.12")
    assert setup.find_python("") == str(fitting)


def test_an_interpreter_that_does_not_run_is_passed_over(script: Script) -> None:
    script("python3", "exit 3")
    fitting = script("python3.11", "echo 3.11")
    assert setup.find_python("") == str(fitting)


@pytest.mark.usefixtures("binaries")
def test_without_any_python_the_sentence_says_what_to_install() -> None:
    with pytest.raises(setup.SetupError) as error:
        setup.find_python("")
    assert str(error.value).startswith(
        "Python 3.11 or 3.12 was not found. Install it, for example: apt-get install python3"
    )
    assert "\n" not in str(error.value)


def test_an_interpreter_that_cannot_be_started_has_no_version(tmp_path: Path) -> None:
    assert setup.version_of(str(tmp_path / "no-such-python")) == ""
    assert setup.version_of(sys.executable) == "{}.{}".format(*sys.version_info)


def test_a_machine_without_a_fitting_python_gets_one_line_and_exit_code_1(script: Script, binaries: Path) -> None:
    script("python3", "echo 3.9")
    done = subprocess.run(
        [sys.executable, str(ROOT / "bot/runtime/setup.py")],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": str(binaries)},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Set-up stopped: Python 3.11 or 3.12 was not found.")
    assert len(done.stderr.splitlines()) == 1


def test_setup_needs_nothing_but_the_standard_library() -> None:
    code = "import runpy; runpy.run_path('bot/runtime/setup.py', run_name='not_main')"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# -- uv --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["uv 0.8.0", "uv 0.11.2 (abc 2026-01-01)", "uv 1.0.0"])
def test_a_recent_uv_on_the_path_is_used(script: Script, version: str) -> None:
    uv = script("uv", f"echo '{version}'")
    assert setup.find_uv() == str(uv)


@pytest.mark.parametrize("answer", ["echo uv 0.7.22", "echo uv 0.4.0", "echo something else", "exit 1"])
def test_an_old_or_broken_uv_is_replaced_by_one_of_our_own(
    script: Script, answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script("uv", answer)
    monkeypatch.setattr(setup, "TOOLS", tmp_path / "tools")
    monkeypatch.setattr(sys, "executable", str(script("python-without-pip", "exit 1")))
    fetched: list[bool] = []
    monkeypatch.setattr(setup, "_download_uv", lambda: fetched.append(True))
    assert setup.find_uv() == str(tmp_path / "tools" / "bin" / "uv")
    assert fetched == [True]


class Index:
    """A package index on the loopback address."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = index.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content) + (100 if self.path in index.cut else 0)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple"

    def page(self, *links: str) -> None:
        anchors = "".join(f'<a data-requires-python="&gt;=3.8" href="{link}">file</a><br/>' for link in links)
        self.files["/simple/uv/"] = f"<!DOCTYPE html><html><body>{anchors}</body></html>".encode()

    def wheel(self, version: str, content: bytes, platform: str = "manylinux_2_17_x86_64.manylinux2014_x86_64") -> str:
        """Offer a wheel whose uv program is ``content``; returns its link with the hash."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("uv/__init__.py", "")
            archive.writestr(f"uv-{version}.data/scripts/uvx", b"not this one")
            archive.writestr(f"uv-{version}.data/scripts/uv", content)
        path = f"/packages/ab/uv-{version}-py3-none-{platform}.whl"
        self.files[path] = file.getvalue()
        return f"../..{path}#sha256={hashlib.sha256(file.getvalue()).hexdigest()}"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    served = Index()
    thread = threading.Thread(target=served.server.serve_forever, args=(0.02,))
    thread.start()
    (tmp_path / "tools").mkdir()
    monkeypatch.setattr(setup, "INDEX", served.url)
    monkeypatch.setattr(setup, "TOOLS", tmp_path / "tools")
    monkeypatch.setattr(setup.platform, "machine", lambda: "x86_64")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


def _fetched() -> Path:
    return setup.TOOLS / "bin" / "uv"


def test_the_newest_fitting_wheel_is_taken_and_its_program_made_executable(index: Index) -> None:
    index.page(
        index.wheel("0.8.4", b"older"),
        index.wheel("0.10.1", b"newest"),
        index.wheel("0.9.30", b"not the newest although it sorts last"),
    )
    setup._download_uv()
    assert _fetched().read_bytes() == b"newest"
    assert os.access(_fetched(), os.X_OK)
    assert [file.name for file in setup.TOOLS.iterdir()] == ["bin"]


def test_wheels_that_are_too_old_too_new_or_for_other_machines_are_left_alone(index: Index) -> None:
    index.page(
        index.wheel("0.7.99", b"too old"),
        index.wheel("1.0.0", b"too new"),
        index.wheel("0.9.9", b"other processor", "manylinux_2_17_aarch64.manylinux2014_aarch64"),
        index.wheel("0.9.8", b"other C library", "musllinux_1_1_x86_64"),
        index.wheel("0.9.7", b"other system", "macosx_11_0_x86_64"),
        "../../packages/cd/uv-0.9.6.tar.gz#sha256=00",
        index.wheel("0.8.1", b"right"),
    )
    setup._download_uv()
    assert _fetched().read_bytes() == b"right"


@pytest.mark.parametrize(("machine", "tag"), [("arm64", "aarch64"), ("aarch64", "aarch64"), ("amd64", "x86_64")])
def test_the_machine_is_found_under_its_other_name(
    index: Index, monkeypatch: pytest.MonkeyPatch, machine: str, tag: str
) -> None:
    monkeypatch.setattr(setup.platform, "machine", lambda: machine)
    other = "x86_64" if tag == "aarch64" else "aarch64"
    index.page(
        index.wheel("0.9.1", b"right", f"manylinux_2_28_{tag}"),
        index.wheel("0.9.2", b"wrong", f"manylinux_2_28_{other}"),
    )
    setup._download_uv()
    assert _fetched().read_bytes() == b"right"


def test_a_wheel_with_another_hash_is_refused_and_not_kept(index: Index) -> None:
    link = index.wheel("0.9.0", b"honest")
    index.page(link)
    path = link.removeprefix("../..").partition("#")[0]
    index.files[path] = index.files[path].replace(b"honest", b"forged")
    with pytest.raises(setup.SetupError, match=r"^the downloaded uv has a wrong hash"):
        setup._download_uv()
    assert list(setup.TOOLS.iterdir()) == []


def test_a_link_without_a_hash_is_not_followed(index: Index) -> None:
    index.page(index.wheel("0.9.0", b"unproven").partition("#")[0])
    with pytest.raises(setup.SetupError, match="uv could not be fetched"):
        setup._download_uv()


@pytest.mark.parametrize("page", ["an empty page", "no page", "no server"])
def test_an_index_that_has_no_uv_gives_one_sentence_with_its_address(index: Index, page: str) -> None:
    if page == "an empty page":
        index.page()
    if page == "no server":
        index.server.socket.close()
    with pytest.raises(setup.SetupError) as error:
        setup._download_uv()
    assert str(error.value).startswith(f"uv could not be fetched from {index.url}/uv/ (")
    assert str(error.value).endswith("Is the network up?")


def test_a_download_that_breaks_off_gives_one_sentence(index: Index) -> None:
    link = index.wheel("0.9.0", b"half of it")
    index.page(link)
    index.cut.add(link.removeprefix("../..").partition("#")[0])
    with pytest.raises(setup.SetupError, match="uv could not be fetched"):
        setup._download_uv()


# -- packages and encoder --------------------------------------------------------------------------


def _sync(uv: Path, folder: Path, dev: bool = False) -> None:
    setup.sync(str(uv), sys.executable, folder / "environment", dev)


def test_packages_come_from_the_lock_file_into_the_given_folder(script: Script, tmp_path: Path) -> None:
    uv = script("uv", f'echo "$UV_PROJECT_ENVIRONMENT $VIRTUAL_ENV $*" > {tmp_path}/called')
    _sync(uv, tmp_path)
    called = (tmp_path / "called").read_text()
    assert called.startswith(f"{tmp_path}/environment  sync --frozen --python {sys.executable}")
    assert "--no-dev" in called
    assert "--compile-bytecode" in called


def test_tools_for_tests_are_installed_when_asked_for(script: Script, tmp_path: Path) -> None:
    uv = script("uv", f'echo "$*" > {tmp_path}/called')
    _sync(uv, tmp_path, dev=True)
    assert "--no-dev" not in (tmp_path / "called").read_text()


@pytest.mark.parametrize(
    ("noise", "sentence"),
    [
        (
            "echo 'Failed to build it' >&2; echo 'error: command gcc failed: No such file' >&2; exit 1",
            "a package has to be compiled and there is no C compiler: apt-get install build-essential.",
        ),
        (
            "echo 'error: Failed to fetch: https://index/thing' >&2; echo '  Caused by: dns' >&2; exit 2",
            "the packages could not be installed (error: Failed to fetch: https://index/thing).",
        ),
        ("exit 2", "the packages could not be installed (no reason given)."),
    ],
)
def test_a_failed_installation_gives_one_sentence(script: Script, tmp_path: Path, noise: str, sentence: str) -> None:
    with pytest.raises(setup.SetupError) as error:
        _sync(script("uv", noise), tmp_path)
    assert str(error.value) == sentence


EMPTY = "e3b0c44298fc"
"""Start of the hash of an empty file."""


@pytest.mark.parametrize(("named", "made"), [(EMPTY, 1), ("0123456789ab", 2)])
def test_the_encoder_is_made_once_for_each_hash_in_the_configuration(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, made: int
) -> None:
    monkeypatch.setattr(setup, "ENCODER", tmp_path)
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    (tmp_path / "config.yml").write_text(f'pipeline:\n- name: encoder\n  sha256: "{named}"\n', encoding="utf-8")
    uv = script("uv", f"echo again >> {tmp_path}/calls; : > {tmp_path}/encoder.onnx; : > {tmp_path}/tokenizer.json")
    setup.build_encoder(str(uv), sys.executable)
    setup.build_encoder(str(uv), sys.executable)
    assert (tmp_path / "calls").read_text() == "again\n" * made


def test_an_encoder_that_cannot_be_made_gives_the_last_line_as_the_reason(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "ENCODER", tmp_path)
    uv = script("uv", "echo 'Traceback ...' >&2; echo 'the weights have a wrong hash' >&2; exit 1")
    with pytest.raises(setup.SetupError) as error:
        setup.build_encoder(str(uv), sys.executable)
    assert str(error.value) == "the sentence encoder could not be made (the weights have a wrong hash)."
