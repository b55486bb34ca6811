"""Headers that every response carries: nothing foreign runs on our pages, nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",  # text never becomes markup, even by mistake
        "trusted-types 'none'",
    )
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}
"""Where people reach us by HTTPS: a browser that was here once asks in no other way for a year."""

FOR_OTHER_SITES = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""The widget's files only: a clinic's page loads them from here. They hold no secret."""


def headers_for(public_url: str | None) -> dict[str, str]:
    """The headers of an installation that people reach at this address."""
    by_https = (public_url or "").startswith("https://")
    return {**SECURITY_HEADERS, **(HTTPS_ONLY if by_https else {})}


def is_for_other_sites(path: str) -> bool:
    """Whether a page of another site may load what is at this path."""
    return path == "/widget.js" or path.startswith("/static/widget/")


class SecurityHeaders:
    """ASGI middleware that adds the headers; static files may be kept, if asked about first."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and complete the headers of its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if is_for_other_sites(scope["path"]):
                    headers.update(FOR_OTHER_SITES)
                if scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-cache")
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
