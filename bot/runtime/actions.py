"""``python -m bot.runtime.actions PORT``: the action server on the loopback address, with escalation delivery."""

from __future__ import annotations

import logging
import os
import sys

from rasa_sdk.endpoint import create_app

from bot import clinic as clinics
from bot.escalations import start_delivery

HOST = os.environ.get("ACTION_HOST", "127.0.0.1")


def main() -> None:
    """Serve the actions until stopped."""
    logging.basicConfig(level=logging.WARNING)
    try:
        start_delivery(clinics.load())
    except clinics.ClinicError as error:
        sys.exit(str(error))
    app = create_app("actions")
    app.run(host=HOST, port=int(sys.argv[1]), workers=1, access_log=False)


if __name__ == "__main__":
    main()
