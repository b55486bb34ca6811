"""Rasa as whoever watches it needs it: our logs, our doors, its turns measured."""

from __future__ import annotations

from typing import Any, Dict, MutableMapping, Optional, Text, Tuple

import structlog
from rasa.utils import log_utils
from sanic import Sanic

from medassist.dialogue.measuring import measure_turns
from medassist.logging_setup import set_up_logging
from medassist.sanic_doors import open_doors
from medassist.settings import Settings
from medassist.storage.database import open_database
from medassist.storage.reachable import Reachable

_SHOWN = ("action_name", "policy_name", "event_key", "model_id")
"""What of an event's details is logged; the others may hold people's words."""


def watch(settings: Settings) -> None:
    """Make Rasa's command line log as we do, open our doors, and measure the turns."""
    import rasa.__main__
    import rasa.core.run
    import rasa.utils.common
    import rasa.utils.io

    def configure_structlog(_log_level: Optional[int] = None) -> None:
        set_up_logging("rasa", settings.operations)  # the last step of Rasa's own setting up
        structlog.configure(
            processors=[structlog.stdlib.filter_by_level, structlog.dev.set_exc_info, plain_event],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.make_filtering_bound_logger(20),
            cache_logger_on_first_use=True,
        )

    rasa.utils.io.configure_colored_logging = lambda *_: None
    rasa.utils.common.update_sanic_log_level = lambda *_, **__: None
    log_utils.configure_structlog = configure_structlog
    rasa.__main__.configure_structlog = configure_structlog

    configure_app = rasa.core.run.configure_app

    def with_doors(*args: Any, **kwargs: Any) -> Sanic:
        app = configure_app(*args, **kwargs)
        set_up_logging("rasa", settings.operations)  # Sanic has just set up its own
        databases = _databases(settings)

        def missing() -> list[str]:
            agent = getattr(app.ctx, "agent", None)
            model = [] if agent and agent.is_ready() else ["The model is not loaded."]
            return model + [said for said, asked in databases.items() if not asked.check()]

        open_doors(app, missing, settings.operations.metrics_token)
        return app

    rasa.core.run.configure_app = with_doors
    if settings.operations.metrics_token:
        measure_turns()


def _databases(settings: Settings) -> Dict[Text, Reachable]:
    """The databases that Rasa needs, by what is said when one does not answer."""
    urls = {settings.tracker_database_url: "The conversations' database does not answer."}
    urls.setdefault(settings.database_url, "The database does not answer.")
    return {said: Reachable(open_database(url)) for url, said in urls.items()}


def plain_event(
    _logger: Any, _method: Text, event: MutableMapping[Text, Any]
) -> Tuple[Tuple[Text], Dict[Text, Any]]:
    """An event of Rasa as a plain message: its name, and of its details only the known ones."""
    details = [f"{key}={event[key]}" for key in _SHOWN if key in event]
    message = " ".join([str(event.get("event_info") or event.get("event")), *details])
    return (message,), {"exc_info": event.get("exc_info")}
