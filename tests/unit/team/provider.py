"""A small OpenID Connect provider on the loopback address: it keeps to PKCE, and can be told to cheat."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, WORD = "companion", "word-of-the-client"


@dataclass
class Provider:
    """Gives out codes by :meth:`visit` and tokens over HTTP."""

    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    other: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    claims: dict[str, Any] = field(default_factory=dict)
    cheat: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def start(self) -> str:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._say(provider.get(urlsplit(self.path).path))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self._say(provider.token(form, self.headers.get("Authorization", "")))

            def _say(self, found: dict[str, Any] | None) -> None:
                body = json.dumps(found or {"error": "invalid_grant"}).encode()
                self.send_response(200 if found else 400)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing to say."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        return self.issuer

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def get(self, path: str) -> dict[str, Any] | None:
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": "https://other.example" if self.cheat == "issuer" else self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        return {"keys": [self.key.as_dict(private=False)]} if path == "/keys" else None

    def visit(self, address: str) -> dict[str, str]:
        """What a person's browser brings back from the page of the login."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        asked = self.codes.pop(form.get("code", ""), None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        known = authorization == "Basic " + base64.b64encode(f"{CLIENT}:{WORD}".encode()).decode()
        if not asked or not known or proof.rstrip(b"=").decode() != asked["code_challenge"]:
            return None
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "17", "exp": int(time.time()) + 300, **self.claims}
        claims.setdefault("nonce", asked["nonce"])
        key: Any = self.other if self.cheat == "key" else self.key
        algorithm = "RS256"
        if self.cheat == "algorithm":  # the secret that the client shares with the provider signs
            key, algorithm = OctKey.import_key(WORD), "HS256"
        token = jwt.encode({"alg": algorithm, "kid": "1"}, claims, key)
        return {"access_token": "x", "token_type": "Bearer", "id_token": token}
