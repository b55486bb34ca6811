"""Sends any text by any channel, as its provider would, and says what came of it."""

from __future__ import annotations

import json
import os
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from medassist.storage.database import open_database
from tests.channels.providers import telegram
from tests.conftest import POSTGRES

COUNT = int(os.environ.get("MEDASSIST_HOSTILE") or 420)
"""How many hostile messages; `make hostile` sends 10,000."""

EVERY = ("website", "sms", "whatsapp", "telegram", "slack", "messenger", "generic")

REFUSED = {400, 413}
"""What an honest refusal of a message looks like."""


def whole(text: str) -> str:
    """The text as UTF-8 can carry it; a form has no halves of characters."""
    return text.encode("utf-8", "replace").decode()


def post_json(person: Any, body: Any) -> httpx.Response:
    """A JSON body to a messaging channel, signed as its provider does, whatever it holds."""
    raw = json.dumps(body)
    if person.channel == "telegram":
        return httpx.post(
            f"{person.front_door}/webhooks/telegram/updates",
            content=raw,
            headers={"X-Telegram-Bot-Api-Secret-Token": telegram.SECRET},
        )
    answer: httpx.Response = person.post(raw if person.channel == "slack" else raw.encode())
    return answer


def body_of(person: Any, text: str) -> Any:
    """A message as its provider's JSON."""
    makers: dict[str, Callable[[], Any]] = {
        "telegram": lambda: person.update(text=text),
        "slack": lambda: person.event(text),
        "messenger": lambda: json.loads(person.message(text=text)),
        "generic": lambda: json.loads(person.body(text)),
    }
    return makers[person.channel]()


def send(person: Any, text: str) -> httpx.Response:
    """One message by a messaging channel."""
    if person.channel in ("sms", "whatsapp"):
        answer: httpx.Response = person.post(person.form(whole(text)))
        return answer
    return post_json(person, body_of(person, text))


class Visitor:
    """Somebody on the website who begins anew before they are too fast."""

    channel = "website"

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[str] = []
        self._said = 20

    def say(self, text: str) -> tuple[str, httpx.Response]:
        """One message; its id, and the answer to it."""
        if self._said >= 18:
            self.keys.append(secrets.token_urlsafe(32))
            self._said = 0
        self._said += 1
        id = uuid.uuid4().hex
        content = json.dumps({"id": id, "text": text})
        headers = {"X-Conversation-Key": self.keys[-1], "Content-Type": "application/json"}
        return id, httpx.post(f"{self.url}/chat/messages", content=content, headers=headers)

    def answered(self, client: httpx.Client) -> set[str]:
        """The ids of all messages that have a reply with words."""
        ids = set()
        for key in self.keys:
            headers = {"X-Conversation-Key": key}
            answer = client.get(f"{self.url}/chat/history", headers=headers).raise_for_status()
            ids |= {
                said["id"].partition(".")[0]
                for said in answer.json()["messages"]
                if said["who"] == "bot" and said["text"]
            }
        return ids


@contextmanager
def a_database() -> Iterator[dict[str, str]]:
    """Settings for a PostgreSQL schema of its own, which is stricter; none where there is none."""
    admin = open_database(POSTGRES)
    schema = f"hostile_{secrets.token_hex(4)}"
    try:
        with admin.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    except OperationalError:
        admin.dispose()
        if os.environ.get("CI") == "true":
            raise
        yield {}
        return
    url = f"{POSTGRES}?options=-csearch_path%3D{schema}"
    yield {"MEDASSIST_DATABASE_URL": url, "MEDASSIST_TRACKER_DATABASE_URL": url}
    with admin.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()
