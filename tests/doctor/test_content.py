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


def test_of_several_clinics_each_is_named_with_the_number_it_says(
    doctor: Callable[..., Report], data: Path
) -> None:
    days = "monday tuesday wednesday thursday friday saturday sunday".split()
    hours = "{" + ", ".join(f"{day}: 9:00-17:00" for day in days) + "}"
    clinics = (
        "clinics:\n"
        "  - {id: boston, name: Boston Clinic, region: US, time_zone: America/New_York,"
        " hours: unknown, reached_by: {sms: ['+15550100100']}}\n"
        "  - {id: leeds, name: Leeds Surgery, region: UK, time_zone: Europe/London,"
        f" hours: {hours}, reached_by: {{sms: ['+15550100200']}}}}\n"
    )
    file = data / "clinic.yml"
    file.write_text(clinics)
    report = doctor("clinic", MEDASSIST_DATA=str(data))
    assert "hours of Boston Clinic are unknown" in report.line("WARNING", "clinic file")
    assert report.line("OK", "clinic file").startswith("Leeds Surgery, Europe/London")
    assert report.line("OK", "clinic file").endswith("says 999.")
    file.write_text(clinics.replace("+15550100200", "+15550100100"))
    said = doctor("clinic", MEDASSIST_DATA=str(data)).line("PROBLEM", "clinic file")
    assert said.endswith("+15550100100 is boston's already")


def test_a_model_made_of_other_data_is_a_problem(doctor: Callable[..., Report], data: Path) -> None:
    file = data / "medicines" / "baclofen.yml"
    words = file.read_text(encoding="utf-8")
    assert "lioresal" in words.lower()
    file.write_text(words.replace("Lioresal", "Lioresalium").replace("lioresal", "lioresalium"))
    said = doctor("model", MEDASSIST_DATA=str(data)).line("PROBLEM", "model")
    assert "medassist train" in said
