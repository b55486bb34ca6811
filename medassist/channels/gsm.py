"""The alphabet of text messages (GSM 03.38), and how much of it fits into one."""

from __future__ import annotations

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")
"""Characters that take two septets."""

LOOK_ALIKES = str.maketrans(
    {
        "•": "-", "–": "-", "—": "-", "‑": "-", "−": "-", "∕": "/", "‘": "'", "’": "'",
        "“": '"', "”": '"', "…": "...", "×": "x", "≤": "<=", "≥": ">=", "½": "1/2", "¼": "1/4",
        "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "µ": "mc", "μ": "mc",
    }
)  # fmt: skip
"""What a phone shows as well in the small alphabet; µg becomes mcg, as pharmacies write it."""


def plainly(text: str) -> str:
    """The text with typographic characters made plain, so that it can stay in the alphabet."""
    return text.translate(LOOK_ALIKES)


def is_gsm(text: str) -> bool:
    """Whether every character is of the alphabet; one that is not makes all twice as wide."""
    return all(c in BASIC or c in EXTENDED for c in text)


def units(text: str) -> int:
    """How long the text is: in septets, or in UTF-16 units when it leaves the alphabet."""
    if is_gsm(text):
        return sum(2 if c in EXTENDED else 1 for c in text)
    return len(text.encode("utf-16-be")) // 2


def room(gsm: bool, segments: int) -> int:
    """How many units fit into this many joined text messages."""
    alone, joined = (160, 153) if gsm else (70, 67)
    return alone if segments == 1 else joined * segments


def fits(text: str, segments: int) -> bool:
    """Whether the text can be sent as this many joined text messages."""
    return units(text) <= room(is_gsm(text), segments)
