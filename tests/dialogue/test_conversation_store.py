"""A long conversation is read in part, and nothing that matters is lost by it."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    BotUttered,
    ConversationPaused,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy import event, inspect, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from medassist.dialogue import conversations
from medassist.dialogue.conversations import ERASE_SLOT, LATEST, ConversationStore
from medassist.nlu.triage import earlier_assessments
from medassist.privacy.erasure import erase_stored
from medassist.settings import ROOT
from medassist.triage.assess import Triage
from medassist.triage.conversation import standing
from medassist.triage.findings import Facts

SENDER = "somebody"


@pytest.fixture(scope="module")
def domain() -> Domain:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Rasa warns of a change in its version 3.0
        return Domain.load(str(ROOT / "domain.yml"))


@pytest.fixture(scope="module")
def triage() -> Triage:
    return Triage.load(ROOT / "data" / "safety")


@pytest.fixture
def store(
    empty_database: Engine, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> ConversationStore:
    url = empty_database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("MEDASSIST_TRACKER_DATABASE_URL", url)
    opened = ConversationStore(domain)
    yield opened
    opened.engine.dispose()


class Conversation:
    """Speaks to the store as Rasa's processor does: read, add a turn, save."""

    def __init__(self, store: ConversationStore, triage: Triage) -> None:
        self.store, self.triage = store, triage

    def read(self) -> DialogueStateTracker:
        return asyncio.run(self.store.get_or_create_tracker(SENDER, append_action_listen=False))

    def whole(self) -> DialogueStateTracker:
        return asyncio.run(self.store.retrieve_full_tracker(SENDER))

    def save(self, tracker: DialogueStateTracker) -> None:
        asyncio.run(self.store.save(tracker))

    def say(self, message: str, *more: object, at: float | None = None) -> None:
        tracker = self.read()
        if not tracker.events:
            tracker.update(ActionExecuted("action_session_start"))
            tracker.update(SessionStarted())
            tracker.update(ActionExecuted("action_listen"))
        at = at or time.time()
        found = self.triage.assess(message, earlier=earlier_assessments(tracker), at=at)
        intent = {"name": "ask_dose", "confidence": 0.9}
        parsed = {"text": message, "intent": intent, "entities": [], "triage": found.to_dict()}
        tracker.update(UserUttered(message, intent, [], parsed, message_id=message))
        for further in more:
            tracker.update(further)
        tracker.update(SlotSet("level", found.level.value))
        tracker.update(ActionExecuted("utter_greet"))
        tracker.update(BotUttered(f"You said: {message}"))
        tracker.update(ActionExecuted("action_listen"))
        self.save(tracker)


@pytest.fixture
def conversation(store: ConversationStore, triage: Triage) -> Conversation:
    return Conversation(store, triage)


def said(tracker: DialogueStateTracker) -> list[str]:
    return [e.text for e in tracker.events if isinstance(e, UserUttered)]


def slots(tracker: DialogueStateTracker) -> dict[str, object]:
    return tracker.current_slot_values()


def test_a_turn_of_a_long_conversation_reads_the_latest_messages_only(
    conversation: Conversation,
) -> None:
    messages = [f"question {n}" for n in range(45)]
    for message in messages:
        conversation.say(message)
    assert said(conversation.read()) == messages[-LATEST:]


def test_a_later_turn_reads_no_more_than_an_earlier_one(conversation: Conversation) -> None:
    lengths = []
    for number in range(40):
        conversation.say(f"question {number}")
        lengths.append(len(conversation.read().events))
    assert lengths[39] == lengths[19] < 8 * LATEST


def test_every_message_and_reply_is_stored_once_and_in_order(conversation: Conversation) -> None:
    messages = [f"question {n}" for n in range(35)]
    for message in messages:
        conversation.say(message)
    whole = conversation.whole()
    assert said(whole) == messages
    replies = [e.text for e in whole.events if isinstance(e, BotUttered)]
    assert replies == [f"You said: {message}" for message in messages]


def test_a_tracker_saved_twice_is_stored_once(conversation: Conversation) -> None:
    for number in range(15):
        conversation.say(f"question {number}")
    tracker = conversation.read()
    tracker.update(UserUttered("once"))
    conversation.save(tracker)
    tracker.update(BotUttered("and its answer"))
    conversation.save(tracker)
    whole = conversation.whole()
    assert said(whole).count("once") == 1
    assert [e.text for e in whole.events if isinstance(e, BotUttered)][-1] == "and its answer"


