"""What is said: medicines, safety, the clinic, the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.doctor.conftest import Report


def test_a_medicine_file_with_a_mistake_is_a_problem(
    doctor: Callable[..., Report], data: Path
) -> None:
    file = data / "medicines" / "baclofen.yml"
    assert "all in order" in doctor("medicines", MEDASSIST_DATA=str(data)).line(
        "OK", "medicine files"
    )
    file.write_text(file.read_text(encoding="utf-8").replace("title:", "tilte:", 1))
    said = doctor("medicines", MEDASSIST_DATA=str(data)).line("PROBLEM", "medicine files")
    assert "baclofen.yml:" in said


def test_a_safety_file_with_a_mistake_is_a_problem(
    doctor: Callable[..., Report], data: Path
) -> None:
    file = next((data / "safety").glob("*.yml"))
    file.write_text(file.read_text(encoding="utf-8") + "\n  : broken: [\n")
    said = doctor("safety", MEDASSIST_DATA=str(data)).line("PROBLEM", "safety files")
    assert file.name in said


def test_a_region_that_is_none_is_a_problem(doctor: Callable[..., Report]) -> None:
    said = doctor("safety", MEDASSIST_REGION="mars").line("PROBLEM", "safety files")
    assert "MEDASSIST_REGION must be one of US" in said


def test_unknown_opening_hours_are_warned_of_and_bad_ones_are_a_problem(
    doctor: Callable[..., Report], data: Path
) -> None:
    file, days = data / "clinic.yml", "monday tuesday wednesday thursday friday saturday sunday"
    file.write_text("name: Elm Road\ntime_zone: Europe/London\nhours: unknown\n")
    said = doctor("clinic", MEDASSIST_DATA=str(data)).line("WARNING", "clinic file")
    assert "opening hours are unknown" in said
    known = "".join(f"  {day}: 9:00-17:00\n" for day in days.split())
    file.write_text(f"name: Elm Road\ntime_zone: Europe/London\nhours:\n{known}")
    assert "Elm Road" in doctor("clinic", MEDASSIST_DATA=str(data)).line("OK", "clinic file")
    file.write_text(f"name: Elm Road\ntime_zone: Europe/Nowhere\nhours:\n{known}")
    said = doctor("clinic", MEDASSIST_DATA=str(data)).line("PROBLEM", "clinic file")
    assert "time_zone" in said


def test_a_model_made_of_other_data_is_a_problem(doctor: Callable[..., Report], data: Path) -> None:
    file = data / "medicines" / "baclofen.yml"
    words = file.read_text(encoding="utf-8")
    assert "lioresal" in words.lower()
    file.write_text(words.replace("Lioresal", "Lioresalium").replace("lioresal", "lioresalium"))
    said = doctor("model", MEDASSIST_DATA=str(data)).line("PROBLEM", "model")
    assert "medassist train" in said
