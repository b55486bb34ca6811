"""The four roles. Each may do what those before it may, but only a clinician approves answers."""

from __future__ import annotations

ROLES = ("viewer", "triage", "clinician", "admin")

ROLE_WORDS = {
    "viewer": "sees the queue, cases, answers and figures",
    "triage": "also works on cases and talks to patients",
    "clinician": "also approves answers",
    "admin": "does what triage does, manages accounts, reads the audit log, hands out and deletes "
    "a patient’s data; approves no answers",
}
"""What each role may do, for people."""


def may(role: str, needed: str) -> bool:
    """Whether somebody with `role` may do what needs the role `needed`."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(needed)
