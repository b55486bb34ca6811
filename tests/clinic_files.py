"""Two clinics in two regions, as a clinic file has them."""

from __future__ import annotations

from pathlib import Path

from medassist.settings import ROOT
from tests.channels.providers.messenger import PAGES
from tests.channels.providers.twilio import OUR_NUMBER, SECOND_NUMBER

US_PAGE, UK_PAGE = PAGES
LEEDS_SITE = "https://leeds.example"
ALWAYS = "".join(
    f"\n      {day}: 0:00-24:00"
    for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
)
TWO = f"""\
clinics:
  - id: boston
    name: Boston Clinic
    region: US
    time_zone: America/New_York
    hours: unknown
    reached_by:
      sms: ["{OUR_NUMBER}"]
      whatsapp: ["{OUR_NUMBER}"]
      messenger: ["{US_PAGE}"]
  - id: leeds
    name: Leeds Surgery
    phone: "0113 496 0000"
    region: UK
    time_zone: Europe/London
    hours:{ALWAYS}
    reached_by:
      sms: ["{SECOND_NUMBER}"]
      whatsapp: ["{SECOND_NUMBER}"]
      messenger: ["{UK_PAGE}"]
      telegram: all
      slack: all
      websites: [{LEEDS_SITE}]
"""


def data_with(folder: Path, clinic_file: str) -> Path:
    """A data folder as ours, with another clinic file."""
    data = folder / "data"
    data.mkdir()
    for found in (ROOT / "data").iterdir():
        if found.name != "clinic.yml":
            (data / found.name).symlink_to(found)
    (data / "clinic.yml").write_text(clinic_file, encoding="utf-8")
    return data
