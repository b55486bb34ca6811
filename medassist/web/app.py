"""Puts the front door together."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from medassist.regions import Region, read_regions
from medassist.settings import Settings, load_settings
from medassist.storage.database import open_database
from medassist.web.chat import Chat
from medassist.web.delivery import Delivery
from medassist.web.ending import told_to_stop
from medassist.web.full_reply import FullReplies
from medassist.web.health import Health
from medassist.web.hub import Hub
from medassist.web.pace import Pace
from medassist.web.rasa_server import RasaServer
from medassist.web.replies import Replies
from medassist.web.security import SECURITY_HEADERS, SecurityHeaders
from medassist.web.webhooks import Webhooks
from medassist.web.words import LONGEST_TEXT, Words

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
    delivery = Delivery(rasa, words, pace)
    hub = Hub()
    webhooks = Webhooks(settings, words, pace.give_up_reaching, pace.try_again)
    full_replies = FullReplies(open_database(settings.database_url), region)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        with told_to_stop(hub.close):
            yield
        await delivery.close()
        await webhooks.close()
        await rasa.close()

    return Starlette(
        routes=[
            Route("/", chat_page(region)),
            *Chat(hub, rasa, delivery, words, pace).routes(),
            *Replies(hub, words, settings.internal_secret).routes(),
            *Health(rasa).routes(),
            *webhooks.routes(),
            *full_replies.routes(),
            Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
        ],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={HTTPException: refused, Exception: broken},
        lifespan=lifespan,
    )


def chat_page(region: Region) -> Callable[[Request], Awaitable[Response]]:
    """The page with this region's phone numbers."""
    templates = Jinja2Templates(directory=HERE / "templates")

    async def page(request: Request) -> Response:
        return templates.TemplateResponse(
            request, "chat.html", {"region": region, "longest_text": LONGEST_TEXT}
        )

    return page


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
