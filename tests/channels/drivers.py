"""Each platform as its own servers behave: events in its documented form, signed as it signs them."""

from __future__ import annotations

import abc
import hashlib
import hmac
import itertools
import json
import time
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote_plus, urlencode

from slack_sdk.signature import SignatureVerifier
from twilio.request_validator import RequestValidator

from bot.channels.messenger import MessengerInput
from bot.channels.platform import Platform
from bot.channels.slack import SlackInput
from bot.channels.telegram import TelegramInput
from bot.channels.twilio import TwilioInput
from tests.channels.stub import Answer, Call

PUBLIC = "https://companion.example.org"
_numbers = itertools.count(1000)


@dataclass
class Request:
    """A request to the companion's webhook."""

    body: bytes
    headers: dict[str, str]


@dataclass
class Sent:
    """A message that the companion has sent; ``buttons`` are pairs of title and token."""

    to: str
    text: str
    buttons: list[tuple[str, str]]


class Driver(abc.ABC):
    """One platform."""

    name: ClassVar[str]
    channel: ClassVar[type[Platform]]
    environment: ClassVar[dict[str, str]]
    ok: ClassVar[Answer]
    busy: ClassVar[Answer]
    gone: ClassVar[Answer]
    person = "1001"

    @abc.abstractmethod
    def sign(self, body: bytes) -> Request:
        """A request as the platform signs it."""

    @abc.abstractmethod
    def says(self, text: str, event: str = "", person: str = "") -> bytes:
        """The body of an event: somebody typed a text."""

    @abc.abstractmethod
    def presses(self, token: str, title: str, number: int, event: str = "") -> bytes:
        """The body of an event: somebody chose an option."""

    @abc.abstractmethod
    def picture(self) -> bytes:
        """The body of an event: somebody sent a picture without words."""

    @abc.abstractmethod
    def sent(self, call: Call) -> Sent | None:
        """The message of a call, or None for a call of another kind."""

    @abc.abstractmethod
    def forged(self) -> list[Request]:
        """Requests that somebody else made."""

    def fresh(self) -> str:
        return str(next(_numbers))


