"""What the recognition of medicine names promises, with the near misses it must not fall for."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from medassist.medicines.names import MedicineNames, Mention

FOLDER = Path(__file__).parents[2] / "data" / "names"
OWN = {"baclofen": "baclofen", "Lioresal": "baclofen"}


@pytest.fixture(scope="module")
def names() -> MedicineNames:
    return MedicineNames.load(FOLDER, OWN)


def meanings(mentions: list[Mention]) -> list[tuple[str, str]]:
    return [(mention.name, mention.generic) for mention in mentions]


@pytest.mark.parametrize(
    "typed",
    """baclofin baclophen baclofan bacolfen blacofen backlofen baclofn beclofen baclofine bacofen
    baklofen bacloffen Baclofin""".split(),
)
@pytest.mark.parametrize("question", ["{}", "side effects of {}?", "can i drink on {} 10mg"])
def test_a_misspelt_baclofen_is_baclofen(names: MedicineNames, typed: str, question: str) -> None:
    [mention] = [m for m in names.find(question.format(typed)) if m.kind == "medicine"]
    assert mention.generic == "baclofen"
    assert mention.text == typed


@pytest.mark.parametrize(
    ("typed", "generic"),
    [
        ("bactroban", "mupirocin"),
        ("bacitracin", "bacitracin"),
        ("diclofenac", "diclofenac"),
        ("beclomethasone", "beclomethasone"),
        ("bactrim", "sulfamethoxazole/trimethoprim"),
        ("baclovent", "beclomethasone"),  # misspells Beclovent
        ("bactrofen", ""),  # baclofen or Bactroban
        ("buclizine", "buclizine"),
    ],
)
def test_a_neighbour_of_baclofen_never_is(names: MedicineNames, typed: str, generic: str) -> None:
    assert [m.generic for m in names.find(f"can i take {typed} with food")] == [generic]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lioresal", [("lioresal", "baclofen")]),
        ("tylenol pm", [("tylenol pm", "acetaminophen/diphenhydramine")]),
        ("tylenol", [("tylenol", "acetaminophen")]),
        ("mucinex dm", [("mucinex dm", "guaifenesin/dextromethorphan")]),
        ("BREO ELLIPTA 100/25", [("breo ellipta", "fluticasone/vilanterol")]),
        ("prevnar 13 and shingrix", [
            ("prevnar 13", "pneumococcal vaccine"), ("shingrix", "zoster vaccine"),
        ]),
        ("ortho tri-cyclen", [("ortho tri-cyclen", "norgestimate/ethinyl estradiol")]),
        ("z pack or zpak", [("z-pack", "azithromycin"), ("zpak", "azithromycin")]),
        ("hctz, apap", [("hctz", "hydrochlorothiazide"), ("apap", "acetaminophen")]),
        ("b-12 and vitamin B 12", [("b12", "vitamin b12"), ("vitamin b12", "vitamin b12")]),
        ("St. John\u2019s wort", [("st john's wort", "st john's wort")]),
        ("is lisinopril-hctz ok", [("lisinopril hctz", "lisinopril/hydrochlorothiazide")]),
        ("meloxicam with tylenol + cod?", [
            ("meloxicam", "meloxicam"), ("tylenol cod", "acetaminophen/codeine"),
        ]),
    ],
)  # fmt: skip
def test_brands_abbreviations_and_combinations_are_known(
    names: MedicineNames, text: str, expected: list[tuple[str, str]]
) -> None:
    assert meanings(names.find(text)) == expected


@pytest.mark.parametrize(
    ("text", "written", "name"),
    [
        ("metoprolol succ. 50 mg", "metoprolol succ", "metoprolol succinate"),
        ("bupropion hcl 300", "bupropion hcl", "bupropion"),
        ("nifedipine er tablets", "nifedipine er", "nifedipine"),
        ("fluvoxamine malate?", "fluvoxamine malate", "fluvoxamine"),
        ("baclofen10mg", "baclofen", "baclofen"),
        ("two ibuprofens", "ibuprofens", "ibuprofen"),
        ("Tylenol's effect", "Tylenol's", "tylenol"),
        ("breoellipta", "breoellipta", "breo ellipta"),
        ("nano silver", "nano silver", "nano silver"),
        ("\u0130stanbul baclofen", "baclofen", "baclofen"),  # a letter that grows in lower case
    ],
)
def test_salts_forms_and_plurals_belong_to_the_mention_but_not_to_the_name(
    names: MedicineNames, text: str, written: str, name: str
) -> None:
    [mention] = names.find(text)
    assert (mention.text, mention.name) == (written, name)
    assert text[mention.start : mention.end] == written
    assert mention.exact


@pytest.mark.parametrize(
    ("typed", "generic"),
    [
        ("ibuprophen", "ibuprofen"), ("asprin", "aspirin"), ("tylonol", "acetaminophen"),
        ("metropolol", "metoprolol"), ("lisinoprol", "lisinopril"), ("gabbapentin", "gabapentin"),
        ("amoxicilin", "amoxicillin"), ("zoloff", "sertraline"), ("xeralto", "rivaroxaban"),
        ("hydroxizine", "hydroxyzine"), ("hydralizine", "hydralazine"), ("clonodine", "clonidine"),
        ("azythromycin", "azithromycin"), ("warfrin", "warfarin"), ("prozack", "fluoxetine"),
        ("predinsone", "prednisone"), ("alchohol", "alcohol"), ("antibotics", "antibiotics"),
    ],
)  # fmt: skip
def test_spelling_is_repaired(names: MedicineNames, typed: str, generic: str) -> None:
    [mention] = names.find(f"what are the side effects of {typed}")
    assert (mention.generic, mention.exact) == (generic, False)


@pytest.mark.parametrize(
    "typed",
    [
        "clonipine",  # clonidine or clozapine
        "hydraxazine",  # hydralazine or hydroxyzine
        "trazadol",  # trazodone or tramadol
        "oxycotin",  # OxyContin or oxytocin
        "prednisolne",  # prednisolone or prednisone
        "miralex",  # MiraLAX or Mirapex
        "zorbapril",  # no such medicine, but it sounds like one
        "levo",  # levothyroxine, levodopa, levofloxacin
    ],
)
def test_what_could_be_two_medicines_or_none_is_left_open(names: MedicineNames, typed: str) -> None:
    [mention] = names.find(f"what is the dosage of {typed}")
    assert (mention.name, mention.generic, mention.kind) == (typed, "", "medicine")


@pytest.mark.parametrize(
    "text",
    [
        "water the plants today", "it is always cold in here", "is the air in my tires low",
        "iron my shirt", "what is iron man about", "lead paint and gold jewelry",
        "honey mustard dressing", "jolt of energy", "charge my phone, focus on this",
        "how do i get rid of lice", "prevent it", "what a relief", "heather came to yasmin's party",
        "does carla live in augusta or alexandria", "i flew with spirit airlines",
        "how do i calculate the dosege", "my doctors appointmant", "theres a problem",
        "one a day", "what's plan b if it rains", "lithium battery", "can i stop takng it suddenly",
        "helllo", "thnks", "good mornin", "can you roll a dice", "", "???", "\U0001f600",
    ],
)  # fmt: skip
def test_everyday_words_people_and_places_are_no_medicines(names: MedicineNames, text: str) -> None:
    assert [m for m in names.find(text) if m.kind == "medicine"] == []


@pytest.mark.parametrize(
    ("text", "generic"),
    [
        ("do iron pills make you constipated", "iron"),
        ("how much iron should an anemic take", "iron"),
        ("i took plan b yesterday", "levonorgestrel"),
        ("is yasmin a good birth control", "drospirenone/ethinyl estradiol"),
        ("my lithium levels", "lithium"),
    ],
)
def test_the_same_words_count_where_the_message_speaks_of_medicines(
    names: MedicineNames, text: str, generic: str
) -> None:
    assert generic in [m.generic for m in names.find(text)]


def test_a_count_after_a_name_is_not_part_of_it(names: MedicineNames) -> None:
    assert meanings(names.find("tylenol 3 times a day")) == [("tylenol", "acetaminophen")]
    assert meanings(names.find("tylenol 3 or 4 times")) == [("tylenol", "acetaminophen")]
    assert meanings(names.find("what is tylenol 3"))[0][1] == "acetaminophen/codeine"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("can i drink beer on xanax", ["substance", "medicine"]),
        ("weed and lexapro", ["substance", "medicine"]),
        ("antibiotics with grapefruit", ["class", "substance"]),
        ("vitamin d with my blood thinner", ["medicine", "class"]),
        ("are bp meds and water pills the same", ["class", "class"]),
    ],
)
def test_classes_and_substances_are_told_apart(
    names: MedicineNames, text: str, kinds: list[str]
) -> None:
    assert [m.kind for m in names.find(text)] == kinds


def test_two_medicines_side_by_side_stay_two(names: MedicineNames) -> None:
    assert [m.generic for m in names.find("tylenol/ibuprofen, or aspirin & plavix")] == [
        "acetaminophen", "ibuprofen", "aspirin", "clopidogrel",
    ]  # fmt: skip


def test_names_of_our_own_files_win_over_everything() -> None:
    names = MedicineNames.load(FOLDER, {"Water": "aqua", "tylenol": "mystery"})
    assert [m.generic for m in names.find("water or tylenol")] == ["aqua", "mystery"]


def test_mask_hides_medicines_and_keeps_the_rest(names: MedicineNames) -> None:
    text = "Can I take baclofin 10 mg and Tylenol PM with beer?"
    masked = names.mask(text, names.find(text))
    assert masked == "Can I take medicine 10 mg and medicine with beer?"


def test_finding_is_fast_and_stays_so_with_5000_medicines(names: MedicineNames) -> None:
    syllables = ["zo", "ra", "ti", "mu", "ne", "vo", "lix", "dar", "pem", "quo"]
    made_up = {
        f"{a}{b}{c}{d}": f"{a}{b}{c}{d}"
        for a in syllables for b in syllables for c in syllables for d in syllables[:5]
    }  # fmt: skip
    assert len(made_up) == 5000
    many = MedicineNames.load(FOLDER, OWN | made_up)
    messages = [f"can i take {x} with {y} for my back" for x in ("baclofen", "baclofin", "it")
                for y in ("tylenol", "ibuprofin", "a glass of milk", "nothing")]  # fmt: skip

    def median_seconds(finder: MedicineNames) -> float:
        spent = []
        for message in messages * 20:
            started = time.perf_counter()
            finder.find(message)
            spent.append(time.perf_counter() - started)
        return statistics.median(spent)

    few_seconds, many_seconds = median_seconds(names), median_seconds(many)
    assert few_seconds < 0.001
    assert many_seconds < 0.001
    assert many_seconds < 3 * few_seconds
