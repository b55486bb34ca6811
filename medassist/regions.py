"""Who to call where: the phone numbers of each region, from `data/safety/regions.yml`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Extra
from ruamel.yaml import YAML

from medassist.settings import Settings, SettingsError


class Line(BaseModel):
    """A phone line: its name, its number, and how to say both in a sentence."""

    class Config:
        extra = Extra.forbid

    name: str
    number: str
    say: str
    source: str
    checked: str


class Region(BaseModel):
    """The lines of one region."""

    class Config:
        extra = Extra.forbid

    name: str
    emergency: Line
    poison: Line
    crisis: Line
    advice: Line

    def placeholders(self) -> dict[str, str]:
        """What `{emergency_number}` and the like stand for in answers and fixed words."""
        return {
            "emergency_number": self.emergency.say,
            "poison_line": self.poison.say,
            "poison_number": self.poison.number,
            "crisis_line": self.crisis.say,
            "crisis_number": self.crisis.number,
            "advice_line": self.advice.say,
        }


def numbers_for(settings: Settings) -> dict[str, str]:
    """The placeholders of the region chosen by MEDASSIST_REGION.

    Raises SettingsError when the file has no such region.
    """
    regions = read_regions(settings.data)
    if settings.region not in regions:
        known = ", ".join(regions)
        raise SettingsError(f"MEDASSIST_REGION must be one of {known}, not {settings.region!r}.")
    return regions[settings.region].placeholders()


@lru_cache(maxsize=4)
def read_regions(data: Path) -> dict[str, Region]:
    """Every region of `data/safety/regions.yml`, by its code (US, UK, IE, EU, CA, AU, NZ)."""
    document: dict[str, Any] = YAML(typ="safe").load(
        (data / "safety" / "regions.yml").read_text(encoding="utf-8")
    )
    return {code: Region.parse_obj(region) for code, region in document.items()}
