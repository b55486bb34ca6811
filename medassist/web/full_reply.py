"""The page behind the link of a text message: all of a reply, with its sources."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Engine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from medassist.cases.clinics import Clinics
from medassist.cases.contacts import find_contact
from medassist.regions import Region
from medassist.storage.tables import full_replies

HERE = Path(__file__).resolve().parent

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16}")


class FullReplies:
    """Whoever has the link may read the reply, until it is removed."""

    def __init__(self, engine: Engine, clinics: Clinics) -> None:
        self._engine, self._clinics = engine, clinics
        self._templates = Jinja2Templates(directory=HERE / "templates")

    def routes(self) -> list[Route]:
        """The one page."""
        return [Route("/read/{token}", self.page)]

    def page(self, request: Request) -> Response:
        """One reply."""
        found = self._find(request.path_params["token"])
        if found is None:
            raise HTTPException(404, "This message is no longer kept. Please ask again.")
        content, conversation = found
        return self._templates.TemplateResponse(
            request,
            "full_reply.html",
            {"region": self._region(conversation), **content, **_blocks(content)},
        )

    def _region(self, conversation: str) -> Region:
        """The phone lines of the clinic whose number the person wrote to."""
        contact = find_contact(self._engine, conversation)
        clinic = self._clinics.default
        if contact:
            clinic = self._clinics.reached_by(contact.channel, contact.line)
        return self._clinics.region(clinic)

    def _find(self, token: str) -> tuple[dict[str, Any], str] | None:
        if not _TOKEN.fullmatch(token):
            return None
        with self._engine.connect() as connection:
            row = connection.execute(
                select(full_replies.c.content, full_replies.c.conversation).where(
                    full_replies.c.token == token
                )
            ).first()
        return (dict(row.content), str(row.conversation)) if row else None


def _blocks(content: dict[str, Any]) -> dict[str, Any]:
    """The reply's lines as paragraphs and lists, in order; addresses only if they are web ones."""
    blocks: list[tuple[str, list[str]]] = []
    for line in str(content.get("text") or "").split("\n"):
        kind = "list" if line.startswith("• ") else "words"
        if not line.strip():
            continue
        if kind == "list" and blocks and blocks[-1][0] == "list":
            blocks[-1][1].append(line[2:])
        else:
            blocks.append((kind, [line.removeprefix("• ")]))
    sources = [s for s in content.get("sources") or [] if _is_web(str(s.get("url") or ""))]
    return {"blocks": blocks, "sources": sources}


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))
