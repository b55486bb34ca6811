"""The doors of a Sanic server for whoever watches it: `/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from sanic import Sanic, response
from sanic.request import Request
from sanic.response import HTTPResponse

from medassist.metrics import CONTENT_TYPE, exposition, is_allowed

Missing = Callable[[], list[str]]
"""Says in plain words what is missing for the server to work; may block for a few seconds."""


def open_doors(app: Any, missing: Missing, metrics_token: str | None) -> None:
    """Add the doors. `/metrics` exists only with a token, which its readers must show."""
    assert isinstance(app, Sanic)

    async def alive(_request: Request) -> HTTPResponse:
        return response.json({"status": "ok"})

    async def ready(_request: Request) -> HTTPResponse:
        loop = asyncio.get_running_loop()
        lacking = await loop.run_in_executor(None, missing)
        if not lacking:
            return response.json({"status": "ok"})
        return response.json(
            {"status": "not ready", "error": " ".join(lacking)},
            status=HTTPStatus.SERVICE_UNAVAILABLE,
        )

    async def metrics(request: Request) -> HTTPResponse:
        if not is_allowed(metrics_token, request.headers.get("authorization")):
            return response.json(
                {"error": "This address needs a token."},
                status=HTTPStatus.UNAUTHORIZED,
                headers={"WWW-Authenticate": "Bearer"},
            )
        return response.raw(exposition(), content_type=CONTENT_TYPE)

    app.add_route(alive, "/healthz", name="medassist_alive")
    app.add_route(ready, "/readyz", name="medassist_ready")
    if metrics_token:
        app.add_route(metrics, "/metrics", name="medassist_metrics")
