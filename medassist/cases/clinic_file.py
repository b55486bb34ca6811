"""Reads `data/clinic.yml`: one clinic, or a list of several."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from medassist.cases.hours import ONLY, Clinic, Spans
from medassist.medicines.files import line_of
from medassist.settings import SettingsError

FILE = "clinic.yml"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CHANNELS = ("sms", "whatsapp", "telegram", "slack", "messenger", "websites")
"""What a clinic can be reached by. The plain webhook names the clinic in each message."""

ALL = "all"
"""In place of a list: whatever comes by this channel."""

ONE_LINE = ("telegram", "slack")
"""Channels of which an installation has one bot or workspace: one clinic has `all` of it."""

_KEYS = ("id", "name", "phone", "region", "time_zone", "clock", "hours", "holidays", "reached_by")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
_SPAN = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-4]):([0-5]\d)")


class ClinicFileError(SettingsError):
    """`clinic.yml` cannot be used: `file:line: key: reason`."""


def read_clinics(data: Path, regions: Collection[str] | None = None) -> tuple[Clinic, ...]:
    """The clinics of `clinic.yml` in the data folder, the one for all the rest first.

    Raises ClinicFileError, which names the key. `regions` are the codes that may be named.
    """
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
    if not isinstance(document, Mapping):
        raise ClinicFileError(f"{file}:1: must have the keys name, time_zone and hours")
    if "clinics" not in document:
        return (_Reader(file, document, (), regions).clinic(),)
    return _several(file, document, regions)


def _several(
    file: Path, document: Mapping[str, Any], regions: Collection[str] | None
) -> tuple[Clinic, ...]:
    listed = document["clinics"]
    whole = _Reader(file, document, (), regions)
    for key in document:
        if key != "clinics":
            raise whole.error((key,), "does not go with a list of clinics: write it into each")
    if not isinstance(listed, list) or not listed:
        raise whole.error(("clinics",), "must be a list with one clinic or more")
    found: list[Clinic] = []
    taken: dict[tuple[str, str], str] = {}
    for number in range(len(listed)):
        reader = _Reader(file, document, ("clinics", number), regions)
        clinic = reader.clinic(of_several=True)
        if clinic.id in [other.id for other in found]:
            raise reader.error(("id",), f"{clinic.id} is another clinic's")
        for channel, lines in clinic.reached_by.items():
            for line in lines:
                if (channel, line) in taken:
                    owner = taken[channel, line]
                    raise reader.error(("reached_by", channel), f"{line} is {owner}'s already")
                taken[channel, line] = clinic.id
        found.append(clinic)
    return tuple(found)


class _Reader:
    """One clinic within the file; every complaint names the file, the line and the key."""

    def __init__(
        self, file: Path, whole: Any, at: tuple[Any, ...], regions: Collection[str] | None
    ) -> None:
        self._file, self._whole, self._at, self._regions = file, whole, at, regions
        self._document = whole
        for key in at:
            self._document = self._document[key]

    def error(self, path: tuple[Any, ...], reason: str) -> ClinicFileError:
        """A complaint about a key of this clinic."""
        path = (*self._at, *path)
        key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in path)
        line = line_of(self._whole, path)
        return ClinicFileError(f"{self._file}:{line}: {key + ': ' if key else ''}{reason}")

    def clinic(self, of_several: bool = False) -> Clinic:
        """The clinic. One of several needs an id."""
        if not isinstance(self._document, Mapping):
            raise self.error((), "must have the keys name, time_zone and hours")
        needed = ("name", "time_zone", "hours")
        self._only(_KEYS, ("id", *needed) if of_several else needed, ())
        clock = self._document.get("clock", 24)
        if clock not in (12, 24) or isinstance(clock, bool):
            raise self.error(("clock",), "must be 24 or 12")
        return Clinic(
            name=self._words("name"),
            phone=self._words("phone") if self._document.get("phone") is not None else None,
            zone=self._zone(),
            clock=clock,
            hours=self._hours(),
            holidays=self._holidays(),
            id=self._id(),
            region=self._region(),
            reached_by=self._reached_by(),
        )

    def _id(self) -> str:
        value = self._document.get("id")
        if value is None:
            return ONLY
        if not isinstance(value, str) or not _ID.fullmatch(value):
            raise self.error(("id",), "must be small letters, digits and - (30 at most)")
        return value

    def _region(self) -> str | None:
        value = self._document.get("region")
        if value is None:
            return None
        code = str(value).upper()
        if self._regions is not None and code not in self._regions:
            raise self.error(("region",), f"must be one of {', '.join(self._regions)}")
        return code

    def _reached_by(self) -> dict[str, tuple[str, ...]]:
        given = self._document.get("reached_by")
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            raise self.error(("reached_by",), f"must have some of the keys {', '.join(CHANNELS)}")
        self._only(CHANNELS, (), ("reached_by",))
        found = {}
        for channel, lines in given.items():
            if lines == ALL:
                lines = [ALL]
            elif channel in ONE_LINE:
                raise self.error(("reached_by", channel), f'must be "{ALL}": there is only one')
            if not isinstance(lines, list) or not all(
                isinstance(line, str) and line.strip() for line in lines
            ):
                raise self.error(
                    ("reached_by", channel),
                    f'must be "{ALL}", or a list (put each number in quotes)',
                )
            found[channel] = tuple(line.strip().rstrip("/") for line in lines)
        return found

    def _only(self, known: tuple[str, ...], needed: tuple[str, ...], path: tuple[str, ...]) -> None:
        part = self._document[path[0]] if path else self._document
        for key in part:
            if key not in known:
                raise self.error((*path, key), f"is not known; known are {', '.join(known)}")
        for key in needed:
            if part.get(key) is None:
                raise self.error((*path, key), "is missing")

    def _words(self, key: str) -> str:
        value = self._document[key]
        if not isinstance(value, str) or not value.strip() or len(value.splitlines()) > 1:
            raise self.error((key,), "must be words on one line (put a number in quotes)")
        return value.strip()

    def _zone(self) -> ZoneInfo:
        value = self._document["time_zone"]
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
            raise self.error(
                ("time_zone",), f"{value!r} is no IANA time zone, such as America/New_York"
            ) from None

    def _hours(self) -> tuple[Spans, ...] | None:
        if self._document["hours"] == "unknown":
            return None
        if not isinstance(self._document["hours"], Mapping):
            raise self.error(("hours",), "must have a line for each weekday, or be unknown")
        self._only(WEEKDAYS, WEEKDAYS, ("hours",))
        return tuple(self._spans(self._document["hours"][day], ("hours", day)) for day in WEEKDAYS)

    def _holidays(self) -> dict[date, Spans]:
        days = self._document.get("holidays") or {}
        if not isinstance(days, Mapping):
            raise self.error(("holidays",), "must be lines such as 2026-12-25: closed")
        found = {}
        for day, value in days.items():
            if type(day) is not date:
                raise self.error(("holidays", day), "is no date, such as 2026-12-25")
            found[day] = self._spans(value, ("holidays", day))
        return found

    def _spans(self, value: Any, path: tuple[Any, ...]) -> Spans:
        if value == "closed":
            return ()
        spans: list[tuple[int, int]] = []
        for part in str(value).split(","):
            match = _SPAN.fullmatch(part.strip())
            if not match:
                raise self.error(
                    path, f'must be "closed" or spans such as 9:00-17:00, not {value!r}'
                )
            first, last = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
            if not first < last <= 24 * 60:
                raise self.error(path, f"{part.strip()} does not end after it begins")
            if spans and first < spans[-1][1]:
                raise self.error(path, f"{part.strip()} does not come after the span before it")
            spans.append((first, last))
        return tuple(spans)
