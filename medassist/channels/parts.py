"""Cuts a long reply into few parts, at lines where it can, and drops what can be read elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from medassist.channels.gsm import fits

HELP_LINE = "When to get help:"
"""Begins the line of an answer that may never be dropped."""


def packed(lines: Sequence[str], fit: Callable[[str], bool]) -> list[str]:
    """The lines in as few texts as go, each of which fits; a line too long is cut at spaces."""
    texts: list[str] = []
    current = ""
    for line in lines:
        for piece, joint in _pieces(line, fit):
            joined = f"{current}{joint}{piece}" if current else piece
            if fit(joined):
                current = joined
            else:
                texts.append(current)
                current = piece
    return [*texts, current] if current else texts


def _pieces(line: str, fit: Callable[[str], bool]) -> list[tuple[str, str]]:
    """A line whole, or word by word (a word too long: letter by letter), with what joins it."""
    if fit(line):
        return [(line, "\n")]
    pieces: list[tuple[str, str]] = []
    for number, word in enumerate(line.split(" ")):
        joint = " " if number else "\n"
        if fit(word):
            pieces.append((word, joint))
        else:
            pieces += [(c, "" if place else joint) for place, c in enumerate(word)]
    return pieces


def cut(text: str, longest: int) -> list[str]:
    """A text as few texts of at most `longest` characters; nothing is dropped."""
    return packed(text.split("\n"), lambda piece: len(piece) <= longest)


def text_messages(
    lines: Sequence[str], extra: Sequence[str], link: str | None, most: int = 3, segments: int = 2
) -> list[str]:
    """A reply as at most `most` text messages of `segments` joined ones each.

    `lines` are the reply's own, `extra` those that may go first (choices), `link` the line that
    tells where all of it can be read. What does not fit is dropped: first `extra`, then points
    from the last on. A line with when to get help stays. Several parts are numbered.
    """
    last = [link] if link else []
    points = [n for n, line in enumerate(lines) if line.startswith("- ")]
    for dropped in range(-1, len(points) + 1):
        kept = set(points[len(points) - dropped :]) if dropped > 0 else set()
        body = [line for n, line in enumerate(lines) if n not in kept]
        wanted = [*body, *(extra if dropped < 0 else ()), *last]
        texts = numbered(wanted, most, segments)
        if texts:
            return texts
    # Words without points, such as long ones of staff: the first parts, and where the rest is.
    ending = [line for line in lines if line.startswith(HELP_LINE)] + last
    words = "\n".join(line for line in lines if line not in ending).split(" ")
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        shortened = [*(" ".join(words[:middle]) + " ...").split("\n"), *ending]
        low, high = (middle, high) if numbered(shortened, most, segments) else (low, middle - 1)
    return numbered([*(" ".join(words[:low]) + " ...").split("\n"), *ending], most, segments) or []


def numbered(lines: Sequence[str], most: int = 3, segments: int = 2) -> list[str] | None:
    """The lines as parts with their numbers, or None when they take more than `most`."""
    whole = "\n".join(lines)
    if fits(whole, segments):
        return [whole]
    texts = packed(lines, lambda text: fits(f"({most}/{most}) {text}", segments))
    if len(texts) > most:
        return None
    return [f"({n}/{len(texts)}) {text}" for n, text in enumerate(texts, start=1)]
