"""Two texts side by side, with the words that differ marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True)
class Piece:
    """Some words of a line, and whether the other side has them differently."""

    text: str
    changed: bool


@dataclass(frozen=True)
class Pair:
    """One row: a line of each side. A side without the line has no pieces."""

    left: tuple[Piece, ...]
    right: tuple[Piece, ...]

    @property
    def changed(self) -> bool:
        """Whether the sides differ here."""
        return any(piece.changed for piece in self.left + self.right)


def side_by_side(left: Sequence[str], right: Sequence[str]) -> list[Pair]:
    """The lines of both sides in order, those that belong together in one row."""
    pairs = []
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    for _kind, left_from, left_to, right_from, right_to in matcher.get_opcodes():
        old, new = left[left_from:left_to], right[right_from:right_to]
        for number in range(max(len(old), len(new))):
            pairs.append(
                _pair(
                    old[number] if number < len(old) else None,
                    new[number] if number < len(new) else None,
                )
            )
    return pairs


def _pair(left: str | None, right: str | None) -> Pair:
    if left is None:
        return Pair((), (Piece(right or "", True),))
    if right is None:
        return Pair((Piece(left, True),), ())
    if left == right:
        return Pair((Piece(left, False),), (Piece(right, False),))
    words, others = (re.findall(r"\s+|[^\s]+", side) for side in (left, right))
    matcher = SequenceMatcher(None, words, others, autojunk=False)
    ours, theirs = [], []
    for kind, left_from, left_to, right_from, right_to in matcher.get_opcodes():
        changed = kind != "equal"
        if left_to > left_from:
            ours.append(Piece("".join(words[left_from:left_to]), changed))
        if right_to > right_from:
            theirs.append(Piece("".join(others[right_from:right_to]), changed))
    return Pair(tuple(ours), tuple(theirs))
