"""Turns: never two at once, in order of arrival, over processes, and nobody waits for the dead."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis

from medassist.redis_link import link_to
from medassist.settings import ROOT
from medassist.turns import Turns
from tests.conftest import free_port
from tests.scale.conftest import OwnRedis


@pytest.fixture
def name(redis_url: str) -> Iterator[str]:
    """A conversation nobody else has."""
    name = f"test-{secrets.token_hex(8)}"
    yield name
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(f"*{name}*"):
            client.delete(key)


@pytest.fixture
def shared(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def taker(url: str, name: str, turns: int, seconds: float, lease: float = 10) -> subprocess.Popen:
    return subprocess.Popen(
        [
            sys.executable, "-m", "tests.scale.taker_of_turns",
            url, name, str(turns), str(seconds), str(lease),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen) -> int:
    assert process.stdout is not None
    with process.stdout:
        process.stdout.read()
    return process.wait(60)


@asynccontextmanager
async def lines(url: str | None, **more: float) -> AsyncIterator[Turns]:
    """The turns of one process."""
    link = link_to(url)
    turns = Turns(link, "test", **more)
    yield turns
    await turns.close()
    if link:
        await link.close()


def in_loop(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


def test_of_many_processes_only_one_has_the_turn_at_a_time(
    redis_url: str, name: str, shared: redis.Redis
) -> None:
    takers = [taker(redis_url, name, 25, 0.005) for _ in range(4)]
    assert [finish(process) for process in takers] == [0] * 4
    assert shared.lrange(f"{name}:seen", 0, -1) == ["1"] * 100
    assert list(shared.scan_iter(f"medassist:test:*{name}*")) == []


def test_turns_come_in_the_order_of_arrival_over_several_machines(
    redis_url: str, name: str
) -> None:
    async def work() -> list[int]:
        served: list[int] = []

        machines: list[Turns] = []

        async def take(number: int, place: Any) -> None:
            async with machines[number % 3].turn(place):
                served.append(number)
                await asyncio.sleep(0.01)

        async with lines(redis_url) as a, lines(redis_url) as b, lines(redis_url) as c:
            machines.extend([a, b, c])
            places = [await machines[number % 3].draw(name) for number in range(15)]
            # They begin to wait in the reverse order, which must not matter.
            await asyncio.gather(*(take(n, p) for n, p in reversed(list(enumerate(places)))))
        return served

    assert in_loop(work()) == list(range(15))


@pytest.mark.parametrize("waits", [False, True])
def test_a_process_that_was_killed_is_passed_over(redis_url: str, name: str, waits: bool) -> None:
    holder = taker(redis_url, name, 1, 3 if waits else 600, lease=1)
    assert holder.stdout is not None
    assert [holder.stdout.readline() for _ in range(2)] == ["drawn\n", "begins\n"]
    killed = holder
    if waits:
        killed = taker(redis_url, name, 1, 0, lease=1)
        assert killed.stdout is not None
        assert killed.stdout.readline() == "drawn\n"
    killed.send_signal(signal.SIGKILL)
    finish(killed)
    after = taker(redis_url, name, 1, 0, lease=1)
    assert finish(after) == 0
    if waits:
        assert finish(holder) == 0


def test_whoever_lives_keeps_the_turn_for_longer_than_a_lease(
    redis_url: str, name: str, shared: redis.Redis
) -> None:
    takers = [taker(redis_url, name, 1, 2.0, lease=0.5) for _ in range(2)]
    assert [finish(process) for process in takers] == [0, 0]
    assert shared.lrange(f"{name}:seen", 0, -1) == ["1", "1"]


def test_a_turn_that_never_ends_does_not_stop_a_conversation_for_good(
    redis_url: str, name: str
) -> None:
    async def work() -> None:
        short = {"lease": 0.5, "longest": 0.5}
        async with (
            lines(redis_url, **short) as stuck,
            lines(redis_url, **short) as other,
            stuck.turn(await stuck.draw(name)),
            other.turn(await other.draw(name)),
        ):
            pass

    in_loop(work())


def test_a_place_that_is_given_up_stops_nobody(redis_url: str, name: str) -> None:
    async def work() -> None:
        async with lines(redis_url) as turns:
            async with turns.turn(await turns.draw(name)):
                gives_up = asyncio.create_task(wait_for_turn(turns))
                await asyncio.sleep(0.2)
                gives_up.cancel()
                await asyncio.gather(gives_up, return_exceptions=True)
            async with turns.turn(await turns.draw(name)):
                pass

    async def wait_for_turn(turns: Turns) -> None:
        async with turns.turn(await turns.draw(name)):
            raise AssertionError("it was not its turn")

    in_loop(work())


def orders(turns: Turns, name: str) -> Any:
    """Five turns of one process, all asked for at once."""

    async def work() -> tuple[list[int], int]:
        served: list[int] = []
        most = inside = 0

        async def take(number: int) -> None:
            nonlocal most, inside
            async with turns.turn(await turns.draw(name)):
                inside += 1
                most = max(most, inside)
                served.append(number)
                await asyncio.sleep(0.02)
                inside -= 1

        await asyncio.gather(*(take(number) for number in range(5)))
        return served, most

    return work()


def test_without_redis_a_process_keeps_its_own_order() -> None:
    assert in_loop(orders(Turns(None, "test"), "someone")) == ([0, 1, 2, 3, 4], 1)


def test_when_redis_is_away_the_process_keeps_its_own_order_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> Any:
        async with lines(f"redis://127.0.0.1:{free_port()}/0") as turns:
            done = await orders(turns, "someone")
            await orders(turns, "someone else")
        return done

    with caplog.at_level(logging.INFO):
        assert in_loop(work()) == ([0, 1, 2, 3, 4], 1)
    said = [
        record.getMessage() for record in caplog.records if record.name.startswith("medassist.")
    ]
    assert len(said) == 1
    assert "Redis cannot be reached" in said[0]


def test_when_redis_dies_while_some_wait_each_still_has_its_turn_in_order(
    own_redis: OwnRedis, name: str
) -> None:
    url = own_redis.url

    async def work() -> Any:
        async with lines(url) as turns:
            async with turns.turn(await turns.draw(name)):
                waiting = asyncio.ensure_future(orders(turns, name))
                await asyncio.sleep(0.3)
                own_redis.kill()
                await asyncio.sleep(1.0)
            return await waiting

    assert in_loop(work()) == ([0, 1, 2, 3, 4], 1)


def test_when_redis_forgets_everything_the_waiting_ones_line_up_again(
    own_redis: OwnRedis, name: str
) -> None:
    url = own_redis.url

    async def work() -> Any:
        async with lines(url) as turns:
            async with turns.turn(await turns.draw(name)):
                waiting = asyncio.ensure_future(orders(turns, name))
                await asyncio.sleep(0.3)
                with redis.Redis.from_url(url) as client:
                    client.flushall()
                await asyncio.sleep(0.5)
            served, most = await waiting
        return sorted(served), most

    assert in_loop(work()) == ([0, 1, 2, 3, 4], 1)
