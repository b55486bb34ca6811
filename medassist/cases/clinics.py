"""The clinics of one installation: which of them a conversation is with, and whom it may call.

A wrong emergency number is the worst that can come of this. So a conversation's clinic is found
anew for each message, from the number or page it came to, and what belongs to no clinic is
refused at start wherever we know of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from medassist.cases.clinic_file import ALL, FILE, read_clinics
from medassist.cases.hours import Clinic
from medassist.regions import Region, numbers_for, read_regions
from medassist.settings import Settings, SettingsError

METADATA = "clinic"
"""The key of the clinic's id in the metadata of each message of a patient."""


class Clinics:
    """All clinics; the first one is also that of conversations which name no other.

    They are those of `clinic.yml`, if no others are given. Raises SettingsError when the file, the
    region or who answers for a number is not in order.
    """

    def __init__(self, settings: Settings, clinics: Sequence[Clinic] | None = None) -> None:
        regions = read_regions(settings.data)
        numbers_for(settings)  # a region of the settings that there is not, is said as theirs
        read = clinics or read_clinics(settings.data, regions)
        self.all = tuple(replace(c, region=c.region or settings.region) for c in read)
        self._regions: dict[str, Region] = {c.id: regions[c.region or ""] for c in self.all}
        self._numbers = {id: region.placeholders() for id, region in self._regions.items()}
        self._by_id = {clinic.id: clinic for clinic in self.all}
        if self.several:
            self._require_an_owner_of_each_line(settings)

    @property
    def default(self) -> Clinic:
        """The clinic of conversations that name no other."""
        return self.all[0]

    @property
    def several(self) -> bool:
        """Whether there is more than one."""
        return len(self.all) > 1

    def find(self, id: object) -> Clinic | None:
        """The clinic with this id, if there is one."""
        return self._by_id.get(id) if isinstance(id, str) else None

    def named(self, id: object) -> Clinic:
        """The clinic with this id, or the default one."""
        return self.find(id) or self.default

    def in_metadata(self, metadata: object) -> Clinic:
        """The clinic that a message's metadata name, or the default one."""
        return self.named(metadata.get(METADATA) if isinstance(metadata, Mapping) else None)

    def reached_by(self, channel: str, line: str) -> Clinic:
        """The clinic that answers for this number, page or website, or the default one."""
        return self._owner(channel, line) or self.default

    def region(self, clinic: Clinic) -> Region:
        """Its phone lines."""
        return self._regions[clinic.id]

    def numbers(self, clinic: Clinic) -> Mapping[str, str]:
        """What `{emergency_number}` and the like stand for in what it says."""
        return self._numbers[clinic.id]

    def emergency(self, clinic: Clinic) -> str:
        """How its emergency number is said ("911")."""
        return self._numbers[clinic.id]["emergency_number"]

    def metadata(self, clinic: Clinic) -> dict[str, Any]:
        """What a message of a patient carries, so that each part that answers knows the clinic."""
        return {METADATA: clinic.id}

    def _owner(self, channel: str, line: str) -> Clinic | None:
        for wanted in (line, ALL):
            for clinic in self.all:
                if wanted in clinic.reached_by.get(channel, ()):
                    return clinic
        return None

    def _require_an_owner_of_each_line(self, settings: Settings) -> None:
        """With several clinics, a number of ours that nobody answers for is a mistake."""
        channels = settings.channels
        ours: dict[str, Iterable[str]] = {
            "sms": channels.twilio.sms_numbers if channels.twilio else (),
            "whatsapp": channels.twilio.whatsapp_numbers if channels.twilio else (),
            "messenger": channels.messenger.pages if channels.messenger else (),
            "telegram": (ALL,) if channels.telegram else (),
            "slack": (ALL,) if channels.slack else (),
        }
        for channel, lines in ours.items():
            for line in lines:
                if not self._owner(channel, line):
                    what = f"the {channel} channel" if line == ALL else f"{line} ({channel})"
                    raise SettingsError(
                        f"{settings.data / FILE}: no clinic is reached by {what}. Name it below "
                        "reached_by of the clinic whose emergency number must be said there."
                    )
