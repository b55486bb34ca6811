"""Our database and Rasa's beside it, of each kind."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from medassist import cli
from medassist.storage.database import open_database
from tests.staff.conversations import make_events


@pytest.fixture
def tracker(database: Engine, tmp_path: Path) -> Iterator[Engine]:
    """Rasa's database: a file of its own on SQLite, the same database on PostgreSQL."""
    if database.dialect.name == "sqlite":
        engine = open_database(f"sqlite:///{tmp_path / 'conversations.db'}")
    else:
        engine = open_database(database.url.render_as_string(hide_password=False))
    make_events(engine)
    yield engine
    engine.dispose()


@dataclass(frozen=True)
class Answered:
    """What a command said, and its exit code."""

    code: int
    said: str
    error: str


Medassist = Callable[..., Answered]


@pytest.fixture
def medassist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Medassist:
    """The command with `tmp_path` as its `var` (in this process: a new one takes seconds)."""
    for name in [name for name in os.environ if name.startswith("MEDASSIST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MEDASSIST_VAR", str(tmp_path))

    def call(*words: str, **settings: str) -> Answered:
        with monkeypatch.context() as here:
            for name, value in settings.items():
                here.setenv(name, value)
            here.setattr(sys, "argv", ["medassist", *words])
            with pytest.raises(SystemExit) as ended:
                cli.main()
        captured = capsys.readouterr()
        return Answered(int(ended.value.code or 0), captured.out, captured.err)

    return call
