"""How hard an answer is to read, as a US school grade."""

from __future__ import annotations

import re
from collections.abc import Iterable

import textstat

from medassist.medicines.files import Answer, Medicine

HIGHEST_GRADE = 8.0
"""The highest grade an answer may have."""

HIGHEST_GRADE_DANGER = 6.0
"""The highest grade an answer or card about danger may have: fright makes reading harder."""


def reading_grade(text: str, names: Iterable[str] = ()) -> float:
    """The Flesch-Kincaid grade of `text`, with the medicine's `names` set aside.

    A name counts as one short word: the reader has it on the pack in their hand.
    """
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}\b", "pill", text, flags=re.IGNORECASE)
    text = re.sub(r"\{\w+\}", "them", text)
    return float(textstat.flesch_kincaid_grade(text))


def grade_of(answer: Answer, names: Iterable[str]) -> float:
    """The grade of a whole answer, situations left out (they are read one at a time)."""
    extra = [answer.get_help.text] if answer.get_help else []
    text = " ".join([answer.statement.text, *(p.text for p in answer.points), *extra])
    return reading_grade(text, names)


def highest_grade(answer: Answer) -> float:
    """The highest grade that this answer may have."""
    return HIGHEST_GRADE_DANGER if answer.danger else HIGHEST_GRADE


def too_hard(medicine: Medicine) -> list[str]:
    """A line for each answer above its highest grade."""
    lines = []
    for answer in medicine.answers:
        limit = highest_grade(answer)
        grade = grade_of(answer, medicine.all_names())
        if grade > limit:
            lines.append(f"{answer.answer_id}: reading grade {grade:.1f}, above {limit:.0f}")
    return lines
