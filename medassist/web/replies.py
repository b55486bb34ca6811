"""Where Rasa hands over its replies."""

from __future__ import annotations

import time
import uuid

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from medassist.inner_doors import SECRET_HEADER, knows
from medassist.web.bodies import LARGEST_REPLY, read_object
from medassist.web.delivery import own_reply
from medassist.web.history import UNNAMED, answered_message, as_iso, message, pushed_id
from medassist.web.hub import Event, Hub, TooManyError
from medassist.web.voices import Voices


class Replies:
    """Takes replies from whoever holds the installation's secret."""

    def __init__(self, hub: Hub, voices: Voices, secret: str | None) -> None:
        self._hub = hub
        self._voices = voices
        self._secret = secret or ""

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("/internal/replies", self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """Show one reply to all who listen to its conversation."""
        if not knows(self._secret, request.headers.get(SECRET_HEADER, "")):
            raise HTTPException(403, "You may not do that.")
        body = await read_object(request, LARGEST_REPLY)
        sender, reply = body.get("conversation"), body.get("reply")
        if not isinstance(sender, str) or not sender or not isinstance(reply, dict):
            raise HTTPException(400, 'It must name a "conversation" and hold a "reply".')
        custom = reply.get("custom")
        identity = reply.get("id") or pushed_id(custom) or f"{UNNAMED}{uuid.uuid4().hex}"
        text = reply.get("text") or ""
        if not isinstance(identity, str) or not isinstance(text, str):
            raise HTTPException(400, 'The reply\'s "id" and "text" must be text.')
        try:
            conversation = self._hub.conversation(sender)
        except TooManyError:  # nobody listens to it here; the page finds the reply in the history
            raise HTTPException(503, "There is no room for another conversation.") from None
        if isinstance(custom, dict) and custom.get("failed"):
            # Its id is left unused: the message may be sent again and then be answered.
            failed = answered_message(identity)
            words = self._voices.of(body.get("clinic"))
            conversation.close(failed)
            conversation.publish(Event("reply", own_reply(words.failed, "failed", failed)))
        else:
            said = message(identity, "bot", text, reply.get("buttons"), custom, as_iso(time.time()))
            if said["custom"].get("erased"):
                conversation.forget()
            conversation.publish(Event("reply", said))
        return JSONResponse({"taken": True})
