"""A stand-in for Telegram's Bot API, from memory of core.telegram.org/bots/api."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "123456789:AAExampleExampleExampleExampleExampl"
SECRET = "telegram-sends-this-with-each-update"

_numbers = itertools.count(1000)


class Shown(HTMLParser):
    """What Telegram shows of a message in HTML; other tags than its own are an error."""

    TAGS = {"b", "strong", "i", "em", "u", "s", "a", "code", "pre"}

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.open, self.links = "", [], []  # type: ignore[var-annotated]
        self.wrong = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.TAGS:
            self.wrong = f'Unsupported start tag "{tag}"'
        self.open.append(tag)
        if tag == "a":
            self.links.append(dict(attrs).get("href"))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong = f'Unexpected end tag "{tag}"'

    def handle_data(self, data: str) -> None:
        self.text += data


@dataclass
class Telegram:
    sent: list[dict[str, Any]] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    calls: int = 0
    down: bool = False
    slow_down: int = 0
    blocked: bool = False
    wrong: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/bot{token}/{method}", self.call, methods=["POST"])])

    def refuse(self, status: int, description: str, **more: Any) -> Response:
        if status == 400:
            self.wrong.append(description)
        body = {"ok": False, "error_code": status, "description": description, **more}
        return JSONResponse(body, status)

    async def call(self, request: Request) -> Response:
        self.calls += 1
        if self.down:
            return self.refuse(502, "Bad Gateway")
        if request.path_params["token"] != TOKEN:
            return self.refuse(401, "Unauthorized")
        said = await request.json()
        if not isinstance(said.get("chat_id"), int):
            return self.refuse(400, "Bad Request: chat_id is empty")
        if request.path_params["method"] == "sendChatAction":
            self.actions.append(said["action"])
            return JSONResponse({"ok": True, "result": True})
        if request.path_params["method"] != "sendMessage":
            return self.refuse(404, "Not Found")
        if self.slow_down:
            self.slow_down -= 1
            wait = {"retry_after": 1}
            return self.refuse(429, "Too Many Requests: retry after 1", parameters=wait)
        if self.blocked:
            return self.refuse(403, "Forbidden: bot was blocked by the user")
        if said.get("parse_mode") != "HTML":
            return self.refuse(400, "Bad Request: unexpected parse_mode")
        shown = Shown()
        shown.feed(said.get("text") or "")
        shown.close()
        if shown.wrong or shown.open:
            return self.refuse(400, f"Bad Request: can't parse entities: {shown.wrong}")
        if not shown.text.strip():
            return self.refuse(400, "Bad Request: message text is empty")
        if len(shown.text.encode("utf-16-le")) // 2 > 4096:
            return self.refuse(400, "Bad Request: message is too long")
        for row in (said.get("reply_markup") or {}).get("keyboard", []):
            if not all(isinstance(key.get("text"), str) and key["text"] for key in row):
                return self.refuse(400, "Bad Request: keyboard button text must not be empty")
        self.sent.append({**said, "shown": shown.text, "links": shown.links})
        result = {"message_id": next(_numbers), "date": 0, "text": shown.text,
                  "chat": {"id": said["chat_id"], "type": "private"}}  # fmt: skip
        return JSONResponse({"ok": True, "result": result})


class Person:
    channel = "telegram"

    def __init__(self, front_door: str, telegram: Telegram) -> None:
        self.front_door, self.provider = front_door, telegram
        self.id = next(_numbers) * 7919

    def update(
        self, chat: dict[str, Any] | None = None, edited: bool = False, **message: Any
    ) -> Any:
        return {
            "update_id": next(_numbers),
            "edited_message" if edited else "message": {
                "message_id": next(_numbers),
                "from": {"id": self.id, "is_bot": False, "first_name": "Sam"},
                "chat": chat or {"id": self.id, "type": "private", "first_name": "Sam"},
                "date": 1700000000,
                **message,
            },
        }

    def post(self, update: Any, secret: str | None = SECRET) -> httpx.Response:
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret is not None else {}
        url = f"{self.front_door}/webhooks/telegram/updates"
        return httpx.post(url, json=update, headers=headers, timeout=20, trust_env=False)

    def say(self, text: str) -> Any:
        update = self.update(text=text)
        assert self.post(update).status_code == 200
        return update

    def repeat(self, update: Any) -> httpx.Response:
        return self.post(update)

    def send_picture(self) -> None:
        assert self.post(self.update(photo=[{"file_id": "x"}])).status_code == 200

    def forged(self) -> list[httpx.Response]:
        update = self.update(text="forged")
        return [self.post(update, s) for s in (None, "", SECRET[:-1], SECRET + "x", TOKEN)]

    def late(self) -> list[httpx.Response]:
        return []  # Telegram signs no time; a repeat is known by its update_id

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [m for m in self.provider.sent if m["chat_id"] == self.id]

    @property
    def inbox(self) -> list[str]:
        return [m["shown"].replace(" (clinic)\n", " (clinic): ", 1) for m in self.sent]
