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

from medassist.cases.hours import read_clinic
from medassist.regions import read_regions
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
from medassist.web.newcomers import Newcomers
from medassist.web.other_doors import OtherDoors
from medassist.web.pace import Pace
from medassist.web.rasa_server import RasaServer
from medassist.web.replies import Replies
from medassist.web.security import SECURITY_HEADERS, SecurityHeaders
from medassist.web.thumbs import Thumbs
from medassist.web.webhooks import Webhooks
from medassist.web.widget import Widget
from medassist.web.words import Words

HERE = Path(__file__).resolve().parent

logger = logging.getLogger(__name__)

PLAIN_WORDS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address cannot be used in that way.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on our side. Please try again.",
}


def create_app(settings: Settings | None = None, pace: Pace | None = None) -> Starlette:
    """The front door as an ASGI app: `uvicorn --factory medassist.web.app:create_app`.

    `settings` are by default those of the environment; `pace` is how long it waits for what.
    """
    settings = settings or load_settings()
    pace = pace or Pace()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs addresses with the secret
    if not settings.internal_secret:
        logger.error("MEDASSIST_INTERNAL_SECRET is not set, so no answer can reach the page.")
    region = read_regions(settings.data)[settings.region]
    words = Words(region.emergency.say)
    rasa = RasaServer(settings)
    doors = OtherDoors(settings.scaling.redis_url, settings.internal_secret)
    delivery = Delivery(rasa, words, pace, doors)
    hub = Hub(tell=doors.tell)
    engine = open_database(settings.database_url)
    newcomers = Newcomers(settings.new_conversations)
    webhooks = Webhooks(settings, words, pace.give_up_reaching, pace.try_again)
    console = Console(engine, settings, rasa, region)

    def close_streams() -> None:
        for close in (hub.close, *console.closers):
            close()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        doors.start(hub.hear, hub.close)
        with told_to_stop(close_streams):
            yield
        await delivery.close()
        await doors.close()
        await webhooks.close()
        await rasa.close()
        engine.dispose()

    return Starlette(
        routes=[
            *Widget(region, read_clinic(settings.data)).routes(),
            *Chat(hub, rasa, delivery, words, pace, newcomers, Thumbs(engine), doors).routes(),
            *Replies(hub, words, settings.internal_secret).routes(),
            *Health(rasa).routes(),
            *console_routes(console),
            *webhooks.routes(),
            *FullReplies(engine, region).routes(),
            Mount("/static", GZipMiddleware(StaticFiles(directory=HERE / "static")), name="static"),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Embedding, origins=settings.embed_origins),
        ],
        exception_handlers={HTTPException: refused, Exception: broken},
        lifespan=lifespan,
    )


async def refused(_request: Request, error: Exception) -> Response:
    """A refusal in plain words."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    said = error.detail if error.detail != status.phrase else PLAIN_WORDS.get(status, error.detail)
    return JSONResponse({"error": said}, status_code=error.status_code, headers=error.headers)


async def broken(_request: Request, _error: Exception) -> Response:
    """Something of ours broke; the log has the traceback, the person gets a word."""
    return JSONResponse(
        {"error": PLAIN_WORDS[HTTPStatus.INTERNAL_SERVER_ERROR]},
        status_code=500,
        headers=SECURITY_HEADERS,
    )
