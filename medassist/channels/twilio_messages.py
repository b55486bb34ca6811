"""What SMS and WhatsApp share: Twilio's signed requests, its client library, its reports."""

from __future__ import annotations

import json
import logging
from abc import abstractmethod
from http import HTTPStatus
from typing import Any, Dict, Mapping, Optional, Text
from urllib.parse import parse_qsl

from requests.exceptions import RequestException
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse
from twilio.base import values
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.messaging_response import MessagingResponse

from medassist.cases.contacts import Contact, opt_out
from medassist.channel_settings import TwilioSettings
from medassist.channels.messaging import PROVIDER_SECONDS, MessagingInput
from medassist.channels.queues import Incoming
from medassist.channels.sender import TryAgain, Undeliverable

logger = logging.getLogger(__name__)

OPTED_OUT = 21610
"""Twilio's code for a message to somebody who sent STOP."""

FINAL = (OPTED_OUT, 21211, 63003, 63016)
"""Codes that are about the person: plain words would be refused as well."""

REASONS = {
    OPTED_OUT: "The person sent STOP, so the carrier delivers nothing to them.",
    21211: "The phone number is not a valid one.",
    21408: "Our Twilio account may not send to this country.",
    21614: "The phone number cannot get text messages.",
    30003: "The phone is switched off or out of reach.",
    30004: "The phone or its carrier blocks our messages.",
    30005: "The phone number is unknown to its carrier.",
    30006: "The phone number is a landline, or its carrier cannot be reached.",
    30007: "The carrier filtered the message out.",
    63003: "The person has no WhatsApp at this number.",
    63016: "WhatsApp lets us write for 24 hours after a person's last message only.",
}
"""Twilio's error codes in plain words (twilio.com/docs/api/errors, from memory)."""


def reason(code: Optional[int]) -> Text:
    """A failure in one line for staff."""
    if code in REASONS:
        return REASONS[code]
    return f"Twilio could not deliver the message (error {code})."


class OwnAddressHttpClient(TwilioHttpClient):
    """Twilio's own HTTP client, with the API at the address of the settings."""

    def __init__(self, api_url: Text) -> None:
        super().__init__(timeout=PROVIDER_SECONDS)
        self._api_url = api_url

    def request(self, method: Text, url: Text, *args: Any, **kwargs: Any) -> Any:
        """One call; addresses of other services of Twilio are left as they are."""
        return super().request(
            method, url.replace("https://api.twilio.com", self._api_url, 1), *args, **kwargs
        )


