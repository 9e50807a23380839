"""nginx in front of the workers: where it is, its configuration, and what it says when no worker answers.

``python -m bot.runtime.front FOLDER`` writes the last one, with ``--all`` also the configuration, for the containers.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from bot import clinic as clinics
from bot.runtime import debian

TEMPLATE, ACTIONS_TEMPLATE = Path("deploy/nginx.conf"), Path("deploy/nginx-actions.conf")
HOW = "nginx is missing. Install it with: sudo apt-get install nginx-light (or set NGINX to the path of one)."
DEFAULTS = {
    "IL2_NGINX_LOG": "/dev/stdout",
    "IL2_NGINX_LISTEN": "8080",
    "IL2_NGINX_RATE": "50r/s",
    # Whose X-Forwarded-For is believed: nobody's, until a proxy in front is named, such as 10.0.0.0/8.
    "IL2_NGINX_TRUSTED": "unix:",
    "IL2_NGINX_TLS": "/etc/il2/tls",
    "IL2_ACTIONS_LISTEN": "8055",
}
PLACES = "/usr/sbin:/usr/local/sbin"
FOR_NGINX = 0o644
"""nginx may run as another user than this one, who writes for himself alone; nothing here is secret."""


def find() -> str | None:
    """The path of an nginx, or None."""
    search = f"{os.environ.get('PATH', '')}:{PLACES}"
    return shutil.which(os.environ.get("NGINX", "nginx"), path=search)


def install() -> str | None:
    """Find it, or install Debian's if this user may without being asked for a password."""
    if not (find() or os.environ.get("NGINX")):
        debian.install("nginx", ["nginx-light"])
    return find()


def filled(template: Path, values: Mapping[str, str]) -> str:
    """A template with its ``${IL2_...}`` filled in, as envsubst does; nginx' own ``$names`` stay."""
    return re.sub(r"\$\{(IL2_\w+)\}", lambda match: values[match[1]], template.read_text(encoding="utf-8"))


def servers(ports: list[int]) -> str:
    """The lines of an upstream on this machine."""
    return "\n        ".join(f"server 127.0.0.1:{port} max_fails=1 fail_timeout=5s;" for port in ports)


def unavailable() -> str:
    """What a patient reads when no worker can be reached, in the shape of the website's errors."""
    # Only the process that writes it loads the texts.
    from bot import safety
    from bot.channels.texts import texts

    clinic = clinics.current()
    told = {
        "status": "error",
        "reason": safety.static("utter_technical")[0]["text"],
        "contact": {
            "team": clinics.team_line(clinic),
            "emergency": clinics.public_lines(clinic),
            "note": texts().web["note"],
        },
    }
    return json.dumps(told, ensure_ascii=False)


def write(folder: Path, values: Mapping[str, str]) -> None:
    """Write the configuration into nginx' folder; the action servers' part where ``IL2_ACTION_SERVERS`` names any."""
    (folder / "extra").mkdir(parents=True, exist_ok=True)
    (folder / "extra").chmod(0o755)
    filled_in = {**DEFAULTS, "IL2_NGINX_DIR": str(folder.resolve()), **values}
    if filled_in.get("IL2_ACTION_SERVERS"):
        replace(folder / "extra" / "actions.conf", filled(ACTIONS_TEMPLATE, filled_in), FOR_NGINX)
    replace(folder / "nginx.conf", filled(TEMPLATE, filled_in), FOR_NGINX)


def replace(file: Path, text: str, mode: int | None = None) -> None:
    """Write a file so that no reader sees half of it."""
    draft = file.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    if mode is not None:
        draft.chmod(mode)
    draft.replace(file)


def main() -> int:
    """Write the notice, and with ``--all`` the configuration too, from the environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    replace(options.folder / "unavailable.json", unavailable(), FOR_NGINX)
    if options.all:
        if not os.environ.get("IL2_RASA_SERVERS"):
            sys.exit("Name the workers: IL2_RASA_SERVERS='server rasa-1:5005; server rasa-2:5005;'")
        write(options.folder, {name: value for name, value in os.environ.items() if name.startswith("IL2_")})
    return 0


if __name__ == "__main__":
    sys.exit(main())
