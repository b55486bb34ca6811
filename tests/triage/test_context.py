"""How a danger sign is meant: one sentence, one behaviour."""

from __future__ import annotations

import pytest

from medassist.triage.assess import Level
from medassist.triage.context import Covering
from medassist.triage.lexicon import load_lexicon
from medassist.triage.phrases import Match
from tests.triage.conftest import SAFETY, Say

LEXICON = load_lexicon(SAFETY)
YES = [(r.rule, words) for r in LEXICON.rules for words in r.examples.yes]
NO = [(r.rule, words) for r in LEXICON.rules for words in r.examples.no]


@pytest.mark.parametrize(("rule", "words"), YES)
def test_the_rule_leaves_real_danger_alone(say: Say, rule: str, words: str) -> None:
    assert say(words).level is Level.EMERGENCY, rule


@pytest.mark.parametrize(("rule", "words"), NO)
def test_the_rule_sets_the_sign_aside(say: Say, rule: str, words: str) -> None:
    assert say(words).level is not Level.EMERGENCY, rule


def context_of(say: Say, words: str, sign: str) -> str:
    return next(f.context for f in say(words).findings if f.sign == sign)


@pytest.mark.parametrize(
    ("words", "sign", "context"),
    [
        ("i don't have chest pain", "chest_pain", "negated"),
        ("no fever, seizures or hallucinations", "seizure", "negated"),
        ("what if i have a seizure", "seizure", "hypothetical"),
        ("can baclofen cause seizures?", "seizure", "hypothetical"),
        ("is chest pain a side effect", "chest_pain", "asked"),
        ("i had a seizure ten years ago", "seizure", "historical"),
        ("family history of stroke", "stroke_signs", "family"),
        ("my essay is about suicide", "self_harm", "study"),
        ("i can't breathe", "trouble_breathing", "asserted"),
    ],
)
def test_the_context_is_named(say: Say, words: str, sign: str, context: str) -> None:
    assert context_of(say, words, sign) == context


def test_cant_breathe_is_not_negated_by_its_own_cant(say: Say) -> None:
    assert say("i can't breathe").level is Level.EMERGENCY


def test_a_denied_sign_beside_another_does_not_hide_it(say: Say) -> None:
    assert say("no chest pain but i can't breathe").level is Level.EMERGENCY


def test_no_as_an_answer_denies_nothing(say: Say) -> None:
    assert say("no, i can't breathe").level is Level.EMERGENCY


def test_a_comma_ends_a_denial_unless_the_list_goes_on_with_or(say: Say) -> None:
    assert say("no appetite, chest pain, very dizzy").level is Level.EMERGENCY
    assert say("no rash, chest pain or dizziness").level is Level.ROUTINE


@pytest.mark.parametrize(
    "words",
    [
        "is it normal that i can't breathe right now",
        "should i worry, my lips are blue",
        "why am i seeing things that aren't there",
        "do i need to go to hospital, my throat is swelling",
        "could i be having a stroke",
    ],
)
def test_a_question_about_what_is_happening_is_an_event(say: Say, words: str) -> None:
    assert say(words).level is Level.EMERGENCY


@pytest.mark.parametrize(
    "words",
    [
        "can baclofen cause seizures?",
        "what is it used for - seizures?",
        "what happens if you take too much",
        "how do i know if i'm having an allergic reaction",
        "is there an antidote for overdose?",
        "what if my toddler swallows one",
        "when should i call 911",
    ],
)
def test_a_question_in_general_is_no_event(say: Say, words: str) -> None:
    assert say(words).level is Level.ROUTINE


def test_within_a_day_fine_now_is_still_an_emergency(say: Say) -> None:
    assert say("he had a seizure this morning, he's fine now").level is Level.EMERGENCY


@pytest.mark.parametrize(
    "words",
    [
        "been taking it since 2019 and my lips are swelling",
        "surgery two years ago, pump alarm, seeing things",
        "my son had his tonsils out two weeks ago and is coughing up blood",
        "stopped smoking years ago, crushing chest pain",
        "lost my job last month and took all my pills",
        "my face is drooping, had a stroke ten years ago",
        "my dad who had a stroke last year cant breathe",
        "dad died last year and i want to join him",
        "my dad had a stroke last year and is having a seizure",
        "my mum who had a heart attack last year is unconscious",
        "crushing chest pain, stopped smoking years ago",
        "had a stent two years ago, collapsed, unresponsive",
        "had a seizure, stopped baclofen three weeks ago",
    ],
)
def test_what_was_long_ago_does_not_hide_what_happens_now(say: Say, words: str) -> None:
    assert say(words).level is Level.EMERGENCY


@pytest.mark.parametrize(
    "words",
    [
        "had anaphylaxis to penicillin years ago and stopped breathing. can i have cefalexin",
        "i took an overdose last year and ended up in hospital, is it safe to start",
        "in 2012 i overdosed on it and spent a week in a coma. can i take it again",
        "had chest pains 3 years ago, all clear",
    ],
)
def test_a_story_of_long_ago_stays_one_to_its_end(say: Say, words: str) -> None:
    assert say(words).level is not Level.EMERGENCY


def test_long_ago_and_over_is_routine(say: Say) -> None:
    assert say("i had a seizure in 2009, can i take baclofen").level is Level.ROUTINE


@pytest.mark.parametrize(
    "words",
    [
        "if i can't get my pills i'll kill myself",
        "should i just kill myself",
        "what if i took them all and died",
    ],
)
def test_an_if_does_not_lower_suicidal_words(say: Say, words: str) -> None:
    assessment = say(words)
    assert assessment.level is Level.EMERGENCY
    assert assessment.kind == "self_harm"


def test_hopelessness_without_suicidal_words_is_urgent(say: Say) -> None:
    assert say("i feel so hopeless").level is Level.URGENT


def test_of_many_look_alikes_the_one_that_covers_is_found() -> None:
    def at(first: int, last: int) -> Match:
        return Match(0, first, last)

    covering = Covering([at(0, 9), at(3, 4), at(6, 7), at(20, 22)])
    assert covering.covers(at(8, 9))
    assert covering.covers(at(20, 22))
    assert not covering.covers(at(9, 10))
    assert not covering.covers(at(19, 20))
    assert not Covering([]).covers(at(0, 0))
