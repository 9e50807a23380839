"""Installs Debian's packages where that needs nobody's password."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence


def install(what: str, packages: Sequence[str]) -> None:
    """Install packages with apt-get, as root or with a sudo that asks for nothing; where that cannot be, do nothing.

    Args:
        what: what the person at the terminal reads is being installed.
        packages: their names.
    """
    apt = shutil.which("apt-get")
    if not apt:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print(f"· installing {what}", flush=True)
    for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *packages]):
        try:
            subprocess.run([*sudo, apt, *command], env=environment, capture_output=True)
        except FileNotFoundError:  # no sudo
            return
