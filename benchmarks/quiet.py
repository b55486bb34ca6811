"""Nothing but results: Rasa's own logger would write the words of messages."""

from __future__ import annotations

import logging
import warnings

import structlog


def silence_logs() -> None:
    """Let only errors through, in this process."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
