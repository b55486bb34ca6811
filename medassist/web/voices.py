"""For which clinic the front door speaks: the one that a request names, or whose website it is."""

from __future__ import annotations

from starlette.requests import Request

from medassist.cases.clinics import Clinics
from medassist.cases.hours import Clinic
from medassist.web.words import Words

CLINIC_HEADER = "X-Clinic"
"""The header in which the widget names the clinic of its page."""


class Voices:
    """The front door's own words, by clinic."""

    def __init__(self, clinics: Clinics) -> None:
        self._clinics = clinics
        self._words = {c.id: Words(clinics.emergency(c), c.id) for c in clinics.all}

    def of(self, clinic: object) -> Words:
        """The words of the clinic with this id, or of the default one."""
        return self._words[self._clinics.named(clinic).id]

    def answering(self, request: Request) -> Words:
        """The words for whoever sent this request."""
        return self._words[self.clinic_of(request).id]

    def clinic_of(self, request: Request) -> Clinic:
        """The clinic that a request of the widget is for."""
        named = self._clinics.find(request.headers.get(CLINIC_HEADER))
        return named or self._clinics.reached_by("websites", request.headers.get("origin", ""))
