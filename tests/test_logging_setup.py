"""Every process logs in one form, without words of people, and each error is counted."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from medassist.settings import ROOT

MARKER = "zebracorn"

BEGIN = """
import logging, sys, threading, warnings
from medassist.logging_setup import in_conversation, set_up_logging
from medassist.operations_settings import read_operations
from medassist.metrics import exposition
settings = read_operations({"MEDASSIST_LOG_FORMAT": %r, "MEDASSIST_LOG_LEVEL": %r})
log = logging.getLogger("medassist.somewhere")
"""


def run(program: str, form: str = "json", level: str = "INFO", code: int = 0) -> str:
    """What a process writes to both of its outputs."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN % (form, level) + program],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_json_line_says_when_who_where_and_in_which_conversation() -> None:
    [first, second, third] = lines(
        run(
            "set_up_logging('alerts', settings)\n"
            "with in_conversation('web-' + 32 * 'a'): log.info('Hello %s', 'there')\n"
            "with in_conversation('+15550100123'): log.warning('line\\nbreak')\n"
            "logging.getLogger('rasa').info('plain')"
        )
    )
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "INFO",
        "part": "alerts",
        "logger": "medassist.somewhere",
        "message": "Hello there",
        "conversation": "web-" + 32 * "a",
    }
    assert second["conversation"].startswith("other-")
    assert "555" not in second["conversation"]
    assert second["message"] == "line\\nbreak"
    assert "conversation" not in third


def test_plain_lines_have_a_time_in_utc_and_one_line_a_message() -> None:
    written = run("set_up_logging('rasa', settings); log.info('two\\nlines')", "plain")
    assert written.count("\n") == 1
    assert "Z INFO     medassist.somewhere  two\\nlines" in written


def test_of_a_foreign_exception_only_kind_and_place_are_written() -> None:
    [line] = lines(
        run(
            "set_up_logging('rasa', settings)\n"
            "def inner(words): raise ValueError(words)\n"
            "def outer(words):\n"
            "    try: inner(words)\n"
            "    except ValueError as error: raise KeyError(words) from error\n"
            f"try: outer('{MARKER}')\n"
            "except KeyError as error: log.exception('It failed: %s', error)"
        )
    )
    assert line["message"] == "It failed: KeyError"
    assert [
        w for w in ("KeyError", "because of ValueError", "inner") if w not in line["exception"]
    ] == []
    assert MARKER not in json.dumps(line)


def test_an_error_of_the_system_or_of_ours_keeps_its_words() -> None:
    written = lines(
        run(
            "from medassist.settings import SettingsError\n"
            "set_up_logging('rasa', settings)\n"
            "for error in (ConnectionRefusedError(111, 'Connection refused'),\n"
            "              SettingsError('MEDASSIST_PORT must be a port')):\n"
            "    log.error('Failed: %s', error)\n"
            "    log.error(error)"
        )
    )
    assert [line["message"] for line in written] == [
        "Failed: ConnectionRefusedError: Connection refused",
        "ConnectionRefusedError: Connection refused",
        "Failed: SettingsError: MEDASSIST_PORT must be a port",
        "SettingsError: MEDASSIST_PORT must be a port",
    ]


def test_a_database_error_never_shows_what_was_to_be_stored() -> None:
    written = run(
        "from medassist.storage.database import open_database\n"
        "from sqlalchemy import text\n"
        "set_up_logging('rasa', settings)\n"
        "try:\n"
        "    with open_database('sqlite://').connect() as connection:\n"
        f"        connection.execute(text('INSERT INTO gone VALUES (:w)'), {{'w': '{MARKER}'}})\n"
        "except Exception as error:\n"
        "    log.error(f'Please look: {error}', exc_info=error)\n"
        "    assert 'zebracorn' not in str(error)"
    )
    assert MARKER not in written
    assert "no such table" in written


def test_what_nobody_catches_is_logged_in_the_same_form() -> None:
    written = lines(
        run(
            "set_up_logging('rasa', settings)\n"
            "def broken(): raise ValueError('zebracorn')\n"
            "thread = threading.Thread(target=broken); thread.start(); thread.join()\n"
            "warnings.warn('an old thing +15550100123')\n"
            "broken()",
            code=1,
        )
    )
    assert [line["level"] for line in written] == ["CRITICAL", "WARNING", "CRITICAL"]
    assert "[number]" in written[1]["message"]
    assert MARKER not in json.dumps(written)


def test_handlers_of_a_framework_before_or_after_get_masked_text_only() -> None:
    written = run(
        "library = logging.getLogger('library')\n"
        "library.propagate = False; library.addHandler(logging.StreamHandler())\n"
        "set_up_logging('rasa', settings)\n"
        "library.warning('once, jo@example.org')\n"
        "later = logging.getLogger('later')\n"
        "later.propagate = False; later.addHandler(logging.StreamHandler(sys.stdout))\n"
        "try: raise ValueError('zebracorn')\n"
        "except ValueError: later.exception('token=abcdef %s', '+15550100123')",
    )
    assert written.count("once, [e-mail]") == 1
    assert "token=[secret] [number]" in written
    assert MARKER not in written


def test_libraries_never_log_below_info_and_ours_only_when_asked() -> None:
    program = (
        "set_up_logging('rasa', settings)\n"
        "logging.getLogger('rasa').setLevel('DEBUG')\n"
        "logging.getLogger('rasa').debug('zebracorn')\n"
        "log.debug('ours')"
    )
    assert run(program) == ""
    [line] = lines(run(program, level="DEBUG"))
    assert line["message"] == "ours"


def test_each_error_is_counted_whoever_logs_it() -> None:
    written = run(
        "set_up_logging('actions', settings)\n"
        "set_up_logging('actions', settings)\n"
        "log.warning('no error'); log.error('one'); log.error('one')\n"
        "logging.getLogger('library').critical('three')\n"
        "print(exposition().decode())"
    )
    assert 'medassist_errors_total{part="actions"} 3.0' in written
