"""Makes a turn of Rasa cheaper: what it does over and over, with the same result, is done once.

Nothing here changes what a turn says or stores. `docs/speed.md` has what each part spared.
"""

from __future__ import annotations

import copy
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Text, Tuple

from medassist.dialogue.rule_cost import (
    are_ordinary,
    copy_of_slot,
    show_rules_the_latest_turns,
    try_only_rules_that_can_apply,
)

if TYPE_CHECKING:
    from rasa.core.actions.action import Action
    from rasa.engine.runner.dask import DaskGraphRunner
    from rasa.shared.core.domain import Domain
    from rasa.shared.core.events import Event
    from rasa.shared.core.trackers import DialogueStateTracker
    from rasa.utils.endpoints import EndpointConfig

NODES_DONE = "nodes_done"
"""Attribute of a message: the outputs of the graph's nodes that have run for it already."""


def spare_repeated_work() -> None:
    """To be called once, before Rasa serves."""
    check_plain_replies_quickly()
    look_up_kinds_of_events_once()
    run_graph_directly()
    copy_nothing_for_silent_logs()
    copy_trackers_without_replay()
    try_only_rules_that_can_apply()
    show_rules_the_latest_turns()
    count_events_that_apply_quickly()
    see_once_that_the_domain_is_not_empty()
    make_default_actions_once()


def is_plain_reply(result: object) -> bool:
    """Whether what an action returned holds only messages and slots, as ours nearly always do."""
    if not isinstance(result, dict) or result.keys() != {"events", "responses"}:
        return False
    events, responses = result["events"], result["responses"]
    if not isinstance(events, list) or not isinstance(responses, list):
        return False
    return all(isinstance(response, dict) for response in responses) and all(
        isinstance(event, dict)
        and event.get("event") == "slot"
        and isinstance(event.get("name"), str)
        and "value" in event
        and isinstance(event.get("timestamp"), (int, float, type(None)))
        for event in events
    )


def check_plain_replies_quickly() -> None:
    """Check what an action returned by Rasa's schema only where it is not plainly right.

    Rasa also proves at every call that its own, constant schema is a valid one. Together they
    took half of the time of a message that runs an action.
    """
    from jsonschema.exceptions import best_match  # type: ignore[import-untyped]
    from jsonschema.validators import validator_for  # type: ignore[import-untyped]
    from rasa.core.actions.action import RemoteAction

    schema = RemoteAction.action_response_format_spec()
    of_schema = validator_for(schema)
    of_schema.check_schema(schema)
    validator = of_schema(schema)

    def is_valid(_self: RemoteAction, result: object) -> bool:
        wrong = None if is_plain_reply(result) else best_match(validator.iter_errors(result))
        if wrong is not None:
            raise wrong
        return True

    RemoteAction._validate_action_result = is_valid


def look_up_kinds_of_events_once() -> None:
    """Remember which class a stored event has; Rasa walks through all classes for each event."""
    from rasa.shared.core.events import Event

    Event.resolve_by_type = staticmethod(lru_cache(maxsize=None)(Event.resolve_by_type))


def order_of_nodes(
    runner: DaskGraphRunner, targets: Tuple[Text, ...]
) -> List[Tuple[Text, List[Text]]]:
    """Each node that the targets need, after those whose outputs it takes; worked out once."""
    orders: Dict[Tuple[Text, ...], Any] = runner.__dict__.setdefault("_orders", {})
    if targets in orders:
        return orders[targets]
    schema = runner._graph_schema.minimal_graph_schema(list(targets))
    found: Dict[Text, List[Text]] = {}

    def add(name: Text) -> None:
        if name in found or name not in schema.nodes:
            return
        needs = list(schema.nodes[name].needs.values())
        for needed in needs:
            add(needed)
        found[name] = needs

    for target in targets:
        add(target)
    return orders.setdefault(targets, list(found.items()))


