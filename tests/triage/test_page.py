"""The page of danger signs for clinicians says what the program does."""

from __future__ import annotations

from medassist.triage.page import danger_signs_page
from tests.triage.conftest import ROOT, SAFETY


def test_the_page_in_docs_is_made_of_the_present_files() -> None:
    page = (ROOT / "docs" / "danger-signs.md").read_text(encoding="utf-8")
    assert page == danger_signs_page(SAFETY), "write it anew: make docs"


def test_every_sign_stands_there_with_its_level_reason_and_sources() -> None:
    page = danger_signs_page(SAFETY)
    for name in ("Trouble breathing", "Seizure", "Overdose"):
        section = page.split(f"### {name}", 1)[1].split("\n### ", 1)[0]
        assert "Sources: " in section, name
        assert "Words that say it happens" in section, name
