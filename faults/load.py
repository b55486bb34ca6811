"""The patients who write while a part is struck, and how what became of it is gathered."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from faults.machine import Machine
from faults.patient import Patient
from medassist.storage.database import open_database
from medassist.storage.tables import case_events, cases, notifications
from tests.cases.receivers import Received

OPENING = ("what is baclofen used for", "I agree")
QUESTIONS = (
    "i missed a dose of baclofen",
    "can i have a beer with it",
    "how do i stop taking baclofen",
    "can i crush my baclofen tablets",
    "are you a robot",
    "how much baclofen is usual",
)
EMERGENCY = "my son took 20 of my baclofen tablets"
PATIENCE = 150.0
"""Seconds after which a message without an answer counts as lost; slowness is no loss."""
SETTLE = 120.0
"""Seconds that the alerts may take after the last message."""


@dataclass
class Plan:
    """How many patients, what each says, and how fast (seconds between messages, on average)."""

    patients: int = 12
    after: int = 4
    """Questions of each patient from the moment that the fault begins."""
    pause: float = 2.5
    every: int = 3
    """Each n-th patient has an emergency in the moment of the fault, another one a while later."""


@dataclass
class Findings:
    """All that can be known afterwards: of the pages, the databases and the receiver."""

    patients: list[Patient]
    stored: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Rasa's events of each conversation, in their order: user and bot only."""
    histories: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    cases: list[Any] = field(default_factory=list)
    case_events: list[Any] = field(default_factory=list)
    notifications: list[Any] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    struck_for: float = 0.0
    """Seconds from the strike until all parts were healthy again."""


async def under_load(machine: Machine, strike: Callable[[Machine], None], plan: Plan) -> Findings:
    """Hold the conversations, strike in the middle, wait until all is over, and gather."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=plan.patients)
    async with httpx.AsyncClient(
        base_url=machine.settings.front_door_url, limits=limits, trust_env=False
    ) as client:
        patients = [Patient(client) for _ in range(plan.patients)]
        struck, well = asyncio.Event(), asyncio.Event()
        ready = [asyncio.Event() for _ in patients]
        talks = [
            asyncio.create_task(_talk(number, patient, (ready[number], struck, well), plan))
            for number, patient in enumerate(patients)
        ]
        for event in ready:
            await event.wait()
        struck.set()
        await asyncio.sleep(0.15)  # the messages of this moment are on their way
        began = time.monotonic()
        await asyncio.to_thread(strike, machine)
        await asyncio.to_thread(machine.wait_until_healthy)
        healthy = time.monotonic()
        well.set()
        await asyncio.gather(*talks)
        found = Findings(patients, struck_for=healthy - began)
        await asyncio.to_thread(_gather, machine, found)
        for patient in patients:
            found.histories[patient.sender] = await _history(patient)
        for patient in patients:
            await patient.end()
    return found


async def _talk(
    number: int, patient: Patient, moments: tuple[asyncio.Event, ...], plan: Plan
) -> None:
    ready, struck, well = moments
    chance = random.Random(number)
    await asyncio.sleep(chance.uniform(0, plan.pause))
    await patient.begin()
    for words in OPENING:
        await patient.answer_to(patient.say(words), PATIENCE)
    ready.set()
    await struck.wait()
    in_danger = number % plan.every == 0
    later = number % plan.every == 1
    everything = []
    if in_danger:
        await asyncio.sleep(chance.uniform(0, 0.25))
        everything.append(patient.say(EMERGENCY, emergency=True))
    for turn in range(plan.after):
        await asyncio.sleep(chance.uniform(0.5, 1.5) * plan.pause)
        if later and turn == 1:
            everything.append(patient.say(EMERGENCY, emergency=True))
        else:
            everything.append(patient.say(QUESTIONS[(number + turn) % len(QUESTIONS)]))
    await well.wait()
    deadline = time.monotonic() + PATIENCE
    for said in everything:
        await patient.answer_to(said, max(1.0, deadline - time.monotonic()))


async def _history(patient: Patient) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 60
    while True:
        try:
            return await patient.history()
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                return []
            await asyncio.sleep(1)


def _gather(machine: Machine, found: Findings) -> None:
    """Read the databases once the outbox is empty or has had its time."""
    senders = {patient.sender for patient in found.patients}
    engine = open_database(machine.settings.database_url)
    deadline = time.monotonic() + SETTLE
    while True:
        try:
            with engine.connect() as connection:
                every = connection.execute(cases.select()).all()
                found.cases = [row for row in every if row.conversation in senders]
                numbers = {row.id for row in found.cases}
                events = connection.execute(case_events.select()).all()
                found.case_events = [row for row in events if row.case_id in numbers]
                of_ours = {row.id for row in found.case_events}
                rows = connection.execute(notifications.select()).all()
                found.notifications = [row for row in rows if row.event_id in of_ours]
            waiting = [row for row in found.notifications if row.delivered_at is None]
            if not waiting or time.monotonic() > deadline:
                break
        except SQLAlchemyError:
            if time.monotonic() > deadline:
                raise
        time.sleep(1)
    engine.dispose()
    found.received = [
        r for r in list(machine.receiver.received) if r.data["case"] in {c.id for c in found.cases}
    ]
    found.stored = _stored(machine, senders)
    # A turn that a database did not take waits in Rasa's memory until it is back.
    while not _all_in_record(found) and time.monotonic() < deadline:
        time.sleep(1)
        found.stored = _stored(machine, senders)


def _all_in_record(found: Findings) -> bool:
    """Whether each message that was answered is stored."""
    return all(
        {event.get("message_id") for event in found.stored[patient.sender]} & set(said.ids)
        for patient in found.patients
        for said in patient.said
        if said.answered
    )


def _stored(machine: Machine, senders: set[str]) -> dict[str, list[dict[str, Any]]]:
    import json

    engine = create_engine(machine.settings.tracker_database_url, future=True)
    found: dict[str, list[dict[str, Any]]] = {sender: [] for sender in senders}
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT sender_id, data FROM events WHERE type_name IN ('user', 'bot') ORDER BY id"
            )
        )
        for sender, data in rows:
            if sender in found:
                found[sender].append(json.loads(data))
    engine.dispose()
    return found
