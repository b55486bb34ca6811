"""`medassist run` with a model given by path, though the data folder is not its own.

Only for the growth benchmark: a real installation always trains on its own data.
"""

from __future__ import annotations

import os
from pathlib import Path

import medassist.training
from medassist.cli import app

if __name__ == "__main__":
    given = Path(os.environ["MEDASSIST_BENCH_MODEL"])
    medassist.training.ensure_model = lambda settings, *, force=False: given
    app(["run"])
