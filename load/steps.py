"""Locust's side of a run: every message's wait, and a shape that goes from step to step.

Imported by the two Locust files, in a process of Locust's own.
"""

from __future__ import annotations

import json
import statistics
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from locust import LoadTestShape, events

from load.climb import FIRST, Climb, held
from load.machine import seconds_used, used_between

SETTLE, SETTLE_AFTER_BAD = 4.0, 10.0
"""Seconds at the beginning of a step that are not measured; queues of a bad step drain first."""
MEASURE = 12.0
"""Seconds in which what is sent is counted."""
GRACE = 1.5
"""Seconds after that until one looks who has no reply yet."""
GIVE_UP = 30.0
"""Seconds after which a message counts as lost."""

_sent: dict[int, float] = {}
"""When each message without a reply was sent."""
_done: list[tuple[float, float | None]] = []
"""When each other message was sent, and the seconds to its first reply; None if it got none."""
_numbers = iter(range(1 << 62))


@events.init_command_line_parser.add_listener
def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--steps-file", default="reports/load-steps.jsonl")
    parser.add_argument("--bot-pid", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--one-step", type=float, default=0.0, help="measure so long, then end")


class Wait:
    """From a message to its first reply, told to Locust and to the step."""

    def __init__(self) -> None:
        self._number, self._sent = next(_numbers), time.perf_counter()
        _sent[self._number] = self._sent

    def ends(self, problem: Exception | None = None) -> None:
        """The first reply came, or it is certain that none comes."""
        if _sent.pop(self._number, None) is None:
            return
        seconds = time.perf_counter() - self._sent
        _done.append((self._sent, None if problem else seconds))
        events.request.fire(
            request_type="CHAT",
            name="message to first reply",
            response_time=1000 * seconds,
            response_length=0,
            exception=problem,
            context={},
        )


class Steps(LoadTestShape):
    """Holds a number of people for a step, writes what it saw as a line, and chooses the next."""

    def __init__(self) -> None:
        super().__init__()
        self._people: int | None = None
        self._began: float | None = None
        self._counted_from: float | None = None
        self._used: dict[str, float] = {}
        self._after_bad = False

    def tick(self) -> tuple[int, float] | None:
        """Called about every second by Locust."""
        assert self.runner is not None
        options = self.runner.environment.parsed_options
        assert options is not None
        now = time.perf_counter()
        if self._began is None:
            self._climb, self._people = Climb(options.first), options.first
            self._started = self._began = now
        assert self._people is not None
        settle = SETTLE_AFTER_BAD if self._after_bad else SETTLE
        measure = options.one_step or MEASURE
        if self._counted_from is None:
            ready = self.get_current_user_count() == self._people
            if ready and now >= self._began + settle:
                self._counted_from, self._used = now, seconds_used(options.bot_pid)
        elif now >= self._counted_from + measure + GRACE:
            step = self._look(options.bot_pid, now)
            with Path(options.steps_file).open("a", encoding="utf-8") as file:
                file.write(json.dumps(step) + "\n")
            self._after_bad = not held(step)
            self._people = self._climb.next_after(self._people, held(step))
            longest = SETTLE_AFTER_BAD + MEASURE + GRACE
            if options.one_step or now - self._started + longest > options.seconds:
                self._people = None
            self._began, self._counted_from = now, None
        if self._people is None:
            return None
        return self._people, max(10.0, self._people / 2)

    def _look(self, bot: int, now: float) -> dict[str, Any]:
        """What became of the messages of this step. Who still waits counts as long as until now."""
        assert self._counted_from is not None
        begin, end = self._counted_from, now - GRACE
        waits = [wait for sent, wait in _done if begin <= sent < end]
        answered = [wait for wait in waits if wait is not None]
        waiting = [now - sent for sent in _sent.values() if begin <= sent < end]
        seconds = sorted([*answered, *waiting, *(GIVE_UP for wait in waits if wait is None)])
        used = used_between(self._used, seconds_used(bot))
        _done.clear()
        lost = len(waits) - len(answered) + sum(wait >= GIVE_UP for wait in waiting)
        replies = max(1, len(answered))
        return {
            "people": self._people,
            "messages": len(seconds),
            "messages_a_second": round(len(seconds) / (end - begin), 2),
            "p50_s": round(statistics.median(seconds), 3) if seconds else None,
            "p95_s": round(_percentile_95(seconds), 3) if seconds else None,
            "lost": round(lost / len(seconds), 4) if seconds else 0.0,
            "processors_busy": {k: round(v / (now - begin), 2) for k, v in used.items()},
            "ms_a_message": {
                # What was used in the grace belongs to messages of it.
                k: round(1000 * v * (end - begin) / (now - begin) / replies, 1)
                for k, v in used.items()
                if k not in ("locust", "others")
            },
        }


def _percentile_95(ordered: list[float]) -> float:
    """The wait that 95 of 100 stay at or below (the next higher one that was seen)."""
    return ordered[min(len(ordered) - 1, -(-95 * len(ordered) // 100) - 1)]
