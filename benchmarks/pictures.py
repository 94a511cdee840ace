"""Take the screenshots of README and docs with a real browser.

The dashboard shows the drawn figure of the source `test:`. The overlays show the joints of the
demo's clip on a generated picture of a stage. Neither shows a dance, so any named genre is wrong.
"""

import argparse
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from benchmarks.pages import DOCS
from tests.testbed.command import Command
from tests.testbed.demo_server import TOKEN, DemoServer, chromium

_THEMES: Final = ("stage", "paper", "neon")
_LAYOUTS: Final = ("bar", "corner", "full")
_DESKTOP: Final = {"width": 1440, "height": 900}
_PHONE: Final = {"width": 390, "height": 844}
_BROADCAST: Final = {"width": 1920, "height": 1080}
_OVERLAY_PICTURE: Final = (960, 540)
_TIMEOUT_MS: Final = 120_000
_ATTEMPTS: Final = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=DOCS / "pictures", help="folder")


def run(args: argparse.Namespace) -> None:
    """Write all pictures to a folder."""
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        sources = ("--source", "stage=test:", "--source", "wings=rtsp://127.0.0.1:9/wings")
        with Command(*sources, "--hop", "0.1", "--preview", folder=Path(folder)) as command:
            _dashboards(browser, f"http://{command.address}", args.out)
        with DemoServer("--hop", "0.1", "--token", TOKEN) as demo:
            _overlays(browser, demo, args.out)


def _dashboards(browser: Browser, server: str, out: Path) -> None:
    for name, size in (("dashboard", _DESKTOP), ("dashboard-phone", _PHONE)):
        with _page(browser, size, f"{server}/") as page:
            expect(page.locator(".source.live")).to_have_count(1, timeout=_TIMEOUT_MS)
            # Wait until the history and the figures of the last minute have values.
            page.wait_for_timeout(8_000)
            page.screenshot(path=out / f"{name}.png")


def _overlays(browser: Browser, demo: DemoServer, out: Path) -> None:
    for theme in _THEMES:
        for layout in _LAYOUTS:
            url = demo.url("/overlay", theme=theme, layout=layout)
            with _page(browser, _BROADCAST, url) as page:
                overlay = Image.open(io.BytesIO(_screenshot_with_genre(page)))
            composite = Image.alpha_composite(_background(theme), overlay.convert("RGBA"))
            small = composite.convert("RGB").resize(_OVERLAY_PICTURE, Image.Resampling.LANCZOS)
            small.save(out / f"overlay-{theme}-{layout}.png", optimize=True)


@contextmanager
def _page(browser: Browser, size: dict[str, int], url: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]}, color_scheme="dark"
    )
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def _screenshot_with_genre(page: Page) -> bytes:
    """Take a screenshot of an overlay that has shown the same genre for some time."""
    for _ in range(_ATTEMPTS):
        page.wait_for_function(
            "() => document.querySelector('.panel[data-state=live][data-status=genre]') !== null",
            timeout=_TIMEOUT_MS,
        )
        before = page.locator(".genre-word").inner_text()
        page.wait_for_timeout(1_500)
        picture = page.screenshot(omit_background=True)
        if page.locator(".genre-word").inner_text() == before:
            return picture
    raise RuntimeError(f"no genre was shown for long enough in {_ATTEMPTS} attempts")


def _background(theme: str) -> Image.Image:
    """Draw an empty stage, bright for the theme for bright footage."""
    width, height = _BROADCAST["width"], _BROADCAST["height"]
    x = np.linspace(-1, 1, width)[None, :]
    y = np.linspace(0, 1, height)[:, None]
    beams = sum(
        np.exp(-(((x - position - lean * (1 - y)) / (0.06 + 0.22 * y)) ** 2)) * (1 - 0.55 * y)
        for position, lean in ((-0.55, 0.25), (0.05, 0.0), (0.6, -0.3))
    )
    floor = np.clip((y - 0.72) * 3, 0, 1)
    light = 0.1 + 0.5 * beams + 0.22 * floor
    tint = {"stage": (0.55, 0.45, 1.0), "paper": (1.0, 0.95, 0.86), "neon": (0.2, 0.45, 0.75)}
    ambient = 0.45 if theme == "paper" else 0.0
    colours = np.stack([light * channel + ambient for channel in tint[theme]], axis=-1)
    rgb = (np.clip(colours, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(rgb).convert("RGBA")
