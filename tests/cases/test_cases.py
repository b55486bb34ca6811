"""A case is opened once a conversation, can only rise, and keeps its history."""

from __future__ import annotations

from sqlalchemy.engine import Engine

from medassist.cases.cases import history, open_case, open_cases


def opened(database: Engine, conversation: str, level: str, kind: str = "emergency") -> int:
    return open_case(
        database,
        conversation=conversation,
        channel="website",
        level=level,
        kind=kind,
        detail={"words": f"words of {level}"},
    )


def test_a_second_message_joins_the_open_case(database: Engine) -> None:
    assert opened(database, "a", "urgent") == opened(database, "a", "urgent")
    assert len(open_cases(database)) == 1


def test_a_case_rises_to_emergency_and_never_falls(database: Engine) -> None:
    case_id = opened(database, "a", "urgent", "withdrawal")
    opened(database, "a", "emergency")
    opened(database, "a", "routine", "person")
    assert [(c.id, c.level) for c in open_cases(database)] == [(case_id, "emergency")]
    assert [e["event"] for e in history(database, case_id)] == ["opened", "raised", "added"]
    assert history(database, case_id)[0]["detail"]["words"] == "words of urgent"


def test_the_most_dangerous_case_comes_first_then_the_oldest(database: Engine) -> None:
    opened(database, "asks", "routine")
    opened(database, "late", "emergency")
    opened(database, "ran out", "urgent")
    opened(database, "later", "emergency")
    assert [c.conversation for c in open_cases(database)] == ["late", "later", "ran out", "asks"]
