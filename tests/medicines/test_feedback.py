"""Thumbs in the database: one for each reply of a conversation, and gone when asked for."""

from __future__ import annotations

from sqlalchemy import insert
from sqlalchemy.engine import Engine

from medassist.medicines import feedback
from medassist.medicines.feedback import Thumb, forget_thumbs, record_thumb, thumbs_of
from medassist.storage.tables import thumbs


def test_a_thumb_is_kept_whole(database: Engine) -> None:
    thumb = Thumb("m.0", False, "too short", "baclofen.dose", "baclofen", "dose")
    record_thumb(database, "web-one", thumb)
    assert thumbs_of(database, "web-one") == [thumb]


def test_a_second_thumb_takes_the_place_of_the_first(database: Engine) -> None:
    record_thumb(database, "web-one", Thumb("m.0", False, "no"))
    record_thumb(database, "web-one", Thumb("m.0", True))
    assert thumbs_of(database, "web-one") == [Thumb("m.0", True)]


def test_each_conversation_and_each_reply_has_its_own(database: Engine) -> None:
    for conversation, message in (("one", "m.0"), ("one", "m.1"), ("two", "m.0")):
        record_thumb(database, conversation, Thumb(message, True))
    assert len(thumbs_of(database, "one")) == 2
    assert len(thumbs_of(database, "two")) == 1


def test_of_two_tabs_at_once_the_later_counts(database: Engine, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Another tab's thumb comes in after we have seen none and before ours is in."""
    plain_insert = feedback.insert

    def after_the_other(table):  # type: ignore[no-untyped-def]
        with database.begin() as connection:
            values = {"conversation": "one", "message_id": "m.0", "up": True}
            connection.execute(insert(thumbs).values(**values))
        return plain_insert(table)

    monkeypatch.setattr(feedback, "insert", after_the_other)
    record_thumb(database, "one", Thumb("m.0", False, "mine"))
    assert thumbs_of(database, "one") == [Thumb("m.0", False, "mine")]


def test_a_long_why_is_cut_to_its_room(database: Engine) -> None:
    record_thumb(database, "one", Thumb("m.0", True, "x" * 600))
    assert len(thumbs_of(database, "one")[0].why) == 500


def test_forgetting_leaves_those_of_others(database: Engine) -> None:
    for conversation in ("one", "two"):
        record_thumb(database, conversation, Thumb("m.0", True))
    forget_thumbs(database, "one")
    assert thumbs_of(database, "one") == []
    assert len(thumbs_of(database, "two")) == 1
