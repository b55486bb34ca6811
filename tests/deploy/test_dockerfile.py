"""The image: what its recipe promises, and that what goes into it is enough to run.

No container engine runs here, so it was never built; docs/deploy.md says so.
"""

from __future__ import annotations

import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from medassist.settings import ROOT
from tests.web.served import free_port

DOCKERFILE = ROOT / "deploy/Dockerfile"
HEALTHCHECK = ROOT / "deploy/healthcheck.py"


def instructions(stage: str | None = None) -> list[str]:
    """The recipe's instructions, each on one line; those of one stage, if it is named."""
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if stage is None:
        return lines
    starts = [n for n, line in enumerate(lines) if line.startswith("FROM ")]
    first = next(n for n in starts if lines[n].endswith(f" AS {stage}"))
    last = next((n for n in starts if n > first), len(lines))
    return lines[first:last]


def test_hadolint_finds_no_fault() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    checked = subprocess.run(
        [linter, DOCKERFILE], capture_output=True, text=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stdout) == (0, "")


def test_every_stage_stands_on_the_one_named_python() -> None:
    assert "ARG PYTHON=python:3.10-slim-bookworm" in instructions()
    bases = [line.split()[1] for line in instructions() if line.startswith("FROM ")]
    assert bases == ["${PYTHON}", "packages", "${PYTHON}"]


def test_packages_are_installed_from_the_same_locks_as_by_setup_and_by_hash() -> None:
    setup = (ROOT / "scripts/setup").read_text(encoding="utf-8")
    for line in ("requirements-setup.lock", "requirements-encoder.lock"):
        assert line in setup
    recipe = " ".join(instructions("packages"))
    installs = re.findall(r"(?:pip install|uv pip install)[^;]*", recipe)
    assert len(installs) == 2
    assert all("--require-hashes" in install for install in installs)
    assert "for lock in requirements-encoder.lock requirements.lock" in recipe
    assert "--no-deps" in installs[1]
    assert "--no-deps --no-build-isolation -e ." in " ".join(instructions("built"))


def test_bytecode_is_compiled_and_the_model_trained_when_the_image_is_made() -> None:
    recipe = " ".join(instructions("built"))
    assert "medassist train" in recipe
    assert re.search(r"compileall [^;]*/opt/venv/lib medassist actions", recipe)
    assert recipe.index("uninstall") < recipe.index("compileall")


def test_it_runs_as_nobody_special_and_holds_no_secret() -> None:
    recipe = instructions("medassist")
    user = next(n for n, line in enumerate(recipe) if line == "USER 10001:10001")
    assert not [line for line in recipe[user:] if line.startswith(("RUN", "COPY", "ADD"))]
    assert not [line for line in recipe if "--chown" in line]  # what runs is not its user's
    for line in instructions():
        if line.startswith(("ENV", "ARG")):
            assert not re.search(r"SECRET|TOKEN|PASSWORD|_KEY|DATABASE_URL", line)
    assert 'ENTRYPOINT ["medassist"]' in recipe
    assert 'CMD ["serve", "front-door"]' in recipe
    assert [line for line in recipe if line.startswith("HEALTHCHECK")]


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `.dockerignore` lets through of the files that git knows."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [line[1:] for line in lines if line.startswith("!")]
    kept_out = [line for line in lines if line and line[0] not in "!#*"]
    folder = tmp_path_factory.mktemp("image")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        inside = any(name == top or name.startswith(f"{top}/") for top in let_in)
        if inside and not any(name.startswith(f"{path}/") for path in kept_out):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def in_image(
    folder: Path, var: Path, *command: str, **more: str
) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MEDASSIST_")}
    environment = {**clean, "PYTHONPATH": str(folder), "MEDASSIST_VAR": str(var), **more}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_what_goes_into_the_image_is_enough_to_prepare_a_database(
    image_folder: Path, tmp_path: Path
) -> None:
    done = in_image(image_folder, tmp_path, "-m", "medassist.cli", "prepare")
    assert done.returncode == 0, done.stderr
    assert "Answers in force" in done.stdout


def test_a_model_of_the_image_is_one_of_this_folder(image_folder: Path, tmp_path: Path) -> None:
    """All that a model is made of is in the image, so training there gives the same."""
    script = (
        "from medassist.settings import load_settings; from medassist.training import model_file; "
        "print(model_file(load_settings()).name)"
    )
    names = {
        in_image(folder, tmp_path, "-c", script).stdout.strip() for folder in (image_folder, ROOT)
    }
    assert len(names) == 1
    assert names.pop().startswith("medassist-")


def test_nothing_secret_or_needless_goes_into_the_image(image_folder: Path) -> None:
    names = {str(path.relative_to(image_folder)) for path in image_folder.rglob("*")}
    assert "config.yml" in names
    for needless in ("tests", ".git", "docs", "data/evaluation", "deploy/secrets", "var", ".venv"):
        assert needless not in names


# ── the health check ────────────────────────────────────────────────────────────────────────


class _Part(http.server.BaseHTTPRequestHandler):
    """Answers like a healthy part, to those who know the secret."""

    def do_GET(self) -> None:
        allowed = self.path in ("/healthz", "/health", "/status?token=the-secret")
        self.send_response(200 if allowed else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def part() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Part)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


PORTS = {
    "front-door": "MEDASSIST_PORT",
    "rasa": "MEDASSIST_RASA_PORT",
    "actions": "MEDASSIST_ACTION_PORT",
    "alerts": "MEDASSIST_ALERTS_METRICS_PORT",
}


def health_of(part: str, port: int, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], PORTS[part]: str(port), **more}
    return subprocess.run(
        [sys.executable, "-S", HEALTHCHECK, part],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("name", PORTS)
def test_a_part_that_answers_is_healthy_and_one_that_does_not_is_not(
    part: int, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_text("the-secret\n", encoding="utf-8")
    secrets = {
        "MEDASSIST_INTERNAL_SECRET_FILE": str(tmp_path / "secret"),
        "http_proxy": "http://127.0.0.1:9",
    }
    assert health_of(name, part, **secrets).returncode == 0
    ill = health_of(name, free_port(), **secrets)
    assert ill.returncode == 1
    assert ill.stderr == f"{name}: ConnectionRefusedError\n"


def test_a_rasa_that_does_not_know_us_is_not_healthy_and_the_token_is_not_said(part: int) -> None:
    ill = health_of("rasa", part, MEDASSIST_INTERNAL_SECRET="another-secret")
    assert (ill.returncode, ill.stderr) == (1, "rasa: status 401\n")


def test_an_alert_worker_without_a_port_is_healthy_while_its_container_runs() -> None:
    environment = {"PATH": os.environ["PATH"]}
    assert subprocess.run([sys.executable, HEALTHCHECK, "alerts"], env=environment).returncode == 0