class Twilio(Driver):
    name = "twilio"
    channel = TwilioInput
    environment: ClassVar = {
        "TWILIO_ACCOUNT_SID": "AC0123456789abcdef0123456789abcdef",
        "TWILIO_AUTH_TOKEN": "twilio-token",
        "IL2_PUBLIC_URL": PUBLIC,
    }
    ok = (201, {"sid": "SM1", "status": "queued"})
    busy = (429, {"code": 20429, "message": "Too Many Requests", "status": 429})
    gone = (400, {"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400})
    person = "+15005550001"
    own = "+15005550006"
    url = f"{PUBLIC}/webhooks/twilio/webhook"

    def form(self, **fields: str) -> bytes:
        sid = f"SM{self.fresh()}"
        full = {
            "ToCountry": "US", "ToState": "", "SmsMessageSid": sid, "NumMedia": "0", "SmsSid": sid,
            "SmsStatus": "received", "Body": "", "To": self.own, "NumSegments": "1", "MessageSid": sid,
            "AccountSid": self.environment["TWILIO_ACCOUNT_SID"], "From": self.person, "ApiVersion": "2010-04-01",
        }  # fmt: skip
        return urlencode({**full, **fields}).encode()

    def sign(self, body: bytes, url: str = "", token: str = "") -> Request:
        fields = dict(pair.split("=", 1) for pair in body.decode().split("&") if "=" in pair)
        plain = {unquote_plus(key): unquote_plus(value) for key, value in fields.items()}
        validator = RequestValidator(token or self.environment["TWILIO_AUTH_TOKEN"])
        signature = validator.compute_signature(url or self.url, plain)
        return self.unsigned(body, signature)

    def unsigned(self, body: bytes, signature: str | None) -> Request:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request(body, headers | ({"X-Twilio-Signature": signature} if signature is not None else {}))

    def says(self, text: str, event: str = "", person: str = "") -> bytes:
        more = {"MessageSid": event} if event else {}
        return self.form(Body=text, From=person or self.person, **more)

    def presses(self, token: str, title: str, number: int, event: str = "") -> bytes:
        return self.says(str(number), event)

    def picture(self) -> bytes:
        return self.form(NumMedia="1", MediaUrl0="https://api.twilio.com/media/1", MediaContentType0="image/jpeg")

    def sent(self, call: Call) -> Sent | None:
        assert call.path == f"/2010-04-01/Accounts/{self.environment['TWILIO_ACCOUNT_SID']}/Messages.json"
        assert call.headers["Authorization"].startswith("Basic ")
        assert call.body["From"].endswith(self.own)
        lines = call.body["Body"].split("\n")
        rows = [line.split(" ", 1) for line in lines if line[:1].isdigit() and " " in line]
        return Sent(call.body["To"], call.body["Body"], [(title, number) for number, title in rows])

    def forged(self) -> list[Request]:
        body = self.says("hi")
        good = self.sign(body)
        return [
            self.unsigned(body, None),
            self.unsigned(body, ""),
            self.unsigned(body, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            self.sign(body, token="another"),
            self.sign(body, url="https://evil.example/webhooks/twilio/webhook"),
            Request(body.replace(b"Body=hi", b"Body=ho"), good.headers),
            Request(body + b"&More=1", good.headers),
            self.sign(self.form(Body="hi", AccountSid="AC_somebody_else")),
        ]


class WhatsApp(Twilio):
    name = "whatsapp"
    person = "whatsapp:+15005550001"


class _Json(Driver):
    def body(self, value: Any) -> bytes:
        return json.dumps(value).encode()


class Telegram(_Json):
    name = "telegram"
    channel = TelegramInput
    environment: ClassVar = {"TELEGRAM_BOT_TOKEN": "123:abc", "TELEGRAM_SECRET_TOKEN": "telegram-secret"}
    ok = (200, {"ok": True, "result": {"message_id": 7}})
    busy = (429, {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 1}})
    gone = (403, {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"})

    def sign(self, body: bytes) -> Request:
        secret = self.environment["TELEGRAM_SECRET_TOKEN"]
        return Request(body, {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": secret})

    def chat(self, person: str = "") -> dict[str, Any]:
        return {"id": int(person or self.person), "first_name": "Ada", "type": "private"}

    def update(self, event: str = "", **content: Any) -> bytes:
        return self.body({"update_id": int(event or self.fresh()), **content})

    def message(self, person: str = "", **content: Any) -> dict[str, Any]:
        sender = {"id": int(person or self.person), "is_bot": False, "first_name": "Ada", "language_code": "en"}
        return {"message_id": 5, "from": sender, "chat": self.chat(person), "date": 1795000000, **content}

    def says(self, text: str, event: str = "", person: str = "") -> bytes:
        return self.update(event, message=self.message(person, text=text))

    def presses(self, token: str, title: str, number: int, event: str = "") -> bytes:
        assert len(token.encode()) <= 64
        sender = {"id": int(self.person), "is_bot": False, "first_name": "Ada"}
        pressed = {"id": f"cb{self.fresh()}", "from": sender, "message": self.message(text="x"), "data": token}
        return self.update(event, callback_query={**pressed, "chat_instance": "1"})

    def picture(self) -> bytes:
        photo = [{"file_id": "a", "file_unique_id": "b", "width": 90, "height": 51, "file_size": 1253}]
        return self.update(message=self.message(photo=photo))

    def sent(self, call: Call) -> Sent | None:
        assert call.path.startswith(f"/bot{self.environment['TELEGRAM_BOT_TOKEN']}/")
        if call.path.endswith("/answerCallbackQuery"):
            return None
        assert call.path.endswith("/sendMessage")
        assert "parse_mode" not in call.body
        rows = call.body.get("reply_markup", {}).get("inline_keyboard", [])
        buttons = [(button["text"], button["callback_data"]) for row in rows for button in row]
        return Sent(str(call.body["chat_id"]), call.body["text"], buttons)

    def forged(self) -> list[Request]:
        body = self.says("hi")
        kind = {"Content-Type": "application/json"}
        wrong = ("", "telegram-secre", "telegram-secret2", "TELEGRAM-SECRET", "é")
        header = "X-Telegram-Bot-Api-Secret-Token"
        return [Request(body, kind), *(Request(body, {**kind, header: secret}) for secret in wrong)]


class Slack(_Json):
    name = "slack"
    channel = SlackInput
    environment: ClassVar = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "slack-secret"}
    ok = (200, {"ok": True, "ts": "1.2"})
    busy = (429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "1"})
    gone = (200, {"ok": False, "error": "channel_not_found"})
    person = "U1001"

    def sign(self, body: bytes, stamp: int = 0, secret: str = "", form: bool = False) -> Request:
        moment = str(stamp or int(time.time()))
        verifier = SignatureVerifier(secret or self.environment["SLACK_SIGNING_SECRET"])
        signature = verifier.generate_signature(timestamp=moment, body=body)
        kind = "application/x-www-form-urlencoded" if form or body.startswith(b"payload=") else "application/json"
        assert signature is not None
        headers = {"Content-Type": kind, "X-Slack-Request-Timestamp": moment, "X-Slack-Signature": signature}
        return Request(body, headers)

    def event(self, event: str = "", **content: Any) -> bytes:
        number = event or self.fresh()
        inner = {"type": "message", "channel": "D0001", "channel_type": "im", "user": self.person, "team": "T1"}
        inner |= {"ts": f"1795000000.{number}", "event_ts": f"1795000000.{number}", **content}
        outer = {"token": "x", "team_id": "T1", "api_app_id": "A1", "type": "event_callback", "event_id": f"Ev{number}"}
        return self.body({**outer, "event_time": 1795000000, "event": inner})

    def says(self, text: str, event: str = "", person: str = "") -> bytes:
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        user = person or self.person
        return self.event(event, text=escaped, user=user, channel=f"D{user}", client_msg_id="x")

    def presses(self, token: str, title: str, number: int, event: str = "") -> bytes:
        action = {"type": "button", "action_id": f"choice-{number}", "block_id": "b", "value": token}
        action |= {"text": {"type": "plain_text", "text": title}, "action_ts": f"1795000001.{event or self.fresh()}"}
        payload = {
            "type": "block_actions", "user": {"id": self.person, "team_id": "T1"}, "team": {"id": "T1"},
            "channel": {"id": f"D{self.person}", "name": "directmessage"}, "actions": [action], "trigger_id": "1",
            "message": {"type": "message", "ts": "1795000000.1"}, "response_url": "https://hooks.slack.com/x",
        }  # fmt: skip
        return urlencode({"payload": json.dumps(payload)}).encode()

    def picture(self) -> bytes:
        return self.event(text="", subtype="file_share", files=[{"id": "F1", "mimetype": "image/png"}])

    def sent(self, call: Call) -> Sent | None:
        assert call.path == "/api/chat.postMessage"
        assert call.headers["Authorization"] == "Bearer xoxb-1"
        blocks = call.body.get("blocks", [])
        buttons = [b for block in blocks if block["type"] == "actions" for b in block["elements"]]
        return Sent(call.body["channel"], call.body["text"], [(b["text"]["text"], b["value"]) for b in buttons])

    def forged(self) -> list[Request]:
        body = self.says("hi")
        good = self.sign(body)
        stale, early = int(time.time()) - 301, int(time.time()) + 400
        return [
            Request(body, {"Content-Type": "application/json"}),
            Request(body, {**good.headers, "X-Slack-Signature": ""}),
            Request(body, {**good.headers, "X-Slack-Signature": "v0=" + "0" * 64}),
            Request(body, {**good.headers, "X-Slack-Signature": "v0=é"}),
            Request(body, {**good.headers, "X-Slack-Request-Timestamp": "now"}),
            Request(body, {**good.headers, "X-Slack-Request-Timestamp": "9" * 40}),
            Request(body.replace(b"hi", b"ho"), good.headers),
            self.sign(body, secret="another"),
            self.sign(body, stamp=stale),
            self.sign(body, stamp=early),
        ]


class Messenger(_Json):
    name = "messenger"
    channel = MessengerInput
    environment: ClassVar = {
        "MESSENGER_PAGE_TOKEN": "page-token",
        "MESSENGER_APP_SECRET": "app-secret",
        "MESSENGER_VERIFY_TOKEN": "verify-me",
    }
    ok = (200, {"recipient_id": "1001", "message_id": "m_1"})
    busy = (400, {"error": {"message": "Calls to this API have exceeded the rate limit", "code": 613}})
    gone = (400, {"error": {"message": "This person is not available right now", "code": 551}})

    def sign(self, body: bytes, secret: str = "") -> Request:
        key = (secret or self.environment["MESSENGER_APP_SECRET"]).encode()
        signature = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
        return Request(body, {"Content-Type": "application/json", "X-Hub-Signature-256": signature})

    def page(self, *events: dict[str, Any]) -> bytes:
        return self.body({"object": "page", "entry": [{"id": "P1", "time": 1795000000000, "messaging": list(events)}]})

    def one(self, person: str = "", **content: Any) -> dict[str, Any]:
        return {
            "sender": {"id": person or self.person}, "recipient": {"id": "P1"}, "timestamp": 1795000000000, **content
        }  # fmt: skip

    def typed(self, text: str, event: str = "", person: str = "") -> dict[str, Any]:
        return self.one(person, message={"mid": f"m_{event or self.fresh()}", "text": text})

    def says(self, text: str, event: str = "", person: str = "") -> bytes:
        return self.page(self.typed(text, event, person))

    def presses(self, token: str, title: str, number: int, event: str = "") -> bytes:
        said = {"mid": f"m_{event or self.fresh()}", "text": title, "quick_reply": {"payload": token}}
        return self.page(self.one(message=said))

    def picture(self) -> bytes:
        attachment = {"type": "image", "payload": {"url": "https://cdn.example/1.jpg"}}
        return self.page(self.one(message={"mid": f"m_{self.fresh()}", "attachments": [attachment]}))

    def sent(self, call: Call) -> Sent | None:
        assert call.path == "/v26.0/me/messages"
        assert call.headers["Authorization"] == "Bearer page-token"
        assert call.body["messaging_type"] == "RESPONSE"
        said = call.body["message"]
        replies = said.get("quick_replies", [])
        assert len(replies) <= 13
        assert all(len(reply["title"]) <= 20 for reply in replies)
        buttons = [(reply["title"], reply["payload"]) for reply in replies]
        return Sent(call.body["recipient"]["id"], said["text"], buttons)

    def forged(self) -> list[Request]:
        body = self.says("hi")
        good = self.sign(body)
        kind = {"Content-Type": "application/json"}
        key = self.environment["MESSENGER_APP_SECRET"].encode()
        sha1 = "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest()
        digest = good.headers["X-Hub-Signature-256"].removeprefix("sha256=")
        return [
            Request(body, kind),
            Request(body, {**kind, "X-Hub-Signature": sha1}),
            *(
                Request(body, {**kind, "X-Hub-Signature-256": value})
                for value in (
                    "",
                    "sha256=",
                    "sha256",
                    f"md5={digest}",
                    digest,
                    f"sha256={digest[:-1]}",
                    "sha256=é",
                    sha1,
                )
            ),
            Request(body.replace(b"hi", b"ho"), good.headers),
            self.sign(body, secret="another"),
        ]


DRIVERS = {driver.name: driver for driver in (Twilio(), WhatsApp(), Telegram(), Slack(), Messenger())}
