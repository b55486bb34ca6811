"""The first medicine's file keeps what we promise about every medicine's answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from medassist.medicines.files import (
    QUESTION_TOPICS,
    REPORT_TOPICS,
    Answer,
    Medicine,
    Statement,
    read_medicine,
)
from medassist.medicines.reading import reading_grade, too_hard
from medassist.settings import ROOT

BACLOFEN = read_medicine(ROOT / "data" / "medicines" / "baclofen.yml")
SEEDS = ROOT.parent / "shared" / "seeds"


def each(medicine: Medicine) -> list[tuple[Answer, Statement]]:
    return [(a, s) for a in medicine.answers for s in a.statements()]


@pytest.mark.parametrize("topic", QUESTION_TOPICS + REPORT_TOPICS)
def test_every_topic_has_an_answer(topic: str) -> None:
    assert any(a.topic == topic and not a.subtopic for a in BACLOFEN.answers)


@pytest.mark.parametrize(
    "heading", [*(f"A{n}" for n in range(1, 10)), *(f"B{n}" for n in range(1, 18))]
)
def test_every_heading_of_the_seed_articles_is_answered(heading: str) -> None:
    assert any(heading in answer.seed_headings for answer in BACLOFEN.answers)


def test_every_sentence_is_tied_to_a_known_source() -> None:
    for answer, statement in each(BACLOFEN):
        assert statement.sources, (answer.answer_id, statement.text)
        assert set(statement.sources) <= set(BACLOFEN.sources), answer.answer_id


def test_every_answer_can_be_read_at_grade_eight_and_danger_at_grade_six() -> None:
    assert too_hard(BACLOFEN) == []


def test_the_measure_of_reading_sees_hard_words() -> None:
    hard = "Concomitant administration necessitates individualised pharmacotherapeutic evaluation."
    assert reading_grade(hard) > 12


@pytest.mark.parametrize("topic", ["overdose", "stopping", "report_overdose", "report_withdrawal"])
def test_danger_always_says_when_to_call(topic: str) -> None:
    for answer in BACLOFEN.answers:
        if answer.topic == topic:
            assert answer.get_help is not None, answer.answer_id
            assert "{emergency_number}" in " ".join(s.text for s in answer.statements())


def test_nothing_is_called_clinician_approved() -> None:
    assert BACLOFEN.review.status == "source-checked"
    assert "not a clinician" in BACLOFEN.review.by


@pytest.mark.skipif(not SEEDS.exists(), reason="the seed articles are not beside this checkout")
def test_no_sentence_is_carried_over_from_a_seed() -> None:
    def runs(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"[a-z0-9]+", text.lower())
        return {tuple(words[i : i + 9]) for i in range(len(words) - 8)}

    seeds: set[tuple[str, ...]] = set()
    for path in Path(SEEDS).glob("*.txt"):
        seeds |= runs(path.read_text(encoding="utf-8", errors="ignore"))
    for answer, statement in each(BACLOFEN):
        assert not runs(statement.text) & seeds, (answer.answer_id, statement.text)
