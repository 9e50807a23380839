"""The browser of the tests: Debian's Chromium, installed with apt-get where that is allowed.

``python -m tests.browser.chromium`` says where it is, or how to get it.
"""

from __future__ import annotations

import os
import shutil
import sys

from bot.runtime import debian

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
    if not (find() or os.environ.get("CHROMIUM")):
        debian.install("Chromium for the browser tests", ["chromium", "fonts-dejavu-core"])
    return find()


if __name__ == "__main__":
    found = install()
    print(found or HOW, file=sys.stdout if found else sys.stderr)
