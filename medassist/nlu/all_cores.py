"""Training's work on all cores of the machine: in processes where it is Python's, in threads
where a library does it outside Python."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, List, Sequence, Tuple, TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

_LEAST = 2_000
"""Items below which processes cost more than they give."""

_shared: Tuple[Callable[[Any], Any], Sequence[Any]]
"""What forked processes work on; they see it as it was when they began, so nothing is copied."""


def of_each(work: Callable[[Item], Result], items: Sequence[Item]) -> List[Result]:
    """`work` of each item, in order. It must not change anything: other processes may do it."""
    global _shared
    cores = os.cpu_count() or 1
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    if cores == 1 or len(items) < _LEAST or not can_fork:
        return [work(item) for item in items]
    _shared = (work, items)
    size = -(-len(items) // (4 * cores))  # small parts, so that no core waits long for another
    starts = range(0, len(items), size)
    with multiprocessing.get_context("fork").Pool(cores) as pool:
        parts = pool.map(_part, [(start, start + size) for start in starts], chunksize=1)
    return [result for part in parts for result in part]


def _part(bounds: Tuple[int, int]) -> List[Any]:
    work, items = _shared
    return [work(item) for item in items[slice(*bounds)]]


def at_once(*works: Callable[[], Result]) -> List[Result]:
    """The results of works that spend their time in a library which lets other threads run.

    Each has one core meanwhile: linear algebra's own threads would only take it from another.
    """
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return [done.result() for done in [pool.submit(work) for work in works]]
