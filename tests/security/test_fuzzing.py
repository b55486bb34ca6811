"""Every address of the front door, with what fits docs/openapi.yml and what does not, over real HTTP.

The requests are schemathesis's. Nothing breaks, nothing is answered in a way that is not described,
and nothing is answered with silence. `make fuzz` sends many more.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from requests import Session
from schemathesis.core.transport import Response
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from medassist.staff import passwords
from medassist.staff.accounts import add_account
from medassist.staff.roles import ROLES
from tests.channels.conftest import Clinic, opened_clinic
from tests.channels.rasa_server import SECRET
from tests.security.test_openapi import DOCUMENT, operations
from tests.web.console.staff import PASSWORD, StaffMember

EXAMPLES = int(os.environ.get("MEDASSIST_FUZZ") or 8)
"""Requests for each address, with each kind of data; `make fuzz` sends 150."""

ENDLESS = {"/chat/events", "/staff/events", "/staff/cases/{case_id}/events"}
"""Streams: those without permission are tried, the others would never end."""

ENDS_SESSIONS = {"/staff/sign-out"}
"""Would sign the tester out."""

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BY_THE_SERVER = {400}
"""What uvicorn answers to what is no HTTP, before an address is looked at."""

OURS = ("medassist", "uvicorn")
"""Whose log may hold no traceback; the stand-in behind is not tested here."""

SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)


@dataclass
class Target:
    url: str
    http: Session
    members: dict[str, StaffMember]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A front door with every channel on, and somebody of each role signed in."""
    quick = passwords.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    slow, passwords._hasher = passwords._hasher, quick
    var = tmp_path_factory.mktemp("fuzzed")
    more = {"MEDASSIST_NEW_CONVERSATIONS": "1000000", "MEDASSIST_COOKIE_SECURE": "0"}
    with opened_clinic(var, **more) as clinic:
        members = {role: _signed_in(clinic, role) for role in ROLES}
        session = Session()
        session.trust_env = False
        yield Target(clinic.front_door.url, session, members)
        session.close()
        for member in members.values():
            member.close()
    passwords._hasher = slow


def _signed_in(clinic: Clinic, role: str) -> StaffMember:
    add_account(clinic.engine, role, role, password=PASSWORD, shown_as=role)
    member = StaffMember(clinic.front_door.url)
    assert member.sign_in(role).status_code == 303
    return member


def permission(target: Target, operation: dict[str, Any]) -> dict[str, Any]:
    """Headers and cookies of somebody who may do this."""
    needs = {name for way in operation.get("security", []) for name in way}
    headers, cookies = {}, {}
    if "key" in needs:
        headers["X-Conversation-Key"] = secrets.token_urlsafe(32)
    if "secret" in needs:
        headers["X-Medassist-Secret"] = SECRET
    if "session" in needs:
        member = target.members[operation["summary"].removeprefix("role ")]
        cookies["medassist_staff"] = member.http.cookies["medassist_staff"]
        headers["X-CSRF-Token"] = member.csrf_token
    return {"headers": headers, "cookies": cookies}


def assert_is_plain(response: Response, path: str) -> None:
    """No fault, no traceback, and never an error without a word."""
    said = response.content.decode("utf-8", "replace")
    assert response.status_code != 500, said
    assert "Traceback" not in said
    if response.status_code >= 400 and not path.startswith("/webhooks/"):
        assert len(said.strip()) >= 10


def kinds(operation: dict[str, Any]) -> list[GenerationMode]:
    """What can be sent: where any text fits and there is nothing else, nothing can be wrong."""
    places = [p for p in operation.get("parameters", []) if "case_id" in str(p)]
    if places or "application/json" in str(operation.get("requestBody")):
        return [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    return [GenerationMode.POSITIVE]


EVERYTHING = [
    (method, path, mode)
    for (method, path), operation in sorted(operations().items())
    if path not in ENDLESS | ENDS_SESSIONS
    for mode in kinds(operation)
]


@pytest.mark.parametrize(
    ("method", "path", "mode"), EVERYTHING, ids=[f"{m} {p} {k.value}" for m, p, k in EVERYTHING]
)
def test_whatever_is_sent_is_answered_as_described(
    target: Target, caplog: pytest.LogCaptureFixture, method: str, path: str, mode: GenerationMode
) -> None:
    operation = operations()[method, path]
    strategy = SCHEMA[path][method].as_strategy(generation_mode=mode)

    @given(case=strategy)
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def attack(case: Any) -> None:
        may = permission(target, operation)
        response = case.call(
            base_url=target.url, session=target.http, allow_redirects=False, timeout=30, **may
        )
        assert_is_plain(response, path)
        if not (response.status_code in BY_THE_SERVER and b"Invalid HTTP" in response.content):
            case.validate_response(response, checks=CHECKS)

    caplog.set_level(logging.WARNING)
    attack()
    broken = [r.getMessage() for r in caplog.records if r.exc_info and r.name.startswith(OURS)]
    assert broken == []
