"""Erasing leaves no word and no address, the fact of a case, and a receipt."""

from __future__ import annotations

import asyncio
import re
import warnings
from pathlib import Path

import pytest
from rasa.core.tracker_store import FailSafeTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, UserUttered
from sqlalchemy import insert, select, update
from sqlalchemy.engine import Engine

from medassist.cases.cases import find_case, history
from medassist.cases.contacts import barrier, contact_at, find_contact
from medassist.channels.queues import Inbox, Incoming, Outbox
from medassist.dialogue.conversations import ConversationStore
from medassist.privacy.erasure import (
    PERSON,
    NothingHeldError,
    StillWaitingError,
    conversations_at,
    erase,
    receipts,
)
from medassist.settings import ROOT, load_settings
from medassist.staff import audit
from medassist.storage.database import migrate, open_database
from medassist.storage.rasa_tables import events
from medassist.storage.tables import contacts, incoming_messages, now, outgoing_messages
from tests.privacy.conftest import Medassist
from tests.privacy.held import NAME, PHONE, hold, holding, in_chat, wait_in
from tests.staff.conversations import make_events


def test_no_word_and_no_address_is_left_in_any_table(database: Engine, tracker: Engine) -> None:
    hold(database, tracker)
    assert len({table for table, _row in holding(NAME, database, tracker)}) >= 9
    erase(database, tracker, "sms-1", by="kim")
    assert holding(NAME, database, tracker) == []
    assert holding(PHONE, database, tracker) == []


def test_on_sqlite_not_even_the_file_holds_the_words(database: Engine, tracker: Engine) -> None:
    if database.dialect.name != "sqlite":
        pytest.skip("PostgreSQL frees its pages by itself (VACUUM)")
    hold(database, tracker)
    erase(database, tracker, "sms-1", by="kim")
    for engine in (database, tracker):
        folder = Path(str(engine.url.database))
        for file in folder.parent.glob(f"{folder.name}*"):
            assert NAME.encode() not in file.read_bytes(), file.name


def test_other_conversations_stay_as_they_were(database: Engine, tracker: Engine) -> None:
    hold(database, tracker, "sms-2", "+15550100999")
    before = holding("sms-2", database, tracker)
    hold(database, tracker)
    erase(database, tracker, "sms-1", by="kim")
    assert holding("sms-2", database, tracker) == before


def test_the_fact_of_an_open_emergency_stays_and_staff_see_that_it_was_erased(
    database: Engine, tracker: Engine
) -> None:
    case = hold(database, tracker)
    before = find_case(database, case)
    erase(database, tracker, "sms-1", by="kim")
    assert find_case(database, case) == before
    assert (before.status, before.level, before.holder) == ("open", "emergency", "kim")
    told = history(database, case)
    assert [event["event"] for event in told][-1] == "erased"
    assert {event["event"] for event in told} >= {"opened", "claimed", "note"}
    assert all(e["detail"].get("erased") for e in told if e["event"] != "erased")


def test_the_receipt_says_what_was_erased_and_is_kept_without_words(
    database: Engine, tracker: Engine
) -> None:
    hold(database, tracker)
    receipt = erase(database, tracker, "sms-1", by=PERSON)
    assert re.fullmatch(r"20\d{6}-[0-9A-Z]{8}", receipt.number)
    assert receipt.counts == {
        "questions without an answer": 1,
        "thumbs": 1,
        "labels": 1,
        "replies behind links": 1,
        "entries in cases' histories": 4,
        "messages received and sent": 2,
        "messages and steps of the chat": 6,
        "addresses": 1,
    }
    (kept,) = receipts(database)
    assert (kept.number, kept.by, kept.counts) == (receipt.number, PERSON, receipt.counts)


def test_erasing_twice_says_that_nothing_is_held(database: Engine, tracker: Engine) -> None:
    hold(database, tracker)
    erase(database, tracker, "sms-1", by="kim")
    with pytest.raises(NothingHeldError):
        erase(database, tracker, "sms-1", by="kim")
    with pytest.raises(NothingHeldError):
        erase(database, tracker, "nobody", by="kim")
    assert len(receipts(database)) == 1


