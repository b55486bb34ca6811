"""The privacy officer's page leaves no table out, and its days are those of the settings."""

from __future__ import annotations

import re

from medassist.settings import ROOT, load_settings
from medassist.storage.rasa_tables import rasa_metadata
from medassist.storage.tables import metadata

PAGE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def rows(markdown: str, first: str) -> list[list[str]]:
    """The table rows that open with a name in backticks that matches `first`."""
    found = re.findall(rf"^\| `({first})` \|(.*)\|$", markdown, flags=re.MULTILINE)
    return [[name, *(cell.strip() for cell in rest.split("|"))] for name, rest in found]


def test_every_table_stands_on_the_page_with_how_long_it_is_kept_and_what_erasing_does() -> None:
    kept = rows(PAGE, "[a-z_]+")
    assert sorted(row[0] for row in kept) == sorted({*metadata.tables, *rasa_metadata.tables})
    assert all(len(row) == 4 and all(row) for row in kept)


def test_every_limit_stands_on_both_pages_with_its_default() -> None:
    settings = load_settings({})
    defaults = {
        f"MEDASSIST_KEEP_{name.upper()}_DAYS": str(days)
        for name, days in vars(settings.privacy).items()
    }
    defaults["MEDASSIST_KEEP_LOGS_DAYS"] = str(settings.operations.keep_logs_days)
    assert {name: days for name, days, *_why in rows(PAGE, "MEDASSIST_KEEP_\\w+")} == defaults
    assert {
        name: days.strip("`") for name, days, *_why in rows(SETTINGS, "MEDASSIST_KEEP_\\w+")
    } == defaults


def test_every_limit_is_named_where_it_says_what_is_kept() -> None:
    how_long, _, _ = PAGE.partition("## Why these limits")
    assert set(re.findall(r"MEDASSIST_KEEP_[A-Z_]+DAYS", how_long)) == {
        name for name, *_rest in rows(PAGE, "MEDASSIST_KEEP_\\w+")
    }
