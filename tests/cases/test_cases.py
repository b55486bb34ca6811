"""A case is opened once a conversation, can only rise, and keeps its history."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.engine import Engine

from medassist.cases.cases import (
    OUTCOMES,
    CaseError,
    acknowledge,
    add_note,
    claim,
    find_case,
    history,
    open_case,
    open_cases,
    record_reply,
    release,
    reopen,
    resolve,
    take_over,
)
from medassist.cases.handovers import begin, end


def opened(database: Engine, conversation: str, level: str, kind: str = "emergency") -> int:
    return open_case(
        database,
        conversation=conversation,
        channel="website",
        level=level,
        kind=kind,
        detail={"words": f"words of {level}"},
    )


def events(database: Engine, case_id: int) -> list[tuple[str, str | None]]:
    return [(e["event"], e["account"]) for e in history(database, case_id)]


def test_a_second_message_joins_the_open_case(database: Engine) -> None:
    assert opened(database, "a", "urgent") == opened(database, "a", "urgent")
    assert len(open_cases(database)) == 1


def test_a_message_whose_turn_runs_again_is_on_the_case_once(database: Engine) -> None:
    def raised(message_id: str) -> int:
        return open_case(
            database,
            conversation="a",
            channel="website",
            level="emergency",
            kind="overdose",
            detail={"words": "20 tablets", "message_id": message_id},
        )

    case = raised("one")
    assert raised("one") == case
    assert [event for event, _ in events(database, case)] == ["opened"]
    raised("two")
    assert [event for event, _ in events(database, case)] == ["opened", "added"]


def test_messages_at_the_same_moment_open_one_case(database: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda n: opened(database, f"c{n % 4}", "urgent"), range(24)))
    assert len(set(ids)) == 4
    assert sum(len(history(database, i)) for i in set(ids)) == 24


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


def test_a_case_that_rises_now_waits_since_now(database: Engine) -> None:
    risen = opened(database, "first here", "urgent")
    opened(database, "first emergency", "emergency")
    opened(database, "first here", "emergency")
    assert [c.conversation for c in open_cases(database)] == ["first emergency", "first here"]
    case = find_case(database, risen)
    assert case.level_since > case.opened_at
    assert case.level_since.utcoffset() == timedelta(0)


def test_an_acknowledgement_is_kept_with_its_first_name(database: Engine) -> None:
    case_id = opened(database, "a", "emergency")
    acknowledge(database, case_id, "kim")
    acknowledge(database, case_id, "lee")
    assert find_case(database, case_id).acknowledged_by == "kim"
    assert events(database, case_id) == [("opened", None), ("acknowledged", "kim")]


def test_a_case_that_rises_wants_a_new_acknowledgement(database: Engine) -> None:
    case_id = opened(database, "a", "urgent")
    acknowledge(database, case_id, "kim")
    opened(database, "a", "urgent")
    assert find_case(database, case_id).acknowledged_by == "kim"
    opened(database, "a", "emergency")
    assert find_case(database, case_id).acknowledged_at is None
    assert find_case(database, case_id).acknowledged_by is None


def test_of_two_who_claim_at_once_one_gets_it_and_the_other_is_told(database: Engine) -> None:
    case_id = opened(database, "a", "emergency")

    def try_to_claim(account: str) -> str:
        try:
            claim(database, case_id, account)
        except CaseError as error:
            return str(error)
        return "claimed"

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(try_to_claim, [f"nurse-{n}" for n in range(6)]))
    holder = find_case(database, case_id).holder
    assert said.count("claimed") == 1
    assert said.count(f"{holder} has this case.") == 5
    assert [e for e in events(database, case_id) if e[0] == "claimed"] == [("claimed", holder)]


def test_a_claim_acknowledges_and_a_release_gives_the_case_back(database: Engine) -> None:
    case_id = opened(database, "a", "emergency")
    claim(database, case_id, "kim")
    assert find_case(database, case_id).acknowledged_by == "kim"
    with pytest.raises(CaseError, match="kim has this case"):
        release(database, case_id, "lee")
    release(database, case_id, "kim")
    claim(database, case_id, "lee")
    assert find_case(database, case_id).holder == "lee"


def test_a_case_can_be_taken_over_from_somebody_who_left(database: Engine) -> None:
    case_id = opened(database, "a", "emergency")
    claim(database, case_id, "kim")
    take_over(database, case_id, "lee")
    assert find_case(database, case_id).holder == "lee"
    last = history(database, case_id)[-1]
    assert (last["event"], last["account"], last["detail"]) == (
        "taken_over",
        "lee",
        {"from": "kim"},
    )


def test_notes_and_replies_are_kept_with_their_writer(database: Engine) -> None:
    case_id = opened(database, "a", "urgent")
    add_note(database, case_id, "kim", " called her mother ")
    record_reply(database, case_id, "kim", "Please stay awake.")
    written = [
        (e["event"], e["account"], e["detail"].get("text")) for e in history(database, case_id)
    ]
    assert ("note", "kim", "called her mother") in written
    assert written[-1] == ("replied", "kim", "Please stay awake.")
    assert find_case(database, case_id).acknowledged_by == "kim"


def test_a_reply_that_is_recorded_twice_stands_once(database: Engine) -> None:
    case_id = opened(database, "a", "urgent")
    for message_id in ("one", "one", "two", "", ""):
        record_reply(database, case_id, "kim", "ok", message_id)
    replies = [e["detail"] for e in history(database, case_id) if e["event"] == "replied"]
    assert [r["message_id"] for r in replies] == ["one", "two", "", ""]


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 5001])
def test_a_note_that_is_empty_or_too_long_is_refused(database: Engine, text: str) -> None:
    case_id = opened(database, "a", "urgent")
    with pytest.raises(CaseError):
        add_note(database, case_id, "kim", text)
    assert events(database, case_id) == [("opened", None)]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_resolved_case_leaves_the_queue_with_its_outcome(database: Engine, outcome: str) -> None:
    case_id = opened(database, "a", "emergency")
    resolve(database, case_id, "kim", outcome, "slept well")
    assert open_cases(database) == []
    case = find_case(database, case_id)
    assert (case.status, case.outcome, case.acknowledged_by) == ("closed", outcome, "kim")
    assert case.closed_at is not None
    assert history(database, case_id)[-1]["detail"] == {"outcome": outcome, "text": "slept well"}


def test_a_case_cannot_end_without_a_known_outcome(database: Engine) -> None:
    case_id = opened(database, "a", "emergency")
    with pytest.raises(CaseError, match="choose one of the outcomes"):
        resolve(database, case_id, "kim", "gone")
    assert find_case(database, case_id).status == "open"


def test_nothing_is_done_to_a_closed_case_but_notes_and_reopening(database: Engine) -> None:
    case_id = opened(database, "a", "emergency")
    resolve(database, case_id, "kim", "advised")
    for act in (acknowledge, claim, release, take_over, begin):
        with pytest.raises(CaseError, match="This case is closed"):
            act(database, case_id, "lee")
    with pytest.raises(CaseError, match="This case is closed"):
        resolve(database, case_id, "lee", "advised")
    add_note(database, case_id, "lee", "heard from her later")
    reopen(database, case_id, "lee")
    case = find_case(database, case_id)
    assert (case.status, case.holder, case.outcome, case.closed_at) == ("open", "lee", None, None)
    assert events(database, case_id)[-2:] == [("note", "lee"), ("reopened", "lee")]


def test_a_message_after_the_end_opens_a_case_of_its_own(database: Engine) -> None:
    first = opened(database, "a", "emergency")
    resolve(database, first, "kim", "advised")
    second = opened(database, "a", "urgent")
    assert second != first
    with pytest.raises(CaseError, match=f"Case {second} of the same conversation is open"):
        reopen(database, first, "kim")


def test_a_case_is_not_closed_or_released_while_staff_talk_with_the_patient(
    database: Engine,
) -> None:
    case_id = opened(database, "a", "urgent")
    begin(database, case_id, "kim")
    for act in (release, lambda *who: resolve(*who, "advised")):
        with pytest.raises(CaseError, match="Hand the chat back first"):
            act(database, case_id, "kim")
    end(database, "a", "staff")
    resolve(database, case_id, "kim", "advised")


def test_a_case_that_is_not_there_is_said_so(database: Engine) -> None:
    for act in (find_case, acknowledge, claim, release, take_over, reopen):
        with pytest.raises(CaseError, match="There is no case 77"):
            act(database, 77, *([] if act is find_case else ["kim"]))
