"""A stand-in for Slack's Web API, from memory of api.slack.com; requests are signed by slack_sdk."""

from __future__ import annotations

import itertools
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "xoxb-1234567890-0987654321-abcdefghijklmnop"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TEAM, BOT_USER = "T0TEAM", "U0BOT"

_numbers = itertools.count(1)


@dataclass
class Slack:
    sent: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0
    down: bool = False
    gone: bool = False
    wrong: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/api/chat.postMessage", self.post, methods=["POST"])])

    def refuse(self, error: str) -> Response:
        if error != "channel_not_found":
            self.wrong.append(error)
        return JSONResponse({"ok": False, "error": error})

    async def post(self, request: Request) -> Response:
        self.calls += 1
        if self.down:
            return Response("<html>Service Unavailable</html>", 503, media_type="text/html")
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.refuse("invalid_auth")
        if request.headers["content-type"].startswith("application/json"):
            said = await request.json()
        else:
            said = dict(await request.form())
            if "blocks" in said:
                said["blocks"] = json.loads(said["blocks"])
        if self.gone or not re.fullmatch(r"[CDG][A-Z0-9]+", said.get("channel", "")):
            return self.refuse("channel_not_found")
        problem = problem_of(said)
        if problem:
            return self.refuse(problem)
        self.sent.append(said)
        at = f"{int(time.time())}.{next(_numbers):06d}"
        return JSONResponse({"ok": True, "channel": said["channel"], "ts": at, "message": {}})


def problem_of(said: dict[str, Any]) -> str:
    if not said.get("text"):
        return "no_text"
    if re.search(r"&(?!amp;|lt;|gt;)|<|>", said["text"]):
        return "text_not_escaped"
    for block in said.get("blocks", []):
        if block["type"] == "section":
            text = block["text"]
            if text["type"] != "plain_text" or not 0 < len(text["text"]) <= 3000:
                return "invalid_blocks"
        elif block["type"] == "actions":
            if not 0 < len(block["elements"]) <= 25:
                return "invalid_blocks"
            if len({e["action_id"] for e in block["elements"]}) != len(block["elements"]):
                return "invalid_blocks"
            for element in block["elements"]:
                if len(element["text"]["text"]) > 75 or len(element["value"]) > 2000:
                    return "invalid_blocks"
        elif block["type"] == "context":
            for element in block["elements"]:
                outside = re.sub(r"<https?://[^|<>]+\|[^<>|]+>", "", element["text"])
                if re.search(r"[<>]", outside) or len(element["text"]) > 3000:
                    return "invalid_blocks"
        else:
            return "invalid_blocks"
    return ""


class Person:
    channel = "slack"

    def __init__(self, front_door: str, slack: Slack) -> None:
        self.front_door, self.provider = front_door, slack
        self.user, self.room = f"U{next(_numbers):04d}", f"D{next(_numbers):04d}"

    def event(self, text: str, **fields: Any) -> dict[str, Any]:
        at = f"{int(time.time())}.{next(_numbers):06d}"
        event = {"type": "message", "channel": self.room, "channel_type": "im", "user": self.user,
                 "text": text, "ts": at, "event_ts": at, **fields}  # fmt: skip
        return {
            "token": "x", "team_id": TEAM, "api_app_id": "A1", "type": "event_callback",
            "event_id": f"Ev{next(_numbers)}", "event_time": int(time.time()), "event": event,
            "authorizations": [{"team_id": TEAM, "user_id": BOT_USER, "is_bot": True}],
        }  # fmt: skip

    def post(self, body: str, path: str = "events", stamp: int | None = None,
             secret: str = SIGNING_SECRET, kind: str = "application/json",
             **headers: str) -> httpx.Response:  # fmt: skip
        at = str(stamp if stamp is not None else int(time.time()))
        signature = SignatureVerifier(secret).generate_signature(timestamp=at, body=body)
        head = {"Content-Type": kind, "X-Slack-Request-Timestamp": at,
                "X-Slack-Signature": signature or "", **headers}  # fmt: skip
        url = f"{self.front_door}/webhooks/slack/{path}"
        return httpx.post(url, content=body, headers=head, timeout=20, trust_env=False)

    def say(self, text: str) -> Any:
        body = json.dumps(self.event(text))
        assert self.post(body).status_code == 200
        return body

    def repeat(self, body: Any) -> httpx.Response:
        return self.post(body, **{"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"})

    def press(self, sent: dict[str, Any], number: int) -> None:
        """A click on a button of a message that came."""
        actions = next(b for b in sent["blocks"] if b["type"] == "actions")
        payload = {
            "type": "block_actions", "team": {"id": TEAM}, "user": {"id": self.user},
            "channel": {"id": sent["channel"]}, "message": {"ts": "1.1", "thread_ts": sent.get("thread_ts")},
            "actions": [{**actions["elements"][number], "action_ts": f"{next(_numbers)}.0"}],
        }  # fmt: skip
        body = urlencode({"payload": json.dumps(payload)})
        kind = "application/x-www-form-urlencoded"
        assert self.post(body, "interactions", kind=kind).status_code == 200

    def send_picture(self) -> None:
        files = [{"id": "F1", "mimetype": "image/png"}]
        event = self.event("", subtype="file_share", files=files)
        assert self.post(json.dumps(event)).status_code == 200

    def forged(self) -> list[httpx.Response]:
        body = json.dumps(self.event("forged"))
        return [
            self.post(body, secret="another-signing-secret"),
            self.post(body, **{"X-Slack-Signature": ""}),
            self.post(body, **{"X-Slack-Request-Timestamp": ""}),
            self.post(body, **{"X-Slack-Request-Timestamp": "now"}),
            self.post("payload=%7B%7D", "interactions", secret="another-signing-secret"),
        ]

    def late(self) -> list[httpx.Response]:
        body = json.dumps(self.event("late"))
        return [self.post(body, stamp=int(time.time()) - 301)]

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [m for m in self.provider.sent if m["channel"] == self.room]

    @property
    def inbox(self) -> list[str]:
        return [
            "".join(b["text"]["text"] for b in m["blocks"] if b["type"] == "section")
            for m in self.sent
        ]
