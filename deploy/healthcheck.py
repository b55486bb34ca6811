"""Says by its exit code whether the part in this container is healthy: `healthcheck.py rasa`.

It runs every few seconds, so it imports nothing but the standard library. The image has no curl.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

SECONDS = 4.0
"""How long an answer may take."""


def _setting(name: str, default: str) -> str:
    """A setting as medassist reads it: from its variable, or from the file that is named."""
    file = os.environ.get(f"{name}_FILE")
    if file:
        return Path(file).read_text(encoding="utf-8").strip()
    return os.environ.get(name) or default


def address(part: str) -> str | None:
    """Where this part answers for its health; None for one that listens nowhere."""
    if part == "front-door":
        return f"http://127.0.0.1:{_setting('MEDASSIST_PORT', '8000')}/healthz"
    if part == "rasa":  # with its token it says whether the model is loaded
        secret = _setting("MEDASSIST_INTERNAL_SECRET", "")
        return f"http://127.0.0.1:{_setting('MEDASSIST_RASA_PORT', '5005')}/status?token={secret}"
    if part == "actions":
        return f"http://127.0.0.1:{_setting('MEDASSIST_ACTION_PORT', '5055')}/health"
    if part == "alerts":
        port = _setting("MEDASSIST_ALERTS_METRICS_PORT", "")
        return f"http://127.0.0.1:{port}/healthz" if port else None
    raise SystemExit("healthcheck.py front-door|rasa|actions|alerts")


def main() -> None:
    """Exit with 0 when the part answers, else with 1 and one line that holds no secret."""
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    where = address(part)
    if where is None:
        return  # the alert worker is its container's only process: it lives
    # A proxy of the environment is for the outside, not for this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(where, timeout=SECONDS):
            return
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{part}: status {error.code}") from None
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise SystemExit(f"{part}: {type(reason).__name__}") from None


if __name__ == "__main__":
    main()
