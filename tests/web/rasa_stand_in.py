"""A tiny Rasa: the website connector, the tracker and what staff use, as the real ones behave."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

SECRET = "the-installation's-secret"
HEADER = "X-Medassist-Secret"

SOURCES = [
    {
        "title": "Baclofen: MedlinePlus Drug Information",
        "publisher": "US National Library of Medicine",
        "url": "https://medlineplus.gov/druginfo/meds/a682530.html",
        "checked": "2026-11-21",
    },
    {
        "title": "Baclofen tablets: prescribing information",
        "publisher": "DailyMed",
        "url": "https://dailymed.nlm.nih.gov/dailymed/",
        "checked": "2026-11-20",
    },
    {
        "title": "Baclofen",
        "publisher": "NHS",
        "url": "https://www.nhs.uk/medicines/baclofen/",
        "checked": "2026-11-21",
    },
]

ANSWER: dict[str, Any] = {
    "text": "If you miss a dose of baclofen, take it as soon as you remember.\n"
    "• If it is almost time for your next dose, skip the missed one.\n"
    "• Do not take two doses at once to make up for it.\n"
    "• If you have missed several doses, call your prescriber today before you take more.\n"
    "When to get help: call 911 for a seizure, a high fever, bad confusion or seeing things "
    "that are not there.\n"
    "Sources (checked 21 Nov 2026): DailyMed; NHS; US National Library of Medicine. "
    "Review: checked against its sources; not approved by a clinician.",
    "buttons": [
        {"title": "How do I stop baclofen safely?", "payload": "How do I stop baclofen safely?"},
        {"title": "How much baclofen is usual?", "payload": "How much baclofen is usual?"},
    ],
    "custom": {
        "topic": "missed_dose",
        "medicine": "baclofen",
        "answer_id": "baclofen.missed_dose",
        "version": 1,
        "review": "source-checked",
        "sources": SOURCES,
        "level": "routine",
    },
}

EMERGENCY: dict[str, Any] = {
    "text": "Call 911 now.\n"
    "Then call Poison Help at 1-800-222-1222. They are there day and night.\n"
    "Do this even if the person feels fine. The harm can come later.\n"
    "While you wait:\n"
    "• Stay with the person. Do not leave them alone.\n"
    "• If they breathe but will not wake up, roll them onto their side.\n"
    "• Do not make them throw up. Give no food, no drink and no more medicine.\n"
    "You can keep typing here, but call first.",
    "custom": {
        "card": "overdose",
        "level": "emergency",
        "heading": "Call 911 now",
        "call": "911",
    },
}

STAFF_TOLD: dict[str, Any] = {
    "text": "I have put this on the list of the clinic's staff. Don't wait for them: call now.",
    "custom": {"level": "emergency"},
}

SAFETY_QUESTION: dict[str, Any] = {
    "text": "I want to be sure you are safe. Is anyone having trouble breathing, hard to wake, or "
    "having a seizure right now?\nIf yes, call 911 now.",
    "buttons": [{"title": "Yes", "payload": "Yes"}, {"title": "No", "payload": "No"}],
    "custom": {"card": "safety_question", "level": "urgent"},
}

ERASED = {"erased": True}


def echo(text: str) -> list[dict[str, Any]]:
    return [{"text": f"You said: {text}"}]


TRACKER_EVENTS = sa.Table(
    "events",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sender_id", sa.String(255), nullable=False, index=True),
    sa.Column("type_name", sa.String(255), nullable=False),
    sa.Column("timestamp", sa.Float),
    sa.Column("intent_name", sa.String(255)),
    sa.Column("action_name", sa.String(255)),
    sa.Column("data", sa.Text),
)
"""As Rasa 3.6 makes it."""


class TurnLost(Exception):
    """Ends the answer in the middle."""


@dataclass
class StandInRasa:
    """`script` says what answers a text; without an entry the text is echoed.

    `delay` is how long a turn takes in seconds; `got` what the connector was handed.
    `understand` makes `parse_data` of a text and the conversation's events before it;
    `tracker_database` is where the events go too, as Rasa's SQL tracker store keeps them.
    `act` is what a custom action would do in a turn: it gets the conversation, the text and what was
    understood. `lose_confirmations`: what is appended is taken, and answered with an error all the same.
    """

    front_door: str
    script: dict[str, Any] = field(default_factory=dict)
    delay: float = 0.0
    ready: bool = True
    got: list[dict[str, Any]] = field(default_factory=list)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    slots: dict[str, Any] = field(default_factory=dict)
    failing_turns: set[str] = field(default_factory=set)
    lost_turns: set[str] = field(default_factory=set)
    cut_off: dict[str, int] = field(default_factory=dict)
    """After how many replies the first turn of a text is lost."""
    lost_replies: bool = False
    tasks: set[Any] = field(default_factory=set)
    own_slots: dict[str, dict[str, Any]] = field(default_factory=dict)
    understand: Callable[[str, list[dict[str, Any]]], dict[str, Any]] | None = None
    tracker_database: str | None = None
    lose_confirmations: bool = False
    act: Callable[[str, str, dict[str, Any]], None] | None = None

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/webhooks/website/messages", self.message, methods=["POST"]),
                Route("/conversations/{sender}/tracker", self.tracker),
                Route("/conversations/{sender}/tracker/events", self.append, methods=["POST"]),
                Route("/model/parse", self.parse, methods=["POST"]),
                Route("/status", self.status),
            ]
        )

    async def message(self, request: Request) -> Response:
        if request.headers.get(HEADER) != SECRET:
            return JSONResponse({"error": "forbidden"}, status_code=403)
        body = await request.json()
        self.got.append(body)
        task = asyncio.create_task(self.turn(body))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return StreamingResponse(self.until_over(task), 202, media_type="application/json")

    async def until_over(self, turn: asyncio.Task[None]) -> AsyncIterator[str]:
        """Breaks off when the turn is lost, as it does when the real one is killed."""
        yield " "
        while not turn.done():
            await asyncio.wait({turn}, timeout=0.3)
            yield " "
        await turn

    async def turn(self, body: dict[str, Any]) -> None:
        sender, identity, text = body["conversation"], body["id"], body["text"]
        if text in self.lost_turns:
            self.lost_turns.discard(text)
            raise TurnLost
        if any(event.get("message_id") == identity for event in self.events.get(sender, [])):
            return
        turn: list[dict[str, Any]] = [
            {"event": "action", "name": "action_listen", "timestamp": time.time()},
            {
                "event": "user",
                "text": text,
                "message_id": identity,
                "timestamp": time.time(),
                "input_channel": "website",
                "parse_data": self.understood(text, sender),
            },
        ]
        await asyncio.sleep(self.delay)
        if self.act:
            await asyncio.to_thread(self.act, sender, text, turn[1]["parse_data"])
        replies = self.script.get(text)
        if self.slots_of(sender).get("handover"):
            replies = []
        for number, reply in enumerate(echo(text) if replies is None else replies):
            turn.append(
                {
                    "event": "bot",
                    "text": reply.get("text"),
                    "data": {
                        "elements": None,
                        "buttons": reply.get("buttons"),
                        "attachment": None,
                        "custom": reply.get("custom"),
                    },
                    "metadata": {"utter_action": "utter_something"},
                    "timestamp": time.time(),
                }
            )
            if not self.lost_replies:
                await self.hand_over(sender, {**reply, "id": f"{identity}.{number}"})
            if self.cut_off.get(text) == number + 1:
                del self.cut_off[text]
                raise TurnLost
        if text in self.failing_turns:
            await self.hand_over(sender, {"custom": {"failed": True}, "id": f"{identity}.0"})
            return
        self.store(sender, turn)
        if any((event.get("data") or {}).get("custom") == ERASED for event in turn):
            del self.events[sender]

    def slots_of(self, sender: str) -> dict[str, Any]:
        return {**self.slots, **self.own_slots.get(sender, {})}

    def understood(self, text: str, sender: str = "") -> dict[str, Any]:
        return self.understand(text, self.events.get(sender, [])) if self.understand else {}

    def store(self, sender: str, events: list[dict[str, Any]]) -> None:
        self.events.setdefault(sender, []).extend(events)
        if not self.tracker_database:
            return
        engine = sa.create_engine(self.tracker_database, future=True)
        TRACKER_EVENTS.create(engine, checkfirst=True)
        with engine.begin() as connection:
            for event in events:
                connection.execute(
                    sa.insert(TRACKER_EVENTS).values(
                        sender_id=sender,
                        type_name=event["event"],
                        timestamp=event.get("timestamp") or time.time(),
                        data=json.dumps(event),
                    )
                )
        engine.dispose()

    async def append(self, request: Request) -> Response:
        """All events or none; bot messages go to the person before the events are stored."""
        if request.query_params.get("token") != SECRET:
            return JSONResponse({"reason": "NotAuthenticated"}, status_code=401)
        sender = request.path_params["sender"]
        events = [{"timestamp": time.time(), **event} for event in await request.json()]
        pushes = request.query_params.get("execute_side_effects") == "true"
        for event in events:
            if event["event"] == "slot":
                self.own_slots.setdefault(sender, {})[event["name"]] = event["value"]
            elif pushes and request.query_params.get("output_channel") == "latest":
                data = event.get("data") or {}
                reply = {"text": event.get("text"), "custom": data.get("custom")}
                if not self.lost_replies:
                    await self.hand_over(sender, reply)
        self.store(sender, events)
        if self.lose_confirmations:
            return JSONResponse({"reason": "ConversationError"}, status_code=500)
        return JSONResponse({"sender_id": sender, "slots": self.slots_of(sender)})

    async def parse(self, request: Request) -> Response:
        if request.query_params.get("token") != SECRET:
            return JSONResponse({"reason": "NotAuthenticated"}, status_code=401)
        text = (await request.json())["text"]
        return JSONResponse({"text": text, **self.understood(text)})

    async def hand_over(self, sender: str, reply: dict[str, Any]) -> int:
        async with httpx.AsyncClient(timeout=3, trust_env=False, verify=False) as client:
            try:
                response = await client.post(
                    f"{self.front_door}/internal/replies",
                    json={"conversation": sender, "reply": reply},
                    headers={HEADER: SECRET},
                )
            except httpx.HTTPError:
                return 0
            return response.status_code

    async def tracker(self, request: Request) -> Response:
        if request.query_params.get("token") != SECRET:
            return JSONResponse({"reason": "NotAuthenticated"}, status_code=401)
        assert request.query_params.get("include_events") == "ALL"
        sender = request.path_params["sender"]
        return JSONResponse(
            {
                "sender_id": sender,
                "slots": self.slots_of(sender),
                "events": self.events.get(sender, []),
            }
        )

    async def status(self, request: Request) -> Response:
        if request.query_params.get("token") != SECRET:
            return JSONResponse({"reason": "NotAuthenticated"}, status_code=401)
        return JSONResponse({}, status_code=200 if self.ready else 409)
