"""A patient with the website's chat, as the widget behaves (medassist/web/static/widget).

What is typed stays in an outbox until a reply or the history shows that it arrived. When the
stream is lost it comes back with the history first, and sends what the history does not know.
When the bot says that a message was not read, the patient presses "send again".
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from medassist.web.conversation_key import KEY_HEADER, sender_id

SEND_SECONDS = 9.0
"""After this the widget shows the phone lines: nobody answers at the front door (front-door.js)."""

SILENT_SECONDS = 40.0
"""A stream without a sign of life for this long is given up (front-door.js)."""

SHORTEST, LONGEST = 0.5, 15.0
"""Pauses between tries to connect, in seconds (connection.js)."""

AGAIN_SECONDS = 4.0
"""How long a patient takes to press "send again"."""

NOT_TOLD = "could not reach the clinic's staff"


@dataclass
class Said:
    """One thing that a patient wanted to say. Times by the monotonic clock, in seconds."""

    text: str
    emergency: bool
    ids: list[str]
    began: float = field(default_factory=time.monotonic)
    first_word: float | None = None
    """When the first reply or honest word came, of the bot, the front door or the page itself."""
    answered: float | None = None
    words: list[str] = field(default_factory=list)
    """The honest words meanwhile: slow, unreachable, failed, refused, cut off."""
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The replies as the page shows them, in the order they came."""
    heard: set[str] = field(default_factory=set)
    sending: bool = False
    state: str = "unsent"

    @property
    def wait(self) -> float | None:
        """Seconds until the first reply or honest word."""
        return None if self.first_word is None else self.first_word - self.began

    @property
    def card(self) -> bool:
        """Whether an emergency card was shown."""
        return any(r["custom"].get("card") and "call" in r["custom"] for r in self.shown.values())

    @property
    def staff_not_told(self) -> bool:
        """Whether the bot has owned up that staff were not reached."""
        return any(NOT_TOLD in r["text"] for r in self.shown.values())

    def word(self, what: str) -> None:
        """Note an honest word."""
        self.first_word = self.first_word or time.monotonic()
        self.words.append(what)


