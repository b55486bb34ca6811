"""The parts of a message that are also read alone: its passages and its questions.

A classifier sees a message as one whole. Five sentences about a holiday outweigh the sixth about
blue lips, so the second reader also reads each passage of a long message. And of two questions
the louder one hides the other, so the topic classifier also reads each clause.
"""

from __future__ import annotations

import re
from typing import Iterator, List, Sequence

from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message

PASSAGES, CLAUSES = "passages", "clauses"
"""Keys of a message's parts; each part is a message of its own for the featurizers."""

_SHORT = 25
"""Words up to which a message is one passage."""
_LONGEST, _LEAST = 24, 8
"""Words of a passage: a longer sentence is cut with overlap, a shorter one joins the next."""
_MOST_PASSAGES = 60
"""Of a message of very many short words, head and tail are read."""
_WORD = re.compile(r"\S+")
_END = re.compile(r"[.!?;…]['\")]*$")

_MOST_CLAUSES = 6
_LEAST_CLAUSE = 2
"""Words of a clause; a shorter one joins the one before it."""
_ASKS = (
    r"(?:can|could|should|may|must|do|does|did|is|are|will|would|what|what's|whats|how|when|why|"
    r"which|where)\b"
)
_QUESTION = re.compile(
    rf"\W*(?:(?:and|also|so|but|ok|tell me|i want to know)\s+)*{_ASKS}", re.IGNORECASE
)
_BETWEEN = re.compile(
    # A sentence ends; or a question begins after a comma or a link word, or as "can I" does.
    rf"(?<=[.?!;\n])\s+|\s*,\s*(?:and\s+|but\s+|so\s+)?(?:also\s+)?(?={_ASKS})"
    rf"|\s+(?:and|also|but|plus)\s+(?:also\s+)?(?={_ASKS})"
    r"|\s+(?:and|but)\s+(?=(?:i|i'm|im|i've|ive|my|he|she|feel|felt|have)\s)"
    r"|(?<!\bwhat)(?<!\bwhen)(?<!\bhow)(?<!\bmuch)(?<!\bmany)(?<!\blong)(?<!\boften)(?<!\bsoon)"
    r"(?<!\bwhere)(?<!\bwhich)(?<!\bwhy)(?<!\bif)\s+(?=(?:can|should|could)\s+(?:i|he|she|we)\s)",
    re.IGNORECASE,
)


def passages(text: str) -> List[str]:
    """The passages of a long message in order; none of a message short enough to be one."""
    words = list(_WORD.finditer(text))
    if len(words) <= _SHORT:
        return []
    found = [text[piece[0].start() : piece[-1].end()] for piece in _pieces(text, words)]
    if len(found) > _MOST_PASSAGES:
        found = found[: _MOST_PASSAGES // 2] + found[-_MOST_PASSAGES // 2 :]
    return found


def _pieces(text: str, words: Sequence["re.Match[str]"]) -> Iterator[Sequence["re.Match[str]"]]:
    """Sentences of at least `_LEAST` words, those over `_LONGEST` in overlapping halves."""
    start = 0
    for number, word in enumerate(words, start=1):
        after = text[word.end() : words[number].start()] if number < len(words) else "\n"
        ends = _END.search(word.group()) or "\n" in after
        if number < len(words) and not (ends and number - start >= _LEAST):
            continue
        first = min(start, max(0, number - _LEAST))  # a short rest takes words before it along
        step = _LONGEST // 2
        for cut in range(first, max(first + 1, number - step), step):
            yield words[cut : min(cut + _LONGEST, number)]
        start = number


def clauses(text: str) -> List[str]:
    """The clauses of a message that may ask more than one thing; none if it is one clause."""
    found: List[str] = []
    for clause in _BETWEEN.split(text):
        if found and min(len(clause.split()), len(found[-1].split())) < _LEAST_CLAUSE:
            found[-1] = f"{found[-1]} {clause}"
        else:
            found.append(clause)
    return found[:_MOST_CLAUSES] if len(found) > 1 else []


def asks(clause: str) -> bool:
    """Whether a clause has the form of a question; "my aunt is on it" only tells."""
    return "?" in clause or bool(_QUESTION.match(clause))


def set_parts(message: Message, text: str) -> None:
    """Give a message its parts."""
    text = re.sub(r"[^\S\n]+", " ", text)  # a pattern would try every place in a run of blanks
    message.set(PASSAGES, [Message({TEXT: piece}) for piece in passages(text)])
    message.set(CLAUSES, [Message({TEXT: piece}) for piece in clauses(text)])


def with_parts(messages: Sequence[Message]) -> List[Message]:
    """The messages and the parts of each, for a component that sees all alike."""
    parts = [part for m in messages for part in (*(m.get(PASSAGES) or ()), *(m.get(CLAUSES) or ()))]
    return [*messages, *parts]
