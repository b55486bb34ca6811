"""What a log may not hold, masked in any text: addresses, numbers, secrets.

Names cannot be found so. Therefore no message of a person is ever logged, and nothing here is a
licence to log one: it is the net under the rope.
"""

from __future__ import annotations

import ipaddress
import re

_SECRETS = "token|secret|password|passwd|pwd|api[_-]?key|access[_-]?key|auth|signature|sig|code|key"

_PATTERNS = (
    # postgresql://user:password@host, https://token@host
    r"(?P<login>(?<=://)[^\s/@]+(?=@))",
    # ?token=…, password: …, "secret": "…"
    rf"(?P<given>\b[\w-]*(?:{_SECRETS})[\"']?\s?[=:]\s?[\"']?)(?P<given_value>[^\s\"'&,;)\]]+)",
    r"(?P<scheme>\b(?:bearer|basic)\s+)(?P<scheme_value>[A-Za-z0-9._~+/=:-]{8,})",
    # the tokens of Telegram, Slack and Meta
    r"(?P<bot>\d{6,}:[\w-]{30,}|\bxox[a-z]-[\w-]{8,}|\bEAA\w{20,})",
    r"(?P<mail>[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+)",
    # kept: 2026-11-26, with or without a time
    r"(?P<date>(?<!\d)(?:19|20)\d\d-[01]\d-[0-3]\d"
    r"(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?)?(?!\d))",
    r"(?P<address>(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])|(?<![\w:])[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:"
    r"[0-9A-Fa-f:.]*)",
    r"(?P<number>(?<![A-Za-z0-9])\+?\(?\d(?:[ ()./-]{0,2}\d){6,}(?![A-Za-z0-9]))",
)
_ANY = re.compile("|".join(_PATTERNS), re.IGNORECASE)

_CONTROL = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")

_LONGEST = 4000
"""Characters; what is longer is cut. No line of ours is."""


def masked(text: str) -> str:
    """The text with e-mail and network addresses, long numbers and secrets replaced."""
    return _ANY.sub(_mask, text)


def one_line(text: str) -> str:
    """The text on one line and without control characters, so that nobody can forge a line."""
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
    plain = _CONTROL.sub(lambda found: "" if found[0].startswith("\x1b[") else " ", cut)
    return plain.strip().replace("\n", "\\n").replace("\t", " ")


def _mask(found: re.Match[str]) -> str:
    kind = found.lastgroup
    if kind == "given_value":
        return f"{found['given']}[secret]"
    if kind == "scheme_value":
        return f"{found['scheme']}[secret]"
    if kind == "date":
        return found[0]
    if kind == "address":
        return _mask_address(found[0])
    return {"login": "[secret]", "bot": "[secret]", "mail": "[e-mail]"}.get(kind or "", "[number]")


def _mask_address(text: str) -> str:
    """An IP address, unless it is this machine's own; what only looks like one is kept."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    return text if address.is_loopback or address.is_unspecified else "[address]"
