"""The fixed words of `domain.yml`, with the phone numbers of the conversation's clinic put in."""

from __future__ import annotations

from typing import Any, Dict, Optional, Text

from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from medassist.cases.clinics import Clinics
from medassist.settings import load_settings


class RegionalResponses(TemplatedNaturalLanguageGenerator):
    """Rasa's own templates; `{emergency_number}` and the like need no slot and no action server."""

    def __init__(
        self,
        endpoint_config: Optional[EndpointConfig],
        domain: Domain,
        clinics: Optional[Clinics] = None,
    ) -> None:
        super().__init__(domain.responses)
        self._clinics = clinics or Clinics(load_settings())

    async def generate(
        self,
        utter_action: Text,
        tracker: DialogueStateTracker,
        output_channel: Text,
        **kwargs: Any,
    ) -> Optional[Dict[Text, Any]]:
        """Word one response for this conversation and channel."""
        heard = tracker.latest_message
        clinic = self._clinics.in_metadata(heard.metadata if heard else None)
        numbers = self._clinics.numbers(clinic)
        return await super().generate(
            utter_action, tracker, output_channel, **{**numbers, **kwargs}
        )
