"""``python -m bot.team PORT``: the care team's page on the loopback address, for a proxy in front of it."""

from __future__ import annotations

import logging
import os
import sys

from bot import clinic as clinics
from bot import secret
from bot.team.people import TeamError, door
from bot.team.site import create_app

HOST = os.environ.get("TEAM_HOST", "127.0.0.1")


def main() -> None:
    """Serve the page until stopped."""
    secret.keep_to_this_user()
    logging.basicConfig(level=logging.WARNING)
    try:
        app = create_app(door(), clinics.load())
    except (TeamError, clinics.ClinicError) as error:
        sys.exit(str(error))
    app.run(host=HOST, port=int(sys.argv[1]), workers=1, access_log=False)


if __name__ == "__main__":
    main()
