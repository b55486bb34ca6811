"""The settings of an installation on several machines: where each part listens and finds others."""

from __future__ import annotations

import ipaddress
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from medassist.environment import SettingsError, count, web_address

LOOPBACK = "127.0.0.1"
MOST_WORKERS = 64

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class ScalingSettings:
    """`host` is the address to listen on; the URLs say where the neighbours are.

    `rasa_urls` and `front_door_urls` are one or more, in order. `action_url` is None when Rasa
    runs the actions itself. `redis_url` is None when
    everything of a kind runs in one process; `rasa_workers` is how many Rasa servers
    `medassist run` starts; `event_broker_url` is where Rasa copies its events to.
    """

    host: str
    rasa_urls: tuple[str, ...]
    action_url: str | None
    front_door_urls: tuple[str, ...]
    redis_url: str | None = field(repr=False)
    rasa_workers: int
    event_broker_url: str | None = field(repr=False)

    @property
    def is_open(self) -> bool:
        """Whether other machines can reach the address we listen on."""
        if self.host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return True


def read_scaling(
    env: Mapping[str, str], front_door_port: int, rasa_port: int, action_port: int | None
) -> ScalingSettings:
    """What is not set is on this machine, on these ports. Raises SettingsError."""
    workers = count(env, "MEDASSIST_RASA_WORKERS", 1)
    if workers > MOST_WORKERS:
        raise SettingsError(f"MEDASSIST_RASA_WORKERS must be at most {MOST_WORKERS}.")
    redis_url = _service(env, "MEDASSIST_REDIS_URL", "redis", "rediss")
    if workers > 1 and not redis_url:
        raise SettingsError(
            "MEDASSIST_RASA_WORKERS above 1 also needs MEDASSIST_REDIS_URL, which keeps each "
            "conversation's messages in order."
        )
    rasa_ports = range(rasa_port, rasa_port + workers)
    if rasa_ports[-1] > 65535 or {front_door_port, action_port} & set(rasa_ports[1:]):
        raise SettingsError(
            f"MEDASSIST_RASA_WORKERS: {workers} Rasa servers take the ports {rasa_ports[0]} to "
            f"{rasa_ports[-1]}, which must be free of the other parts. Change MEDASSIST_RASA_PORT."
        )
    host = _host(env)
    return ScalingSettings(
        host=host,
        rasa_urls=_addresses(env, "MEDASSIST_RASA_URL")
        or tuple(address_of(LOOPBACK, port) for port in rasa_ports),
        action_url=web_address(env, "MEDASSIST_ACTION_URL")
        or (address_of(LOOPBACK, action_port) if action_port else None),
        front_door_urls=_addresses(env, "MEDASSIST_FRONT_DOOR_URL")
        or (address_of(host, front_door_port),),
        redis_url=redis_url,
        rasa_workers=workers,
        event_broker_url=_service(env, "MEDASSIST_EVENT_BROKER_URL", "amqp", "amqps"),
    )


def preferred_for(name: str, urls: tuple[str, ...]) -> tuple[str, ...]:
    """The same addresses, beginning with the one that serves this conversation by choice.

    Every process of every machine chooses the same, as long as all have the same list.
    """
    first = zlib.crc32(name.encode()) % len(urls)
    return urls[first:] + urls[:first]


def address_of(host: str, port: int) -> str:
    """Where this machine reaches what listens on `host`: on all addresses is on loopback too."""
    if host in ("0.0.0.0", "::"):
        host = LOOPBACK
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_here(url: str) -> bool:
    """Whether an address leads to this machine's loopback."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(env: Mapping[str, str]) -> str:
    host = env.get("MEDASSIST_HOST", "").strip() or LOOPBACK
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not _NAME.fullmatch(host):
            raise SettingsError(
                f"MEDASSIST_HOST must be an address to listen on, such as 0.0.0.0, not {host!r}."
            ) from None
    return host


def _addresses(env: Mapping[str, str], key: str) -> tuple[str, ...]:
    """Web addresses with white space between them."""
    words = dict.fromkeys(env.get(key, "").split())
    return tuple(address for word in words if (address := web_address({key: word}, key)))


def _service(env: Mapping[str, str], key: str, *schemes: str) -> str | None:
    """The address of a service. It may hold a password: it is not repeated."""
    value = env.get(key, "").strip()
    if not value:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(c.isspace() for c in value):
        raise SettingsError(f"{key} must be an address such as {schemes[0]}://host:port/name.")
    return value
