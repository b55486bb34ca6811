"""The accounts after a fault: what was sent, what arrived, and what of our promises was broken."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from faults.load import Findings
from faults.patient import Patient, Said

OWN_WORDS = ("slow", "unreachable", "failed", "refused", "cut off")


@dataclass
class Account:
    """One fault in numbers. `broken` is what was promised and not kept, in plain words."""

    name: str
    done: str
    sent: int = 0
    answered: int = 0
    by_word: int = 0
    """Messages that first got an honest word; most were answered afterwards."""
    silent: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    emergencies: int = 0
    cards: int = 0
    with_case: int = 0
    told_not_reached: int = 0
    """Emergencies without a case whose patient was told that staff were not reached."""
    cases: int = 0
    alerts: int = 0
    delivered: int = 0
    again: int = 0
    """Alerts that came more than once, under the same key (docs/alerts.md allows it)."""
    longest: float = 0.0
    well_after: float = 0.0
    words: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def account(name: str, done: str, found: Findings) -> Account:
    """Count everything."""
    result = Account(name, done, well_after=found.struck_for)
    for patient in found.patients:
        for number, said in enumerate(patient.said):
            _count_message(result, said, f"message {number} ({said.text!r})")
        _count_record(result, patient, found)
    _count_cases(result, found)
    _count_alerts(result, found)
    return result


def _count_message(result: Account, said: Said, which: str) -> None:
    result.sent += 1
    result.words.update(word for word in said.words if word in OWN_WORDS)
    result.answered += said.answered is not None
    result.by_word += bool(said.words)
    result.longest = max(result.longest, said.wait or 0.0)
    if said.wait is None:
        result.silent += 1
        result.broken.append(f"{which} got no reply and no word")
    if said.answered is None:
        result.lost += 1
        result.broken.append(f"{which} was never answered, only: {', '.join(said.words) or '-'}")
    if said.emergency:
        result.emergencies += 1
        result.cards += said.card
        if not said.card:
            result.broken.append(f"{which} is an emergency without its card")
    numbers = [identity.rpartition(".") for identity in said.shown]
    for one in {start for start, _, _ in numbers}:
        order = [int(end) for start, _, end in numbers if start == one]
        if order != sorted(order):
            result.disordered += 1
            result.broken.append(f"{which}: its replies came in the order {order}")
        elif order != list(range(len(order))):
            result.lost += 1
            result.broken.append(f"{which}: of its replies only {order} were shown")


def _count_record(result: Account, patient: Patient, found: Findings) -> None:
    """What is stored: each message once, in the order it was said, and all that was shown."""
    stored = [e for e in found.stored[patient.sender] if e["event"] == "user" and e.get("text")]
    times = Counter(event.get("message_id") for event in stored)
    expected: list[str] = []
    for said in patient.said:
        kept = [identity for identity in said.ids if times[identity]]
        copies = sum(times[identity] for identity in said.ids)
        if said.answered and not copies:
            result.lost += 1
            result.broken.append(f"{said.text!r} was answered and is not in the record")
        if copies > 1:
            result.doubled += 1
            result.broken.append(f"{said.text!r} is in the record {copies} times")
        expected += kept[:1]
    _count_order(result, patient, expected, stored)
    shown = {identity for said in patient.said for identity in said.shown}
    history = [m["id"] for m in found.histories[patient.sender] if m["who"] == "bot"]
    if len(history) != len(set(history)):
        result.doubled += 1
        result.broken.append("a reload shows a reply twice")
    for identity in history:
        if identity not in shown and identity.rpartition(".")[0] in times:
            result.lost += 1
            result.broken.append(f"reply {identity} is in the record and was not shown")


def _count_order(
    result: Account, patient: Patient, expected: list[str], stored: list[dict[str, Any]]
) -> None:
    """Order among messages that arrived at the first try; one that was said again comes later."""
    again = {i for said in patient.said if said.words for i in said.ids}
    plain = [i for i in expected if i not in again]
    found = [e["message_id"] for e in stored if e["message_id"] in plain]
    if found != plain and len(found) == len(plain):
        result.disordered += 1
        result.broken.append("messages are in the record in another order than they were said")


def _count_cases(result: Account, found: Findings) -> None:
    result.cases = len(found.cases)
    of = Counter(case.conversation for case in found.cases)
    emergency = {case.conversation for case in found.cases if case.level == "emergency"}
    for patient in found.patients:
        if of[patient.sender] > 1:
            result.doubled += 1
            result.broken.append(f"one conversation has {of[patient.sender]} cases")
        for said in patient.said:
            if not said.emergency:
                continue
            if patient.sender in emergency:
                result.with_case += 1
            elif said.staff_not_told:
                result.told_not_reached += 1
            else:
                result.broken.append(f"emergency {said.text!r} has no case, and nobody said so")
    ids = Counter(
        (event.case_id, event.detail.get("message_id"), event.event in ("opened", "raised"))
        for event in found.case_events
        if event.detail.get("message_id")
    )
    for (case, _message, _opened), times in ids.items():
        if times > 1:
            result.doubled += 1
            result.broken.append(f"case {case} has one message {times} times")


def _count_alerts(result: Account, found: Findings) -> None:
    result.alerts = len(found.notifications)
    keys = Counter(r.headers["webhook-id"] for r in found.received)
    result.delivered = len(keys)
    result.again = sum(keys.values()) - len(keys)
    for row in found.notifications:
        if row.delivered_at is None:
            result.broken.append(f"the alert of event {row.event_id} is still in the outbox")
    told = {r.data["case"] for r in found.received if r.data["event"] in ("opened", "raised")}
    for case in found.cases:
        if case.level == "emergency" and case.id not in told:
            result.broken.append(f"case {case.id} was never alerted")
