"""A headless Chromium for the tests, whose windows reach nothing but this machine and tell what went wrong in them.

One browser for all tests of a process, a context of its own for each window. A test fails when one of its windows
asked for anything beyond 127.0.0.1, when the content policy refused something, or when a script failed.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.browser import chromium
from tests.browser.scene import Scene, make_scene
from tests.stack import Stack

OWN = ("data", "blob", "about")
PATIENCE_MS = 15_000
OpenWindow = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Started once; without any, the tests are skipped with a sentence that says what to install."""
    try:
        path = chromium.chromium()
    except chromium.NoChromiumError as missing:
        pytest.skip(str(missing))
    with (
        sync_playwright() as playwright,
        closing(playwright.chromium.launch(executable_path=path, args=chromium.arguments())) as started,
    ):
        expect.set_options(timeout=PATIENCE_MS)
        yield started


@pytest.fixture(scope="package")
def scene(browser: Browser, stack: Stack) -> Scene:
    """What there is to look at, beside what other tests have left."""
    return make_scene(stack)


@pytest.fixture
def window(browser: Browser, stack: Stack) -> Iterator[OpenWindow]:
    """Opens windows: `window(employee="Emma", java_script_enabled=False)` is one of somebody who is logged in."""
    contexts, strayed, trouble = [], [], []

    def asked(request: Request) -> None:
        place = urlsplit(request.url)
        if place.scheme not in OWN and place.hostname != "127.0.0.1":
            strayed.append(request.url)

    def said(message: ConsoleMessage) -> None:
        # That an address answers with an error is the test's own affair.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            trouble.append(message.text)

    def open_window(*, employee: str = "", width: int = 1280, height: int = 900, **options: Any) -> Page:
        context = browser.new_context(
            base_url=stack.url,
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.on("request", asked)
        context.on("console", said)
        context.on("weberror", lambda error: trouble.append(str(error.error)))
        if employee:
            token = stack.world.session_token(stack.world.employee(name=employee).id)
            context.add_cookies(
                [{"name": "console_session", "value": token, "url": f"{stack.url}/console", "sameSite": "Strict"}]
            )  # fmt: skip
        return context.new_page()

    yield open_window
    for context in contexts:
        context.close()
    assert strayed == [], "Nothing may be asked of other machines."
    assert trouble == [], "No script fails, and the content policy has nothing to refuse."
