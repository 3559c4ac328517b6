"""A browser for tests of pages: the Chromium of this machine, driven by playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def chromium() -> str:
    """Path of Chromium; without one the test is skipped, or fails where CI promised one."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    if os.environ.get("CI"):
        pytest.fail("no Chromium on this machine: .ci/run installs one")
    return pytest.skip("no Chromium on this machine: install one to test the pages in it")


@dataclass
class Opened:
    """A page in a browser, and all that it did besides showing itself."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def far(self) -> list[str]:
        """Requests that are not for a file of the report."""
        return [url for url in self.asked if not url.startswith("file:")]


@contextlib.contextmanager
def browsing() -> Iterator[Any]:
    """A browser that is closed in the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(
    browser: Any, path: Path, width: int = 1280, scheme: str = "light", script: bool = True
) -> Iterator[Opened]:
    """Open a file in a window of this width (pixels)."""
    with watched(browser, width, scheme, script) as seen:
        seen.page.goto(path.as_uri())
        yield seen


@contextlib.contextmanager
def watched(
    browser: Any, width: int = 1280, scheme: str = "light", script: bool = True
) -> Iterator[Opened]:
    """An empty window that notes what its pages say and ask for."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
    )
    seen = Opened(context.new_page())
    seen.page.on("console", lambda message: seen.said.append(message.text))
    seen.page.on("pageerror", lambda error: seen.said.append(str(error)))
    seen.page.on("dialog", lambda dialog: (seen.said.append("dialog"), dialog.dismiss()))
    seen.page.on("request", lambda request: seen.asked.append(request.url))
    yield seen
    context.close()