def run_graph_directly() -> None:
    """Call the components of the trained graph in their order.

    Rasa hands the graph to a scheduler for work on many machines, three times a message.
    What `early_reading` did for a message already is not done again.
    """
    from rasa.engine.constants import PLACEHOLDER_MESSAGE
    from rasa.engine.exceptions import GraphRunError
    from rasa.engine.runner.dask import DaskGraphRunner

    def run(
        self: DaskGraphRunner,
        inputs: Optional[Dict[Text, Any]] = None,
        targets: Optional[List[Text]] = None,
    ) -> Dict[Text, Any]:
        wanted = tuple(targets or self._graph_schema.target_names)
        done: Dict[Text, Any] = {name: (name, value) for name, value in (inputs or {}).items()}
        for message in (inputs or {}).get(PLACEHOLDER_MESSAGE, ()):
            done.update(getattr(message, NODES_DONE, {}))
        try:
            for name, needs in order_of_nodes(self, wanted):
                if name not in done:
                    done[name] = self._instantiated_nodes[name](*(done.get(n, n) for n in needs))
        except RuntimeError as error:
            raise GraphRunError("Error running runner.") from error
        return {target: done[target][1] for target in wanted}

    DaskGraphRunner.run = run


def copy_nothing_for_silent_logs() -> None:
    """Spare the deep copies that Rasa makes for debug lines that nobody has switched on."""
    import rasa.core.policies.rule_policy
    import rasa.core.processor

    same = SimpleNamespace(deepcopy=lambda value: value)
    rasa.core.processor.copy = same
    rasa.core.policies.rule_policy.copy = same


def copy_trackers_without_replay() -> None:
    """Copy a conversation's state before an action as it is; Rasa replays all of its events."""
    import rasa.shared.core.trackers
    from rasa.shared.core.trackers import DialogueStateTracker

    def copy_of(self: DialogueStateTracker) -> DialogueStateTracker:
        same = copy.copy(self)
        same.events = copy.copy(self.events)
        same.slots = {name: copy_of_slot(slot) for name, slot in self.slots.items()}
        return same

    DialogueStateTracker.copy = copy_of
    # A new one copies every slot of the domain.
    rasa.shared.core.trackers.copy = SimpleNamespace(copy=copy_of_slot)


def count_events_that_apply_quickly() -> None:
    """Of an ordinary conversation all events since the session's start apply.

    Rasa looks at each of them for what might have taken back another, several times a turn.
    """
    from rasa.shared.core.trackers import DialogueStateTracker

    look = DialogueStateTracker.applied_events

    def applied_events(self: DialogueStateTracker) -> List[Event]:
        events = list(self.events)
        if not are_ordinary(events):
            applied: List[Event] = look(self)
            return applied
        for start in range(len(events), 0, -1):
            if type(events[start - 1]).__name__ == "SessionStarted":
                return events[start:]
        return events

    DialogueStateTracker.applied_events = applied_events


def see_once_that_the_domain_is_not_empty() -> None:
    """Remember it; Rasa makes an empty domain for each message to compare its own with."""
    from rasa.shared.core.domain import Domain

    look = Domain.is_empty

    def is_empty(self: Domain) -> bool:
        if "_seen_empty" not in self.__dict__:
            self._seen_empty = look(self)
        seen: bool = self._seen_empty
        return seen

    Domain.is_empty = is_empty


def make_default_actions_once() -> None:
    """Keep Rasa's own actions, which hold no state; it makes all of them for each look at one."""
    import rasa.core.actions.action as actions

    make = actions.default_actions
    made: Dict[int, Tuple[Optional[EndpointConfig], List[Action]]] = {}

    def default_actions(action_endpoint: Optional[EndpointConfig] = None) -> List[Action]:
        if id(action_endpoint) not in made:
            made[id(action_endpoint)] = action_endpoint, make(action_endpoint)
        return made[id(action_endpoint)][1]

    actions.default_actions = default_actions
