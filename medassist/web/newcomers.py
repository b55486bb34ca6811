"""How many conversations an address may begin, and how often it may speak. In this process only;
bounded."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable

PERIOD = 600.0
"""Seconds over which new conversations are counted."""
MOST_ADDRESSES = 20_000

MESSAGES_A_MINUTE = 3
"""For each conversation that an address may begin in a period: a whole clinic may share one."""


def speakers(conversations: int) -> Newcomers:
    """Counts messages by address, for one that may begin so many conversations in a period."""
    return Newcomers(MESSAGES_A_MINUTE * conversations, period=60.0)


class Newcomers:
    """Counts by network address, over `period`. `clock` counts seconds."""

    def __init__(
        self, most: int, clock: Callable[[], float] = time.monotonic, period: float = PERIOD
    ) -> None:
        self.most = most
        self._period = period
        self._clock = clock
        self._began: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._began)

    def admit(self, address: str) -> int:
        """Count one more; 0 if it may begin, else the whole seconds until one may again."""
        now = self._clock()
        home = household(address)
        began = self._began.setdefault(home, deque())
        self._began.move_to_end(home)
        while began and began[0] <= now - self._period:
            began.popleft()
        if len(began) >= self.most:
            return max(1, round(began[0] + self._period - now))
        began.append(now)
        while len(self._began) > MOST_ADDRESSES:
            self._began.popitem(last=False)
        return 0


def household(address: str) -> str:
    """An IPv4 address; of IPv6 the network of 64 bits, all of which one home or phone has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
