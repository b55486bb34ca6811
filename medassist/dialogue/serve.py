"""Starts Rasa with our limits: `python -m medassist.dialogue.serve run …`."""

from __future__ import annotations

import gc
import logging
import os
import sys
import warnings
from typing import Any

from medassist.dialogue.left_out import (
    leave_out_libraries,
    leave_out_networks,
    needs_networks,
)
from medassist.dialogue.turn_cost import spare_repeated_work
from medassist.inner_doors import guard_rasa, own_secret
from medassist.logging_setup import set_up_logging
from medassist.settings import ROOT, Settings, SettingsError, load_settings

ACTION_SECONDS = 8
"""How long Rasa waits for an action before the guard speaks (Rasa's own limit is 300 s)."""

LARGEST_REQUEST = 65_536
"""Bytes of one HTTP request; Rasa's own limit is 100 MB, and 1 MB stops it for 20 seconds."""


def close_doors(secret: str) -> None:
    """Put the API behind the secret, and close what we do not use.

    Rasa takes the secret from its command line only. Added here, it is not in the process list.
    """
    import rasa.core.run
    from sanic import Sanic, response

    sys.argv += ["--auth-token", secret]
    create_app = rasa.core.run.server.create_app

    def guarded(*arguments: Any, **options: Any) -> Sanic:
        app = create_app(*arguments, **options)
        guard_rasa(app, lambda said, status: response.json({"error": said}, status))
        return app

    rasa.core.run.server.create_app = guarded


def collect_no_garbage_of_the_start() -> None:
    """Let Python look for garbage only once the model is loaded, and only at what comes later.

    A start makes millions of objects that stay: looking through them took a fifth of it, and
    would stop a turn for a moment now and then.
    """
    import rasa.core.run

    load = rasa.core.run.load_agent_on_start

    async def load_once(*arguments: Any, **options: Any) -> Any:
        agent = await load(*arguments, **options)
        gc.freeze()
        gc.enable()
        return agent

    rasa.core.run.load_agent_on_start = load_once


def main() -> None:
    """Run Rasa's command line with quieter logs and these limits."""
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    os.environ.setdefault("SANIC_REQUEST_MAX_SIZE", str(LARGEST_REQUEST))
    os.environ.setdefault("TICKET_LOCK_LIFETIME", "330")  # above the longest turn
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    serving = sys.argv[1:2] == ["run"]
    if serving:
        gc.disable()  # until the model is loaded
        # One message is little work: threads that share it cost more than they give.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        settings = _settings()
        set_up_logging("rasa", settings.operations)
    import sanic.app  # noqa: F401  (it resets the warning filters, so it must come first)

    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    if serving:
        leave_out_libraries()
        if not needs_networks(ROOT / "config.yml"):
            leave_out_networks()
    import rasa.core.actions.action
    from rasa.__main__ import main as rasa_main

    from medassist.dialogue.once import answer_each_message_once
    from medassist.dialogue.own_actions import run_actions_here
    from medassist.dialogue.patience import wait_for_the_action_server
    from medassist.dialogue.training_cost import spare_work_with_examples

    rasa.core.actions.action.DEFAULT_REQUEST_TIMEOUT = ACTION_SECONDS
    spare_work_with_examples()
    logging.getLogger("medassist").setLevel(logging.INFO)
    if serving:
        from medassist.dialogue.early_reading import read_while_the_conversation_is_fetched
        from medassist.dialogue.watched import watch

        collect_no_garbage_of_the_start()
        close_doors(own_secret())
        spare_repeated_work()
        read_while_the_conversation_is_fetched()
        answer_each_message_once()
        wait_for_the_action_server()
        if settings.action_url is None:
            run_actions_here()
        watch(settings)
    rasa_main()


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        print(f"medassist: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
