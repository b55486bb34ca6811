"""What `make load` is built of: the choice of steps, the people, the made-up histories."""

from __future__ import annotations

import asyncio
import itertools
import random
import warnings

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import UserUttered
from sqlalchemy.engine import Engine

from load.climb import Climb, held
from load.histories import Writer, write
from load.machine import used_between
from load.report import table
from load.words import AGREE, Phrases, already_thinking, conversation, read_phrases, think
from medassist.dialogue.conversations import LATEST, ConversationStore
from medassist.settings import ROOT
from medassist.triage.assess import Triage


@pytest.fixture(scope="module")
def phrases() -> Phrases:
    return read_phrases(ROOT / "data")


def tried(climb: Climb, capacity: int) -> list[int]:
    """The numbers of people that a bot of this capacity is given."""
    numbers, people = [], climb.first
    while people is not None:
        numbers.append(people)
        people = climb.next_after(people, was_held=people <= capacity)
    return numbers


@pytest.mark.parametrize("capacity", [61, 100, 300, 777])
def test_the_climb_ends_close_below_the_capacity(capacity: int) -> None:
    climb = Climb()
    numbers = tried(climb, capacity)
    assert climb.good <= capacity < climb.good * 1.25
    assert len(numbers) <= 11


def test_a_bot_that_fails_at_once_is_given_fewer_people() -> None:
    climb = Climb()
    assert tried(climb, capacity=17)[:3] == [100, 50, 25]
    assert 13 <= climb.good <= 17


def test_a_bot_that_never_holds_anybody_ends_the_climb() -> None:
    climb = Climb()
    tried(climb, capacity=0)
    assert climb.good == 0


def test_a_climb_has_an_end_even_if_nothing_is_too_much() -> None:
    assert tried(Climb(), capacity=10**9)[-1] == 4_000


@pytest.mark.parametrize(
    ("p95", "lost", "good"),
    [(0.99, 0.0, True), (1.0, 0.0, False), (0.2, 0.02, False), (None, 0.0, False)],
)
def test_people_are_held_when_replies_are_fast_and_none_is_lost(
    p95: float | None, lost: float, good: bool
) -> None:
    assert held({"p95_s": p95, "lost": lost}) is good


def test_everybody_asks_then_agrees_then_goes_on(phrases: Phrases) -> None:
    chance = random.Random(1)
    conversations = [conversation(phrases, chance) for _ in range(2_000)]
    assert all(said[0] in phrases.questions and said[1] == AGREE for said in conversations)
    assert {len(said) for said in conversations} == set(range(8, 13))
    emergencies = sum(not set(phrases.emergencies).isdisjoint(said) for said in conversations)
    assert 60 < emergencies < 140  # one in twenty


def test_the_crowd_speaks_at_its_steady_pace_from_the_beginning() -> None:
    """As many are due in the first ten seconds as in any later ten."""
    chance, people = random.Random(2), 4_000
    due = [already_thinking(chance) for _ in range(people)]
    early = sum(at < 10 for at in due)
    late = 0
    for at in due:
        while at < 210:
            late += at >= 200
            at += think(chance)
    assert early == pytest.approx(late, rel=0.1)


def test_what_the_bot_and_locust_do_not_use_is_of_others() -> None:
    used = used_between(
        {"rasa": 1.0, "locust": 0.5, "all": 10.0}, {"rasa": 3.0, "locust": 1.0, "all": 14.0}
    )
    assert used == {"rasa": 2.0, "locust": 0.5, "others": 1.5}


def test_the_table_shows_the_most_people_held_and_what_was_too_much() -> None:
    def step(people: int, p95: float) -> dict:
        return {"people": people, "p50_s": 0.1, "p95_s": p95, "lost": 0.0, "messages_a_second": 3.0}

    words = table({"ours": [step(60, 0.3), step(90, 1.7), step(73, 0.8)], "other": [step(60, 2.0)]})
    assert "| ours | 73 | 3.0 | 0.10 s | 0.80 s | 90: 1.70 s |" in words
    assert "| other | none |" in words


def test_made_up_histories_are_read_by_the_store_as_real_ones_are(
    empty_database: Engine, phrases: Phrases, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = empty_database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("MEDASSIST_TRACKER_DATABASE_URL", url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Rasa warns of a change in its version 3.0
        store = ConversationStore(Domain.load(str(ROOT / "domain.yml")))
    writer = Writer(Triage.load(ROOT / "data" / "safety"), phrases)
    assert write(store.engine, writer.conversations(), 300) == 300
    whole = list(writer.long_conversation("long", 60))
    assert write(store.engine, iter(whole)) == len(whole) == 3 + 60 * 10
    tracker = asyncio.run(store.retrieve("long"))
    full = asyncio.run(store.retrieve_full_tracker("long"))
    store.engine.dispose()
    said = [event.text for event in full.events if isinstance(event, UserUttered)]
    assert len(said) == 60
    read = [event.text for event in tracker.events if isinstance(event, UserUttered)]
    assert read[-LATEST:] == said[-LATEST:]
    assert len(tracker.events) < len(full.events) / 2
    assert len(list(itertools.islice(writer.conversations(), 5))) == 5
