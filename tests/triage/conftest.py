"""One loaded triage for all of its tests, and baclofen's limits from its own file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from medassist.medicines.files import read_medicine
from medassist.triage.assess import Assessment, MedicineLimits, Triage

# The same examples on every run: a check that fails now and then checks nothing. To search
# for new ones, run with `--hypothesis-seed` and a profile of your own.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parents[2]
SAFETY = ROOT / "data" / "safety"
BACLOFEN_NAMES = re.compile(r"baclofen|lioresal|ozobax|fleqsuvy|gablofen|lyvispah|lyflex", re.I)


@dataclass(frozen=True)
class Named:
    """A recognised medicine name, as medassist/medicines/names.py hands it over."""

    start: int
    end: int
    generic: str


def baclofen_mentions(text: str) -> list[Named]:
    return [Named(m.start(), m.end(), "baclofen") for m in BACLOFEN_NAMES.finditer(text)]


@pytest.fixture(scope="session")
def triage() -> Triage:
    return Triage.load(SAFETY)


@pytest.fixture(scope="session")
def baclofen() -> MedicineLimits:
    return MedicineLimits.of(read_medicine(ROOT / "data" / "medicines" / "baclofen.yml"))


Say = Callable[..., Assessment]


@pytest.fixture(scope="session")
def say(triage: Triage, baclofen: MedicineLimits) -> Say:
    """The assessment of the last of some messages, in a conversation about baclofen."""

    def assess(*turns: str, about: MedicineLimits | None = baclofen) -> Assessment:
        earlier: list[Assessment] = []
        for turn in turns:
            earlier.append(
                triage.assess(
                    turn, medicine=about, mentions=baclofen_mentions(turn), earlier=tuple(earlier)
                )
            )
        return earlier[-1]

    return assess


def signs(assessment: Assessment) -> Sequence[str]:
    return [finding.sign for finding in assessment.findings if finding.asserted]
