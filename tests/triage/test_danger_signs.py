"""Every danger sign in the words of its own file, and its look-alikes.

The sentences stand beside the phrases in `data/safety`, so that a clinician who edits a sign
sees its promises; here they are kept.
"""

from __future__ import annotations

import pytest

from medassist.triage.assess import Level
from medassist.triage.lexicon import Lexicon, load_lexicon
from tests.triage.conftest import SAFETY, Say, signs

LEXICON: Lexicon = load_lexicon(SAFETY)
YES = [(s.sign, words) for s in LEXICON.signs for words in s.examples.yes]
NO = [(s.sign, words) for s in LEXICON.signs for words in s.examples.no]

NAMED_BY_THE_ISSUE = {
    "trouble_breathing", "unresponsive", "seizure", "hallucination", "psychosis", "severe_agitation",
    "fever", "rigid", "severe_confusion", "collapse", "chest_pain", "irregular_heartbeat",
    "stroke_signs", "blue_lips", "anaphylaxis", "self_harm", "overdose", "child_swallowed",
    "newborn_withdrawal", "pump_failure", "dark_urine", "serotonin_syndrome", "severe_bleeding",
    "cannot_keep_down",
}  # fmt: skip


@pytest.mark.parametrize(("sign", "words"), YES)
def test_the_sign_is_found_in_its_own_examples(say: Say, sign: str, words: str) -> None:
    assert sign in signs(say(words))


@pytest.mark.parametrize(("sign", "words"), NO)
def test_the_sign_is_not_found_in_its_look_alikes(say: Say, sign: str, words: str) -> None:
    assert sign not in signs(say(words))


def test_every_sign_of_the_plan_is_there() -> None:
    assert {sign.sign for sign in LEXICON.signs} >= NAMED_BY_THE_ISSUE


def test_every_sign_has_examples_of_both_kinds_and_a_source() -> None:
    for sign in LEXICON.signs:
        assert sign.examples.yes, sign.sign
        assert sign.examples.no, sign.sign
        assert sign.sources, sign.sign


@pytest.mark.parametrize(
    "word", ["overdose", "seizure", "suicide", "overdose?", "unconscious", "Stroke!"]
)
def test_a_bare_danger_word_is_an_emergency(say: Say, word: str) -> None:
    assert say(word).level is Level.EMERGENCY


@pytest.mark.parametrize(
    "words",
    [
        "I'm going to take the lot, no one will miss me", "he only moans at us when we shake him",
        "he is just moaning", "baclofen pump alarming, fits since this morning",
        "I can't lie flat, I breathe better sitting up", "can't talk and breathe normally",
        "won't stop bleeding, need it sorted", "she waves and smiles, there is no one there",
        "bloods all over the floor",
    ],
)  # fmt: skip
def test_words_of_a_look_alike_beside_a_sign_do_not_hide_it(say: Say, words: str) -> None:
    assert say(words).level is Level.EMERGENCY


@pytest.mark.parametrize(
    "words",
    [
        "he is a skilled carpenter", "turn the heating up", "my hearing aid broke", "rebreather mask size",
        "the assuicide typo in my email address", "chest of drawers", "a fitting end to the film",
        "we drove through a chestnut wood", "the deadline is friday", "two sertraline 50s instead of one", "heartening news", "breathtaking view",
    ],
)  # fmt: skip
def test_no_danger_is_found_inside_other_words(say: Say, words: str) -> None:
    assert say(words).level is not Level.EMERGENCY


@pytest.mark.parametrize(
    "words",
    [
        "seziure", "cant breath", "halucinating", "she overdoesd", "un conscious", "icantbreathe help",
        "i can t breathe", "i can’t breathe", "I CANNOT BREATHE", "i cаn't breathe",  # Cyrillic a
        "heeeelp i caaaant breathe", "c a n t breathe", "s u i c i d e", "suic1de", "k*ll myself",
        "his breething stopped", "anafilaxis", "chset pain", "he is unconshus", "0verdose", "s0s",
        "she cannae breathe", "he isnae waking up",
    ],
)  # fmt: skip
def test_danger_is_found_however_it_is_typed(say: Say, words: str) -> None:
    assert say(words).level is Level.EMERGENCY


@pytest.mark.parametrize(
    "words",
    [
        "my husband says it's nothing, but I can't catch my breath",
        "probably just anxiety but my chest is really tight",
        "not to be dramatic, i think i'm having a stroke",
        "bit hard to breathe lol",
        "sorry to bother you, my lips have gone a bit blue",
    ],
)
def test_minimising_does_not_lower_the_level(say: Say, words: str) -> None:
    assert say(words).level is Level.EMERGENCY


def test_one_sentence_in_a_long_routine_message_is_found(say: Say) -> None:
    routine = "I take 10 mg with breakfast and it agrees with me. My sister visits on Tuesday. " * 6
    assert (
        say(
            routine + "Since noon I can't feel my left arm and my speech is slurred. " + routine
        ).level
        is Level.EMERGENCY
    )


def test_the_finding_points_at_the_words_of_the_message(say: Say) -> None:
    text = "Hello 😀 … my lips are BLUE, help"
    assessment = say(text)
    finding = next(f for f in assessment.findings if f.sign == "blue_lips")
    assert text[finding.start : finding.end] == finding.text == "lips are BLUE"


@pytest.mark.parametrize(
    ("words", "who"),
    [
        ("my toddler won't wake up", "child"),
        ("my husband is having a seizure", "other"),
        ("patient in room 4 is not breathing", "other"),
        ("i can't breathe", "self"),
        ("my dog ate my baclofen", "pet"),
    ],
)
def test_the_finding_says_who_it_is_about(say: Say, words: str, who: str) -> None:
    assert say(words).findings[0].who == who


def test_the_rule_explains_itself_in_words(say: Say) -> None:
    assessment = say("she is barely breathing")
    assert "barely breathing" in assessment.rule
    assert assessment.sources
    assert assessment.kind == "emergency"