class TwilioInput(MessagingInput):
    """One of the two channels of a Twilio account."""

    @property
    @abstractmethod
    def numbers(self) -> tuple[Text, ...]:
        """Our numbers on this channel."""

    @property
    def account(self) -> TwilioSettings:
        """The account's settings; only of a channel that is on."""
        account = self.settings.channels.twilio
        assert account is not None
        return account

    @staticmethod
    def address_of(field: Text) -> Text:
        """The phone number in Twilio's From or To."""
        return field

    @staticmethod
    def field_of(address: Text) -> Text:
        """A phone number as Twilio's From or To."""
        return address

    async def open(self) -> None:
        """The client library, with a time limit."""
        logging.getLogger("twilio.http_client").setLevel(logging.WARNING)  # it logs numbers
        self._client = Client(
            self.account.account_sid,
            self.account.auth_token,
            http_client=OwnAddressHttpClient(self.account.api_url),
        )

    def add_routes(self, webhook: Blueprint) -> None:
        """Messages, and reports about ours."""
        validator = RequestValidator(self.account.auth_token)

        def checked(request: Request) -> Optional[Dict[Text, Text]]:
            """The form of a request that Twilio signed; None for any other.

            Sanic's own form drops empty fields, over which Twilio signs too.
            """
            try:
                form = dict(parse_qsl(request.body.decode("utf-8"), keep_blank_values=True))
            except (UnicodeDecodeError, ValueError):
                return None
            url = f"{self.settings.public_url}{request.path}"
            if request.query_string:
                url += f"?{request.query_string}"
            signature = request.headers.get("X-Twilio-Signature", "")
            return form if validator.validate(url, form, signature) else None

        @webhook.post("/messages")
        async def messages(request: Request) -> HTTPResponse:
            form = checked(request)
            if form is None:
                return response.text("", status=HTTPStatus.FORBIDDEN)
            line = self.address_of(form.get("To", ""))
            if line not in self.numbers or not form.get("MessageSid"):
                logger.error("Twilio sent a message for a number that is not in the settings.")
                return response.text("", status=HTTPStatus.NOT_FOUND)
            person = self.address_of(form.get("From", ""))
            if not await self.take([incoming(form, line, person)]):
                return twiml(self.words_at(line).not_read)
            return twiml()

        @webhook.post("/status")
        async def status(request: Request) -> HTTPResponse:
            form = checked(request)
            if form is None:
                return response.text("", status=HTTPStatus.FORBIDDEN)
            ours = request.args.get("m", "")
            if form.get("MessageStatus") in ("failed", "undelivered") and is_number(ours):
                code = form.get("ErrorCode", "")
                said = reason(int(code) if is_number(code) else None)
                await self.sender.reported(int(ours[:18]), said)
            return response.text("", status=HTTPStatus.NO_CONTENT)

    async def deliver(self, contact: Contact, content: Mapping[Text, Any], id: int) -> Text:
        """One message through Twilio's client library, in a thread."""
        try:
            return await self.in_provider_thread(self._create, contact, content, id)
        except TwilioRestException as error:
            if error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= 500:
                raise TryAgain(f"Twilio answered with status {error.status}.") from None
            if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise TryAgain("Twilio does not accept our account's SID and token.") from None
            if error.code == OPTED_OUT:
                await self.in_database(opt_out, self.engine, contact.conversation)
            raise Undeliverable(reason(error.code)) from None
        except RequestException as error:
            raise TryAgain(f"Twilio could not be reached ({type(error).__name__}).") from None

    def _create(self, contact: Contact, content: Mapping[Text, Any], id: int) -> Text:
        """Send a template, or the plain words; the words also where Twilio refuses the template."""
        template, body = content.get("template"), content.get("body")
        if template:
            try:
                variables = (
                    json.dumps(template["variables"]) if template["variables"] else values.unset
                )
                return self._call(
                    contact, id, content_sid=template["sid"], content_variables=variables
                )
            except TwilioRestException as error:
                if body is None or error.status != HTTPStatus.BAD_REQUEST or error.code in FINAL:
                    raise
                logger.error("Twilio refuses our template for buttons (error %s).", error.code)
        return self._call(contact, id, body=str(body))

    def _call(self, contact: Contact, id: int, **content: Any) -> Text:
        message = self._client.messages.create(
            to=self.field_of(contact.address),
            from_=self.field_of(contact.line),
            status_callback=f"{self.settings.public_url}/webhooks/{self.name()}/status?m={id}",
            **content,
        )
        return str(message.sid)


def is_number(text: Text) -> bool:
    """Whether it is a number as programs write one; Python calls "²" a digit too."""
    return text.isascii() and text.isdigit() and len(text) < 100


def twiml(*texts: Text) -> HTTPResponse:
    """Twilio's answer format; replies go by the API, so that it is mostly empty."""
    answer = MessagingResponse()
    for text in texts:
        answer.message(text)
    return response.text(str(answer), content_type="text/xml")


def kind_of_media(media_type: Text) -> Text:
    """What an attachment is, by its media type."""
    kinds = {
        "image/webp": "sticker",
        "text/vcard": "contact",
        "text/x-vcard": "contact",
        "image": "picture",
        "audio": "voice",
        "video": "video",
    }
    return kinds.get(media_type) or kinds.get(media_type.split("/")[0]) or "file"


def incoming(form: Mapping[Text, Text], line: Text, address: Text) -> Incoming:
    """A message from Twilio's form."""
    text = form.get("Body", "").strip()
    other = None
    if form.get("NumMedia", "0") != "0":
        other = kind_of_media(form.get("MediaContentType0", ""))
    elif form.get("Latitude"):
        other = "location"
    details = {"opt_out": form["OptOutType"].upper()} if form.get("OptOutType") else {}
    if text:
        return Incoming(form["MessageSid"], line, address, text, also=other, details=details)
    return Incoming(form["MessageSid"], line, address, kind=other or "empty", details=details)
