"""Every package of the lock has a licence that we may use it under, and the page says so."""

from __future__ import annotations

import pytest

from scripts import sbom


def test_every_locked_package_has_an_allowed_licence() -> None:
    assert len(sbom.locked()) > 150
    assert sbom.refused() == {}


def test_the_page_lists_every_locked_package_in_its_version() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:4]]
        for line in sbom.PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and not line.startswith(("| ---", "| package "))
    ]
    assert {name: versions for name, versions, _ in rows} == {
        name: ", ".join(versions) for name, versions in sbom.locked().items()
    }, "run `make sbom`"
    assert [name for name, _, licence in rows if not licence] == []


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("BSD-3-Clause AND TCL", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-or-later", False),
        ("Server Side Public License", False),
        ("", False),
    ],
)
def test_only_licences_of_the_list_are_allowed(licence: str, free: bool) -> None:
    assert sbom.is_free(licence) is free


def test_a_judged_package_is_still_in_the_lock() -> None:
    assert set(sbom.JUDGED) <= set(sbom.locked()) | {"tzdata", "tensorflow-macos"}
