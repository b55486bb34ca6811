"""Many conversations on the website at once: is anything lost, doubled or out of order, how long.

`make crowd` starts a whole medassist, holds conversations as browsers do (a message by POST, the
replies by server-sent events, the history in the end), and looks at the staff's queue meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from medassist.cases.cases import open_cases
from medassist.staff.accounts import add_account
from medassist.storage.database import open_database
from medassist.web.conversation_key import KEY_HEADER, sender_id
from tests.conftest import Bot, start_bot, stop_bot
from tests.web.console.staff import PASSWORD, StaffMember

QUESTIONS = (
    "what is baclofen used for",
    "I agree",
    "i missed a dose of baclofen",
    "can i have a beer with it",
    "how do i stop taking baclofen",
)
EMERGENCY = "my son took 20 of my baclofen tablets"
EVERY = 20
"""One conversation in so many ends with an emergency."""
PATIENCE = 120.0
"""Seconds a reply may take before it counts as lost."""
QUIET = 3.0
"""Seconds without a further reply after which a turn is over."""


@dataclass
class Outcome:
    """What one conversation went through; times in seconds."""

    first_replies: list[float] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    history_differs: bool = False
    until_in_queue: float | None = None


class Conversation:
    """One browser."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self._client, self.key = client, key
        self.headers = {KEY_HEADER: key}
        self.replies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.heard: list[str] = []

    async def listen(self) -> None:
        """Put each reply into the queue until cancelled."""
        async with self._client.stream("GET", "/chat/events", headers=self.headers) as stream:
            kind = ""
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: ") and kind == "reply":
                    self.replies.put_nowait(json.loads(line[6:]))

    async def say(self, text: str, outcome: Outcome) -> None:
        """Send a message, and take its replies until none comes any more."""
        message_id = str(uuid.uuid4())
        sent = time.perf_counter()
        body = {"id": message_id, "text": text}
        response = await self._client.post("/chat/messages", json=body, headers=self.headers)
        response.raise_for_status()
        wait, number = PATIENCE, 0
        while True:
            try:
                reply = await asyncio.wait_for(self.replies.get(), wait)
            except asyncio.TimeoutError:
                break
            if reply["custom"].get("front_door") == "slow":
                continue  # an honest word meanwhile, not the answer
            if not number:
                outcome.first_replies.append(time.perf_counter() - sent)
            if reply["id"] in self.heard:
                outcome.doubled += 1
            elif reply["id"] != f"{message_id}.{number}":
                outcome.disordered += 1
            self.heard.append(reply["id"])
            number, wait = number + 1, QUIET
        outcome.lost += number == 0

    async def stored(self) -> list[str]:
        """The ids of the replies that a reload would show."""
        response = await self._client.get("/chat/history", headers=self.headers)
        messages = response.raise_for_status().json()["messages"]
        return [m["id"] for m in messages if m["who"] == "bot"]


async def converse(
    number: int, client: httpx.AsyncClient, pause: float, seen: dict[str, float]
) -> Outcome:
    """One patient, from the first message to the reload."""
    outcome, chance = Outcome(), random.Random(number)
    await asyncio.sleep(chance.uniform(0, pause))
    key = (await client.post("/chat/conversations")).raise_for_status().json()["key"]
    conversation = Conversation(client, key)
    listening = asyncio.create_task(conversation.listen())
    for text in QUESTIONS:
        await conversation.say(text, outcome)
        await asyncio.sleep(chance.uniform(0.5 * pause, 1.5 * pause))
    if number % EVERY == 0:
        told = time.perf_counter()
        await conversation.say(EMERGENCY, outcome)
        sender = sender_id(key)
        while sender not in seen and time.perf_counter() - told < PATIENCE:
            await asyncio.sleep(0.1)
        if sender in seen:
            outcome.until_in_queue = seen[sender] - told
    outcome.history_differs = await conversation.stored() != conversation.heard
    listening.cancel()
    return outcome


async def watch_queue(bot: Bot, staff: StaffMember, seen: dict[str, float]) -> None:
    """Note when each emergency stands on the staff's queue page, looked at twice a second."""
    engine = open_database(bot.settings.database_url)
    while True:
        page = (await asyncio.to_thread(staff.get, "/staff")).text
        for case in await asyncio.to_thread(open_cases, engine):
            if case.level == "emergency" and f"/staff/cases/{case.id}" in page:
                seen.setdefault(case.conversation, time.perf_counter())
        await asyncio.sleep(0.5)


async def hold(bot: Bot, staff: StaffMember, how_many: int, pause: float) -> list[Outcome]:
    """All conversations at once."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=how_many)
    url = bot.settings.front_door_url
    seen: dict[str, float] = {}
    async with httpx.AsyncClient(
        base_url=url, timeout=PATIENCE, limits=limits, trust_env=False
    ) as client:
        watching = asyncio.create_task(watch_queue(bot, staff, seen))
        outcomes = await asyncio.gather(
            *(converse(number, client, pause, seen) for number in range(how_many))
        )
        watching.cancel()
    return list(outcomes)


def report(outcomes: list[Outcome], pause: float, took: float) -> dict[str, Any]:
    """The figures."""
    first = np.array([t for outcome in outcomes for t in outcome.first_replies])
    queue = np.array([o.until_in_queue for o in outcomes if o.until_in_queue is not None])
    emergencies = len(range(0, len(outcomes), EVERY))
    return {
        "conversations at once": len(outcomes),
        "messages": len(first),
        "messages a second": round(len(first) / took, 1),
        "pause between messages, seconds": pause,
        "lost": sum(o.lost for o in outcomes),
        "doubled": sum(o.doubled for o in outcomes),
        "out of order": sum(o.disordered for o in outcomes),
        "histories that differ from what was heard": sum(o.history_differs for o in outcomes),
        "first reply, median s": round(float(np.median(first)), 2),
        "first reply, 95th percentile s": round(float(np.percentile(first, 95)), 2),
        "first reply, longest s": round(float(first.max()), 2),
        "emergencies in the queue": f"{len(queue)} of {emergencies}",
        "until in the queue, median s": round(float(np.median(queue)), 2) if len(queue) else None,
        "until in the queue, longest s": round(float(queue.max()), 2) if len(queue) else None,
    }


def main() -> None:
    """Run it, print and keep the figures; exit code 1 when something was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--pause", type=float, default=40.0, help="seconds between messages")
    parser.add_argument("--report", type=Path, default=Path("reports/crowd.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as var:
        bot = start_bot(Path(var), MEDASSIST_NEW_CONVERSATIONS="1000000")
        try:
            engine = open_database(bot.settings.database_url)
            add_account(engine, "nurse", "triage", password=PASSWORD)
            staff = StaffMember(bot.settings.front_door_url)
            staff.sign_in("nurse")
            began = time.perf_counter()
            outcomes = asyncio.run(hold(bot, staff, given.conversations, given.pause))
            figures = report(outcomes, given.pause, time.perf_counter() - began)
        finally:
            stop_bot(bot)
    given.report.parent.mkdir(exist_ok=True)
    given.report.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    for what, figure in figures.items():
        print(f"{what:<45} {figure}")
    faults = ("lost", "doubled", "out of order", "histories that differ from what was heard")
    raise SystemExit(any(figures[fault] for fault in faults))


if __name__ == "__main__":
    main()