def test_a_note_written_after_an_erasure_can_be_erased_too(
    database: Engine, tracker: Engine
) -> None:
    from medassist.cases.cases import add_note

    case = hold(database, tracker)
    erase(database, tracker, "sms-1", by="kim")
    add_note(database, case, "kim", f"{NAME} called again")
    assert erase(database, tracker, "sms-1", by="kim").counts["entries in cases' histories"] == 1
    assert holding(f"{NAME} called", database) == []


@pytest.mark.parametrize("queue", [incoming_messages, outgoing_messages], ids=lambda q: q.name)
def test_a_message_that_waits_is_not_lost_by_accident(
    queue, database: Engine, tracker: Engine
) -> None:
    hold(database, tracker)
    wait_in(queue, database, "sms-1")
    with pytest.raises(StillWaitingError, match="waiting to be"):
        erase(database, tracker, "sms-1", by="kim")
    assert in_chat(NAME, tracker) == 3  # nothing at all was erased
    erase(database, tracker, "sms-1", by="kim", even_waiting=True)
    with database.connect() as connection:
        rows = connection.execute(select(queue.c.content, queue.c.done_at)).all()
    assert all(content is None and done_at for content, done_at in rows)


def test_in_the_persons_own_turn_the_receipt_still_goes_out(
    database: Engine, tracker: Engine
) -> None:
    inbox = Inbox(database, "sms")
    inbox.accept(Incoming("SM1", "+15550100100", PHONE, f"{NAME}: delete my data"))
    (waiting,) = inbox.heads(5)
    write_turns(tracker, waiting.conversation)
    erase(database, tracker, waiting.conversation, by=PERSON, in_own_turn=True)
    assert find_contact(database, waiting.conversation) is not None
    assert [row.id for row in inbox.heads(5)] == [waiting.id]
    Outbox(database, "sms").put(waiting.conversation, "k.0", [{"text": "It is done."}])
    assert len(Outbox(database, "sms").heads(5)) == 1
    assert in_chat(NAME, tracker) == 0


def write_turns(tracker: Engine, conversation: str) -> None:
    row = {"type_name": "user", "timestamp": 1.0, "data": f'{{"text": "{NAME}"}}'}
    with tracker.begin() as connection:
        connection.execute(insert(events).values(sender_id=conversation, **row))


def test_a_wish_for_no_more_messages_outlives_the_erasure_and_leads_to_nothing(
    database: Engine, tracker: Engine
) -> None:
    hold(database, tracker)
    with database.begin() as connection:
        connection.execute(update(contacts).values(opted_out_at=now(), line="+15550100100"))
    erase(database, tracker, "sms-1", by="kim")
    contact = contact_at(database, "sms", "+15550100100", PHONE)
    assert contact.conversation != "sms-1"
    assert barrier(database, contact.conversation)
    assert {table for table, _row in holding(PHONE, database, tracker)} == {"contacts"}


def test_who_writes_after_an_erasure_is_met_anew(database: Engine, tracker: Engine) -> None:
    inbox = Inbox(database, "sms")
    before = contact_at(database, "sms", "+15550100100", PHONE).conversation
    erase(database, tracker, before, by="kim")
    assert inbox.accept(Incoming("SM2", "+15550100100", PHONE, "hello again"))
    (row,) = inbox.heads(5)
    assert row.conversation != before
    assert conversations_at(database, "sms", PHONE) == [row.conversation]


