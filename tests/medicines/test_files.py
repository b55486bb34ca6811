"""A medicine file is read whole or refused with its file, its line and a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from medassist.medicines.files import MedicineFileError, read_medicine, read_medicines

GOOD = """\
medicine: examplol
title: Examplol
class: example
review: {status: draft, by: a test, on: 2026-11-23, how: made up}
names: {brands: [Exampla], also: []}
limits:
  single_dose_mg: {value: 20, sources: [label]}
  daily_mg: {value: 80, sources: [label]}
  usual_strength_mg: {value: 10, sources: [label]}
  child_age_years: {value: 12, sources: [label]}
stopping_is_dangerous: {value: false, sources: [label]}
sources:
  label: {title: Label, publisher: Nobody, kind: label, url: "https://example.org/", checked: 2026-11-23, via: fact-sheet}
answers:
  - topic: dose
    statement: {text: "Ask your prescriber.", sources: [label]}
    points:
      - {text: "More is not better.", sources: [label]}
"""


def file_with(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "examplol.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_is_read(tmp_path: Path) -> None:
    medicine = read_medicine(file_with(tmp_path, GOOD))
    assert medicine.limits.daily_mg.value == 80
    assert medicine.answers[0].answer_id == "dose"


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("title: Examplol", "titel: Examplol", 1, "title: field required"),
        ("value: 80", "value: -80", 8, "greater than 0"),
        ("topic: dose", "topic: doze", 15, "not a topic"),
        (
            '"More is not better.", sources: [label]',
            '"More is not better.", sources: []',
            18,
            "at least 1 items",
        ),
        (
            '"More is not better.", sources: [label]',
            '"More is not better.", sources: [nhs]',
            18,
            "source 'nhs' is not in `sources`",
        ),
        ("status: draft", "status: approved", 4, "review.status"),
        ("class: example", "class: [example", 4, ""),
        ("    points:", "    danger: true\n    points:", 15, "must say when to get help"),
        ("    points:", "    related: [alcohol]\n    points:", 17, "no answer 'alcohol'"),
        ("answers:\n", "colour: red\nanswers:\n", 14, "extra fields not permitted"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_reason(
    tmp_path: Path, old: str, new: str, line: int, reason: str
) -> None:
    assert old in GOOD
    path = file_with(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(MedicineFileError) as refused:
        read_medicine(path)
    assert reason in refused.value.reason
    assert refused.value.line == line
    assert str(refused.value).startswith(f"{path}:{line}: ")


def test_two_answers_with_one_name_are_refused(tmp_path: Path) -> None:
    answer = GOOD[GOOD.index("  - topic") :]
    with pytest.raises(MedicineFileError, match="a second answer 'dose'"):
        read_medicine(file_with(tmp_path, GOOD + answer))


def test_a_file_must_be_named_after_its_medicine(tmp_path: Path) -> None:
    (tmp_path / "other.yml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(MedicineFileError, match="must be named after it"):
        read_medicines(tmp_path)
