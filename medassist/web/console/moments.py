"""Times as people read them. In the database they are UTC; on a page they are the clinic's."""

from __future__ import annotations

from datetime import datetime, timezone

from markupsafe import Markup


def as_utc(at: datetime) -> datetime:
    """A time of the database with its zone (SQLite gives it back without)."""
    return at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)


def moment(at: datetime | None) -> Markup:
    """A `<time>` element."""
    if at is None:
        return Markup("")
    exact = as_utc(at)
    return Markup('<time datetime="{}">{}</time>').format(
        exact.isoformat(timespec="seconds"), f"{exact.day} {exact:%b %Y, %H:%M} UTC"
    )


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