@pytest.fixture
def store(tracker: Engine, monkeypatch: pytest.MonkeyPatch) -> FailSafeTrackerStore:
    """The store as a running Rasa has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        domain = Domain.load(str(ROOT / "domain.yml"))
    url = tracker.url.render_as_string(hide_password=False)
    monkeypatch.setenv("MEDASSIST_TRACKER_DATABASE_URL", url)
    opened = ConversationStore(domain)
    yield FailSafeTrackerStore(opened)
    opened.engine.dispose()


class Turn:
    """A turn of Rasa: it reads the conversation, works for a while, and stores what happened."""

    def __init__(self, store: FailSafeTrackerStore, text: str) -> None:
        self.store = store
        self.tracker = asyncio.run(store.get_or_create_tracker("web-1", None, False))
        self.tracker.update(ActionExecuted("action_listen"))
        self.tracker.update(UserUttered(text))

    def ends(self) -> None:
        asyncio.run(self.store.save(self.tracker))


def test_a_turn_that_runs_while_it_is_erased_brings_no_word_back(
    store: FailSafeTrackerStore, database: Engine, tracker: Engine
) -> None:
    Turn(store, f"I am {NAME}").ends()
    running = Turn(store, f"{NAME} again")
    erase(database, tracker, "web-1", by="kim")
    running.ends()
    running.ends()  # Rasa may save a turn twice
    assert in_chat(NAME, tracker) == 0


def test_not_even_the_first_turn_of_a_conversation_does(
    store: FailSafeTrackerStore, database: Engine, tracker: Engine
) -> None:
    hold(database, tracker, "web-1")
    running = Turn(store, f"{NAME} at last")
    erase(database, tracker, "web-1", by="kim")
    running.ends()
    first = Turn(store, f"{NAME} once more")
    with pytest.raises(NothingHeldError):
        erase(database, tracker, "web-1", by="kim")
    first.ends()
    assert in_chat(NAME, tracker) == 0


def test_a_turn_that_begins_after_the_erasure_is_kept(
    store: FailSafeTrackerStore, database: Engine, tracker: Engine
) -> None:
    Turn(store, "one").ends()
    erase(database, tracker, "web-1", by="kim")
    for text in ("two", "three"):
        Turn(store, text).ends()
    with tracker.connect() as connection:
        stored = connection.execute(select(events.c.data).where(events.c.type_name == "user"))
        assert [re.findall(r'"text": "(\w+)"', data)[0] for data in stored.scalars()] == [
            "two", "three",
        ]  # fmt: skip


def test_the_privacy_officer_erases_by_number_by_case_or_by_name(
    tmp_path: Path, medassist: Medassist
) -> None:
    settings = load_settings({"MEDASSIST_VAR": str(tmp_path)})
    engine = open_database(settings.database_url)
    migrate(engine)
    tracker = open_database(settings.tracker_database_url)
    make_events(tracker)
    hold(engine, tracker)
    case = hold(engine, tracker, "sms-2", "+15550100999")
    hold(engine, tracker, "sms-3", "+15550100888")
    first = medassist("privacy", "erase", "--channel", "sms", "--person", PHONE)
    assert first.code == 0, first.error
    assert f"Receipt {receipts(engine)[0].number}" in first.said
    assert "is still open" in first.said
    assert medassist("privacy", "erase", "--case", str(case)).code == 0
    assert medassist("privacy", "erase", "--conversation", "sms-3").code == 0
    assert holding("took 30 tablets", engine, tracker) == []
    assert [r.conversation for r in receipts(engine)] == ["sms-1", "sms-2", "sms-3"]
    entry = audit.entries(engine)[0]
    assert (entry.account, entry.action, entry.object) == (
        "(command line)", "erase", "conversation sms-3",
    )  # fmt: skip
    for words in (
        ("--channel", "sms", "--person", PHONE),
        ("--conversation", "sms-3"),
        ("--case", "999"),
        ("--conversation", "sms-3", "--case", "1"),
        ("--person", PHONE),
        (),
    ):
        refused = medassist("privacy", "erase", *words)
        assert refused.code == 1
        assert len(refused.error.splitlines()) == 1, refused.error
        assert refused.error.startswith("medassist: ")
    engine.dispose()
    tracker.dispose()
