"""How long what is kept: whole days, each with a default, or `forever`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from medassist.environment import SettingsError

FOREVER = "forever"
LONGEST_DAYS = 36_500


@dataclass(frozen=True)
class PrivacySettings:
    """Days until something is removed; None is for ever. docs/privacy.md says why these."""

    conversations: int | None = 90
    cases: int | None = 730
    alerts: int | None = 90
    questions: int | None = 365
    thumbs: int | None = 365
    full_replies: int | None = 30
    queues: int | None = 7
    audit: int | None = 2_190


def days(environ: Mapping[str, str], key: str, default: int | None) -> int | None:
    """Whole days from 1, or `forever` (None). 0 is refused: it could mean either end."""
    value = environ.get(key, "").strip().lower()
    if not value:
        return default
    if value == FOREVER:
        return None
    usable = value.isascii() and value.isdigit() and len(value) < 10
    if not usable or not 0 < int(value) <= LONGEST_DAYS:
        raise SettingsError(
            f"{key} must be whole days from 1 to {LONGEST_DAYS}, or the word {FOREVER}, "
            f"not {value!r}."
        )
    return int(value)


def read_privacy(environ: Mapping[str, str]) -> PrivacySettings:
    """The settings in force. Raises SettingsError when one cannot be used."""
    own = PrivacySettings()
    return PrivacySettings(
        conversations=days(environ, "MEDASSIST_KEEP_CONVERSATIONS_DAYS", own.conversations),
        cases=days(environ, "MEDASSIST_KEEP_CASES_DAYS", own.cases),
        alerts=days(environ, "MEDASSIST_KEEP_ALERTS_DAYS", own.alerts),
        questions=days(environ, "MEDASSIST_KEEP_QUESTIONS_DAYS", own.questions),
        thumbs=days(environ, "MEDASSIST_KEEP_THUMBS_DAYS", own.thumbs),
        full_replies=days(environ, "MEDASSIST_KEEP_FULL_REPLIES_DAYS", own.full_replies),
        queues=days(environ, "MEDASSIST_KEEP_QUEUES_DAYS", own.queues),
        audit=days(environ, "MEDASSIST_KEEP_AUDIT_DAYS", own.audit),
    )
