"""A running demo, and pages that must log no error."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.testbed.demo_server import TOKEN, DemoServer, chromium
from tests.testbed.models import biased_model

# Milliseconds that a busy machine may take to name a genre, and a page to reconnect.
GENRE_TIMEOUT: Final = 30_000

# Milliseconds after which a page must no longer show a genre that is not live.
STALE_TIMEOUT: Final = 2_000


@pytest.fixture(scope="module")
def demo(
    pose_model: Path, sample_clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DemoServer]:
    """A demo that predicts house ten times per second."""
    model = biased_model("HO", tmp_path_factory.mktemp("model") / "house.onnx")
    options = ("--model", model, "--hop", "0.1", "--preview", "--token", TOKEN)
    with DemoServer(*options) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


class MonitoredPage:
    """A page that records console errors, and requests to other hosts.

    Attributes:
        errors: Errors in the console and uncaught exceptions.
        foreign_urls: URLs of requests to other hosts.
    """

    def __init__(self, page: Page, host: str) -> None:
        self.page = page
        self.errors: list[str] = []
        self.foreign_urls: list[str] = []
        page.on("console", lambda message: self._on_console(message.type, message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._on_request(request.url, host))
        page.on("websocket", lambda socket: self._on_request(socket.url, host))

    def _on_console(self, kind: str, text: str) -> None:
        # The browser itself logs that a stopped server refuses connections.
        if kind == "error" and "ERR_CONNECTION_REFUSED" not in text:
            self.errors.append(text)

    def _on_request(self, url: str, host: str) -> None:
        if not re.match(rf"(https?|wss?)://{re.escape(host)}/|(data|blob):", url):
            self.foreign_urls.append(url)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    yield context
    context.close()


@pytest.fixture
def monitored(context: BrowserContext, demo: DemoServer) -> Iterator[MonitoredPage]:
    """A page that must log no error and contact only its own server."""
    monitored = MonitoredPage(context.new_page(), demo.host)
    yield monitored
    assert not monitored.errors
    assert not monitored.foreign_urls


def expect_overlay_genre(page: Page, name: str) -> None:
    genre = page.locator(".genre-word").first
    expect(genre).to_have_text(name, timeout=GENRE_TIMEOUT)
    expect(genre).to_have_css("opacity", "1", timeout=GENRE_TIMEOUT)
    expect(page.locator("body")).to_have_attribute("data-state", "live", timeout=GENRE_TIMEOUT)


def wait_for_overlay_state(page: Page, state: str) -> None:
    """Check in every animation frame: `expect` checks less and less often, and could be late."""
    page.wait_for_function(
        "state => document.body.dataset.state === state", arg=state, timeout=STALE_TIMEOUT
    )


def alpha(png: bytes, x: int, y: int) -> int:
    """Return the opacity of one pixel, from 0 to 255."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return int(image[y, x, 3]) if image.shape[2] == 4 else 255


def has_visible_pixels(page: Page) -> bool:
    """Return whether any pixel of the page is more than slightly opaque."""
    image = cv2.imdecode(
        np.frombuffer(page.screenshot(omit_background=True), np.uint8), cv2.IMREAD_UNCHANGED
    )
    assert image is not None
    return bool((image[..., 3] > 25).any())


def accessibility_violations(page: Page) -> list[Any]:
    """Return the serious and critical violations that axe-core finds."""
    violations = Axe().run(page).response["violations"]
    return [
        (violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in violations
        if violation["impact"] in ("serious", "critical")
    ]
