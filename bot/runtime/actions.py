"""``python -m bot.runtime.actions PORT``: the action server on the loopback address, with escalation delivery."""

from __future__ import annotations

import hmac
import ipaddress
import os
import sys

from rasa_sdk.endpoint import create_app
from sanic import Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot import clinic as clinics
from bot import framing, logs
from bot.escalations import start_delivery

HOST = os.environ.get("ACTION_HOST", "127.0.0.1")
TOKEN = "ACTION_TOKEN"
"""Environment variable of what the Rasa server shows as a bearer token (``action_endpoint`` in endpoints.yml)."""


def guard(app: Sanic, token: str) -> None:
    """Refuse every call but ``/health`` that does not show the token: rasa-sdk takes calls from anybody."""

    async def check(request: Request) -> HTTPResponse | None:
        shown = request.headers.get("authorization", "").encode("utf-8", "replace")
        if request.path == "/health" or hmac.compare_digest(shown, f"Bearer {token}".encode()):
            return None
        return json({"error": "Not authorised."}, status=401)

    app.register_middleware(check, "request")


def main() -> None:
    """Serve the actions until stopped."""
    logs.guard()
    logs.write()
    token = os.environ.get(TOKEN, "")
    if not token and not ipaddress.ip_address(HOST).is_loopback:
        sys.exit(f"{TOKEN} is not set: without it the action server listens on the loopback address alone.")
    try:
        start_delivery(clinics.load())
    except clinics.ClinicError as error:
        sys.exit(str(error))
    # No other website may call it, and no other program without the token.
    app = create_app("actions", cors_origins="")
    app.add_signal(framing.check_framing, framing.EVENT)
    if token:
        guard(app, token)
    logs.a_patient_is_heard()
    app.run(host=HOST, port=int(sys.argv[1]), workers=1, access_log=False)


if __name__ == "__main__":
    main()
