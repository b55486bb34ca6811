"""A clinic's own website that embeds the widget, under a policy as strict as can be."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

LOOK = "html { font-size: 50% } * { color: #f0f } button, p { display: none } #there { display: block }"


class ClinicSite:
    """`bot` is the front door's address; `attributes` stand in the one line."""

    def __init__(self, bot: str, attributes: str = "", body: str = "") -> None:
        self.bot = bot
        self.attributes = attributes
        self.body = body

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/look.css", self.look),
                Route("/clinic.js", self.script),
                Route("/{path:path}", self.page),
            ]
        )

    async def page(self, request: Request) -> Response:
        policy = (
            f"default-src 'none'; script-src 'self' {self.bot}; connect-src {self.bot}; "
            "style-src 'self'; img-src data:; require-trusted-types-for 'script'; trusted-types 'none'"
        )
        return HTMLResponse(
            "<!doctype html><html lang=en><title>A clinic</title><link rel=stylesheet href=/look.css>"
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            "<link rel=icon href=data:,>"
            f'<script type="module" async src="{self.bot}/widget.js" {self.attributes}></script>'
            f"<script src=/clinic.js defer></script><main><h1>Our clinic</h1>{self.body}"
            '<button id="there" type="button">Book a visit</button></main></html>',
            headers={"Content-Security-Policy": policy},
        )

    async def look(self, _request: Request) -> Response:
        return Response(LOOK, media_type="text/css")

    async def script(self, _request: Request) -> Response:
        text = (
            "document.addEventListener('DOMContentLoaded', () => {"
            "there.addEventListener('click', () => { document.title = 'booked'; }); });"
        )
        return Response(text, media_type="text/javascript")