class Patient:
    """One browser with one conversation."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.key = ""
        self.said: list[Said] = []
        self.reconnected = 0
        self._by_id: dict[str, Said] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()
        self._cut_off = False

    @property
    def sender(self) -> str:
        """The conversation's name in Rasa."""
        return sender_id(self.key)

    @property
    def _headers(self) -> dict[str, str]:
        return {KEY_HEADER: self.key}

    async def begin(self) -> None:
        """Open the chat; the page tries until the front door answers."""
        while not self.key:
            try:
                response = await self._client.post("/chat/conversations", timeout=SEND_SECONDS)
                self.key = response.raise_for_status().json()["key"]
            except (httpx.HTTPError, ValueError, KeyError):
                await asyncio.sleep(1)
        self._start(self._stay_connected())

    async def end(self) -> None:
        """Close the page."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def say(self, text: str, emergency: bool = False) -> Said:
        """Type a message; what comes of it is noted in the result."""
        said = Said(text, emergency, [str(uuid.uuid4())])
        self.said.append(said)
        self._by_id[said.ids[0]] = said
        if self._cut_off:
            said.word("cut off")  # the phone lines are on the page already
        self._start(self._send(said))
        return said

    def _show_cut_off(self, shown: bool) -> None:
        """The page shows the phone lines, for all that is typed and not answered, or hides them."""
        if shown and not self._cut_off:
            for said in self.said:
                if not said.answered and said.first_word is None:
                    said.word("cut off")
        self._cut_off = shown

    async def answer_to(self, said: Said, seconds: float) -> bool:
        """Wait until it is answered and the replies have stopped coming; whether it was."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if said.answered and time.monotonic() - said.answered > 1.5:
                return True
            await asyncio.sleep(0.1)
        return said.answered is not None

    async def history(self) -> list[dict[str, Any]]:
        """What a reload shows. Raises httpx.HTTPError."""
        response = await self._client.get(
            "/chat/history", headers=self._headers, timeout=SEND_SECONDS
        )
        messages: list[dict[str, Any]] = response.raise_for_status().json()["messages"]
        return messages

    # ── sending ──

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, said: Said, after: float = 0.0, even_if_answered: bool = False) -> None:
        """Hand the message to the front door, one after the other, as the page does."""
        if said.sending:
            return
        said.sending = True
        try:
            await asyncio.sleep(after)
            async with self._sending:
                if even_if_answered or not said.answered:
                    await self._hand(said)
        finally:
            said.sending = False
        if said.state == "again":
            self._start(self._send(said, AGAIN_SECONDS))

    async def _hand(self, said: Said) -> None:
        body = {"id": said.ids[-1], "text": said.text}
        try:
            response = await self._client.post(
                "/chat/messages", json=body, headers=self._headers, timeout=SEND_SECONDS
            )
        except httpx.HTTPError:
            self._show_cut_off(True)
            said.state = "unsent"  # it is sent again when the page is back
            return
        self._show_cut_off(False)
        if response.is_success:
            said.state = "sent"
            return
        said.word("refused" if "error" in response.text else "cut off")
        said.state = "again"

    # ── hearing ──

    async def _stay_connected(self) -> None:
        tries = 0
        while True:
            try:
                await self._catch_up()
                async for kind, message in self._events():
                    if kind == "open":
                        tries = 0
                        self._show_cut_off(False)
                    elif kind == "reply":
                        self._show(message)
            except (httpx.HTTPError, ValueError):
                pass
            tries += 1
            self.reconnected += 1
            if tries >= 2:
                self._show_cut_off(True)
            await asyncio.sleep(min(LONGEST, SHORTEST * 2 ** (tries - 1)))

    async def _catch_up(self) -> None:
        try:
            history = await self.history()
        except httpx.HTTPStatusError:
            self._start(self._catch_up_later())  # an honest word; it listens meanwhile
            return
        for message in history:
            if message["who"] == "bot":
                self._show(message)
        arrived = {message["id"] for message in history}
        for said in self.said:
            # One that was answered and is in no record was cut off: it is sent again too.
            if said.state in ("sent", "unsent") and said.ids[-1] not in arrived:
                self._start(self._send(said, even_if_answered=True))

    async def _catch_up_later(self) -> None:
        await asyncio.sleep(5)
        try:
            await self._catch_up()
        except (httpx.HTTPError, ValueError):
            self._start(self._catch_up_later())

    async def _events(self) -> Any:
        timeout = httpx.Timeout(SEND_SECONDS, read=SILENT_SECONDS)
        async with self._client.stream(
            "GET", "/chat/events", headers=self._headers, timeout=timeout
        ) as stream:
            stream.raise_for_status()
            yield "open", {}
            kind = ""
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    yield kind, json.loads(line[6:])

    def _show(self, message: dict[str, Any]) -> None:
        """A reply, as the page shows it: once."""
        custom = message["custom"]
        word = custom.get("front_door")
        about = custom.get("message") if word else message["id"].rpartition(".")[0]
        said = self._by_id.get(str(about))
        if said is None or message["id"] in said.shown:
            return
        if not word:
            said.first_word = said.first_word or time.monotonic()
            said.answered = said.answered or time.monotonic()
            said.shown[message["id"]] = message
            return
        if message["id"] in said.heard:
            return
        said.heard.add(message["id"])
        said.word(str(word))
        if said.answered:
            return
        if word == "unreachable" and about == said.ids[-1]:
            said.state = "again"
            self._start(self._send(said, AGAIN_SECONDS))
        elif word == "failed" and about == said.ids[-1]:
            said.ids.append(str(uuid.uuid4()))  # a failed turn is said anew, under a new id
            self._by_id[said.ids[-1]] = said
            said.state = "again"
            self._start(self._send(said, AGAIN_SECONDS))
