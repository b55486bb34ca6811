"""The audit log, for an administrator: filtered, paged, and as a file."""

from __future__ import annotations

from datetime import date, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from medassist.staff import audit
from medassist.staff.figures import start_of
from medassist.staff.sessions import Staff
from medassist.web.console.csv_files import csv_response
from medassist.web.console.shell import Console, StaffRoute

ON_A_PAGE = 100
IN_A_FILE = 50_000
FIELDS = ("account", "action", "object", "outcome", "from", "to")


def day_of(value: str) -> date | None:
    """A day of a form. Raises HTTPException 400."""
    if not value:
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise HTTPException(400, "A day must be written like 2026-11-23.") from None
    if not 2000 <= day.year < 2200:
        raise HTTPException(400, "That day is too far away.")
    return day


def _wanted(request: Request, zone: tzinfo) -> dict[str, Any]:
    given = {name: request.query_params.get(name, "").strip()[:255] for name in FIELDS}
    first, last = day_of(given["from"]), day_of(given["to"])
    return {
        "account": given["account"].lower(),
        "action": given["action"],
        "object": given["object"],
        "outcome": given["outcome"],
        "since": start_of(first, zone) if first else None,
        "until": start_of(last + timedelta(days=1), zone) if last else None,
    }


class AuditLog:
    """The pages."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def page(self, request: Request, staff: Staff) -> Response:
        """The newest entries that fit."""
        before = request.query_params.get("before", "")
        found = audit.entries(
            self._console.engine,
            **_wanted(request, self._console.zone),
            before=int(before) if before.isdigit() and len(before) < 18 else None,
            limit=ON_A_PAGE + 1,
        )
        given = {name: request.query_params.get(name, "") for name in FIELDS}
        asked = {name: value for name, value in given.items() if value}
        shown = found[:ON_A_PAGE]
        older = urlencode({**asked, "before": shown[-1].id}) if len(found) > ON_A_PAGE else ""
        return self._console.page(
            request,
            staff,
            "audit.html",
            entries=shown,
            actions=sorted(self._console.actions),
            outcomes=audit.OUTCOMES,
            given=given,
            older=older,
            file=urlencode(asked),
        )

    def file(self, request: Request, _staff: Staff) -> Response:
        """All entries that fit, newest first, as CSV."""
        found = audit.entries(
            self._console.engine, **_wanted(request, self._console.zone), limit=IN_A_FILE
        )
        columns = ("at", "account", "role", "action", "object", "outcome", "address")
        return csv_response(
            "audit-log",
            columns,
            (
                (e.at.isoformat(), e.account, e.role, e.action, e.object, e.outcome, e.address)
                for e in found
            ),
        )


def routes(console: Console) -> list[StaffRoute]:
    """The routes of these pages."""
    pages = AuditLog(console)
    return [
        console.route("/staff/audit", pages.page, role="admin", name="see_audit_log"),
        console.route("/staff/audit.csv", pages.file, role="admin", name="export_audit_log"),
    ]
