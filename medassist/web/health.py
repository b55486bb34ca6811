"""Whether the front door is up, whether it can answer, and what it has measured."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from sqlalchemy.engine import Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from medassist.cases.gauges import Gauges
from medassist.metrics import CONTENT_TYPE, exposition, is_allowed
from medassist.storage.reachable import Reachable
from medassist.web.rasa_server import RasaServer

SECONDS = 2.0
"""How long Rasa may take to say that it is ready."""


class Health:
    """For whoever watches the servers."""

    def __init__(
        self, rasa: RasaServer, engine: Engine, gauges: Gauges, metrics_token: str | None
    ) -> None:
        self._rasa = rasa
        self._database = Reachable(engine)
        self._gauges = gauges
        self._token = metrics_token

    def routes(self) -> list[Route]:
        """The routes; without a token there is none to the metrics."""
        routes = [Route("/healthz", self.alive), Route("/readyz", self.ready)]
        return [*routes, Route("/metrics", self.metrics)] if self._token else routes

    async def alive(self, _request: Request) -> Response:
        """The front door runs."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """The front door runs, Rasa answers with its model loaded, and so does our database."""
        rasa, database = await asyncio.gather(
            self._rasa_is_ready(), run_in_threadpool(self._database.check, SECONDS)
        )
        missing = [] if rasa else ["The Rasa server does not answer."]
        if not database:
            missing.append("The database does not answer.")
        if not missing:
            return JSONResponse({"status": "ok"})
        return JSONResponse(
            {"status": "not ready", "error": " ".join(missing)},
            status_code=HTTPStatus.SERVICE_UNAVAILABLE,
        )

    async def _rasa_is_ready(self) -> bool:
        try:
            return await asyncio.wait_for(self._rasa.is_ready(), SECONDS)
        except asyncio.TimeoutError:
            return False

    async def metrics(self, request: Request) -> Response:
        """What this process has measured, and how the queue and the outboxes stand."""
        if not is_allowed(self._token, request.headers.get("authorization")):
            return JSONResponse(
                {"error": "This address needs a token."},
                status_code=HTTPStatus.UNAUTHORIZED,
                headers={"WWW-Authenticate": "Bearer"},
            )
        return Response(
            await run_in_threadpool(exposition, [self._gauges]), media_type=CONTENT_TYPE
        )
