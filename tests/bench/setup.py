"""``python -m tests.bench.setup``: the bench's environment, with Rasa as published on Python 3.10."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from bot.runtime.setup import SetupError, find_uv
from tests.bench.engines import HOME, STOCK_PYTHON

WANTED = "3.10"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def find_python() -> str:
    """An interpreter of Python 3.10: Rasa 3.6.21 and its TensorFlow run on nothing newer.

    Raises:
        SetupError: when there is none.
    """
    found = [*Path.home().glob(f".pyenv/versions/{WANTED}.*/bin/python"), shutil.which(f"python{WANTED}")]
    for candidate in filter(None, found):
        command = [str(candidate), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(command, capture_output=True, text=True).stdout.strip() == WANTED:
            return str(candidate)
    raise SetupError(f"stock Rasa needs Python {WANTED}. Install it, for example: pyenv install {WANTED}")


def main() -> int:
    """Make the environment, once."""
    done = HOME / "installed.txt"
    if done.is_file() and done.read_text(encoding="utf-8") == REQUIREMENTS.read_text(encoding="utf-8"):
        return 0
    try:
        uv, python = find_uv(), find_python()
        print("· installing stock Rasa with TensorFlow for the bench (about 2.5 GB)", flush=True)
        HOME.mkdir(parents=True, exist_ok=True)
        environment = str(STOCK_PYTHON.parent.parent)
        # --no-config: the project's own file says that its Rasa needs no TensorFlow and a newer Python.
        subprocess.run([uv, "venv", "--no-config", "--clear", "--python", python, environment], check=True)
        install = [uv, "pip", "install", "--no-config", "--quiet", "--python", str(STOCK_PYTHON)]
        subprocess.run([*install, "-r", str(REQUIREMENTS)], check=True)
    except (SetupError, subprocess.CalledProcessError) as error:
        print(f"The bench cannot be set up: {error}", file=sys.stderr)
        return 1
    shutil.copy(REQUIREMENTS, done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
