"""A Locust file: people on the clinic's website, through the front door as a browser does it."""

from __future__ import annotations

import http.client
import json
import random
import uuid
from urllib.parse import urlsplit

import gevent
from gevent.event import Event
from locust import FastHttpUser, task

from load.steps import GIVE_UP, Steps, Wait
from load.words import already_thinking, conversation, read_phrases, think
from medassist.settings import ROOT
from medassist.web.conversation_key import KEY_HEADER

__all__ = ["Steps", "Visitor"]
PHRASES = read_phrases(ROOT / "data")
HEARTBEATS = 60.0
"""Seconds without a sign of life after which a stream counts as broken."""


class Visitor(FastHttpUser):
    """One person after the other, each with a conversation of their own."""

    def on_start(self) -> None:
        """Come in the middle of the crowd's pace."""
        self.chance = random.Random()
        gevent.sleep(already_thinking(self.chance))

    @task
    def converse(self) -> None:
        """From opening the page to leaving it."""
        opened = self.client.post("/chat/conversations", name="/chat/conversations")
        if opened.status_code != 201:
            gevent.sleep(think(self.chance))
            return
        key = opened.json()["key"]
        page = Page(self.host or "", key)
        listening = gevent.spawn(page.listen)
        try:
            for text in conversation(PHRASES, self.chance):
                self.say(page, key, text)
                gevent.sleep(think(self.chance))
        finally:
            listening.kill()

    def say(self, page: Page, key: str, text: str) -> None:
        """Send a message, and wait for its first reply."""
        message = str(uuid.uuid4())
        answered = page.expect(message)
        wait = Wait()
        taken = self.client.post(
            "/chat/messages",
            json={"id": message, "text": text},
            headers={KEY_HEADER: key},
            name="/chat/messages",
        )
        if taken.status_code != 202:
            wait.ends(RuntimeError(f"not accepted: {taken.status_code}"))
        elif not answered.wait(GIVE_UP):
            wait.ends(RuntimeError("no reply"))
        elif page.failed:
            wait.ends(RuntimeError("an excuse instead of an answer"))
        else:
            wait.ends()


class Page:
    """The open page: its stream of replies."""

    def __init__(self, host: str, key: str) -> None:
        address = urlsplit(host)
        self._stream = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=HEARTBEATS
        )
        self._key = key
        self._message, self._answered = "", Event()
        self.failed = False

    def expect(self, message: str) -> Event:
        """Set when the first reply to this message comes."""
        self._message, self._answered, self.failed = message, Event(), False
        return self._answered

    def listen(self) -> None:
        """Hear replies until killed; a stream that breaks is opened again, as a page does."""
        while True:
            try:
                self._stream.request("GET", "/chat/events", headers={KEY_HEADER: self._key})
                kind = ""
                for line in self._stream.getresponse():
                    if line.startswith(b"event: "):
                        kind = line[7:].strip().decode()
                    elif line.startswith(b"data: ") and kind == "reply":
                        self._hear(json.loads(line[6:]))
            except (OSError, http.client.HTTPException):
                pass
            finally:  # by the one who reads: another may not close it in the middle
                self._stream.close()
            gevent.sleep(1.0)

    def _hear(self, reply: dict[str, object]) -> None:
        custom = reply.get("custom")
        word = custom.get("front_door") if isinstance(custom, dict) else None
        if word == "slow":  # an honest word meanwhile, not the answer
            return
        if word is not None and isinstance(custom, dict):
            if custom.get("message") == self._message:
                self.failed = True
                self._answered.set()
        elif str(reply["id"]).startswith(f"{self._message}."):
            self._answered.set()
