"""This machine: Python and its packages, ports, disk, and who may read our files."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import httpx
from packaging.requirements import InvalidRequirement, Requirement

from medassist.doctor.findings import OK, PROBLEM, WARNING, Finding
from medassist.scaling_settings import is_here
from medassist.settings import LOOPBACK, ROOT, Settings, files_of_settings

LOCKS = ("requirements.lock", "requirements-encoder.lock")
ENGINES_SECRETS = "/run/secrets/"
"""Where container engines put secrets; nobody else is in the container."""

LITTLE_DISK = 2 * 1024**3
NO_DISK = 256 * 1024**2
"""Bytes free where SQLite keeps everything; `NEEDED_WITHOUT` where the databases are elsewhere."""
NEEDED_WITHOUT = 16 * 1024**2


def packages(_settings: Settings) -> Iterator[Finding]:
    """Python is 3.10, and every package has the version of the lock."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] != (3, 10):
        yield Finding(
            PROBLEM, "Python", f"This is Python {version}, and Rasa needs 3.10. Run scripts/setup."
        )
    wanted = [pin for lock in LOCKS for pin in _pins(ROOT / lock)]
    if not wanted:
        yield Finding(WARNING, "packages", "The lock files are not here, so nothing was compared.")
        return
    other = [found for pin in wanted if (found := _otherwise(pin))]
    if other:
        shown = "; ".join(other[:3]) + (f"; and {len(other) - 3} more" if len(other) > 3 else "")
        yield Finding(
            PROBLEM, "packages", f"Not as in requirements.lock: {shown}. Run scripts/setup."
        )
    elif sys.version_info[:2] == (3, 10):
        yield Finding(OK, "packages", f"Python {version} and {len(wanted)} packages, as locked.")


def _pins(lock: Path) -> Iterator[Requirement]:
    """The packages of a lock that this machine needs."""
    try:
        lines = lock.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        if "==" not in line or line.startswith((" ", "#")):
            continue
        try:
            pin = Requirement(line.rstrip("\\ ").strip())
        except InvalidRequirement:
            continue
        if pin.marker is None or pin.marker.evaluate():
            yield pin


def _otherwise(pin: Requirement) -> str | None:
    """How a package differs from its pin, or None."""
    try:
        version = metadata.version(pin.name)
    except metadata.PackageNotFoundError:
        return f"{pin.name} is missing"
    if pin.specifier.contains(version, prereleases=True):
        return None
    return f"{pin.name} is {version} and not {str(pin.specifier).removeprefix('==')}"


def ports(settings: Settings) -> Iterator[Finding]:
    """Each port of a part that runs here is free, or a part of ours listens there."""
    parts = (
        ("front door", "MEDASSIST_PORT", settings.front_door_url, "/healthz", "status"),
        ("Rasa server", "MEDASSIST_RASA_PORT", settings.rasa_url, "/version", "minimum_compatible"),
        ("action server", "MEDASSIST_ACTION_PORT", settings.action_url, "/health", "status"),
    )
    running, free = [], []
    for name, variable, url, path, key in parts:
        if url is None:  # Rasa runs the actions
            continue
        if not is_here(url):
            yield _neighbour(name, url, path)
            continue
        port = int(url.rsplit(":", 1)[1])
        with socket.socket() as probe:
            probe.settimeout(2)
            if probe.connect_ex((LOOPBACK, port)) != 0:
                free.append(f"{port} ({name})")
                continue
        if _answers_as_ours(url + path, key):
            running.append(name)
        else:
            yield Finding(
                PROBLEM,
                "ports",
                f"Port {port} (the {name}'s) is taken by another program. Stop it, or choose "
                f"another port with {variable}.",
            )
    if running:
        yield Finding(OK, "ports", f"Running here: {', '.join(running)}.")
    if free:
        yield Finding(OK, "ports", f"Free: {', '.join(free)}.")


