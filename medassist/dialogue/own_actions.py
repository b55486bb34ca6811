"""Runs the custom actions (`actions/`) in Rasa's own process, where no action server is set.

A call then costs no connection, no request and no second process; the actions are the same, and
so is what they are given and give back. `docs/speed.md` has what that spares, and
`docs/scaling-out.md` when an action server of its own is worth having.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Text

from rasa.core.utils import AvailableEndpoints
from rasa.utils.endpoints import EndpointConfig
from rasa_sdk.executor import ActionExecutor

ACTIONS = "actions"
"""The package that the actions are in; this room knows nothing of them but their names."""


class OwnActions(EndpointConfig):
    """Where Rasa would call an action server, the actions are called."""

    def __init__(self) -> None:
        """Load all actions."""
        super().__init__(enable_selective_domain=True)
        self._executor = ActionExecutor()
        self._executor.register_package(ACTIONS)

    async def request(self, *_: Any, json: Dict[Text, Any], **__: Any) -> Optional[Any]:
        """Run the action that `json` names, for the conversation in it."""
        return await self._executor.run(json)


def run_actions_here() -> None:
    """Let Rasa, when it reads its endpoints, find the actions here."""
    read = AvailableEndpoints.read_endpoints

    def with_own_actions(endpoint_file: Text) -> AvailableEndpoints:
        found = read(endpoint_file)
        found.action = OwnActions()
        return found

    AvailableEndpoints.read_endpoints = staticmethod(with_own_actions)
