"""A stand-in for Meta's Send API, from memory of developers.facebook.com/docs/messenger-platform."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

APP_SECRET = "fedcba9876543210fedcba9876543210"
VERIFY_TOKEN = "a-word-that-we-told-meta"
PAGES = {"1029384756": "EAABpageOne", "5647382910": "EAABpageTwo"}

_numbers = itertools.count(1)


def hexadecimal(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass
class Messenger:
    sent: list[dict[str, Any]] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    calls: int = 0
    down: bool = False
    window_closed: bool = False
    wrong: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v19.0/{page}/messages", self.post, methods=["POST"])])

    def refuse(self, status: int, code: int, message: str, detail: int = 0) -> Response:
        if code not in (2, 10):
            self.wrong.append(f"{code} {message}")
        error = {"message": message, "type": "OAuthException", "code": code,
                 "error_subcode": detail, "fbtrace_id": "x"}  # fmt: skip
        return JSONResponse({"error": error}, status)

    async def post(self, request: Request) -> Response:
        self.calls += 1
        if self.down:
            return self.refuse(500, 2, "An unexpected error has occurred")
        page = request.path_params["page"]
        token = PAGES.get(page, "")
        if not token or request.headers.get("authorization") != f"Bearer {token}":
            return self.refuse(400, 190, "Invalid OAuth access token")
        said = await request.json()
        if said.get("appsecret_proof") != hexadecimal(APP_SECRET, token.encode()):
            return self.refuse(400, 100, "Invalid appsecret_proof")
        person = said.get("recipient", {}).get("id")
        if not isinstance(person, str) or not person.isdigit():
            return self.refuse(400, 100, "No matching user found", 2018001)
        if "sender_action" in said:
            if "message" in said or said["sender_action"] != "typing_on":
                return self.refuse(400, 100, "Invalid sender action")
            self.actions.append(said["sender_action"])
            return JSONResponse({"recipient_id": person})
        if said.get("messaging_type") != "RESPONSE":
            return self.refuse(400, 100, "messaging_type is required")
        if self.window_closed:
            return self.refuse(400, 10, "Outside of allowed window", 2018278)
        message = said.get("message") or {}
        if not 0 < len(message.get("text", "")) <= 2000:
            return self.refuse(400, 100, "Length of param message[text] must be 1 to 2000")
        replies = message.get("quick_replies", [])
        if len(replies) > 13:
            return self.refuse(400, 100, "Too many quick replies")
        for reply in replies:
            if reply.get("content_type") != "text" or not 0 < len(reply.get("title", "")) <= 20:
                return self.refuse(400, 100, "Quick reply titles have 1 to 20 characters")
            if not 0 < len(reply.get("payload", "")) <= 1000:
                return self.refuse(400, 100, "Quick reply payloads have 1 to 1000 characters")
        self.sent.append({**said, "page": page})
        return JSONResponse({"recipient_id": person, "message_id": f"m_{next(_numbers)}"})


class Person:
    channel = "messenger"

    def __init__(self, front_door: str, messenger: Messenger, page: str = "1029384756") -> None:
        self.front_door, self.provider, self.page = front_door, messenger, page
        self.id = str(4_000_000_000 + next(_numbers))

    def events(self, **event: Any) -> bytes:
        at = int(time.time() * 1000)
        one = {"sender": {"id": self.id}, "recipient": {"id": self.page}, "timestamp": at, **event}
        entry = {"id": self.page, "time": at, "messaging": [one]}
        return json.dumps({"object": "page", "entry": [entry]}).encode()

    def message(self, **message: Any) -> bytes:
        return self.events(message={"mid": f"m_{next(_numbers)}", **message})

    def post(self, body: bytes, signature: str | None = None) -> httpx.Response:
        given = "sha256=" + hexadecimal(APP_SECRET, body) if signature is None else signature
        head = {"Content-Type": "application/json", "X-Hub-Signature-256": given}
        url = f"{self.front_door}/webhooks/messenger/events"
        return httpx.post(url, content=body, headers=head, timeout=20, trust_env=False)

    def say(self, text: str) -> Any:
        body = self.message(text=text)
        assert self.post(body).status_code == 200
        return body

    def repeat(self, body: Any) -> httpx.Response:
        return self.post(body)

    def send_picture(self) -> None:
        picture = {"type": "image", "payload": {"url": "https://cdn.example/x.jpg"}}
        assert self.post(self.message(attachments=[picture])).status_code == 200

    def forged(self) -> list[httpx.Response]:
        body = self.message(text="forged")
        return [
            self.post(body, ""),
            self.post(body, "sha256=" + hexadecimal("another", body)),
            self.post(body, "sha256=" + hexadecimal(APP_SECRET, body + b" ")),
            self.post(
                body, "sha1=" + hmac.new(APP_SECRET.encode(), body, hashlib.sha1).hexdigest()
            ),
        ]

    def late(self) -> list[httpx.Response]:
        return []  # Meta signs no time; a repeat is known by its mid

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [m for m in self.provider.sent if m["recipient"]["id"] == self.id]

    @property
    def inbox(self) -> list[str]:
        return [m["message"]["text"] for m in self.sent]
