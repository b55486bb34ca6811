"""Patients are told truly when the clinic's staff are there."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from medassist.cases.clinic_file import ClinicFileError, read_clinics
from medassist.cases.hours import (
    Clinic,
    is_open,
    opens_next,
    words_about_staff,
)
from medassist.settings import ROOT

SHIPPED = (ROOT / "data" / "clinic.yml").read_text(encoding="utf-8")
WEEK = """hours:
  monday: 9:00-17:00
  tuesday: 9:00-17:00
  wednesday: 9:00-17:00
  thursday: 9:00-17:00
  friday: 9:00-17:00
  saturday: closed
  sunday: closed
"""
GOOD = SHIPPED.replace("hours: unknown\n", WEEK)
NEW_YORK, BERLIN, UTC = (ZoneInfo(z) for z in ("America/New_York", "Europe/Berlin", "UTC"))


def clinic(tmp_path: Path, *changes: tuple[str, str]) -> Clinic:
    """The shipped file with hours written down, and some of its lines changed."""
    content = GOOD
    for old, new in changes:
        assert old in content
        content = content.replace(old, new, 1)
    (tmp_path / "clinic.yml").write_text(content, encoding="utf-8")
    return read_clinics(tmp_path)[0]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


IN_BERLIN = ("time_zone: America/New_York", "time_zone: Europe/Berlin")


@pytest.mark.parametrize(
    ("at", "new_york", "berlin"),
    [
        # Winter: New York is 5 hours behind UTC, Berlin 1 hour before it.
        ("2026-01-07T07:59:59", False, False),
        ("2026-01-07T08:00:00", False, True),
        ("2026-01-07T14:00:00", True, True),
        ("2026-01-07T15:59:59", True, True),
        ("2026-01-07T16:00:00", True, False),
        ("2026-01-07T21:59:59", True, False),
        ("2026-01-07T22:00:00", False, False),
        # The clocks of New York went forward on 8 March 2026, those of Berlin on 29 March.
        ("2026-03-09T13:00:00", True, True),
        ("2026-03-09T12:59:59", False, True),
        ("2026-03-09T21:00:00", False, False),
        ("2026-03-27T08:00:00", False, True),
        ("2026-03-30T06:59:59", False, False),
        ("2026-03-30T07:00:00", False, True),
        ("2026-03-30T15:00:00", True, False),
        # A Saturday.
        ("2026-01-10T15:00:00", False, False),
    ],
)
def test_staff_are_there_by_the_clock_on_the_clinics_wall(
    tmp_path: Path, at: str, new_york: bool, berlin: bool
) -> None:
    assert is_open(clinic(tmp_path), utc(at)) is new_york
    assert is_open(clinic(tmp_path, IN_BERLIN), utc(at)) is berlin


def test_the_weekend_of_a_clock_change_ends_at_nine_on_the_wall(tmp_path: Path) -> None:
    friday = utc("2026-03-27T16:00:00")  # 17:00 in Berlin: they have just left
    opening = opens_next(clinic(tmp_path, IN_BERLIN), friday)
    assert opening == datetime(2026, 3, 30, 9, 0, tzinfo=BERLIN)
    assert opening.astimezone(UTC) == utc("2026-03-30T07:00:00")
    autumn = opens_next(clinic(tmp_path, IN_BERLIN), utc("2026-10-23T15:00:00"))
    assert autumn is not None
    assert autumn.astimezone(UTC) == utc("2026-10-26T08:00:00")


def test_a_night_over_the_change_to_winter_is_an_hour_longer(tmp_path: Path) -> None:
    night = clinic(
        tmp_path,
        IN_BERLIN,
        ("saturday: closed", "saturday: 22:00-24:00"),
        ("sunday: closed", "sunday: 0:00-6:00"),
    )
    begins = utc("2026-10-24T20:00:00")  # 22:00 summer time; 6:00 winter time is 5:00 UTC
    assert not is_open(night, begins - timedelta(seconds=1))
    assert is_open(night, begins)
    assert words_about_staff(night, begins) == "The clinic's staff are here until 6:00."
    assert is_open(night, utc("2026-10-25T04:59:59"))
    assert not is_open(night, utc("2026-10-25T05:00:00"))


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-01-07T16:59:59", "The clinic's staff are here until 17:00."),
        (
            "2026-01-07T17:00:00",
            "The clinic's staff are away. They are back on Thursday at 9:00.",
        ),
        ("2026-01-08T08:59:59", "The clinic's staff are away. They are back today at 9:00."),
        ("2026-01-09T18:00:00", "The clinic's staff are away. They are back on Monday at 9:00."),
        ("2026-01-11T12:00:00", "The clinic's staff are away. They are back on Monday at 9:00."),
    ],
)
def test_a_patient_is_told_in_plain_words(tmp_path: Path, at: str, words: str) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=NEW_YORK)
    assert words_about_staff(clinic(tmp_path), moment) == words
    assert words_about_staff(clinic(tmp_path), moment.astimezone(BERLIN)) == words


def test_holidays_go_before_the_hours_of_the_week(tmp_path: Path) -> None:
    festive = clinic(
        tmp_path,
        (
            "holidays: {}",
            "holidays:\n  2026-12-24: 9:00-12:00\n  2026-12-25: closed\n  2026-12-26: 10:00-11:00",
        ),
    )
    at = datetime(2026, 12, 24, 11, 59, tzinfo=NEW_YORK)
    assert words_about_staff(festive, at) == "The clinic's staff are here until 12:00."
    after = datetime(2026, 12, 24, 12, 0, tzinfo=NEW_YORK)
    assert words_about_staff(festive, after).endswith("They are back on Saturday at 10:00.")


def test_a_long_absence_is_told_with_its_date(tmp_path: Path) -> None:
    closed = "".join(f"\n  2026-08-{day:02}: closed" for day in range(3, 15))
    away = clinic(tmp_path, ("holidays: {}", f"holidays:{closed}"))
    at = datetime(2026, 8, 1, 12, 0, tzinfo=NEW_YORK)
    assert words_about_staff(away, at) == (
        "The clinic's staff are away. They are back on Monday, August 17, at 9:00."
    )


def test_a_lunch_break_is_a_break(tmp_path: Path) -> None:
    lunch = clinic(tmp_path, ("wednesday: 9:00-17:00", "wednesday: 9:00-12:30, 13:30-17:00"))
    at = datetime(2026, 1, 7, 12, 30, tzinfo=NEW_YORK)
    assert words_about_staff(lunch, at) == (
        "The clinic's staff are away. They are back today at 13:30."
    )


def test_a_clinic_that_never_closes_or_never_opens_is_told_so(tmp_path: Path) -> None:
    always = clinic(
        tmp_path,
        *[("9:00-17:00", "0:00-24:00")] * 5,
        ("saturday: closed", "saturday: 0:00-24:00"),
        ("sunday: closed", "sunday: 0:00-24:00"),
    )
    for day in range(1, 29):
        moment = datetime(2026, 2, day, tzinfo=NEW_YORK)
        assert words_about_staff(always, moment) == "The clinic's staff are here."
    never = clinic(tmp_path, *[("9:00-17:00", "closed")] * 5)
    assert opens_next(never, utc("2026-01-07T12:00:00")) is None
    assert words_about_staff(never, utc("2026-01-07T12:00:00")) == "The clinic's staff are away."


def test_its_name_phone_and_clock_are_said(tmp_path: Path) -> None:
    named = clinic(
        tmp_path,
        ("name: the clinic", "name: Oak Street Associates"),
        ('# phone: "555-0100"', 'phone: "555-0100"'),
        ("clock: 24", "clock: 12"),
    )
    at = datetime(2026, 1, 7, 12, 0, tzinfo=NEW_YORK)
    assert words_about_staff(named, at) == (
        "Oak Street Associates' staff are here until 5:00 pm. You can call them at 555-0100."
    )
    assert words_about_staff(named, at + timedelta(hours=6)) == (
        "Oak Street Associates' staff are away. They are back on Thursday at 9:00 am."
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: the clinic", "nam: the clinic", ":5: nam: is not known"),
        ("name: the clinic", "name:", "name: is missing"),
        ("name: the clinic", "name: 7", "name: must be words"),
        ('# phone: "555-0100"', "phone: 5550100", "phone: must be words"),
        ("America/New_York", "America/Gotham", "time_zone: 'America/Gotham' is no IANA time zone"),
        ("America/New_York", "../../etc/passwd", "time_zone: "),
        ("America/New_York", "[UTC]", "time_zone: "),
        ("clock: 24", "clock: 13", "clock: must be 24 or 12"),
        ("  monday: 9:00-17:00\n", "", "hours.monday: is missing"),
        ("monday: 9:00-17:00", "monday: 9-17", "hours.monday: must be"),
        ("monday: 9:00-17:00", "monday: 17:00-9:00", "hours.monday: 17:00-9:00 does not end"),
        ("monday: 9:00-17:00", "monday: 9:00-24:30", "hours.monday: 9:00-24:30 does not end"),
        ("monday: 9:00-17:00", "monday: 9:00-12:00, 11:00-13:00", "does not come after"),
        ("monday: 9:00-17:00", "monday: open", 'hours.monday: must be "closed" or spans'),
        ("monday: 9:00-17:00", "mon: 9:00-17:00", "hours.mon: is not known"),
        ("holidays: {}", "holidays: [2026-12-25]", "holidays: must be lines"),
        ("holidays: {}", "holidays:\n  christmas: closed", "holidays.christmas: is no date"),
        ("holidays: {}", "holidays:\n  2026-12-25: shut", "holidays.2026-12-25: must be"),
        ("hours:", "hours: [", ":"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_the_key(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(ClinicFileError) as caught:
        clinic(tmp_path, (old, new))
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'clinic.yml'}:")
    assert said in line
    assert "\n" not in line


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ClinicFileError, match=r"clinic\.yml:1: cannot be read"):
        read_clinics(tmp_path)[0]


def test_nothing_is_said_of_hours_that_the_clinic_has_not_written_down(tmp_path: Path) -> None:
    (tmp_path / "clinic.yml").write_text(SHIPPED, encoding="utf-8")
    shipped = read_clinics(tmp_path)[0]
    assert words_about_staff(shipped, utc("2026-01-07T15:00:00")) == ""
    assert not is_open(shipped, utc("2026-01-07T15:00:00"))
