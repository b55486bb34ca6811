"""Somebody of the staff who uses the console over HTTP, as a browser does."""

from __future__ import annotations

import re
from typing import Any

import httpx

PASSWORD = "correct horse battery"

AS_BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def hidden(page: str, name: str) -> str:
    """The value of a hidden field on a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no field {name}"
    return found.group(1)


class StaffMember:
    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=20, trust_env=False, headers=AS_BROWSER)
        self.csrf_token = ""

    def sign_in(
        self, name: str, password: str = PASSWORD, to: str = "/staff/me", planted: str = ""
    ) -> httpx.Response:
        """Fill in the sign-in form; `planted` is a session that the browser holds already."""
        if planted:
            self.http.cookies.set("medassist_staff", planted, domain="127.0.0.1", path="/")
        form = self.http.get("/staff/sign-in", params={"next": to})
        response = self.http.post(
            "/staff/sign-in",
            data={
                "token": hidden(form.text, "token"),
                "next": hidden(form.text, "next"),
                "name": name,
                "password": password,
            },
        )
        if response.status_code == 303:
            self.csrf_token = hidden(self.http.get("/staff/me").text, "csrf_token")
        return response

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.http.get(path, **given)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        """Send a form of a page, with its token."""
        return self.http.post(path, data={"csrf_token": self.csrf_token, **fields})

    def close(self) -> None:
        self.http.close()
