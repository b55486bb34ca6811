"""Log files are bounded while their server goes on writing, and old ones are removed."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from medassist.log_files import KEPT, LogFiles
from tests.conftest import wait_until

NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
WRITER = "import time\nfor i in range(10000): print('line', i, flush=True); time.sleep(0.005)"


def aside(log: Path) -> list[Path]:
    return sorted(log.parent.glob("a.log.*"))


def written(log: Path, text: str, at: datetime) -> Path:
    log.write_text(text, encoding="utf-8")
    os.utime(log, (at.timestamp(), at.timestamp()))
    return log


def test_a_log_that_grows_too_big_is_put_aside_under_a_writing_server(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    files = LogFiles([log], keep_days=14, most_bytes=1000)
    with log.open("ab") as output:
        server = subprocess.Popen([sys.executable, "-c", WRITER], stdout=output)
    try:
        for number in (1, 2):
            assert wait_until(lambda: log.stat().st_size > 1000, every=0.01)
            files.tidy_at(datetime.now(timezone.utc))
            assert log.stat().st_size < 1000
            assert len(aside(log)) == number
        assert wait_until(lambda: log.stat().st_size > 0, every=0.01)
    finally:
        server.kill()
        server.wait()
    assert aside(log)[0].read_text().startswith("line 0\nline 1\n")
    assert b"\0" not in log.read_bytes(), "the server writes at the end, not where it was"


def test_a_day_that_is_over_has_a_file_of_its_own(tmp_path: Path) -> None:
    log = written(tmp_path / "a.log", "today\n", NOON)
    files = LogFiles([log], keep_days=14)
    files.tidy_at(NOON)
    assert log.read_text() == "today\n"
    files.tidy_at(NOON + timedelta(days=1))
    assert (log.read_text(), [path.read_text() for path in aside(log)]) == ("", ["today\n"])


def test_what_an_earlier_run_left_is_put_aside_when_its_day_is_over(tmp_path: Path) -> None:
    log = written(tmp_path / "a.log", "yesterday\n", NOON - timedelta(days=1))
    LogFiles([log], keep_days=14).tidy_at(NOON)
    assert [path.read_text() for path in aside(log)] == ["yesterday\n"]


def test_old_logs_are_removed_after_their_days_and_beyond_their_number(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    files = LogFiles([log], keep_days=2)
    for day in range(5):
        at = NOON + timedelta(days=day)
        written(log, f"day {day}\n", at)
        files.tidy_at(at)
    assert [path.read_text() for path in aside(log)] == ["day 2\n", "day 3\n", "day 4\n"]
    many = LogFiles([log], keep_days=100, most_bytes=1)
    for minute in range(KEPT + 3):
        at = NOON + timedelta(days=5, minutes=minute)
        written(log, "more\n", at)
        many.tidy_at(at)
    assert len(aside(log)) == KEPT


def test_a_log_that_nobody_has_written_yet_is_no_harm(tmp_path: Path) -> None:
    LogFiles([tmp_path / "a.log"], keep_days=1).tidy()
