"""Whether the front door is up, and whether it can answer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from medassist.web.rasa_server import RasaServer


class Health:
    """For whoever watches the servers."""

    def __init__(self, rasa: RasaServer) -> None:
        self._rasa = rasa

    def routes(self) -> list[Route]:
        """Both routes."""
        return [Route("/healthz", self.alive), Route("/readyz", self.ready)]

    async def alive(self, _request: Request) -> Response:
        """The front door runs."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """The front door runs, and Rasa answers with its model loaded."""
        if await self._rasa.is_ready():
            return JSONResponse({"status": "ok"})
        return JSONResponse(
            {"status": "not ready", "error": "The Rasa server does not answer."}, status_code=503
        )
