"""Counting: what was labelled beside what was understood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medassist.evaluation.floors import missed_floors
from medassist.evaluation.report import write_report
from medassist.evaluation.scores import calibration_error, names_match, reliability, score
from medassist.evaluation.sets import EvaluationSetError, read_set, read_sets


def described(
    level: str = "routine", intent: str = "ask_uses", sure: float = 0.9, *medicines: str
) -> dict[str, object]:
    return {
        "level": level,
        "intent": intent,
        "confidence": sure,
        "ranking": [{"name": intent, "confidence": sure}],
        "medicines": list(medicines),
        "opinion": {"emergency": 0.5, "urgent": 0.5, "passage": 0.0},
    }


def write(path: Path, *items: dict[str, object]) -> Path:
    path.write_text("\n".join(json.dumps(item) for item in items) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def danger(tmp_path: Path) -> Path:
    return write(
        tmp_path / "danger.jsonl",
        {"id": "1", "text": "a", "level": "emergency", "category": "breathing"},
        {"id": "2", "turns": ["b", "c"], "level": "emergency", "category": "breathing"},
        {"id": "3", "text": "d", "level": "urgent", "category": "withdrawal"},
        {"id": "4", "text": "e", "level": "routine", "category": "idiom"},
    )


def test_triage_is_scored_by_level_and_category(danger: Path) -> None:
    levels = ("emergency", "urgent", "routine", "emergency")
    scores = score(read_set(danger), [described(level) for level in levels])
    assert scores.figures["emergencies_caught"] == 0.5
    assert scores.figures["emergencies_at_least_urgent"] == 1.0
    assert scores.figures["urgent_at_least_urgent"] == 0.0
    assert scores.figures["false_emergencies"] == 1.0
    assert scores.figures["under_triage"] == 0.5
    assert scores.figures["over_triage"] == 0.25
    assert scores.tables["by category"]["breathing"]["emergencies caught"] == 0.5
    assert [wrong.id for wrong in scores.wrong][-1] == "4"  # missed danger stands first


def test_topics_are_scored_with_what_is_also_right(tmp_path: Path) -> None:
    path = write(
        tmp_path / "topics.jsonl",
        {"id": "1", "text": "a", "gold": "ask_uses", "focus": "zoloft"},
        {"id": "2", "text": "b", "gold": "ask_dose", "also": ["ask_uses"]},
        {"id": "3", "text": "c", "gold": "ask_dose"},
    )
    seen = [described("routine", "ask_uses", 0.9, "sertraline", "zoloft")] + [described()] * 2
    scores = score(read_set(path), seen)
    assert scores.figures["gold"] == pytest.approx(1 / 3)
    assert scores.figures["gold_or_also"] == pytest.approx(2 / 3)
    assert scores.figures["medicine_found"] == 1.0
    assert scores.tables["by intent"]["ask_uses"]["precision"] == 0.5


def test_off_topic_counts_what_is_answered_and_what_is_taken_for_a_medicine(tmp_path: Path) -> None:
    path = write(
        tmp_path / "off.jsonl", *[{"id": i, "text": "x", "gold": "out_of_scope"} for i in "12"]
    )
    scores = score(
        read_set(path),
        [described("routine", "nlu_fallback"), described("emergency", "ask_uses", 0.9, "mint")],
    )
    assert scores.figures == {
        "not_ours": 0.5,
        "no_medicine_found": 0.5,
        "false_emergencies": 0.5,
    }


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [("zoloft", ["sertraline", "zoloft"], True), ("vitamin d3", ["vitamin d"], True),
     ("metoprolol", ["metroprolol"], True), ("zoloft", ["xanax"], False), ("zoloft", [], False)],
)  # fmt: skip
def test_a_slip_of_spelling_is_the_same_name(wanted: str, found: list[str], same: bool) -> None:
    assert names_match(wanted, found) is same


def test_reliability_compares_confidence_with_being_right() -> None:
    pairs = [(0.95, True)] * 9 + [(0.95, False)] + [(0.15, False)] * 10
    assert [(r["items"], round(r["right"], 2)) for r in reliability(pairs)] == [
        (10, 0.0),
        (10, 0.9),
    ]
    assert calibration_error(pairs) == pytest.approx(0.1)


@pytest.mark.parametrize("line", ["{oops", '{"id": "1"}', '{"id": "1", "text": "x"}', "[]"])
def test_a_set_that_cannot_be_read_names_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"id": "0", "text": "x", "level": "routine"}\n' + line, encoding="utf-8")
    with pytest.raises(EvaluationSetError, match="line 2"):
        read_set(path)


def test_a_figure_below_its_floor_is_named_and_an_absent_set_is_said(
    danger: Path, tmp_path: Path
) -> None:
    floors = tmp_path / "floors.yml"
    floors.write_text(
        "danger:\n  emergencies_caught: {at_least: 0.9}\n  false_emergencies: {at_most: 0.5}\n"
        "elsewhere:\n  gold: {at_least: 0.8}\n",
        encoding="utf-8",
    )
    scores = score(read_set(danger), [described("urgent")] * 4)
    missed, absent = missed_floors([scores], floors)
    assert [(m.figure, m.value) for m in missed] == [("emergencies_caught", 0.0)]
    assert absent == ["elsewhere"]


def test_the_report_shows_errors_as_text_never_as_markup(danger: Path, tmp_path: Path) -> None:
    write(danger, {"id": "9", "text": "<script>alert(1)</script>", "level": "emergency"})
    scores = score(read_sets([danger.parent])[0], [described()])
    write_report([scores], [], tmp_path / "reports")
    page = (tmp_path / "reports" / "index.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    summary = json.loads((tmp_path / "reports" / "summary.json").read_text(encoding="utf-8"))
    assert summary["sets"]["danger"]["emergencies_caught"] == 0.0
