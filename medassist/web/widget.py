"""What a clinic's page loads: the widget as one script, how things stand, and a demo of both."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates
from starlette.types import Receive, Scope, Send

from medassist.cases.hours import UNNAMED, Clinic, words_about_staff
from medassist.regions import Region
from medassist.storage.tables import now
from medassist.web.joined_modules import join
from medassist.web.words import LONGEST_TEXT

HERE = Path(__file__).resolve().parent
ENTRY = HERE / "static" / "widget" / "element.js"


def phone_lines(region: Region) -> list[dict[str, str]]:
    """The numbers that the widget shows, the emergency line first."""
    lines = (("emergency", region.emergency), ("poison", region.poison), ("crisis", region.crisis))
    return [
        {"kind": kind, "name": line.name, "number": line.number, "say": line.say}
        for kind, line in lines
        if line.number
    ]


class Widget:
    """The routes that a page with the widget needs, beside the chat's own.

    The phone lines are baked into the script: a page that has the script has the numbers, even if
    the front door cannot be reached at any time after. `own_url` is where this front door is.
    """

    def __init__(self, region: Region, clinic: Clinic, own_url: str) -> None:
        self._region, self._clinic, self._own_url = region, clinic, own_url
        self._config: dict[str, Any] = {
            "lines": phone_lines(region),
            "longest_text": LONGEST_TEXT,
            "clinic": None if clinic.name == UNNAMED else clinic.name,
        }
        self._templates = Jinja2Templates(directory=HERE / "templates")
        baked = f"define(import.meta.url, {json.dumps(self._config)});\n"
        self._script = (join(ENTRY) + baked).encode()
        self._etag = f'"{hashlib.sha256(self._script).hexdigest()[:32]}"'

    def routes(self) -> list[Route]:
        """The chat page, the demo page, the script, and how things stand."""
        return [
            Route("/", self.page),
            Route("/demo", self.demo),
            Route("/widget.js", GZipMiddleware(self.script), methods=["GET"], name="widget"),
            Route("/chat/config", self.config),
        ]

    async def page(self, request: Request) -> Response:
        """The chat as a page of its own, with this region's phone numbers in its text."""
        return self._templates.TemplateResponse(request, "chat.html", {"region": self._region})

    async def demo(self, request: Request) -> Response:
        """A made-up clinic's page with the widget in its corner."""
        address = (
            f"{self._own_url}/widget.js"  # not what the request calls us: anyone can make it up
        )
        return self._templates.TemplateResponse(
            request, "demo.html", {"address": address, "region": self._region}
        )

    async def script(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The widget; whoever has it already is told so."""
        headers = {"ETag": self._etag, "Cache-Control": "no-cache"}
        if Request(scope).headers.get("If-None-Match", "").removeprefix("W/") == self._etag:
            response = Response(status_code=304, headers=headers)
        else:
            response = Response(self._script, media_type="text/javascript", headers=headers)
        await response(scope, receive, send)

    async def config(self, _request: Request) -> Response:
        """What the widget has baked in, and what changes by the hour.

        `staff` is null or {"words": "…"}: whether the clinic's staff are there, in plain words.
        """
        return JSONResponse({**self._config, "staff": self.about_staff()})

    def about_staff(self) -> dict[str, str] | None:
        """Whether the clinic's staff are there; None while nobody has told us their hours."""
        words = words_about_staff(self._clinic, now())
        return {"words": words} if words else None