def test_slots_set_long_ago_keep_their_latest_value(conversation: Conversation) -> None:
    conversation.say("first", SlotSet("medicine", "gabapentin"), SlotSet("handover", True))
    conversation.say("second", SlotSet("medicine", "baclofen"), SlotSet("failed_tries", 2))
    conversation.say("third", SlotSet("failed_tries", None))
    for number in range(30):
        conversation.say(f"question {number}")
    read = conversation.read()
    assert read.get_slot("medicine") == "baclofen"
    assert read.get_slot("handover") is True
    assert slots(read) == slots(conversation.whole())


DANGER_EARLY = [
    ["i stopped my baclofen two days ago"],
    ["i took 40 mg of baclofen", "i took another 40 mg of baclofen"],
    ["i want to kill myself"],
    ["i can't breathe", "sorry, false alarm, i can breathe fine"],
    ["i feel very drowsy", "i have no rash"],
]


@pytest.mark.parametrize("early", DANGER_EARLY, ids=lambda messages: messages[0])
def test_what_triage_knows_of_old_messages_is_never_forgotten(
    conversation: Conversation, early: list[str]
) -> None:
    for message in early:
        conversation.say(message)
    for number in range(30):
        conversation.say(f"what is the usual amount, number {number}")
    now = time.time()
    in_part = standing(earlier_assessments(conversation.read()), now)
    assert in_part == standing(earlier_assessments(conversation.whole()), now)
    assert early[0] in said(conversation.read())


def test_the_fields_that_triage_hands_on_are_those_the_store_looks_at() -> None:
    # A new field of Facts must stand before `asked`, or the store would not look at it.
    names = [field.name for field in dataclasses.fields(Facts)]
    assert names == ["present", "denied", "states", "taken", "who", "corrected", "asked"]


def test_a_conversation_paused_long_ago_is_still_paused(conversation: Conversation) -> None:
    conversation.say("first")
    conversation.say("second", ConversationPaused())
    for number in range(30):
        conversation.say(f"question {number}")
    assert conversation.read().is_paused()


def test_of_an_earlier_session_nothing_is_read(conversation: Conversation) -> None:
    for number in range(20):
        conversation.say(f"old {number}")
    tracker = conversation.read()
    tracker.update(ActionExecuted("action_session_start"))
    tracker.update(SessionStarted())
    tracker.update(SlotSet("medicine", "baclofen"))
    tracker.update(ActionExecuted("action_listen"))
    conversation.save(tracker)
    for number in range(14):
        conversation.say(f"new {number}")
        read = conversation.read()
        expected = [f"new {n}" for n in range(number + 1)][-LATEST:]
        assert said(read) == expected
        assert read.get_slot("medicine") == "baclofen"
    assert len(said(conversation.whole())) == 34


def test_a_short_conversation_is_read_as_rasa_reads_it(
    conversation: Conversation, store: ConversationStore
) -> None:
    for number in range(LATEST - 1):
        conversation.say(f"question {number}")
    rasas = asyncio.run(SQLTrackerStore.retrieve(store, SENDER))
    assert list(conversation.read().events) == list(rasas.events)


def test_an_erased_conversation_leaves_nothing(
    conversation: Conversation, store: ConversationStore
) -> None:
    for number in range(30):
        conversation.say(f"question {number}")
    tracker = conversation.read()
    tracker.update(SlotSet(ERASE_SLOT, True))
    conversation.save(tracker)
    with store.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM events")).scalar() == 0


def test_a_first_turn_during_which_the_conversation_was_erased_is_not_stored(
    conversation: Conversation, store: ConversationStore
) -> None:
    tracker = conversation.read()
    with store.engine.begin() as connection:
        erase_stored(connection, SENDER)
    tracker.update(SessionStarted())
    tracker.update(UserUttered("my secret"))
    conversation.save(tracker)
    assert conversation.whole() is None


def test_a_database_of_an_earlier_version_gets_the_index(
    conversation: Conversation, store: ConversationStore, domain: Domain
) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("DROP INDEX medassist_events_by_kind"))
    again = ConversationStore(domain)
    names = {index["name"] for index in inspect(again.engine).get_indexes("events")}
    again.engine.dispose()
    assert "medassist_events_by_kind" in names


# ── a database that fails ───────────────────────────────────────────────────────────────────


