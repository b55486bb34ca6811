"""Settings are read strictly: a bad value names its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from medassist.regions import numbers_for, read_regions
from medassist.settings import ROOT, SettingsError, load_settings


def test_nothing_set_is_the_embedded_default() -> None:
    settings = load_settings({})
    assert settings.database_url.startswith("sqlite:///")
    assert (settings.front_door_port, settings.rasa_port, settings.action_port) == (
        8000,
        5005,
        5055,
    )
    assert settings.region == "US"


@pytest.mark.parametrize("bad", ["0", "65536", "http", "-1", "80 "])
def test_a_port_that_is_none_names_its_key(bad: str) -> None:
    with pytest.raises(SettingsError, match="MEDASSIST_PORT"):
        load_settings({"MEDASSIST_PORT": bad})


def test_an_unknown_region_names_its_key() -> None:
    with pytest.raises(SettingsError, match="MEDASSIST_REGION must be one of US, UK"):
        numbers_for(load_settings({"MEDASSIST_REGION": "mars"}))


@pytest.mark.parametrize("code", ["US", "UK", "IE", "EU", "CA", "AU", "NZ"])
def test_every_region_has_its_numbers_with_sources(code: str) -> None:
    region = read_regions(ROOT / "data")[code]
    assert region.emergency.number
    assert region.poison.number
    assert region.crisis.number
    for line in (region.emergency, region.poison, region.crisis, region.advice):
        assert line.source.startswith("http")


def test_a_var_folder_moves_both_databases(tmp_path: Path) -> None:
    settings = load_settings({"MEDASSIST_VAR": str(tmp_path)})
    assert str(tmp_path) in settings.database_url
    assert str(tmp_path) in settings.tracker_database_url
