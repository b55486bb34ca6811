"""What is said: the files that a clinic edits, and the model that reads messages."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

from medassist.cases.clinics import Clinics
from medassist.doctor.findings import OK, PROBLEM, WARNING, Finding
from medassist.medicines.files import MedicineFileError, read_medicines
from medassist.regions import numbers_for
from medassist.settings import Settings, SettingsError
from medassist.training import model_file
from medassist.triage.assess import Triage
from medassist.triage.safety_files import SafetyFileError


def safety(settings: Settings) -> Iterator[Finding]:
    """The danger signs can be read, and the region has its numbers."""
    try:
        numbers = numbers_for(settings)
        Triage.load(settings.data / "safety")
    except (SettingsError, SafetyFileError, OSError) as error:
        yield Finding(PROBLEM, "safety files", f"{error}")
        return
    yield Finding(
        OK,
        "safety files",
        f"All in order. People in {settings.region} are told: {numbers['emergency_number']}.",
    )


def medicines(settings: Settings) -> Iterator[Finding]:
    """Every medicine file can be read, and there is one."""
    try:
        found = read_medicines(settings.data / "medicines")
    except (MedicineFileError, OSError) as error:
        yield Finding(PROBLEM, "medicine files", f"{error}")
        return
    if not found:
        yield Finding(PROBLEM, "medicine files", f"There is none in {settings.data / 'medicines'}.")
        return
    answers = sum(len(medicine.answers) for medicine in found.values())
    yield Finding(
        OK, "medicine files", f"{len(found)} medicine(s), {answers} answers, all in order."
    )


def clinic(settings: Settings) -> Iterator[Finding]:
    """Each clinic has a name and opening hours; of several, each says whose numbers it gives."""
    try:
        clinics = Clinics(settings)
    except (SettingsError, OSError) as error:
        yield Finding(PROBLEM, "clinic file", f"{error}")
        return
    file = settings.data / "clinic.yml"
    for ours in clinics.all:
        of = f" of {ours.name}" if clinics.several else ""
        if ours.hours is None:
            yield Finding(
                WARNING,
                "clinic file",
                f"The opening hours{of} are unknown, so patients are not told when staff are "
                f"there. Write them into {file}.",
            )
        if ours.given_name is None:
            yield Finding(WARNING, "clinic file", f"The clinic has no name. Write it into {file}.")
        if ours.hours is not None and ours.given_name is not None:
            number = f", says {clinics.emergency(ours)}" if clinics.several else ""
            yield Finding(
                OK, "clinic file", f"{ours.name}, {ours.zone.key}, with opening hours{number}."
            )


def model(settings: Settings) -> Iterator[Finding]:
    """There is a model, made of what is in this folder now."""
    try:
        wanted = model_file(settings)
    except (MedicineFileError, OSError):
        return  # said of the medicine files
    if wanted.exists():
        if tarfile.is_tarfile(wanted):
            yield Finding(OK, "model", f"{wanted.name} fits the data.")
        else:
            yield Finding(
                PROBLEM, "model", f"{wanted.name} is damaged. Run `medassist train --force`."
            )
        return
    other = any(wanted.parent.glob("medassist-*.tar.gz"))
    why = "The model was made of other data" if other else "There is no model"
    yield Finding(
        PROBLEM, "model", f"{why}. Run `medassist train` (`medassist run` does it by itself)."
    )
