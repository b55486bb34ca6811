"""How every process logs: one form, masked at the source, errors counted.

Masking is done where a record is made, not where it is written: whatever handler a library adds
later gets masked text. Of an exception only its kind and its place are kept, because the words of
foreign exceptions hold what people wrote (a database's parameters, the body of a request).
"""

from __future__ import annotations

import contextvars
import hashlib
import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

from medassist.masking import masked, one_line
from medassist.metrics import ERRORS, PARTS
from medassist.operations_settings import OperationsSettings

OURS = ("medassist", "actions")
"""The loggers of our own code."""

QUIET = (
    "aio_pika", "aiohttp", "aiormq", "alembic", "apprise", "apscheduler", "asyncio", "httpcore",
    "httpx", "kafka", "matplotlib", "rasa_sdk.executor", "redis", "requests", "sanic.access",
    "sanic.root", "slack_sdk", "sqlalchemy", "twilio", "urllib3", "uvicorn.access",
)  # fmt: skip
"""Loggers that say addresses, or nothing of use, below WARNING."""

FRAMES = 12
"""Places of a traceback that are kept, the innermost ones."""

_conversation: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "medassist_conversation", default=None
)
_OUR_NAME = re.compile(r"(?:web|sms|whatsapp|telegram|slack|messenger|generic)-[0-9a-f]{32}")
_FOREIGN_WORDS = re.compile(r"Traceback \(most recent call last\):|\[SQL: |\[parameters: |DETAIL:")
"""From here on a message holds somebody else's words."""


def set_up_logging(part: str, settings: OperationsSettings) -> None:
    """Log to standard output from now on; `part` is one of PARTS.

    Call it after a framework has set up its own logging: what that has set up is removed.
    """
    assert part in PARTS
    logging.setLogRecordFactory(masked_record)
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(JsonLines(part) if settings.log_format == "json" else PlainLines())
    output.addFilter(is_fit)
    root = logging.getLogger()
    for name in list(root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    root.handlers[:] = [output, ErrorCount(part)]
    root.setLevel(max(logging.INFO, logging.getLevelName(settings.log_level)))
    for name in OURS:
        logging.getLogger(name).setLevel(settings.log_level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda uncaught: _log_uncaught(
        uncaught.exc_type, uncaught.exc_value, uncaught.exc_traceback
    )


def is_fit(record: logging.LogRecord) -> bool:
    """Whether a record may be written: libraries say people's words below INFO.

    What they say about their own old age helps nobody who runs the servers.
    """
    if record.name == "py.warnings" and "DeprecationWarning" in record.getMessage():
        return False
    return record.levelno >= logging.INFO or record.name.partition(".")[0] in OURS


@contextmanager
def in_conversation(name: str) -> Iterator[None]:
    """What is logged inside belongs to this conversation."""
    token = _conversation.set(shown_name(name))
    try:
        yield
    finally:
        _conversation.reset(token)


def belongs_to(name: str) -> None:
    """What this task logs from now on belongs to this conversation; for a task of its own."""
    _conversation.set(shown_name(name))


def shown_name(conversation: str) -> str:
    """A conversation's name for the logs. A program on REST may put anything into its own."""
    if _OUR_NAME.fullmatch(conversation):
        return conversation
    return f"other-{hashlib.sha256(conversation.encode()).hexdigest()[:16]}"


def masked_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """A log record whose message, arguments and exception hold nothing that a log may not."""
    record = logging.LogRecord(*args, **kwargs)
    record.msg, record.args = _message(record), ()
    if record.exc_info:
        error = record.exc_info[1]
        record.exc_text = described(error) if error else None
        record.exc_info = None
    record.conversation = _conversation.get()
    return record


def _message(record: logging.LogRecord) -> str:
    if isinstance(record.msg, BaseException):
        record.msg = _kind(record.msg)
    if isinstance(record.args, tuple):
        record.args = tuple(_kind(a) if isinstance(a, BaseException) else a for a in record.args)
    try:
        message = record.getMessage()
    except Exception:  # a wrong number of arguments: the call is to be mended, not lost
        message = str(record.msg)
    foreign = _FOREIGN_WORDS.search(message)
    if foreign:
        message = f"{message[: foreign.start()]}[left out]"
    return masked(one_line(message))


def described(error: BaseException) -> str:
    """What kind of exception it is, where it came from and what caused it; not what it says."""
    parts = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        places = traceback.extract_tb(current.__traceback__)[-FRAMES:]
        parts.append(
            "\n".join(
                [_kind(current), *(f"  {_place(p.filename)}:{p.lineno} {p.name}" for p in places)]
            )
        )
        hidden = None if current.__suppress_context__ else current.__context__
        current = current.__cause__ or hidden
    return masked("\n  because of ".join(parts))


def _kind(error: BaseException) -> str:
    """The kind of an exception, with its words where they are ours or the system's own."""
    kind = type(error)
    if kind.__module__.partition(".")[0] in OURS:
        return f"{kind.__name__}: {one_line(str(error))}"
    if isinstance(error, OSError) and error.strerror and error.errno:
        return f"{kind.__name__}: {one_line(error.strerror)}"
    return kind.__name__


def _place(file: str) -> str:
    """A source file without the folders of this machine."""
    parts = Path(file).parts
    for at in ("site-packages", "python3.10"):
        if at in parts:
            return "/".join(parts[parts.index(at) + 1 :])
    return "/".join(parts[-3:])


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    """What nobody caught, in the same form as everything else."""
    if error is None or issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("medassist").critical("Not caught", exc_info=(kind, error, trace))


class PlainLines(logging.Formatter):
    """Lines for people: time in UTC, level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        """One record; an exception follows on lines of its own."""
        conversation = getattr(record, "conversation", None)
        about = f" [{conversation}]" if conversation else ""
        line = f"{_time(record)} {record.levelname:<8} {record.name}{about}  {record.getMessage()}"
        return f"{line}\n{record.exc_text}" if record.exc_text else line


class JsonLines(logging.Formatter):
    """One JSON object a line, for programs."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        line = {
            "time": _time(record),
            "level": record.levelname,
            "part": self._part,
            "logger": record.name,
            "message": record.getMessage(),
            "conversation": getattr(record, "conversation", None),
            "exception": record.exc_text,
        }
        return json.dumps({key: value for key, value in line.items() if value is not None})


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ErrorCount(logging.Handler):
    """Counts the errors of this process: whoever logs one cannot forget it."""

    def __init__(self, part: str) -> None:
        super().__init__(logging.ERROR)
        self._errors = ERRORS.labels(part)

    def emit(self, record: logging.LogRecord) -> None:
        """One more."""
        self._errors.inc()
