"""Two Rasa workers of their own processes, one database: each message once, each one's in order."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.engine import Engine

from medassist.settings import ROOT
from medassist.storage.tables import outgoing_messages

MESSAGES = 40


def test_messages_that_both_processes_get_are_worked_on_once_and_in_order(
    database: Engine,
) -> None:
    url = database.url.render_as_string(hide_password=False)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.channels.worker_process", url, name, str(MESSAGES)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SQLALCHEMY_SILENCE_UBER_WARNING": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("first", "second")
    ]
    for process in processes:
        _said, complaints = process.communicate(timeout=120)
        assert process.returncode == 0, complaints
    with database.connect() as connection:
        rows = connection.execute(select(outgoing_messages).order_by(outgoing_messages.c.id)).all()
    assert len(rows) == MESSAGES
    assert {row.key.split(".")[0] for row in rows} <= {"first", "second"}
    by_person: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        by_person[row.conversation].append(int(row.content["text"]))
    assert all(said == list(range(MESSAGES // 5)) for said in by_person.values()), by_person
