"""Training on all cores comes to what one core comes to."""

from __future__ import annotations

from medassist.nlu.all_cores import at_once, of_each


def test_the_results_of_many_items_come_in_their_order() -> None:
    offset = 7  # seen by the other processes without being sent to them
    items = list(range(5_000))
    assert of_each(lambda item: item * item + offset, items) == [i * i + offset for i in items]


def test_a_few_items_are_worked_on_here() -> None:
    done: list[int] = []
    assert of_each(lambda item: done.append(item) or item, [3, 1, 2]) == [3, 1, 2]
    assert done == [3, 1, 2]


def test_works_that_run_at_once_give_their_results_in_order() -> None:
    assert at_once(lambda: "first", lambda: "second", lambda: "third") == [
        "first",
        "second",
        "third",
    ]
