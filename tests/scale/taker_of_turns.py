"""A process that takes turns, for the tests: `python -m tests.scale.taker_of_turns URL NAME …`.

It writes a line to standard output when it has drawn, when its turn begins, and when it ends.
"""

from __future__ import annotations

import asyncio
import sys

from medassist.redis_link import RedisLink
from medassist.turns import Turns


async def take(url: str, name: str, turns: int, seconds: float, lease: float) -> None:
    link = RedisLink(url)
    queue = Turns(link, "test", lease)
    shared = link.client

    async def one() -> None:
        place = await queue.draw(name)
        print("drawn", flush=True)
        async with queue.turn(place):
            print("begins", flush=True)
            inside = await shared.incr(f"{name}:inside")
            await shared.rpush(f"{name}:seen", inside)
            await asyncio.sleep(seconds)
            await shared.decr(f"{name}:inside")
        print("ends", flush=True)

    await asyncio.gather(*(one() for _ in range(turns)))
    await queue.close()
    await link.close()


if __name__ == "__main__":
    asyncio.run(
        take(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]))
    )
