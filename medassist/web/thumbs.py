"""The way of a thumb to the database and back; the database is not waited for in the event loop."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from medassist.medicines.feedback import Thumb, record_thumb, thumbs_of
from medassist.web.history import Message

logger = logging.getLogger(__name__)


class ThumbsError(Exception):
    """The database did not take it."""


class Thumbs:
    """What people thought of answers, in our database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def record(self, sender: str, answer: Message, up: bool, why: str) -> None:
        """Keep a thumb for an answer. Raises ThumbsError."""
        custom = answer["custom"]
        thumb = Thumb(
            answer["id"],
            up,
            why,
            answer_id=str(custom.get("answer_id") or ""),
            medicine=str(custom.get("medicine") or ""),
            topic=str(custom.get("topic") or ""),
        )
        try:
            await run_in_threadpool(record_thumb, self._engine, sender, thumb)
        except SQLAlchemyError as error:
            logger.error("A thumb was not kept: %s", type(error).__name__)
            raise ThumbsError from None

    async def given(self, sender: str) -> dict[str, dict[str, Any]]:
        """The thumbs of a conversation by message; none when the database cannot be read."""
        try:
            found = await run_in_threadpool(thumbs_of, self._engine, sender)
        except SQLAlchemyError as error:
            logger.error("The thumbs could not be read: %s", type(error).__name__)
            return {}
        return {thumb.message_id: {"up": thumb.up, "why": thumb.why} for thumb in found}
