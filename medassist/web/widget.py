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

from medassist.cases.clinics import Clinics
from medassist.cases.hours import Clinic, words_about_staff
from medassist.regions import Region
from medassist.storage.tables import now
from medassist.web.joined_modules import join
from medassist.web.voices import Voices
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

    def __init__(self, clinics: Clinics, voices: Voices, own_url: str) -> None:
        self._clinics, self._voices, self._own_url = clinics, voices, own_url
        self._templates = Jinja2Templates(directory=HERE / "templates")
        baked = f"define(import.meta.url, {json.dumps(self._baked())});\n"
        self._script = (join(ENTRY) + baked).encode()
        self._etag = f'"{hashlib.sha256(self._script).hexdigest()[:32]}"'

    def _baked(self) -> dict[str, Any]:
        """What the script knows by itself: of several clinics all, and which website is whose."""
        config = self._about(self._clinics.default)
        if not self._clinics.several:
            return config
        websites = {o: c.id for c in self._clinics.all for o in c.reached_by.get("websites", ())}
        clinics = {c.id: self._about(c) for c in self._clinics.all}
        return {**config, "clinics": clinics, "websites": websites}

    def _about(self, clinic: Clinic) -> dict[str, Any]:
        return {
            "lines": phone_lines(self._clinics.region(clinic)),
            "longest_text": LONGEST_TEXT,
            "clinic": clinic.given_name,
        }

    def routes(self) -> list[Route]:
        """The chat page, the demo page, the script, and how things stand."""
        return [
            Route("/", self.page),
            Route("/demo", self.demo),
            Route("/widget.js", GZipMiddleware(self.script), methods=["GET"], name="widget"),
            Route("/chat/config", self.config),
        ]

    async def page(self, request: Request) -> Response:
        """The chat as a page of its own, with the phone numbers of `?clinic=` in its text."""
        clinic = self._clinics.named(request.query_params.get("clinic"))
        return self._templates.TemplateResponse(
            request,
            "chat.html",
            {
                "region": self._clinics.region(clinic),
                "clinic": clinic.id if self._clinics.several else None,
            },
        )

    async def demo(self, request: Request) -> Response:
        """A made-up clinic's page with the widget in its corner."""
        address = (
            f"{self._own_url}/widget.js"  # not what the request calls us: anyone can make it up
        )
        return self._templates.TemplateResponse(
            request,
            "demo.html",
            {"address": address, "region": self._clinics.region(self._clinics.default)},
        )

    async def script(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The widget; whoever has it already is told so."""
        headers = {"ETag": self._etag, "Cache-Control": "no-cache"}
        if Request(scope).headers.get("If-None-Match", "").removeprefix("W/") == self._etag:
            response = Response(status_code=304, headers=headers)
        else:
            response = Response(self._script, media_type="text/javascript", headers=headers)
        await response(scope, receive, send)

    async def config(self, request: Request) -> Response:
        """What the widget has baked in, and what changes by the hour.

        `staff` is null or {"words": "…"}: whether the clinic's staff are there, in plain words.
        """
        clinic = self._voices.clinic_of(request)
        words = words_about_staff(clinic, now())
        return JSONResponse({**self._about(clinic), "staff": {"words": words} if words else None})
