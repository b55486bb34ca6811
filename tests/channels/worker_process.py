"""One of several processes that work on one inbox; `test_two_processes.py` starts it.

It gets a database's address, a schema, its own name and how many messages there are. Every
process is handed every message, as by a provider that repeats them, and each writes down what it
has worked on.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, insert, select

from medassist.channels.in_order import InOrder
from medassist.channels.queues import Inbox, Incoming, Waiting
from medassist.storage.database import open_database
from medassist.storage.tables import incoming_messages, outgoing_messages

PEOPLE = 5


async def work(url: str, name: str, count: int) -> None:
    engine = open_database(url)
    inbox = Inbox(engine, "generic")
    for number in range(count):
        person = f"person-{number % PEOPLE}"
        inbox.accept(Incoming(f"id-{number}", "generic", person, str(number // PEOPLE)))

    async def handle(row: Waiting) -> None:
        await asyncio.sleep(0.005)
        with engine.begin() as connection:
            connection.execute(
                insert(outgoing_messages).values(
                    key=f"{name}.{row.id}.{row.tries}", channel="generic",
                    conversation=row.conversation, content={"text": row.content["text"]},
                )
            )  # fmt: skip
        inbox.done(row)

    def is_over() -> bool:
        done = select(func.count()).where(incoming_messages.c.done_at.is_not(None))
        with engine.connect() as connection:
            return int(connection.execute(done).scalar_one()) == count

    threads = ThreadPoolExecutor(4)
    queue = InOrder(inbox, handle, threads, poll=0.02)
    running = asyncio.create_task(queue.run())
    while not await asyncio.get_running_loop().run_in_executor(threads, is_over):
        await asyncio.sleep(0.05)
    running.cancel()
    await queue.close()
    threads.shutdown()
    engine.dispose()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], int(sys.argv[3])))
