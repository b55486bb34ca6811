"""One person's data, all of it and of nobody else, for them to read and to take along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from medassist.privacy.erasure import NothingHeldError, erase
from medassist.privacy.export import held_of
from medassist.settings import load_settings
from medassist.staff import audit
from medassist.storage.database import migrate, open_database
from medassist.storage.tables import now
from tests.privacy.conftest import Medassist
from tests.privacy.held import NAME, PHONE, hold, holding
from tests.staff.conversations import make_events, write


def test_everything_that_is_held_is_in_it_and_nothing_of_others(
    database: Engine, tracker: Engine
) -> None:
    hold(database, tracker)
    tables = {table for table, _row in holding(NAME, database, tracker)}
    assert len(tables) >= 9
    hold(database, tracker, "sms-2", "+15550100999")
    held = held_of(database, tracker, ["sms-1"])
    assert tables <= set(held)
    said = json.dumps(held, default=str)
    assert PHONE in said
    assert "sms-2" not in said
    assert "+15550100999" not in said


def test_after_an_erasure_only_the_facts_are_left_to_export(
    database: Engine, tracker: Engine
) -> None:
    hold(database, tracker)
    erase(database, tracker, "sms-1", by="kim")
    held = held_of(database, tracker, ["sms-1"])
    assert NAME not in json.dumps(held, default=str)
    assert set(held) == {"cases", "case_events", "handovers", "notifications", "erasures"}
    with pytest.raises(NothingHeldError):
        held_of(database, tracker, ["nobody"])


def test_the_command_writes_both_files_for_the_owner_only(
    tmp_path: Path, medassist: Medassist
) -> None:
    settings = load_settings({"MEDASSIST_VAR": str(tmp_path)})
    engine = open_database(settings.database_url)
    tracker = open_database(settings.tracker_database_url)
    migrate(engine)
    make_events(tracker)
    hold(engine, tracker)
    write(tracker, now(), "<script>alert(1)</script>", conversation="sms-1")
    into = tmp_path / "out"
    who = ("--channel", "sms", "--person", PHONE)
    made = medassist("privacy", "export", "--into", str(into), *who)
    assert made.code == 0, made.error
    for name in ("export.json", "export.html"):
        assert (into / name).stat().st_mode & 0o777 == 0o600
    page = (into / "export.html").read_text(encoding="utf-8")
    assert f"{NAME} asks 2" in page
    assert "<script>" not in page
    data = json.loads((into / "export.json").read_text(encoding="utf-8"))
    assert data["events"][0]["data"]["text"] == f"{NAME} asks 0"
    assert audit.entries(engine)[0].action == "export"
    again = medassist("privacy", "export", "--into", str(into), *who)
    nobody = medassist("privacy", "export", "--into", str(tmp_path / "o"), "--conversation", "x")
    for refused, said in ((again, "left alone"), (nobody, "Nothing is held")):
        assert (refused.code, refused.error.count("\n")) == (1, 1)
        assert said in refused.error
    assert not (tmp_path / "o").exists()
    engine.dispose()
    tracker.dispose()
