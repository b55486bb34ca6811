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

from medassist.regions import Region
from medassist.storage.tables import full_replies

HERE = Path(__file__).resolve().parent

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16}")


class FullReplies:
    """Whoever has the link may read the reply, until it is removed."""

    def __init__(self, engine: Engine, region: Region) -> None:
        self._engine, self._region = engine, region
        self._templates = Jinja2Templates(directory=HERE / "templates")

    def routes(self) -> list[Route]:
        """The one page."""
        return [Route("/read/{token}", self.page)]

    def page(self, request: Request) -> Response:
        """One reply."""
        content = self._find(request.path_params["token"])
        if content is None:
            raise HTTPException(404, "This message is no longer kept. Please ask again.")
        return self._templates.TemplateResponse(
            request, "full_reply.html", {"region": self._region, **content, **_blocks(content)}
        )

    def _find(self, token: str) -> dict[str, Any] | None:
        if not _TOKEN.fullmatch(token):
            return None
        with self._engine.connect() as connection:
            found: dict[str, Any] | None = connection.execute(
                select(full_replies.c.content).where(full_replies.c.token == token)
            ).scalar()
        return found


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
