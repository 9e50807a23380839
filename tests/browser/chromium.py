"""The browser of the tests: Debian's Chromium, installed with apt-get where that is allowed.

``python -m tests.browser.chromium`` says where it is, or how to get it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW = (
    "The browser tests need Chromium. Install it with: sudo apt-get install chromium "
    "(or set CHROMIUM to the path of a Chromium or Chrome)."
)


def arguments() -> list[str]:
    """What Chromium needs on its command line: its own sandbox does not run for root."""
    return [] if os.geteuid() else ["--no-sandbox"]


def find() -> str | None:
    """The path of a Chromium, or None."""
    given = os.environ.get("CHROMIUM")
    return shutil.which(given) if given else next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> str | None:
    """Find it, or install it if this user may without being asked for a password."""
    apt = shutil.which("apt-get")
    if find() or not apt or os.environ.get("CHROMIUM"):
        return find()
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    packages = ["chromium", "fonts-dejavu-core"]
    print("· installing Chromium for the browser tests", flush=True)
    for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *packages]):
        try:
            done = subprocess.run([*sudo, apt, *command], env=environment, capture_output=True)
        except FileNotFoundError:  # no sudo
            return None
        if done.returncode and command[0] == "install":
            return None
    return find()


if __name__ == "__main__":
    found = install()
    print(found or HOW, file=sys.stdout if found else sys.stderr)
