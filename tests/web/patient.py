"""Somebody who uses the front door over HTTP, as the page does."""

from __future__ import annotations

import json
import queue
import socket
import threading
import uuid
from contextlib import suppress
from typing import Any

import httpx

from tests.web.rasa_stand_in import HEADER, SECRET


class Listening:
    """One open stream; what comes in waits in a queue."""

    def __init__(self, url: str, key: str) -> None:
        self._events: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.comments: queue.Queue[str] = queue.Queue()
        self._client = httpx.Client(timeout=httpx.Timeout(30), trust_env=False)
        self._response = self._client.send(
            self._client.build_request(
                "GET", f"{url}/chat/events", headers={"X-Conversation-Key": key}
            ),
            stream=True,
        )
        self.status = self._response.status_code
        self.headers = self._response.headers
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        kind = ""
        try:
            for line in self._response.iter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    self._events.put((kind, json.loads(line[6:])))
                elif line.startswith(":"):
                    self.comments.put(line)
        except (httpx.HTTPError, httpx.StreamError, OSError, RuntimeError, ValueError):
            pass

    def reply(self, within: float = 5) -> dict[str, Any]:
        """The next reply."""
        while True:
            kind, message = self._events.get(timeout=within)
            if kind == "reply":
                return message

    def nothing_more(self, within: float = 0.3) -> bool:
        """Whether no further reply comes."""
        try:
            self.reply(within)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        stream = self._response.extensions["network_stream"]
        with suppress(OSError):
            stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._response.close()
        self._client.close()


class Patient:
    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=15, trust_env=False)
        self.key = str(self.http.post("/chat/conversations").json()["key"])
        self._listening: list[Listening] = []

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Conversation-Key": self.key}

    def say(self, text: Any, id: Any = None) -> httpx.Response:
        body = {"id": id or str(uuid.uuid4()), "text": text}
        return self.http.post("/chat/messages", json=body, headers=self.headers)

    def listen(self) -> Listening:
        listening = Listening(self.url, self.key)
        self._listening.append(listening)
        return listening

    def history(self) -> list[dict[str, Any]]:
        response = self.http.get("/chat/history", headers=self.headers)
        assert response.status_code == 200, response.text
        messages: list[dict[str, Any]] = response.json()["messages"]
        return messages

    def close(self) -> None:
        for listening in self._listening:
            listening.close()
        self.http.close()


def push(url: str, sender: str, reply: Any, secret: str = SECRET) -> httpx.Response:
    """Hand a reply to the front door, as Rasa does."""
    return httpx.post(
        f"{url}/internal/replies",
        json={"conversation": sender, "reply": reply},
        headers={HEADER: secret},
        trust_env=False,
    )
