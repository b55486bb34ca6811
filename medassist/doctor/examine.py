"""The whole examination, in an order in which a person would mend things."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from medassist.doctor import content, databases, machine, outside
from medassist.doctor.findings import OK, PROBLEM, WARNING, Check, Finding
from medassist.settings import SettingsError, load_settings, unknown_settings

CHECKS: dict[str, Check] = {
    "packages": machine.packages,
    "folder": machine.var_folder,
    "secret-files": machine.secret_files,
    "medicines": content.medicines,
    "safety": content.safety,
    "clinic": content.clinic,
    "model": content.model,
    "database": databases.ours,
    "conversations": databases.conversations,
    "redis": outside.redis_server,
    "event-broker": outside.event_broker,
    "ports": machine.ports,
    "runs": machine.supervisors,
    "secrets": outside.secrets,
    "public-address": outside.public_address,
    "alerts": outside.alerts,
    "channels": outside.channels,
    "retention": outside.retention,
}
"""What is looked at, by the word for it on the command line. The settings always are."""


def examine(only: Collection[str] = ()) -> Iterator[Finding]:
    """Look at everything, or only at these; each finding as soon as it is known.

    Nothing is changed or sent. Raises SettingsError for a word that is none of `CHECKS`.
    """
    for word in only:
        if word not in CHECKS:
            raise SettingsError(f"{word!r} cannot be looked at. Choose from {', '.join(CHECKS)}.")
    try:
        settings = load_settings()
    except SettingsError as error:
        yield Finding(PROBLEM, "settings", f"{error} Nothing else was looked at.")
        return
    unknown = unknown_settings()
    for key, meant in unknown.items():
        hint = f" Do you mean {meant}?" if meant else " See docs/settings.md."
        yield Finding(WARNING, "settings", f"{key} is read by nothing.{hint}")
    if not unknown:
        yield Finding(OK, "settings", "All can be read.")
    for name, check in CHECKS.items():
        if only and name not in only:
            continue
        try:
            yield from check(settings)
        except Exception as error:  # one look that fails must not keep the others from a person
            yield Finding(PROBLEM, name, f"This could not be looked at ({type(error).__name__}).")


def in_all(findings: list[Finding]) -> str:
    """The last line: how it stands."""
    problems = sum(finding.kind == PROBLEM for finding in findings)
    warnings = sum(finding.kind == WARNING for finding in findings)
    counted = [
        f"{number} {word}{'' if number == 1 else 's'}"
        for number, word in ((problems, "problem"), (warnings, "warning"))
        if number
    ]
    return f"{' and '.join(counted)}." if counted else "All is well."
