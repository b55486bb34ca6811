"""The small version of `make faults`: a real medassist, its parts killed under load.

Every message, case and alert is counted afterwards. Slowness is no fault here: how long anybody
waited is in the report of `make faults`, not in these tests.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator

import httpx
import pytest

from faults.account import Account, account
from faults.kinds import FAULTS
from faults.load import Findings, Plan, under_load
from faults.machine import Machine, running
from medassist.cases.cases import open_cases
from medassist.storage.database import open_database
from medassist.web.conversation_key import KEY_HEADER, sender_id
from tests.conftest import free_port, wait_until

SMALL = Plan(patients=6, after=2, pause=1.5)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with running(tmp_path_factory.mktemp("faults")) as started:
        yield started


@pytest.fixture(scope="module")
def machine_with_action_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    var = tmp_path_factory.mktemp("faults")
    with running(var, MEDASSIST_ACTION_PORT=str(free_port())) as started:
        yield started


def struck(machine: Machine, name: str) -> tuple[Account, Findings]:
    fault = next(fault for fault in FAULTS if fault.name == name)
    found = asyncio.run(under_load(machine, fault.strike, SMALL))
    return account(fault.name, fault.done, found), found


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("machine", "kill front door"),
        ("machine", "kill Rasa server"),
        ("machine_with_action_server", "kill action server"),
        ("machine", "receiver fails"),
    ],
)
def test_whatever_part_is_struck_nothing_is_lost_or_doubled(
    request: pytest.FixtureRequest, kind: str, name: str
) -> None:
    result, _found = struck(request.getfixturevalue(kind), name)
    assert result.broken == []
    assert result.answered == result.sent == SMALL.patients * (2 + SMALL.after) + 2
    assert result.cards == result.emergencies == 4


def test_the_accounts_notice_what_is_lost_doubled_or_in_disorder(machine: Machine) -> None:
    result, found = struck(machine, "none")
    assert result.broken == []
    patient = next(p for p in found.patients if any(said.emergency for said in p.said))
    events = found.stored[patient.sender]
    alarm = next(said for said in patient.said if said.emergency)
    spoilt = {
        "is not in the record": lambda: found.stored.update({patient.sender: []}),
        "is in the record 2 times": lambda: found.stored.update({patient.sender: events * 2}),
        "in another order": lambda: found.stored.update({patient.sender: events[::-1]}),
        "has no case": lambda: setattr(found, "cases", []),
        "was never alerted": lambda: setattr(found, "received", []),
        "without its card": lambda: alarm.shown.pop(next(iter(alarm.shown))),
        "got no reply and no word": lambda: setattr(alarm, "first_word", None),
        "was never answered": lambda: setattr(alarm, "answered", None),
    }
    for what, spoil in spoilt.items():
        kept = dict(found.stored), found.cases, found.received
        spoil()
        assert any(what in line for line in account("", "", found).broken), what
        found.stored, found.cases, found.received = dict(kept[0]), kept[1], kept[2]


def test_a_message_that_is_handed_to_rasa_twice_is_answered_once(machine: Machine) -> None:
    """As the front door does when it heard nothing of the first time."""
    settings = machine.settings
    sender, name = sender_id("once"), str(uuid.uuid4())
    body = {"conversation": sender, "id": name, "text": "my son took 20 of my baclofen tablets"}
    address = f"{settings.rasa_url}/webhooks/website/messages"
    headers = {"X-Medassist-Secret": settings.internal_secret or ""}
    for _ in range(3):  # the answer ends when the turn is over
        httpx.post(address, json=body, headers=headers, timeout=120).raise_for_status()
    tracker = httpx.get(
        f"{settings.rasa_url}/conversations/{sender}/tracker",
        params={"token": settings.internal_secret, "include_events": "ALL"},
        timeout=60,
    ).json()
    assert [e["message_id"] for e in tracker["events"] if e["event"] == "user"] == [name]


def test_an_emergency_in_an_action_server_that_is_away_reaches_staff_afterwards(
    machine_with_action_server: Machine,
) -> None:
    machine = machine_with_action_server
    door = machine.settings.front_door_url
    key = httpx.post(f"{door}/chat/conversations", timeout=30).json()["key"]
    headers = {KEY_HEADER: key}

    def shown() -> str:
        history = httpx.get(f"{door}/chat/history", headers=headers, timeout=30)
        return history.text if history.is_success else ""

    with machine.frozen("action server"):
        body = {"id": str(uuid.uuid4()), "text": "she is having a seizure"}
        httpx.post(f"{door}/chat/messages", json=body, headers=headers, timeout=30)
        assert wait_until(lambda: "Call 911 now" in shown())
        assert wait_until(lambda: "could not reach the clinic" in shown())
        time.sleep(1)
    engine = open_database(machine.settings.database_url)
    found = wait_until(lambda: any(c.conversation == sender_id(key) for c in open_cases(engine)))
    engine.dispose()
    assert found
