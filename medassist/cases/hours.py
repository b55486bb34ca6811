"""A clinic, when its staff are there, and how patients are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

UNNAMED = "the clinic"
"""The shipped name: it names no clinic in particular."""

ONLY = "main"
"""The id of a clinic that is the only one and has given itself none."""

_SEARCH_DAYS = 400
"""How far ahead an opening is looked for."""

Spans = tuple[tuple[int, int], ...]
"""Minutes after midnight on the clock of the wall: from (included) to (not included)."""


@dataclass(frozen=True)
class Clinic:
    """A clinic. `hours` has the spans of each weekday, Monday first; `holidays` outdo them.

    None stands for hours that nobody has written down: then nothing is said about them. `region`
    is the code of its phone numbers, None for that of the settings. `reached_by` are, by channel,
    the numbers, pages or websites that it answers for.
    """

    name: str
    zone: ZoneInfo
    hours: tuple[Spans, ...] | None
    holidays: Mapping[date, Spans]
    phone: str | None = None
    clock: int = 24
    id: str = ONLY
    region: str | None = None
    reached_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def given_name(self) -> str | None:
        """The name, if the clinic has one of its own."""
        return None if self.name == UNNAMED else self.name

    def spans(self, day: date) -> Spans:
        """When staff are there on a day."""
        if self.hours is None:
            return ()
        return self.holidays.get(day, self.hours[day.weekday()])


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
