"""The settings of whoever runs the servers: what is measured, and what is logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from medassist.environment import SettingsError, count, only_one, port

LOG_FORMATS = ("plain", "json")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class OperationsSettings:
    """`metrics_token` is what a reader of `/metrics` must show; without it nothing is served there.

    `alerts_port` is where the alert worker answers about its health and its metrics, None for
    nowhere. `log_level` is that of our own code. `keep_logs_days` is how long the log files of
    `medassist run` are kept, in whole days.
    """

    metrics_token: str | None = field(default=None, repr=False)
    alerts_port: int | None = None
    log_format: str = "plain"
    log_level: str = "INFO"
    keep_logs_days: int = 14


def read_operations(env: Mapping[str, str]) -> OperationsSettings:
    """Raises SettingsError."""
    return OperationsSettings(
        metrics_token=only_one(
            env, "MEDASSIST_METRICS_TOKEN", r"[\x21-\x7e]{16,}",
            "16 plain characters or more, no spaces",
        ),
        alerts_port=port(env, "MEDASSIST_ALERTS_METRICS_PORT", 0) or None,
        log_format=_one_of(env, "MEDASSIST_LOG_FORMAT", LOG_FORMATS, "plain"),
        log_level=_one_of(env, "MEDASSIST_LOG_LEVEL", LOG_LEVELS, "INFO"),
        keep_logs_days=count(env, "MEDASSIST_KEEP_LOGS_DAYS", 14),
    )  # fmt: skip


def _one_of(env: Mapping[str, str], key: str, choices: tuple[str, ...], default: str) -> str:
    """One of these words, in small letters or large."""
    value = env.get(key, "").strip()
    for choice in choices:
        if (value or default).lower() == choice.lower():
            return choice
    raise SettingsError(f"{key} must be {', '.join(choices[:-1])} or {choices[-1]}, not {value!r}.")
