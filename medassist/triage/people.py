"""Who a danger sign is about: the writer, a child, somebody else, a pet."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from .lexicon import WATCHED_GROUPS, Lexicon
from .phrases import Match

FAR = 12
"""Words within which a person is taken to be the one a sign is about."""


class People:
    """The people that a message names, by place."""

    def __init__(self, lexicon: Lexicon, matches: Sequence[Match]) -> None:
        named = sorted(
            (match.first, WATCHED_GROUPS[lexicon.labels[match.label].index])
            for match in matches
            if lexicon.labels[match.label].what == "word"
        )
        self._places = [place for place, _ in named]
        self._groups = ["child" if group == "newborn" else group for _, group in named]

    def meant(self, first: int, last: int) -> str:
        """ "self", "child", "other" or "pet": who is named nearest before or within the sign.

        Somebody else comes before the writer: "my dog ate my pills" is about the dog.
        """
        start, end = bisect_left(self._places, first - FAR), bisect_left(self._places, last)
        near = self._groups[start:end]
        for who in reversed(near):
            if who != "self":
                own = "self" in near[len(near) - 1 - near[::-1].index(who) :]
                if not own or bisect_left(self._places, first) < end or who == "pet":
                    return who
                return "self"
        return "self"
