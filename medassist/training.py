"""Training the Rasa model, only when something it is made of has changed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from medassist.medicines.files import read_medicines
from medassist.settings import ROOT, Settings

_INPUTS = (
    "config.yml",
    "domain.yml",
    "requirements.lock",
    "data/nlu/*.yml",
    "data/rules/*.yml",
    "data/names/*.yml",
    "data/safety/*.yml",
    "medassist/nlu/*.py",
    "medassist/medicines/names.py",
    "medassist/triage/*.py",
)
_TRAINED_PARTS = 6
"""Lines of Rasa's log that mean progress, of one training."""


class TrainingError(Exception):
    """The model could not be trained; the message says where the reason is."""


def _inputs(settings: Settings) -> Iterator[tuple[str, bytes]]:
    for pattern in _INPUTS:
        for path in sorted(ROOT.glob(pattern)):
            yield str(path.relative_to(ROOT)), path.read_bytes()
    for medicine in read_medicines(settings.data / "medicines").values():
        yield f"names of {medicine.medicine}", "\n".join(medicine.all_names()).encode()


def _digests(settings: Settings) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in _inputs(settings)}


def model_file(settings: Settings) -> Path:
    """Where the model made of the present inputs is (or will be): its name is their digest."""
    whole = hashlib.sha256(repr(sorted(_digests(settings).items())).encode()).hexdigest()
    return ROOT / "models" / f"medassist-{whole[:12]}.tar.gz"


def _reason(digests: dict[str, str], record: Path) -> str:
    """Why there is no model yet: which inputs changed since the last training."""
    if not record.exists():
        return "there is no model yet"
    old = dict(line.split("  ", 1)[::-1] for line in record.read_text().splitlines())
    changed = sorted(name for name in {*old, *digests} if old.get(name) != digests.get(name))
    names = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    return f"changed since the last training: {names}" if changed else "the model file is gone"


def ensure_model(settings: Settings, *, force: bool = False) -> Path:
    """The model of the present inputs, trained now if it does not exist (or if forced).

    Raises TrainingError, with the last line of the log, when Rasa cannot train.
    """
    model = model_file(settings)
    if model.exists() and not force:
        return model
    digests = _digests(settings)
    record = ROOT / "models" / "trained-from.txt"
    reason = "you asked for it" if force else _reason(digests, record)
    print(f"Training the model: {reason}.", file=sys.stderr, flush=True)
    log = settings.var / "logs" / "training.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    code = _train(settings, model, log)
    if code != 0 or not model.exists():
        last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise TrainingError(
            f"The model could not be trained (see {log}): {last[-1] if last else 'no output'}"
        )
    record.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())))
    for old in model.parent.glob("medassist-*.tar.gz"):
        if old != model:
            old.unlink()
    return model


def _train(settings: Settings, model: Path, log: Path) -> int:
    """Run Rasa's training with its output in `log`; show a bar that follows it."""
    command = [
        sys.executable, "-m", "medassist.dialogue.serve", "train",
        "--config", str(ROOT / "config.yml"),
        "--domain", str(ROOT / "domain.yml"),
        "--data", str(ROOT / "data" / "nlu"), str(ROOT / "data" / "rules"),
        "--out", str(model.parent),
        "--fixed-model-name", model.name.removesuffix(".tar.gz"),
        "--force", "--skip-validation",  # `make check` validates; it would read everything twice
    ]  # fmt: skip
    environment = {
        **os.environ,
        "MEDASSIST_VAR": str(settings.var),
        "MEDASSIST_DATA": str(settings.data),
    }
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    with log.open("wb") as out, bar:
        task = bar.add_task("training", total=_TRAINED_PARTS)
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None:
                done = log.read_text(errors="replace").count("Finished training component")
                bar.update(task, completed=done)
                try:
                    process.wait(1)
                except subprocess.TimeoutExpired:
                    continue
            bar.update(task, completed=_TRAINED_PARTS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    return process.returncode
