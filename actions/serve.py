"""Starts the action server: `python -m actions.serve --actions actions --port 5055`.

It is that of `rasa_sdk`, with our logs, `/healthz`, `/readyz` and `/metrics`.
"""

from __future__ import annotations

import logging
import sys
from http import HTTPStatus

import pluggy
import rasa_sdk.__main__
import rasa_sdk.utils
from rasa_sdk.plugin import plugin_manager
from sanic import Sanic, response
from sanic.exceptions import SanicException
from sanic.request import Request
from sanic.response import HTTPResponse

from actions.base import database
from medassist.logging_setup import set_up_logging
from medassist.sanic_doors import open_doors
from medassist.settings import SettingsError, load_settings
from medassist.storage.reachable import Reachable

logger = logging.getLogger(__name__)


class Doors:
    """A plug-in of `rasa_sdk`, which calls it once its server is made."""

    @pluggy.HookimplMarker("rasa_sdk")
    def attach_sanic_app_extensions(self, app: Sanic) -> None:
        """Open our doors, and answer errors in our way."""
        ours = Reachable(database())

        def missing() -> list[str]:
            return [] if ours.check() else ["The database does not answer."]

        open_doors(app, missing, load_settings().operations.metrics_token)
        app.error_handler.add(Exception, refused)


async def refused(request: Request, error: Exception) -> HTTPResponse:
    """An error in plain words. The SDK's own answer repeats the request, with a person's words."""
    status = error.status_code if isinstance(error, SanicException) else 500
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("A call of an action failed", exc_info=error)
    said = "This cannot be done." if status < 500 else "Something went wrong in the action."
    return response.json({"error": said}, status=status)


def main() -> None:
    """Run the command line of `rasa_sdk`."""
    try:
        set_up_logging("actions", load_settings().operations)
    except SettingsError as error:
        print(f"medassist: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    rasa_sdk.utils.configure_colored_logging = lambda *_: None  # what is set up stays so
    rasa_sdk.utils.update_sanic_log_level = lambda *_: None
    plugin_manager().register(Doors())
    rasa_sdk.__main__.main()


if __name__ == "__main__":
    main()
