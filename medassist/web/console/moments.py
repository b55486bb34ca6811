"""Times as people read them. In the database they are UTC; on a page they are the clinic's."""

from __future__ import annotations

from datetime import datetime, timezone, tzinfo

from markupsafe import Markup


def as_utc(at: datetime) -> datetime:
    """A time of the database with its zone (SQLite gives it back without)."""
    return at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)


def moment(at: datetime | None, zone: tzinfo = timezone.utc) -> Markup:
    """A `<time>` element, in the clinic's time zone."""
    if at is None:
        return Markup("")
    local = as_utc(at).astimezone(zone)
    return Markup('<time datetime="{}">{}</time>').format(
        as_utc(at).isoformat(timespec="seconds"), f"{local.day} {local:%b %Y, %H:%M %Z}"
    )


def duration(seconds: float | None) -> str:
    """A length of time in the unit a person would use."""
    if seconds is None:
        return "–"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"


def ago(at: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in the unit a person would use."""
    if at is None:
        return ""
    seconds = int(((now or datetime.now(timezone.utc)) - as_utc(at)).total_seconds())
    if seconds < 60:
        return "just now"
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
