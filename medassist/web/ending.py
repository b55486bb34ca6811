"""Ends the open streams when the server is told to stop, so that it need not wait for them."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def told_to_stop(react: Callable[[], None]) -> Iterator[None]:
    """Call `react` in the event loop at SIGINT or SIGTERM, before the server's own handler.

    The server closes an app only after all its responses have ended, and a stream never
    ends by itself. Where the server runs in a thread there are no signals to hear.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    earlier = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(react)
        handler = earlier[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in earlier:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
