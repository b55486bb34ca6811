"""How many new conversations an address may begin. In this process; bounded."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable

PERIOD = 600.0
"""Seconds over which new conversations are counted."""
MOST_ADDRESSES = 20_000


class Newcomers:
    """Counts new conversations by network address. `clock` counts seconds."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
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
        while began and began[0] <= now - PERIOD:
            began.popleft()
        if len(began) >= self.most:
            return max(1, round(began[0] + PERIOD - now))
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
