"""A clinic's own system at the other end of the plain webhook (docs/channels/generic.md)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SECRET = "a-long-secret-between-two-systems-0001"


def signed(direction: str, stamp: str, body: bytes, secret: str = SECRET) -> str:
    text = f"{direction}.{stamp}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


@dataclass
class Partner:
    sent: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0
    down: bool = False
    refusing: bool = False
    wrong: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/callback", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        self.calls += 1
        if self.down:
            return Response(status_code=503)
        if self.refusing:
            return Response(status_code=410)
        body = await request.body()
        stamp = request.headers.get("x-medassist-timestamp", "")
        if abs(time.time() - int(stamp)) > 300:
            self.wrong.append("late")
        if request.headers.get("x-medassist-signature") != signed("out", stamp, body):
            self.wrong.append("signature")
            return Response(status_code=401)
        said = json.loads(body)
        if set(said) != {"id", "conversation", "clinic", "text", "buttons", "from", "custom"}:
            self.wrong.append(f"fields {sorted(said)}")
        if request.headers.get("idempotency-key") != said["id"]:
            self.wrong.append("idempotency key")
        self.sent.append(said)
        return JSONResponse({"ok": True})


class Person:
    channel = "generic"

    def __init__(self, front_door: str, partner: Partner, clinic: str | None = None) -> None:
        self.front_door, self.provider = front_door, partner
        self.fields = {"clinic": clinic} if clinic else {}
        self.name = f"patient-{uuid.uuid4().hex[:8]}"

    def body(self, text: str, **fields: Any) -> bytes:
        said = {"id": uuid.uuid4().hex, "conversation": self.name, "text": text}
        said |= {**self.fields, **fields}
        return json.dumps(said).encode()

    def post(self, body: bytes, stamp: str | None = None, path: str = "messages",
             **headers: str) -> httpx.Response:  # fmt: skip
        stamp = stamp or str(int(time.time()))
        head = {
            "Content-Type": "application/json",
            "X-Medassist-Timestamp": stamp,
            "X-Medassist-Signature": signed("in", stamp, body),
            **headers,
        }
        url = f"{self.front_door}/webhooks/generic/{path}"
        return httpx.post(url, content=body, headers=head, timeout=20, trust_env=False)

    def say(self, text: str) -> Any:
        body = self.body(text)
        assert self.post(body).status_code == 202
        return body

    def repeat(self, body: Any) -> httpx.Response:
        return self.post(body)

    def send_picture(self) -> None:
        assert self.post(self.body("", kind="picture")).status_code == 202

    def forged(self) -> list[httpx.Response]:
        body = self.body("forged")
        now = str(int(time.time()))
        other = signed("in", now, body, "another-secret-another-secret-000")
        return [
            self.post(body, **{"X-Medassist-Signature": ""}),
            self.post(body, now, **{"X-Medassist-Signature": other}),
            self.post(body, now, **{"X-Medassist-Signature": signed("out", now, body)}),
            self.post(body, now, **{"X-Medassist-Signature": signed("in", now, b"{}")}),
        ]

    def late(self) -> list[httpx.Response]:
        return [
            self.post(self.body("late"), str(int(time.time()) - 301)),
            self.post(self.body("early"), str(int(time.time()) + 301)),
        ]

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [m for m in self.provider.sent if m["conversation"] == self.name]

    @property
    def inbox(self) -> list[str]:
        return [
            f"{m['from']['name']} (clinic): {m['text']}" if m["from"] else m["text"]
            for m in self.sent
        ]
