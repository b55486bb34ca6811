"""A long message is read in passages too, and no word of it is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medassist.nlu.parts import passages

WORDS = st.sampled_from(["we", "went", "to", "town.", "why?", "blue", "lips", "\n", "and", "so;"])


def test_a_short_message_has_no_passages() -> None:
    assert passages("she is not breathing and her lips are blue") == []
    assert passages("") == []


def test_a_sentence_is_a_passage_and_a_short_one_joins_the_next() -> None:
    text = (
        "We had a lovely week at the sea with all the children there. Rain on Friday. "
        "Now my husband lies on the floor and does not answer me. What does the tablet look like?"
    )
    assert passages(text) == [
        "We had a lovely week at the sea with all the children there.",
        "Rain on Friday. Now my husband lies on the floor and does not answer me.",
        "answer me. What does the tablet look like?",
    ]


def test_a_message_without_full_stops_is_cut_with_overlap() -> None:
    pieces = passages(" ".join(str(number) for number in range(60)))
    assert all(len(piece.split()) <= 24 for piece in pieces)
    for number in range(47):  # any twelve words in a row stand together in one passage
        row = " ".join(str(n) for n in range(number, number + 12))
        assert any(f" {row} " in f" {piece} " for piece in pieces), row


def test_of_very_many_passages_head_and_tail_are_kept() -> None:
    text = " ".join(str(number) for number in range(2_000))
    pieces = passages(text)
    assert len(pieces) == 60
    assert pieces[0].startswith("0 1 2")
    assert pieces[-1].endswith("1999")


@given(st.lists(WORDS, min_size=26, max_size=90))
def test_no_word_is_lost(words: list[str]) -> None:
    text = " ".join(words)
    if len(text.split()) <= 25:
        assert passages(text) == []
        return
    pieces = passages(text)
    assert all(piece in text for piece in pieces)
    assert set(text.split()) == {word for piece in pieces for word in piece.split()}
