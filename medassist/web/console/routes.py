"""All pages of the console."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from medassist.web.console import (
    accounts,
    answers,
    asked,
    audit,
    case,
    desk,
    handover,
    oidc,
    patient_data,
    queue,
    sign_in,
)
from medassist.web.console.shell import Console, StaffRoute

PAGES = (
    sign_in.routes,
    oidc.routes,
    accounts.routes,
    audit.routes,
    answers.routes,
    asked.routes,
    queue.routes,
    case.routes,
    handover.routes,
    patient_data.routes,
    desk.routes,
)  # fmt: skip


def console_routes(console: Console) -> list[StaffRoute]:
    """Every route under `/staff`."""
    return [
        *(route for routes in PAGES for route in routes(console)),
        console.open_route(
            "/staff/{anything:path}", nothing, because="it only says that nothing is there"
        ),
    ]


def nothing(_request: Request) -> Response:
    """The answer at an address that nothing is at."""
    raise HTTPException(404)
