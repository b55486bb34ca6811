"""A conversation, a back-up, a new and empty database: the conversation goes on."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from medassist.cases.cases import find_case, open_cases
from medassist.storage.backup import restore, write_backup
from medassist.storage.database import open_database
from tests.conftest import POSTGRES, Bot, start_bot, stop_bot


@dataclass
class Before:
    """What was backed up: the file, who spoke, and their open case."""

    file: io.BytesIO
    sender: str
    case: int


@pytest.fixture(scope="module")
def before(bot: Bot) -> Iterator[Before]:
    """A back-up of the running bot, in the middle of a conversation."""
    sender = f"restored-{secrets.token_hex(4)}"
    bot.say("what is baclofen for", sender)
    bot.say("i took 30 tablets of it at once", sender)
    engine = open_database(bot.settings.database_url)
    chats = open_database(bot.settings.tracker_database_url)
    (case,) = [case.id for case in open_cases(engine) if case.conversation == sender]
    file = io.BytesIO()
    write_backup(engine, chats, file)
    bot.say("i am lost", sender)  # after the back-up: the new bot must not know it
    yield Before(file, sender, case)
    engine.dispose()
    chats.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two databases that hold nothing, not even tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ours.db'}", f"sqlite:///{tmp_path / 'chats.db'}"
        return
    schema = f"medassist_test_{secrets.token_hex(4)}"
    admin: Engine = open_database(POSTGRES)
    try:
        with admin.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    except OperationalError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("no PostgreSQL on this machine (set MEDASSIST_TEST_POSTGRES_URL)")
    url = f"{POSTGRES}?options=-csearch_path%3D{schema}"
    yield url, url
    with admin.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()


def test_restored_into_an_empty_database_the_conversation_goes_on(
    before: Before, urls: tuple[str, str], tmp_path: Path
) -> None:
    engine, chats = (open_database(url) for url in urls)
    restore(engine, chats, before.file)
    assert find_case(engine, before.case).status == "open"
    ours, of_rasa = urls
    bot = start_bot(
        tmp_path / "var",
        MEDASSIST_DATABASE_URL=ours,
        MEDASSIST_TRACKER_DATABASE_URL=of_rasa,
    )
    try:
        answer = bot.say("how should i store it", before.sender)
        # Both the medicine and the overdose were named before the back-up only.
        assert "baclofen" in [(r.get("custom") or {}).get("medicine") for r in answer]
        assert "not called 911 yet" in " ".join(r.get("text") or "" for r in answer)
        bot.say("she can't breathe", before.sender)
    finally:
        stop_bot(bot)
    (case,) = [case for case in open_cases(engine) if case.conversation == before.sender]
    assert case.id == before.case  # the open case was added to: no second one
    engine.dispose()
    chats.dispose()