def test_several_rasas_that_start_at_once_make_the_tables_together(
    empty_database: Engine, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = empty_database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("MEDASSIST_TRACKER_DATABASE_URL", url)
    together = threading.Barrier(8)

    def start(_: int) -> ConversationStore:
        together.wait()
        return ConversationStore(domain)

    with ThreadPoolExecutor(8) as threads:
        stores = list(threads.map(start, range(8)))
    for store in stores:
        store.engine.dispose()
    assert {"events", "medassist_erased"} <= set(inspect(empty_database).get_table_names())
    names = {index["name"] for index in inspect(empty_database).get_indexes("events")}
    assert "medassist_events_by_kind" in names


@pytest.fixture
def down(store: ConversationStore, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """While it holds something, every statement fails, as when the disk is full."""
    failing: list[bool] = []

    def refuse(*_: object) -> None:
        if failing:
            raise OperationalError("a statement", None, Exception("no space left"))

    event.listen(store.engine, "before_cursor_execute", refuse)
    monkeypatch.setattr(conversations, "LEFT_ALONE_SECONDS", 0.0)
    return failing


def test_turns_that_could_not_be_stored_are_stored_when_the_database_is_back(
    conversation: Conversation, down: list[bool]
) -> None:
    conversation.say("before")
    tracker = conversation.read()
    tracker.update(UserUttered("meanwhile"))
    down.append(True)
    conversation.save(tracker)
    conversation.say("later")  # the conversation goes on with what it knows
    assert said(conversation.read()) == ["before", "meanwhile", "later"]
    down.clear()
    conversation.say("after")
    assert said(conversation.whole()) == ["before", "meanwhile", "later", "after"]


def test_they_are_stored_even_if_nobody_writes_any_more(
    conversation: Conversation, down: list[bool]
) -> None:
    async def talk() -> None:
        tracker = await conversation.store.get_or_create_tracker(SENDER)
        tracker.update(UserUttered("help"))
        down.append(True)
        await conversation.store.save(tracker)
        down.clear()
        for _ in range(500):
            await asyncio.sleep(0.01)
            if not len(conversation.store._unsaved):
                return

    asyncio.run(talk())
    assert said(conversation.whole()) == ["help"]


def test_a_turn_that_began_blind_is_added_to_what_is_stored(
    conversation: Conversation, down: list[bool]
) -> None:
    conversation.say("before")
    down.append(True)
    with pytest.raises(SQLAlchemyError):  # Rasa goes on with an empty conversation
        conversation.read()
    tracker = DialogueStateTracker.from_events(SENDER, [], conversation.store.domain.slots)
    tracker.update(SessionStarted())
    tracker.update(UserUttered("is anybody there"))
    down.clear()
    conversation.save(tracker)
    assert said(conversation.whole()) == ["before", "is anybody there"]


def test_an_erasure_before_a_turn_that_began_blind_does_not_undo_the_turn(
    conversation: Conversation, down: list[bool]
) -> None:
    conversation.say("before")
    conversation.say("delete my data", SlotSet(ERASE_SLOT, True))
    down.append(True)
    with pytest.raises(SQLAlchemyError):
        conversation.read()
    tracker = DialogueStateTracker.from_events(SENDER, [], conversation.store.domain.slots)
    conversation.save(tracker)  # Rasa stores a new conversation before its first turn
    tracker.update(SessionStarted())
    tracker.update(UserUttered("is anybody there"))
    conversation.save(tracker)
    down.clear()
    conversation.say("after")
    assert said(conversation.whole()) == ["is anybody there", "after"]


def test_what_waits_to_be_stored_is_shown_too(conversation: Conversation, down: list[bool]) -> None:
    conversation.say("before")
    tracker = conversation.read()
    tracker.update(UserUttered("meanwhile"))
    down.append(True)
    conversation.save(tracker)
    assert said(conversation.whole())[-1] == "meanwhile"
    down.clear()
    assert said(conversation.whole()) == ["before", "meanwhile"]


def test_a_turn_that_breaks_leaves_what_waits_as_it_was(
    conversation: Conversation, down: list[bool]
) -> None:
    conversation.say("before")
    tracker = conversation.read()
    tracker.update(UserUttered("meanwhile"))
    down.append(True)
    conversation.save(tracker)
    conversation.read().update(UserUttered("never finished"))
    down.clear()
    conversation.say("after")
    assert said(conversation.whole()) == ["before", "meanwhile", "after"]


def test_a_database_that_failed_is_left_alone_for_a_moment(
    conversation: Conversation, down: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "LEFT_ALONE_SECONDS", 60.0)
    conversation.say("before")
    down.append(True)
    with pytest.raises(OperationalError):
        conversation.read()
    down.clear()
    with pytest.raises(conversations.DatabaseDownError):
        conversation.read()


def test_what_waits_is_forgotten_with_the_conversation(
    conversation: Conversation, down: list[bool]
) -> None:
    conversation.say("before")
    tracker = conversation.read()
    tracker.update(UserUttered("my secret"))
    down.append(True)
    conversation.save(tracker)
    down.clear()
    conversation.say("delete my data", SlotSet(ERASE_SLOT, True))
    assert conversation.whole() is None