def _answers_as_ours(url: str, key: str) -> bool:
    try:
        said = httpx.get(url, timeout=3, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return isinstance(said, dict) and any(name.startswith(key) for name in said)


def _neighbour(name: str, url: str, path: str) -> Finding:
    try:
        answer = httpx.get(url + path, timeout=3, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Finding(
            WARNING,
            "neighbours",
            f"The {name} at {url} does not answer ({type(error).__name__}). Is it started, and may "
            "this machine reach it?",
        )
    if not answer.is_success:
        return Finding(
            WARNING, "neighbours", f"The {name} at {url} answers with status {answer.status_code}."
        )
    return Finding(OK, "neighbours", f"The {name} at {url} answers.")


def supervisors(settings: Settings) -> Iterator[Finding]:
    """At most one `medassist run` works on a folder at a time."""
    alive = [pid for pid in _running_supervisors() if _var_of(pid) in (None, settings.var)]
    if len(alive) > 1:
        numbers = " and ".join(map(str, alive))
        yield Finding(
            PROBLEM,
            "medassist run",
            f"It runs more than once on {settings.var} (processes {numbers}). End all but one.",
        )
    elif alive:
        yield Finding(OK, "medassist run", f"It is running (process {alive[0]}).")


def _running_supervisors() -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it ended, or is somebody else's
            continue
        prepares = any(w.endswith("/medassist") or w == "medassist.cli" for w in words[:3])
        if "medassist.supervisor" in words[:3] or (prepares and words[:4].count("run") == 1):
            found.append(int(entry.name))
    return sorted(found)


def _var_of(pid: int) -> Path | None:
    """The folder a process was told to work on; None when that cannot be read."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return None
    given = dict(line.partition("=")[::2] for line in environment.split("\0"))
    return Path(given.get("MEDASSIST_VAR") or ROOT / "var")


def var_folder(settings: Settings) -> Iterator[Finding]:
    """What is made at run time has a folder with room, which is closed to others."""
    var = settings.var
    there = next(folder for folder in (var, *var.resolve().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Finding(
            PROBLEM,
            "var",
            f"{var} cannot be written to. Give it to the user that runs medassist, or name another "
            "folder with MEDASSIST_VAR.",
        )
        return
    room = shutil.disk_usage(there).free
    said = f"{room / 1024**2:,.0f} MB free at {var}."
    here = settings.database_url.startswith("sqlite")
    if room < (NO_DISK if here else NEEDED_WITHOUT):
        yield Finding(PROBLEM, "disk", f"{said} Nothing more can be kept. Make room.")
    elif here and room < LITTLE_DISK:
        yield Finding(WARNING, "disk", f"{said} Make room soon.")
    else:
        yield Finding(OK, "disk", said)
    holds_words = any(var.glob("*.db*")) or (var / "logs").exists()
    if var.exists() and holds_words and var.stat().st_mode & (stat.S_IROTH | stat.S_IXOTH):
        yield Finding(
            WARNING,
            "var",
            f"Every account of this machine can look into {var}, where conversations are. "
            f"Close it: chmod 700 {var}",
        )


def secret_files(_settings: Settings) -> Iterator[Finding]:
    """Files that hold settings can be read by us alone."""
    files = files_of_settings()
    open_to_all = {
        key: file
        for key, file in files.items()
        if not str(file).startswith(ENGINES_SECRETS) and _readable_by_all(file)
    }
    for key, file in open_to_all.items():
        yield Finding(
            WARNING,
            "secrets",
            f"Every account of this machine can read {file}, which {key} names. "
            f"Close it: chmod 600 {file}",
        )
    if files and not open_to_all:
        yield Finding(OK, "secrets", f"{len(files)} in files that others cannot read.")


def _readable_by_all(file: Path) -> bool:
    """Whether any account can reach and read a file."""
    file = file.resolve()
    ways = [folder.stat().st_mode & stat.S_IXOTH for folder in file.parents]
    return bool(file.stat().st_mode & stat.S_IROTH) and all(ways)
