"""Starts Rasa with our limits: `python -m medassist.dialogue.serve run …`."""

from __future__ import annotations

import logging
import os
import sys
import uuid
import warnings

from medassist.dialogue.networks import leave_out_networks, needs_networks
from medassist.settings import ROOT

ACTION_SECONDS = 8
"""How long Rasa waits for an action before the guard speaks (Rasa's own limit is 300 s)."""

LARGEST_REQUEST = 65_536
"""Bytes of one HTTP request; Rasa's own limit is 100 MB, and 1 MB stops it for 20 seconds."""


def check_replies_with_one_validator() -> None:
    """Check what actions return as Rasa does, but build the check only once.

    Rasa proves at every call that its own, constant schema is a valid one. That took half of
    the time of a message that runs an action.
    """
    from jsonschema.exceptions import best_match  # type: ignore[import-untyped]
    from jsonschema.validators import validator_for  # type: ignore[import-untyped]
    from rasa.core.actions.action import RemoteAction

    schema = RemoteAction.action_response_format_spec()
    of_schema = validator_for(schema)
    of_schema.check_schema(schema)
    validator = of_schema(schema)

    def is_valid(_self: RemoteAction, result: object) -> bool:
        wrong = best_match(validator.iter_errors(result))
        if wrong is not None:
            raise wrong
        return True

    RemoteAction._validate_action_result = is_valid


def main() -> None:
    """Run Rasa's command line with quieter logs and these limits."""
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    os.environ.setdefault("SANIC_REQUEST_MAX_SIZE", str(LARGEST_REQUEST))
    os.environ.setdefault("TICKET_LOCK_LIFETIME", "330")  # above the longest turn
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import sanic.app  # noqa: F401  (it resets the warning filters, so it must come first)

    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    if sys.argv[1:2] == ["run"] and not needs_networks(ROOT / "config.yml"):
        leave_out_networks()
    import rasa.core.actions.action
    from rasa.__main__ import main as rasa_main
    from rasa.shared.nlu.constants import TEXT
    from rasa.shared.nlu.training_data.message import Message
    from rasa.shared.nlu.training_data.training_data import TrainingData

    from medassist.dialogue.once import answer_each_message_once
    from medassist.dialogue.patience import wait_for_the_action_server

    rasa.core.actions.action.DEFAULT_REQUEST_TIMEOUT = ACTION_SECONDS
    # Rasa digests every example of the data after each step, for a cache of steps that we never
    # use (`--force`), and to tell duplicates apart. That took half of a training's time.
    TrainingData.fingerprint = lambda self: uuid.uuid4().hex
    Message.__hash__ = lambda self: hash(self.get(TEXT))
    check_replies_with_one_validator()
    answer_each_message_once()
    wait_for_the_action_server()
    logging.getLogger("medassist").setLevel(logging.INFO)
    rasa_main()


if __name__ == "__main__":
    main()
