"""The action server as whoever watches it needs it: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import logging
from http import HTTPStatus

import pluggy
from sanic import Sanic, response
from sanic.exceptions import SanicException
from sanic.request import Request
from sanic.response import HTTPResponse

from actions.base import database
from medassist.inner_doors import guard_actions
from medassist.sanic_doors import open_doors
from medassist.settings import load_settings
from medassist.storage.reachable import Reachable

logger = logging.getLogger(__name__)


class Doors:
    """A plug-in of `rasa_sdk`, which calls it once its server is made. Callers need `secret`."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    @pluggy.HookimplMarker("rasa_sdk")
    def attach_sanic_app_extensions(self, app: Sanic) -> None:
        """Open our doors, and answer errors in our way."""
        ours = Reachable(database())

        def missing() -> list[str]:
            return [] if ours.check() else ["The database does not answer."]

        open_doors(app, missing, load_settings().operations.metrics_token)
        guard_actions(app, self._secret, _refusal)
        app.error_handler.add(Exception, refused)


async def refused(_request: Request, error: Exception) -> HTTPResponse:
    """An error in plain words. The SDK's own answer repeats the request, with a person's words."""
    status = error.status_code if isinstance(error, SanicException) else 500
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("A call of an action failed", exc_info=error)
    said = "This cannot be done." if status < 500 else "Something went wrong in the action."
    return response.json({"error": said}, status=status)


def _refusal(said: str, status: int) -> HTTPResponse:
    return response.json({"error": said}, status=status)
