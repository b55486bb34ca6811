"""Who a danger sign is about: the writer, a child, somebody else, a pet."""

from __future__ import annotations

from collections.abc import Sequence

from .lexicon import WATCHED_GROUPS, Lexicon
from .phrases import Match

FAR = 12
"""Words within which a person is taken to be the one a sign is about."""


def who_is_meant(lexicon: Lexicon, matches: Sequence[Match], first: int, last: int) -> str:
    """"self", "child", "other" or "pet": the person named nearest before or within the sign."""
    best, who = -FAR, "self"
    for match in matches:
        label = lexicon.labels[match.label]
        if label.what != "word":
            continue
        place = match.first - first
        if match.first < last and place > best:
            group = WATCHED_GROUPS[label.index]
            best, who = place, "child" if group == "newborn" else group
    return who
