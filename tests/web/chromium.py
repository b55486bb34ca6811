"""A real Chromium, and what is done with the widget in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 800}

NEEDS_CHROMIUM = pytest.mark.skipif(
    not CHROMIUM.exists() and os.environ.get("CI") != "true",
    reason="no Chromium at /usr/bin/chromium (apt-get install chromium)",
)

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Visitor:
    """Somebody's browser. `faults` is what went wrong unseen: errors, and requests elsewhere."""

    def __init__(self, browser: Browser, sites: list[str], **options: Any) -> None:
        self._sites = sites
        self.faults: list[str] = []
        self.context: BrowserContext = browser.new_context(
            **{"viewport": PHONE, "reduced_motion": "reduce", **options}
        )
        self.context.set_default_timeout(8000)
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self.faults.append(str(error.error)))
        self.context.on("request", self._requested)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def _requested(self, request: Any) -> None:
        if not request.url.startswith((*self._sites, "blob:")):
            self.faults.append(f"foreign request: {request.url}")

    def open(self, url: str) -> Page:
        page = self.context.new_page()
        page.goto(url)
        return page


def ask(page: Page, text: str) -> None:
    page.get_by_label("Your question").fill(text)
    page.keyboard.press("Enter")


def said(page: Page) -> Locator:
    return page.locator("#log .said")


def replies(page: Page) -> Locator:
    return page.locator("#log .bot")


def key_of(page: Page) -> str:
    """The conversation's key in this browser."""
    return str(page.evaluate("localStorage['medassist.conversation']"))


def violations(page: Page) -> list[str]:
    """What axe finds: the rule, and where."""
    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": AXE_TAGS}}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
