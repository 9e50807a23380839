"""Everything a fresh machine needs before the companion can run: uv, the locked environment, the sentence encoder.

Runs on the machine's own Python 3 with the standard library alone::

    python3 bot/runtime/setup.py [--dev] [--python 3.12]

Each step is skipped when it is done. A step that fails ends with one sentence that says what to do, and exit code 1.
"""

from __future__ import annotations

import argparse
import hashlib
import html.parser
import http.client
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / ".tools"
UV_RANGE = "uv>=0.8,<1"
PYTHONS = ("3.11", "3.12")
ENCODER = pathlib.Path(os.environ.get("IL2_ENCODER", ROOT / "var" / "encoder"))
INDEX = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"


class SetupError(Exception):
    """A step failed; the text is the one sentence for the person at the terminal."""


def say(text: str) -> None:
    """Progress, at once."""
    print(f"· {text}", flush=True)


def main() -> int:
    """Run the steps."""
    parser = argparse.ArgumentParser(description="Set the companion up.")
    parser.add_argument("--dev", action="store_true", help="also the tools for tests")
    parser.add_argument("--python", default="", help="3.11 or 3.12; the machine's default where it is one of them")
    options = parser.parse_args()
    try:
        python = find_python(options.python)
        uv = find_uv()
        environment = ROOT / (f".venv-{options.python}" if options.python else ".venv")
        sync(uv, python, environment, options.dev)
        build_encoder(uv, python)
    except SetupError as error:
        print(f"Set-up stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Set-up was interrupted; run it again to go on.", file=sys.stderr)
        return 130
    return 0


def version_of(python: str) -> str:
    """``3.11`` for an interpreter, or "" when it does not run."""
    command = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def find_python(wanted: str) -> str:
    """The interpreter to use: the one asked for, else the machine's default, else any that fits."""
    names = [f"python{wanted}"] if wanted else ["python3", *(f"python{v}" for v in PYTHONS)]
    fitting = (wanted,) if wanted else PYTHONS
    for name in names:
        path = shutil.which(name)
        if path and version_of(path) in fitting:
            return path
    raise SetupError(
        f"Python {' or '.join(fitting)} was not found. Install it, for example: apt-get install python3 (Debian 12, "
        "Ubuntu 24.04)."
    )


def find_uv() -> str:
    """Uv from the path or .tools; else it is fetched from PyPI into .tools."""
    for candidate in (shutil.which("uv"), str(TOOLS / "bin" / "uv")):
        if candidate and os.access(candidate, os.X_OK) and _recent(candidate):
            return candidate
    say("getting uv, the package installer")
    TOOLS.mkdir(exist_ok=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "--target", str(TOOLS), "--upgrade", UV_RANGE], capture_output=True, text=True)
    if done.returncode or not (TOOLS / "bin" / "uv").is_file():
        _download_uv()
    return str(TOOLS / "bin" / "uv")


def _recent(uv: str) -> bool:
    found = re.search(r"uv (\d+)\.(\d+)", subprocess.run([uv, "--version"], capture_output=True, text=True).stdout)
    return bool(found) and (int(found[1]), int(found[2])) >= (0, 8)


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if tag == "a" and name == "href" and value]


def _download_uv() -> None:
    """Debian's Python may come without pip: take the wheel from the index by hand and check its hash."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    page = f"{INDEX.rstrip('/')}/uv/"
    try:
        with urllib.request.urlopen(page, timeout=60) as answer:
            links = _Links()
            links.feed(answer.read().decode())
        wheels = []
        for link in links.links:
            found = re.search(rf"/uv-(\d+)\.(\d+)\.(\d+)-py3-none-manylinux\w*_{machine}[^#]*\.whl#sha256=(\w+)", link)
            if found and (0, 8) <= (int(found[1]), int(found[2])) < (1, 0):
                wheels.append((tuple(map(int, found.groups()[:3])), link, found[4]))
        _, link, digest = max(wheels)
        with urllib.request.urlopen(urllib.parse.urljoin(page, link), timeout=300) as answer:
            content = answer.read()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise SetupError(f"uv could not be fetched from {page} ({error}). Is the network up?") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise SetupError("the downloaded uv has a wrong hash; try again.")
    wheel = TOOLS / "uv.whl"
    wheel.write_bytes(content)
    (TOOLS / "bin").mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith("/scripts/uv"))
        (TOOLS / "bin" / "uv").write_bytes(archive.read(name))
    (TOOLS / "bin" / "uv").chmod(0o755)
    wheel.unlink()


def _uv_environment() -> dict[str, str]:
    """This machine's Python and certificates: a hospital's network has an authority that uv's own list lacks."""
    certificates = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"}  # the new and the old name
    variables = {**certificates, **os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    variables.pop("VIRTUAL_ENV", None)
    return variables


def sync(uv: str, python: str, environment: pathlib.Path, dev: bool) -> None:
    """Install exactly what ``uv.lock`` says, compiled, so that the first start is not slow."""
    fresh = not (environment / "pyvenv.cfg").is_file()
    if fresh:
        say(f"installing the locked packages for Python {version_of(python)} (about 700 MB, a minute or two)")
    variables = {**_uv_environment(), "UV_PROJECT_ENVIRONMENT": str(environment)}
    groups = [] if dev else ["--no-dev", "--inexact"]
    command = [uv, "sync", "--frozen", "--python", python, *groups]
    command += ["--compile-bytecode"] if fresh else ["--quiet"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    if done.returncode == 0:
        return
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    reason = next(
        (line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "no reason given"
    )
    if re.search(r"\b(gcc|cc1|g\+\+|clang|compiler)\b", done.stderr):
        raise SetupError("a package has to be compiled and there is no C compiler: apt-get install build-essential.")
    raise SetupError(f"the packages could not be installed ({reason[:300]}).")


def encoder_is_current() -> bool:
    """Whether the encoder's files are there, and are those whose hash ``config.yml`` names."""
    model = ENCODER / "encoder.onnx"
    if not (model.is_file() and (ENCODER / "tokenizer.json").is_file()):
        return False
    named = re.search(r'sha256: "(\w+)"', (ROOT / "config.yml").read_text(encoding="utf-8"))
    return not named or hashlib.sha256(model.read_bytes()).hexdigest().startswith(named[1])


def build_encoder(uv: str, python: str) -> None:
    """Make the sentence encoder's files, once for each version of it."""
    if encoder_is_current():
        return
    say("preparing the sentence encoder (once)")
    (ENCODER / "encoder.onnx").unlink(missing_ok=True)
    variables = {**_uv_environment(), "PYTHONWARNINGS": "ignore"}
    command = [uv, "run", "--quiet", "--frozen", "--python", python, "--script", "bot/encoder/build.py", str(ENCODER)]
    done = subprocess.run(command, cwd=ROOT, env=variables, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise SetupError(f"the sentence encoder could not be made ({lines[-1][:300] if lines else 'no reason given'}).")


if __name__ == "__main__":
    sys.exit(main())
