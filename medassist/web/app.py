"""Puts the front door together."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from medassist.cases.clinics import Clinics
from medassist.cases.gauges import Gauges
from medassist.logging_setup import set_up_logging
from medassist.settings import Settings, load_settings
from medassist.storage.database import open_database
from medassist.web.chat import Chat
from medassist.web.console.routes import console_routes
from medassist.web.console.shell import Console
from medassist.web.delivery import Delivery
from medassist.web.embedding import Embedding
from medassist.web.ending import told_to_stop
from medassist.web.full_reply import FullReplies
from medassist.web.health import Health
from medassist.web.hub import Hub
from medassist.web.newcomers import Newcomers, speakers
from medassist.web.other_doors import OtherDoors
from medassist.web.pace import Pace
from medassist.web.patience import WholeBodies, allow_many_files
from medassist.web.rasa_server import RasaServer
from medassist.web.replies import Replies
from medassist.web.security import SecurityHeaders, headers_for
from medassist.web.thumbs import Thumbs
from medassist.web.voices import Voices
from medassist.web.webhooks import Webhooks
from medassist.web.widget import Widget

HERE = Path(__file__).resolve().parent

logger = logging.getLogger(__name__)

PLAIN_WORDS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address cannot be used in that way.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on our side. Please try again.",
}


def create_app(settings: Settings | None = None, pace: Pace | None = None) -> Starlette:
    """The front door as an ASGI app: `uvicorn --factory medassist.web.app:create_app`.

    `settings` are by default those of the environment, and then it is a process of its own and
    sets up its logs; `pace` is how long it waits for what.
    """
    if settings is None:
        settings = load_settings()
        set_up_logging("front-door", settings.operations)
    pace = pace or Pace()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs addresses with the secret
    if not settings.internal_secret:
        logger.error("MEDASSIST_INTERNAL_SECRET is not set, so no answer can reach the page.")
    clinics = Clinics(settings)
    voices = Voices(clinics)
    rasa = RasaServer(settings)
    doors = OtherDoors(settings.scaling.redis_url, settings.internal_secret)
    delivery = Delivery(rasa, pace, doors)
    hub = Hub(tell=doors.tell)
    engine = open_database(settings.database_url)
    counts = Newcomers(settings.new_conversations), speakers(settings.new_conversations)
    webhooks = Webhooks(settings, clinics, pace.give_up_reaching, pace.try_again)
    console = Console(engine, settings, rasa, clinics)
    headers = headers_for(settings.public_url)

    def close_streams() -> None:
        for close in (hub.close, *console.closers):
            close()

    async def broken(_request: Request, _error: Exception) -> Response:
        """Something of ours broke; the log has the traceback, the person gets a word."""
        said = {"error": PLAIN_WORDS[HTTPStatus.INTERNAL_SERVER_ERROR]}
        return JSONResponse(said, status_code=500, headers=headers)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        allow_many_files()
        doors.start(hub.hear, hub.close)
        with told_to_stop(close_streams):
            yield
        await delivery.close()
        await doors.close()
        await webhooks.close()
        await rasa.close()
        engine.dispose()

    app = Starlette(
        routes=[
            *Widget(clinics, voices, settings.link_url).routes(),
            *Chat(hub, rasa, delivery, voices, pace, *counts, Thumbs(engine), doors).routes(),
            *Replies(hub, voices, settings.internal_secret).routes(),
            *Health(rasa, engine, Gauges(engine), settings.operations.metrics_token).routes(),
            *console_routes(console),
            *webhooks.routes(),
            *FullReplies(engine, clinics).routes(),
            Mount("/static", GZipMiddleware(StaticFiles(directory=HERE / "static")), name="static"),
        ],
        middleware=[
            Middleware(SecurityHeaders, headers=headers),
            Middleware(WholeBodies),
            Middleware(Embedding, origins=settings.embed_origins),
        ],
        exception_handlers={HTTPException: refused, Exception: broken},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # it would lead to whatever host the request names
    return app


async def refused(_request: Request, error: Exception) -> Response:
    """A refusal in plain words."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    said = error.detail if error.detail != status.phrase else PLAIN_WORDS.get(status, error.detail)
    return JSONResponse({"error": said}, status_code=error.status_code, headers=error.headers)
