"""A stand-in for Twilio's Messages API, and a phone whose messages Twilio signs and hands over.

Written from memory of Twilio's documentation (Messages resource, webhooks, error codes); it
refuses what Twilio would.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
OUR_NUMBER = "+15550100100"
SECOND_NUMBER = "+15550100200"
PUBLIC_URL = "https://bot.clinic.example"

TWO_BUTTONS, WRITE_BACK = "HX" + "a1" * 16, "HX" + "b2" * 16
WRITE_BACK_WORDS = "Your clinic has answered you. Please send us any message to read it."
TEMPLATES: dict[str, dict[str, Any]] = {
    TWO_BUTTONS: {"body": "{{1}}", "actions": ["{{2}}", "{{3}}"], "approved": False},
    WRITE_BACK: {"body": WRITE_BACK_WORDS, "actions": [], "approved": True},
}
"""Templates that a clinic has made at Twilio; one that is not approved goes in a session only."""

GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


def segments(body: str) -> int:
    """How many text messages Twilio bills for a body."""
    if all(c in GSM or c in "^{}\\[~]|€" for c in body):
        length, alone, joined = sum(2 if c in "^{}\\[~]|€" else 1 for c in body), 160, 153
    else:
        length, alone, joined = len(body.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= alone else -(-length // joined)


@dataclass
class Twilio:
    """`sent` are the messages it took, in order; `down` answers 503; `opted_out` sent STOP."""

    numbers: set[str] = field(
        default_factory=lambda: {
            OUR_NUMBER, SECOND_NUMBER, f"whatsapp:{OUR_NUMBER}", f"whatsapp:{SECOND_NUMBER}"
        }
    )  # fmt: skip
    sent: list[dict[str, str]] = field(default_factory=list)
    calls: int = 0
    down: bool = False
    opted_out: set[str] = field(default_factory=set)
    window_closed: bool = False
    templates: dict[str, dict[str, Any]] = field(default_factory=lambda: dict(TEMPLATES))
    wrong: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        path = "/2010-04-01/Accounts/{sid}/Messages.json"
        return Starlette(routes=[Route(path, self.create, methods=["POST"])])

    def refuse(self, status: int, code: int, message: str) -> Response:
        self.wrong.append(f"{code} {message}")
        body = {"code": code, "message": message, "status": status,
                "more_info": f"https://www.twilio.com/docs/errors/{code}"}  # fmt: skip
        return JSONResponse(body, status_code=status)

    async def create(self, request: Request) -> Response:
        self.calls += 1
        if self.down:
            return JSONResponse(
                {"code": 20503, "message": "Service Unavailable", "status": 503}, 503
            )
        expected = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return self.refuse(401, 20003, "Authenticate")
        if request.path_params["sid"] != SID:
            return self.refuse(404, 20404, "The requested resource was not found")
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            return self.refuse(400, 20001, "Unsupported content type")
        form = {k: str(v) for k, v in (await request.form()).items()}
        to, sender, body = form.get("To", ""), form.get("From", ""), form.get("Body", "")
        if not re.fullmatch(r"(whatsapp:)?\+[1-9]\d{6,14}", to):
            return self.refuse(400, 21211, "Invalid 'To' Phone Number")
        if sender not in self.numbers:
            return self.refuse(400, 21606, "The 'From' phone number is not a valid one of yours")
        if to.startswith("whatsapp:") != sender.startswith("whatsapp:"):
            return self.refuse(400, 63007, "Channel of To and From differ")
        template = self.templates.get(form.get("ContentSid", ""))
        if "ContentSid" in form:
            if template is None:
                return self.refuse(400, 21655, "The ContentSid is invalid")
            if body or not to.startswith("whatsapp:"):
                return self.refuse(400, 21619, "A template takes no Body, and goes to WhatsApp")
            filled = fill(template, form.get("ContentVariables"))
            if filled is None:
                return self.refuse(400, 21656, "The ContentVariables are invalid")
            body, form = filled["Body"], {**form, **filled}
        if not body:
            return self.refuse(400, 21602, "Message body is required")
        if len(body) > 1600:
            return self.refuse(400, 21617, "The concatenated message body exceeds 1600 characters")
        if not form.get("StatusCallback", "").startswith("https://"):
            return self.refuse(400, 21609, "Invalid 'StatusCallback' URL")
        if to in self.opted_out:
            return self.refuse(400, 21610, "Attempt to send to unsubscribed recipient")
        approved = template is not None and template["approved"]
        if self.window_closed and to.startswith("whatsapp:") and not approved:
            return self.refuse(400, 63016, "Outside the allowed window")
        sid = f"SM{uuid.uuid4().hex}"
        self.sent.append({**form, "sid": sid})
        return JSONResponse(
            {
                "sid": sid, "account_sid": SID, "to": to, "from": sender, "body": body,
                "status": "queued", "num_segments": str(segments(body)), "num_media": "0",
                "direction": "outbound-api", "api_version": "2010-04-01", "price": None,
                "price_unit": "USD", "error_code": None, "error_message": None,
                "messaging_service_sid": None, "date_created": None, "date_updated": None,
                "date_sent": None, "uri": f"/2010-04-01/Accounts/{SID}/Messages/{sid}.json",
                "subresource_uris": {},
            },
            status_code=201,
        )  # fmt: skip


def fill(template: dict[str, Any], given: str | None) -> dict[str, str] | None:
    """A template with its variables; None where Twilio or WhatsApp would refuse it."""
    try:
        variables = json.loads(given) if given is not None else {}
    except ValueError:
        return None
    text = "\n".join([template["body"], *template["actions"]])
    if set(variables) != set(re.findall(r"\{\{(\w+)\}\}", text)):
        return None
    if not all(isinstance(v, str) and 0 < len(v) <= 1600 for v in variables.values()):
        return None

    def filled(part: str) -> str:
        return re.sub(r"\{\{(\w+)\}\}", lambda found: variables[found[1]], part)

    body, titles = filled(template["body"]), [filled(title) for title in template["actions"]]
    if len(body) > 1024 or any(len(title) > 20 for title in titles):
        return None
    return {"Body": body, "Buttons": "|".join(titles)}


def signature(url: str, form: dict[str, str], token: str = TOKEN) -> str:
    return str(RequestValidator(token).compute_signature(url, form))


class Phone:
    """Somebody with a phone. What they send reaches the front door as Twilio hands it over."""

    def __init__(
        self, front_door: str, twilio: Twilio, number: str, channel: str = "sms",
        our_number: str = OUR_NUMBER,
    ) -> None:  # fmt: skip
        self.front_door, self.twilio, self.channel = front_door, twilio, channel
        self.prefix = "whatsapp:" if channel == "whatsapp" else ""
        self.number = f"{self.prefix}{number}"
        self.our_number = f"{self.prefix}{our_number}"

    def form(self, text: str, **fields: str) -> dict[str, str]:
        sid = f"SM{uuid.uuid4().hex}"
        form = {
            "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "AccountSid": SID,
            "From": self.number, "To": self.our_number, "Body": text, "NumMedia": "0",
            "NumSegments": str(segments(text)), "ApiVersion": "2010-04-01",
            "FromCity": "", "FromZip": "", "FromState": "", "FromCountry": "US",
        }  # fmt: skip
        return {**form, **fields}

    def post(self, form: dict[str, str], **headers: str) -> httpx.Response:
        """One request of Twilio, signed over the public address."""
        url = f"{PUBLIC_URL}/webhooks/{self.channel}/messages"
        signed = {"X-Twilio-Signature": signature(url, form), **headers}
        return httpx.post(
            f"{self.front_door}/webhooks/{self.channel}/messages",
            content=urlencode(form),
            headers={"Content-Type": "application/x-www-form-urlencoded", **signed},
            timeout=20,
            trust_env=False,
        )

    def say(self, text: str, **fields: str) -> dict[str, str]:
        form = self.form(text, **fields)
        response = self.post(form)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith("text/xml")
        return form

    @property
    def provider(self) -> Twilio:
        return self.twilio

    def tap(self, title: str) -> dict[str, str]:
        """A tap on a button of a template."""
        return self.say(title, ButtonText=title, ButtonPayload=title, MessageType="button")

    def repeat(self, form: dict[str, str]) -> httpx.Response:
        return self.post(form)

    def send_picture(self) -> None:
        self.say("", NumMedia="1", MediaContentType0="image/jpeg")

    def forged(self) -> list[httpx.Response]:
        form = self.form("forged")
        url = f"{PUBLIC_URL}/webhooks/{self.channel}/messages"
        signatures = ["", "wrong", signature(url, form, "f" * 32), signature(url, {}),
                      signature(url + "?x=1", form)]  # fmt: skip
        return [self.post(form, **{"X-Twilio-Signature": given}) for given in signatures]

    def late(self) -> list[httpx.Response]:
        return []  # Twilio signs no time; a repeat is known by its MessageSid

    def report(self, callback: str, form: dict[str, str], token: str = TOKEN) -> httpx.Response:
        """A delivery report to the address that our message named."""
        path = callback.removeprefix(PUBLIC_URL)
        return httpx.post(
            f"{self.front_door}{path}",
            content=urlencode(form),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Twilio-Signature": signature(callback, form, token),
            },
            timeout=20,
            trust_env=False,
        )

    @property
    def inbox(self) -> list[str]:
        return [m["Body"] for m in self.twilio.sent if m["To"] == self.number]
