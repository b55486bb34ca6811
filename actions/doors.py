"""The action server as whoever watches it needs it: our logs, `/healthz`, `/readyz`, `/metrics`.

`rasa_sdk` calls its plug-ins once its server is made; this module is one.
"""

from __future__ import annotations

import logging
import sys
from http import HTTPStatus

import pluggy
from rasa_sdk.plugin import plugin_manager
from sanic import Sanic, response
from sanic.exceptions import SanicException
from sanic.request import Request
from sanic.response import HTTPResponse

from actions.base import database
from medassist.logging_setup import set_up_logging
from medassist.sanic_doors import open_doors
from medassist.settings import load_settings
from medassist.storage.reachable import Reachable

logger = logging.getLogger(__name__)


@pluggy.HookimplMarker("rasa_sdk")
def attach_sanic_app_extensions(app: Sanic) -> None:
    """Log as we do, and open our doors."""
    settings = load_settings()
    set_up_logging("actions", settings.operations)
    ours = Reachable(database())

    def missing() -> list[str]:
        return [] if ours.check() else ["The database does not answer."]

    open_doors(app, missing, settings.operations.metrics_token)
    app.error_handler.add(Exception, refused)


async def refused(request: Request, error: Exception) -> HTTPResponse:
    """An error in plain words. The SDK's own answer repeats the request, with a person's words."""
    status = error.status_code if isinstance(error, SanicException) else 500
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("A call of an action failed", exc_info=error)
    said = "This cannot be done." if status < 500 else "Something went wrong in the action."
    return response.json({"error": said}, status=status)


plugin_manager().register(sys.modules[__name__])
