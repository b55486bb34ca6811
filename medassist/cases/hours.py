"""When the clinic's staff are there, from `data/clinic.yml`, and how patients are told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from medassist.medicines.files import line_of
from medassist.settings import SettingsError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FILE = "clinic.yml"
UNNAMED = "the clinic"
"""The shipped name: it names no clinic in particular."""

_SEARCH_DAYS = 400
"""How far ahead an opening is looked for."""

_SPAN = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-4]):([0-5]\d)")

Spans = tuple[tuple[int, int], ...]
"""Minutes after midnight on the clock of the wall: from (included) to (not included)."""


class ClinicFileError(SettingsError):
    """`clinic.yml` cannot be used: `file:line: key: reason`."""


@dataclass(frozen=True)
class Clinic:
    """The clinic. `hours` has the spans of each weekday, Monday first; `holidays` outdo them.

    None stands for hours that nobody has written down: then nothing is said about them.
    """

    name: str
    zone: ZoneInfo
    hours: tuple[Spans, ...] | None
    holidays: Mapping[date, Spans]
    phone: str | None = None
    clock: int = 24

    def spans(self, day: date) -> Spans:
        """When staff are there on a day."""
        if self.hours is None:
            return ()
        return self.holidays.get(day, self.hours[day.weekday()])


def read_clinic(data: Path) -> Clinic:
    """Read `clinic.yml` in the data folder. Raises ClinicFileError, which names the key."""
    file = data / FILE
    try:
        document = YAML(typ="rt").load(file.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join((error.problem or "is not valid YAML").split())
        raise ClinicFileError(f"{file}:{mark.line + 1 if mark else 1}: {reason}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ClinicFileError(f"{file}:1: cannot be read: {reason}") from None
    return _Reader(file, document).clinic()


class _Reader:
    """One document; every complaint names the file, the line and the key."""

    def __init__(self, file: Path, document: Any) -> None:
        self._file, self._document = file, document

    def _error(self, path: tuple[Any, ...], reason: str) -> ClinicFileError:
        key = ".".join(str(part) for part in path)
        line = line_of(self._document, path)
        return ClinicFileError(f"{self._file}:{line}: {key + ': ' if key else ''}{reason}")

    def clinic(self) -> Clinic:
        if not isinstance(self._document, Mapping):
            raise self._error((), "must have the keys name, time_zone and hours")
        known = ("name", "phone", "time_zone", "clock", "hours", "holidays")
        self._only(known, ("name", "time_zone", "hours"), ())
        clock = self._document.get("clock", 24)
        if clock not in (12, 24) or isinstance(clock, bool):
            raise self._error(("clock",), "must be 24 or 12")
        return Clinic(
            name=self._words("name"),
            phone=self._words("phone") if self._document.get("phone") is not None else None,
            zone=self._zone(),
            clock=clock,
            hours=self._hours(),
            holidays=self._holidays(),
        )

    def _only(self, known: tuple[str, ...], needed: tuple[str, ...], path: tuple[str, ...]) -> None:
        part = self._document[path[0]] if path else self._document
        for key in part:
            if key not in known:
                raise self._error((*path, key), f"is not known; known are {', '.join(known)}")
        for key in needed:
            if part.get(key) is None:
                raise self._error((*path, key), "is missing")

    def _words(self, key: str) -> str:
        value = self._document[key]
        if not isinstance(value, str) or not value.strip() or len(value.splitlines()) > 1:
            raise self._error((key,), "must be words on one line (put a number in quotes)")
        return value.strip()

    def _zone(self) -> ZoneInfo:
        value = self._document["time_zone"]
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
            raise self._error(
                ("time_zone",), f"{value!r} is no IANA time zone, such as America/New_York"
            ) from None

    def _hours(self) -> tuple[Spans, ...] | None:
        if self._document["hours"] == "unknown":
            return None
        if not isinstance(self._document["hours"], Mapping):
            raise self._error(("hours",), "must have a line for each weekday, or be unknown")
        self._only(WEEKDAYS, WEEKDAYS, ("hours",))
        return tuple(self._spans(self._document["hours"][day], ("hours", day)) for day in WEEKDAYS)

    def _holidays(self) -> dict[date, Spans]:
        days = self._document.get("holidays") or {}
        if not isinstance(days, Mapping):
            raise self._error(("holidays",), "must be lines such as 2026-12-25: closed")
        found = {}
        for day, value in days.items():
            if type(day) is not date:
                raise self._error(("holidays", day), "is no date, such as 2026-12-25")
            found[day] = self._spans(value, ("holidays", day))
        return found

    def _spans(self, value: Any, path: tuple[Any, ...]) -> Spans:
        if value == "closed":
            return ()
        spans: list[tuple[int, int]] = []
        for part in str(value).split(","):
            match = _SPAN.fullmatch(part.strip())
            if not match:
                raise self._error(
                    path, f'must be "closed" or spans such as 9:00-17:00, not {value!r}'
                )
            first, last = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
            if not first < last <= 24 * 60:
                raise self._error(path, f"{part.strip()} does not end after it begins")
            if spans and first < spans[-1][1]:
                raise self._error(path, f"{part.strip()} does not come after the span before it")
            spans.append((first, last))
        return tuple(spans)


def _instant(clinic: Clinic, day: date, minutes: int) -> datetime:
    """The moment when the clock on the clinic's wall shows this many minutes after midnight."""
    day, minutes = day + timedelta(days=minutes // (24 * 60)), minutes % (24 * 60)
    wall = datetime.combine(day, time(minutes // 60, minutes % 60), clinic.zone)
    return wall.astimezone(timezone.utc)


def _openings(clinic: Clinic, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The spans in UTC that end after `at`, in order; spans that touch are one."""
    start = at.astimezone(clinic.zone).date() - timedelta(days=1)
    pending: tuple[datetime, datetime] | None = None
    for offset in range(_SEARCH_DAYS):
        day = start + timedelta(days=offset)
        for first, last in clinic.spans(day):
            begins, ends = _instant(clinic, day, first), _instant(clinic, day, last)
            if ends <= begins:  # the clocks went forward over the whole span
                continue
            if pending and begins <= pending[1]:
                pending = (pending[0], max(ends, pending[1]))
                continue
            if pending and pending[1] > at:
                yield pending
            pending = (begins, ends)
    if pending and pending[1] > at:
        yield pending


def closes(clinic: Clinic, at: datetime) -> datetime | None:
    """When staff go home (in the clinic's zone), if they are there at `at`."""
    for begins, ends in _openings(clinic, at):
        return ends.astimezone(clinic.zone) if begins <= at else None
    return None


def is_open(clinic: Clinic, at: datetime) -> bool:
    """Whether staff are there at a moment; in the minute they close they are not."""
    return closes(clinic, at) is not None


def opens_next(clinic: Clinic, at: datetime) -> datetime | None:
    """When staff come next after `at` (in the clinic's zone); None if not within a year."""
    for begins, _ends in _openings(clinic, at):
        if begins > at:
            return begins.astimezone(clinic.zone)
    return None


def words_about_staff(clinic: Clinic, at: datetime) -> str:
    """Whether the clinic's staff are there at `at`, for a patient, in plain words.

    Nothing where the clinic has not written down its hours.
    """
    if clinic.hours is None:
        return ""
    staff = f"{clinic.name}'{'' if clinic.name.endswith('s') else 's'} staff"
    staff = staff[0].upper() + staff[1:]
    now = at.astimezone(clinic.zone)
    closing = closes(clinic, at)
    if closing:
        said = f"{staff} are here"
        if closing - at < timedelta(days=1):
            said += f" until {_clock(closing, clinic)}"
        return f"{said}. You can call them at {clinic.phone}." if clinic.phone else f"{said}."
    opening = opens_next(clinic, at)
    if opening is None:
        return f"{staff} are away."
    return f"{staff} are away. They are back {_day(opening, now)} at {_clock(opening, clinic)}."


def _day(moment: datetime, now: datetime) -> str:
    days = (moment.date() - now.date()).days
    if days == 0:
        return "today"
    if days < 7:
        return f"on {moment:%A}"
    return f"on {moment:%A}, {moment:%B} {moment.day},"


def _clock(moment: datetime, clinic: Clinic) -> str:
    if clinic.clock == 24:
        return f"{moment.hour}:{moment:%M}"
    if (moment.hour, moment.minute) in ((0, 0), (12, 0)):
        return "noon" if moment.hour else "midnight"
    return f"{moment.hour % 12 or 12}:{moment:%M} {'am' if moment.hour < 12 else 'pm'}"
