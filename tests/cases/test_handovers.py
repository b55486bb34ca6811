"""Staff hold a conversation one at a time, and it is on record who and when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.engine import Engine

from medassist.cases.cases import CaseError, claim, find_case, history, open_case, take_over
from medassist.cases.handovers import begin, current, end, idle, take_idle, touch
from medassist.storage.tables import now


@pytest.fixture
def case_id(database: Engine) -> int:
    return open_case(
        database, conversation="a", channel="website", level="urgent", kind="person", detail={}
    )


def test_stepping_in_takes_the_case_and_the_conversation(database: Engine, case_id: int) -> None:
    assert current(database, "a") is None
    begin(database, case_id, "kim")
    held = current(database, "a")
    assert held is not None
    assert (held.staff, held.case_id, held.channel, held.ended_at) == (
        "kim",
        case_id,
        "website",
        None,
    )
    assert find_case(database, case_id).holder == "kim"
    assert find_case(database, case_id).acknowledged_by == "kim"


def test_stepping_in_twice_is_once(database: Engine, case_id: int) -> None:
    assert begin(database, case_id, "kim") == begin(database, case_id, "kim")
    assert [e["event"] for e in history(database, case_id)].count("handover_began") == 1


def test_nobody_steps_into_another_ones_conversation(database: Engine, case_id: int) -> None:
    begin(database, case_id, "kim")
    with pytest.raises(CaseError, match="kim has this case"):
        begin(database, case_id, "lee")
    held = current(database, "a")
    assert held is not None
    assert held.staff == "kim"


def test_nobody_steps_into_a_case_that_another_has_claimed(database: Engine, case_id: int) -> None:
    claim(database, case_id, "kim")
    with pytest.raises(CaseError, match="kim has this case"):
        begin(database, case_id, "lee")
    assert current(database, "a") is None


def test_whoever_takes_over_the_case_may_take_over_the_conversation(
    database: Engine, case_id: int
) -> None:
    begin(database, case_id, "kim")
    take_over(database, case_id, "lee")
    assert begin(database, case_id, "lee").staff == "lee"
    ended = end(database, "a", "staff")
    assert ended is not None
    assert ended.staff == "lee"
    assert current(database, "a") is None


@pytest.mark.parametrize("by", ["staff", "timeout"])
def test_an_end_is_recorded_once_with_who_ended_it(database: Engine, case_id: int, by: str) -> None:
    begin(database, case_id, "kim")
    ended = end(database, "a", by)
    assert ended is not None
    assert ended.ended_by == by
    assert ended.ended_at is not None
    assert end(database, "a", by) is None
    last = history(database, case_id)[-1]
    assert (last["event"], last["detail"]) == ("handover_ended", {"by": by})
    assert last["account"] == ("kim" if by == "staff" else None)


def test_a_handover_is_idle_when_staff_have_done_nothing_for_the_set_time(
    database: Engine, case_id: int
) -> None:
    began = begin(database, case_id, "kim").used_at
    assert idle(database, 1800, began + timedelta(seconds=1799)) == []
    (waiting,) = idle(database, 1800, began + timedelta(seconds=1800))
    assert waiting.staff == "kim"
    touch(database, "a")
    touched = current(database, "a")
    assert touched is not None
    assert touched.used_at > began
    assert idle(database, 1800, began + timedelta(seconds=1800)) == []


def test_an_ended_handover_is_not_idle(database: Engine, case_id: int) -> None:
    begin(database, case_id, "kim")
    end(database, "a", "staff")
    assert idle(database, 1, now() + timedelta(days=1)) == []


def test_of_two_workers_one_ends_an_idle_handover_and_a_failed_one_is_tried_again(
    database: Engine, case_id: int
) -> None:
    began = begin(database, case_id, "kim").used_at
    at = began + timedelta(seconds=1800)
    (waiting,) = idle(database, 1800, at)
    assert [take_idle(database, waiting, 1800, at) for _ in range(2)] == [True, False]
    assert idle(database, 1800, at) == []
    assert len(idle(database, 1800, at + timedelta(seconds=60))) == 1
