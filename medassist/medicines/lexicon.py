"""The names that `medassist.medicines.names` looks for, read once from `data/names` and a library.

Generic names come from the dictionary packed with *drug-named-entity-recognition*. Its Python
package is never imported: that would write into the home folder and can use the network.
"""

from __future__ import annotations

import bz2
import pickle
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA
from ruamel.yaml import YAML

_ACCENTS = str.maketrans(
    "áàâäãåçéèêëíìîïñóòôöõúùûüýÿ\u2019\u2018`", "aaaaaaceeeeiiiinooooouuuuyy'''"
)
_WORD = re.compile(r"[a-z]+(?:'s\b)?|\d+")
_PLAIN = re.compile(r"[a-z]+(?:[ -][a-z]+){0,3}")
_FOREIGN = re.compile(r"(um|ina|ines|ona|olo|ato|ida|ola|ico)$")  # Latin, Spanish, Italian
# Words at the end of the library's canonical names that say how, not what.
_FORMS = re.compile(
    r"[ ,]+(patch|tablets?|capsules?|injection|oral|topical|ophthalmic|otic|nasal( spray.*)?|"
    r"inhalation|rectal|vaginal|gel|cream|ointment|systemic|transdermal|supplement|hydrochloride)$"
)


class Word(NamedTuple):
    """A word or number of a text: offsets, and its form for looking up."""

    start: int
    end: int
    form: str


class Entry(NamedTuple):
    """What a name means: how it is shown, its generic ("" when unclear), and its kind."""

    name: str
    generic: str
    kind: str
    tight: bool = False  # a combination made from its parts: "a/b", but not "a b"


@dataclass
class Lexicon:
    """All names by the space-joined forms of their words, and the words that decide doubts."""

    entries: dict[str, Entry] = field(default_factory=dict)
    spoken: set[str] = field(default_factory=set)  # one-word names a misspelling may mean
    certain: set[str] = field(default_factory=set)  # names of our own medicine files
    look_alikes: list[frozenset[str]] = field(default_factory=list)
    words: dict[str, frozenset[str]] = field(default_factory=dict)  # lists of common-words.yml
    ordinary: frozenset[str] = frozenset()  # English words, places, people

    def add(self, name: str, entry: Entry, *, spoken: bool = True) -> None:
        """Record `name`; a name recorded earlier stays."""
        key = name_key(name)
        if not key or key in self.entries:
            return
        self.entries[key] = entry
        if spoken and " " not in key and len(key) >= 5:
            self.spoken.add(key)


def read_words(text: str) -> list[Word]:
    """Words and numbers of `text`, lower case, without accents and possessive 's.

    Letters and digits are kept apart, so that "B12", "b-12" and "B 12" are the same.
    """
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters grow when lowered; offsets must not move
        lowered = "".join(low if len(low := c.lower()) == 1 else c for c in text)
    lowered = lowered.translate(_ACCENTS)
    return [Word(m.start(), m.end(), m.group().removesuffix("'s")) for m in _WORD.finditer(lowered)]


def name_key(name: str) -> str:
    """The form under which a name is looked up: "Lo/Ovral" is "lo ovral"."""
    return " ".join(word.form for word in read_words(name))


def read_lexicon(folder: Path, extra: Mapping[str, str]) -> Lexicon:
    """The lexicon of the files in `folder`; `extra` (name to generic) wins over everything.

    Raises `FileNotFoundError` when a file or the library is missing.
    """
    common = {
        key: frozenset(word.replace("_", " ") for word in text.split())
        for key, text in _read(folder, "common-words").items()
    }
    known = (*_read(folder, "english-words").values(), *common["medical"])
    lexicon = Lexicon(
        words=common,
        ordinary=common["not_misspelt"].union(common["names"], " ".join(known).split()),
        look_alikes=[
            frozenset(map(name_key, line.split(","))) for line in _read(folder, "look-alikes")
        ],
    )
    for name, generic in extra.items():
        lexicon.certain.add(name_key(name))
        lexicon.add(name, Entry(name.lower(), generic.lower(), "medicine"))
    for thing in common["things"]:
        lexicon.add(thing, Entry(thing, "", "thing"), spoken=False)
    for substance, names in _read(folder, "substances").items():
        for name in (substance, *_listed(names)):
            lexicon.add(name, Entry(name, substance, "substance"))
    for file in ("brands", "other-names"):
        for name, entry in _medicines(_read(folder, file)):
            lexicon.add(name, entry)
    for name, entry in _classes(_read(folder, "classes")):
        lexicon.add(name, entry)
    _add_library(lexicon)
    for word in common["never"] - lexicon.certain:
        lexicon.entries.pop(word, None)
        lexicon.spoken.discard(word)
    return lexicon


def _read(folder: Path, name: str) -> Any:
    with (folder / f"{name}.yml").open(encoding="utf-8") as file:
        return YAML(typ="safe").load(file)


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",")]


def _medicines(lines: Mapping[str, str]) -> Iterator[tuple[str, Entry]]:
    """Names of `generic: name, name` lines; "?" is the generic of a name that is unclear."""
    for generic, names in lines.items():
        if generic == "?":
            generic = ""
        parts = generic.split("/")
        for part in filter(None, parts):
            yield part, Entry(part, part, "medicine")
        for name in _listed(names):
            yield name, Entry(name, generic, "medicine")
        if len(parts) > 1:
            yield generic, Entry(generic, generic, "medicine", tight=True)
        if len(parts) == 2:
            yield "/".join(reversed(parts)), Entry(generic, generic, "medicine", tight=True)


def _classes(file: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
    for class_name, names in file["classes"].items():
        for name in (class_name, *_listed(names)):
            yield name, Entry(name, class_name, "class")
    for condition, words in file["conditions"].items():
        for word in (condition, *_listed(words)):
            for noun in _listed(file["nouns"]):
                yield f"{word} {noun}", Entry(f"{word} {noun}", f"{condition} medicines", "class")
    for illness, words in file["vaccines"].items():
        for word in (illness, *_listed(words)):
            for noun in ("vaccine", "vaccination", "immunization", "shot", "jab", "booster"):
                entry = Entry(f"{word} {noun}", f"{illness} vaccine", "medicine")
                yield f"{word} {noun}", entry


class _PlainUnpickler(pickle.Unpickler):
    """Refuses everything but dicts, lists and strings: the dictionary needs no more."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"unexpected {module}.{name} in the medicine dictionary")


def _add_library(lexicon: Lexicon) -> None:
    spec = find_spec("drug_named_entity_recognition")  # of a top-level package: finds, never runs
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package drug-named-entity-recognition is not installed")
    with bz2.open(Path(spec.origin).with_name("drug_ner_dictionary.pkl.bz2")) as file:
        library = _PlainUnpickler(file).load()
    facts, brands = library["drug_canonical_to_data"], library["drug_variant_to_variant_data"]
    for variant, canonicals in library["drug_variant_to_canonical"].items():
        canonical = canonicals[0]
        known = facts.get(canonical, {}).keys()
        # MedlinePlus, the NHS and Wikipedia's list hold what patients take; DrugBank alone also
        # holds foods, pollens and laboratory chemicals, so only its plain one-word names count.
        taken = bool(known & {"medline_plus_id", "nhs_url", "wikipedia_url"})
        plain = _PLAIN.fullmatch(variant)
        official = variant == canonical or bool(brands.get(variant, {}).get("is_brand"))
        if not plain or len(variant) < (4 if official else 5):
            continue
        if variant in lexicon.ordinary and not taken:
            continue
        parts = re.split("[ -]", variant)
        if len(parts) > 1 and (not official or min(map(len, parts)) < 3):
            continue  # the other names of several words are chemistry
        if not taken and ("drugbank_id" not in known or " " in variant or len(variant) < 6):
            continue
        if not official and OSA.distance(variant, canonical, score_cutoff=2) <= 2:
            continue  # a spelling of the canonical name: repaired, and marked so, when typed
        head, _, last = variant.rpartition(" ")
        if last in lexicon.words["salts"] and head in library["drug_variant_to_canonical"]:
            continue
        spoken = taken and official and (variant == canonical or not _FOREIGN.search(variant))
        generic = _FORMS.sub("", canonical).replace(" and ", "/")
        ours = lexicon.entries.get(name_key(generic))
        generic = ours.generic if ours and ours.generic else generic
        lexicon.add(variant, Entry(variant, generic, "medicine"), spoken=spoken)


_SOUNDS = [
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("ph", "f"), ("ck|q(u(?=[aeiou]))?", "k"), ("sc(?=[eiy])|c(?=[eiy])|z", "s"), ("^x", "s"),
        ("x", "ks"), ("c|ch(?=[lr])", "k"), ("(?<=[trk])h", ""), ("y|ie|ei|ee", "i"),
        ("ae|oe", "e"), (r"(.)\1", r"\1"), ("(?<=..)e$", ""),
    )
]  # fmt: skip

# Endings that the naming councils (USAN, INN) keep for medicines.
_STEM = re.compile(
    "(pril|sartan|olol|statin|cillin|mycin|micin|floxacin|cycline|azole|vir|zepam|zolam|triptan|"
    "gliptin|gliflozin|glutide|tinib|ciclib|zumab|ximab|limab|prazole|tidine|setron|oxetine|azine|"
    "barbital|codone|profen|coxib|dronate|fibrate|parin|xaban|grel|lukast|terol|sone|solone|"
    "gabalin|baclofen|thiazide|semide|dipine|terone)e?$"
)
_VOWELS = re.compile("[aeiou]")


def _sound(word: str) -> str:
    """A rough spelling of how `word` sounds, so that "baclophen" and "baclofen" are one."""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word


def _cost(word: str, name: str, sound: str, name_sound: str) -> float:
    """How hard it is to write `word` for `name`: edits, less for what people often mistake."""
    edits = OSA.distance(word, name)
    unlike = OSA.distance(sound, name_sound)
    cost = min(edits, unlike + 1 if unlike else 0.5)
    if cost > 0.5 and edits < 3 and _VOWELS.sub("", sound) == _VOWELS.sub("", name_sound):
        cost = min(cost - 0.5, 1)  # only vowels differ
    elif sorted(word) == sorted(name):
        cost = 1  # only the order differs
    if _sound(word[:2])[:1] != name_sound[:1]:
        cost += 0.5  # people seldom mistake the first sound
    return cost


class Repairs:
    """What a misspelt word means. Distances are edits, a swap of neighbours counting as one."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._names: dict[int, tuple[list[str], list[str]]] = {}  # by length: names, their sounds
        everyday = lexicon.words["needs_form"] | lexicon.words["needs_context"]
        for name in sorted(lexicon.spoken - everyday):
            names, sounds = self._names.setdefault(len(name), ([], []))
            names.append(name)
            sounds.append(_sound(name))
        self._english: dict[tuple[str, int], list[str]] = {}
        for word in sorted(lexicon.ordinary - (lexicon.entries.keys() - everyday)):
            self._english.setdefault((word[:1], len(word)), []).append(word)
        self.meant = lru_cache(4096)(self._meant)

    def _meant(self, word: str, medical: bool) -> str | None:
        """The name that `word` misspells; None when it is none.

        It is "" when it may be one of two, or when it is too far from all but still looks like a
        medicine: then the bot must ask, not answer about the medicine of the conversation.
        `medical`: the rest of the message is about medicines, so more may be forgiven.
        """
        allowed = 1.0 if len(word) < 8 else 1.5 if len(word) == 8 else 2.0
        near = self._near(word, allowed + 1)
        cost, best = near[0] if near else (9.0, "")
        edits = OSA.distance(word, best)
        english = self._nearest_english(word, min(edits, 2))
        if english < edits or (english == edits and not (medical and cost <= 1)):
            return "" if medical and english > 1 and _STEM.search(word) else None
        if cost > allowed or (cost > 1 and not medical and len(word) < 9):
            return "" if medical and (cost <= allowed + 1 or _STEM.search(word)) else None
        return best if self._is_clear(word, cost, best, near[1:]) else ""

    def beside_strength(self, word: str) -> str | None:
        """The name one edit from an English word that has a strength ("singular 10 mg")."""
        near = self._near(word, 1)
        return near[0][1] if len(near) == 1 and len(word) >= 7 else None

    def _near(self, word: str, limit: float) -> list[tuple[float, str]]:
        """Names within `limit` of `word`, nearest first."""
        sound, found = _sound(word), []
        for length in range(len(word) - 3, len(word) + 4):
            names, sounds = self._names.get(length, ((), ()))
            for _, _, at in process.extract(
                sound, sounds, scorer=OSA.distance, score_cutoff=int(limit), limit=None
            ):
                cost = _cost(word, names[at], sound, sounds[at])
                if cost <= limit:
                    found.append((cost, names[at]))
        return sorted(found)

    def is_near_english(self, word: str) -> bool:
        """Whether `word` is at most two edits from an English word: likely a slip."""
        return self._nearest_english(word, 2) <= 2

    def _nearest_english(self, word: str, limit: float) -> float:
        """Edits to the nearest English word, 9 when none is within `limit`."""
        nearest = 9.0
        for length in range(len(word) - 1, len(word) + 2):
            words = self._english.get((word[:1], length), ())
            best = process.extractOne(word, words, scorer=OSA.distance, score_cutoff=int(limit))
            if best is not None:
                nearest = min(nearest, best[1])
        return nearest

    def _is_clear(self, word: str, cost: float, best: str, others: list[tuple[float, str]]) -> bool:
        """Whether no name of another medicine is similarly near."""
        entries = self._lexicon.entries
        meaning = entries[best].generic.rstrip("s")  # penicillin, penicillins
        lines = [line for line in self._lexicon.look_alikes if best in line]
        # "trazadol" starts as trazodone and ends as tramadol
        if sorted(_VOWELS.sub("", word)) != sorted(_VOWELS.sub("", best)) and any(
            name[:4] == word[:4] != best[:4] for line in lines for name in line
        ):
            return False
        for other_cost, other in others:
            if entries[other].generic.rstrip("s") == meaning:
                continue
            if other_cost < cost + (1.5 if any(other in line for line in lines) else 1):
                return False
        return True
