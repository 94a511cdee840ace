"""Take the pictures of README and docs with a real browser, from the demo's clip.

The animation and the overlays show a real `dancetype demo`. An overlay's picture shows the frame of
the clip that belongs to the overlay's prediction behind it.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path
from typing import Final

import av
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from benchmarks.pages import DOCS
from dancetype.stream.assets import DANCE_CLIP
from dancetype.stream.messages import PredictionMessage, parse_message
from dancetype.training.synthetic.demo_clip import TIMELINE
from tests.testbed.command import Command, is_prediction
from tests.testbed.demo_server import TOKEN, DemoServer, chromium

_THEMES: Final = ("stage", "paper", "neon")
_LAYOUTS: Final = ("bar", "corner", "full")
_DESKTOP: Final = {"width": 1440, "height": 900}
_PHONE: Final = {"width": 390, "height": 844}
_BROADCAST: Final = {"width": 1920, "height": 1080}
_OVERLAY_PICTURE: Final = (960, 540)
_TIMEOUT_MS: Final = 120_000
_POLL_SECONDS: Final = 0.02

_SHOWN: Final = 7.2  # seconds after the start of a dance, when the genre has been named
_ANIMATION: Final = "demo.webp"
_ANIMATION_SIZE: Final = (720, 405)
_ANIMATION_RATE: Final = 12.5
_QUALITY: Final = 85
_ANIMATION_QUALITY: Final = 60
# The second dance: not sure, its genre, not sure.
_ANIMATION_START: Final = TIMELINE.spans[1][0] + 2
_ANIMATION_SECONDS: Final = 10.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=DOCS / "pictures", help="folder")


def run(args: argparse.Namespace) -> None:
    """Write all pictures to a folder."""
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        sources = ("--source", f"stage={DANCE_CLIP}", "--source", "wings=rtsp://127.0.0.1:9/wings")
        with Command(*sources, "--preview", folder=Path(folder)) as command:
            _dashboards(browser, command, args.out)
        messages = Path(folder) / "demo.jsonl"
        with DemoServer("--hop", "0.1", "--token", TOKEN, "--jsonl", messages) as demo:
            player = _Player(messages)
            _animation(browser, demo, player, args.out)
            _overlays(browser, demo, player, args.out)


class _Player:
    """Position of a running demo in its clip.

    Args:
        messages: JSON lines file that the demo writes its messages to.
    """

    def __init__(self, messages: Path) -> None:
        self._file, self._read, self._start = messages, 0, (-1, 0.0)
        self._newest = 0.0

    @property
    def position(self) -> float:
        """Time of the newest prediction in the clip, in seconds."""
        if self._file.exists():
            with self._file.open("rb") as file:
                file.seek(self._read)
                complete, newline, _ = file.read().rpartition(b"\n")
                self._read += len(complete + newline)
            for line in complete.splitlines():
                message = parse_message(line)
                if isinstance(message, PredictionMessage):
                    self._update(message)
        return self._newest - self._start[1]

    def wait(self, position: float) -> None:
        """Wait until the demo has just reached a position, in this round or the next."""
        while not position <= self.position < position + 0.5:
            time.sleep(_POLL_SECONDS)

    def _update(self, message: PredictionMessage) -> None:
        self._newest = message.times.capture
        if message.epoch != self._start[0]:
            self._start = (message.epoch, message.times.capture)


def _dashboards(browser: Browser, command: Command, out: Path) -> None:
    sizes = {"dashboard": _DESKTOP, "dashboard-phone": _PHONE}
    server = f"http://{command.address}/"
    with _page(browser, _DESKTOP, server) as desktop, _page(browser, _PHONE, server) as phone:
        first = command.wait_for(is_prediction, within=60)
        assert isinstance(first, PredictionMessage)
        # The third dance, so that the history has several genres.
        shown = first.times.capture + TIMELINE.spans[2][0] + _SHOWN
        time.sleep(max(shown - time.time(), 0))
        for name, page in zip(sizes, (desktop, phone), strict=True):
            expect(page.locator(".source.live")).to_have_count(1, timeout=_TIMEOUT_MS)
            page.screenshot(path=out / f"{name}.png")


def _animation(browser: Browser, demo: DemoServer, player: _Player, out: Path) -> None:
    """Write ten seconds of the overlay over the dancer."""
    shots: list[tuple[float, bytes]] = []
    url = demo.url("/overlay", theme="stage", layout="bar")
    with _page(browser, _BROADCAST, url, scale=0.5) as page:
        player.wait(_ANIMATION_START)
        while player.position < _ANIMATION_START + _ANIMATION_SECONDS:
            shots.append((player.position, page.screenshot(omit_background=True)))
    end = _ANIMATION_START + _ANIMATION_SECONDS
    frames, shot = [], 0
    with closing(_frames(_ANIMATION_START, end)) as clip:
        due = _ANIMATION_START
        for position, frame in clip:
            if position < due:
                continue
            due += 1 / _ANIMATION_RATE
            while shot + 1 < len(shots) and shots[shot + 1][0] <= position:
                shot += 1
            frames.append(_composite(frame, shots[shot][1], _ANIMATION_SIZE))
    frames[0].save(
        out / _ANIMATION,
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 / _ANIMATION_RATE),
        loop=0,
        quality=_ANIMATION_QUALITY,
        method=6,
    )


def _overlays(browser: Browser, demo: DemoServer, player: _Player, out: Path) -> None:
    for number, (theme, layout) in enumerate(product(_THEMES, _LAYOUTS)):
        url = demo.url("/overlay", theme=theme, layout=layout)
        start, _ = TIMELINE.spans[number % len(TIMELINE.spans)]
        with _page(browser, _BROADCAST, url) as page:
            player.wait(start + _SHOWN)
            assert page.locator(".panel[data-state=live][data-status=genre]").count() == 1
            overlay = page.screenshot(omit_background=True)
            position = player.position
        with closing(_frames(position, position + 1)) as clip:
            _, frame = next(clip)
        picture = _composite(frame, overlay, _OVERLAY_PICTURE)
        picture.save(out / f"overlay-{theme}-{layout}.webp", quality=_QUALITY, method=6)


@contextmanager
def _page(browser: Browser, size: dict[str, int], url: str, *, scale: float = 1) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        device_scale_factor=scale,
        color_scheme="dark",
    )
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def _frames(start: float, end: float) -> Generator[tuple[float, Image.Image]]:
    """Yield time and image of the clip's frames from `start` to `end` seconds."""
    with av.open(str(DANCE_CLIP)) as clip:
        clip.seek(round(start * av.time_base))
        for frame in clip.decode(video=0):
            assert frame.time is not None
            if frame.time >= end:
                return
            if frame.time >= start:
                yield frame.time, Image.fromarray(frame.to_ndarray(format="rgb24"))


def _composite(frame: Image.Image, overlay: bytes, size: tuple[int, int]) -> Image.Image:
    """Return an overlay over a frame of the clip."""
    picture = frame.convert("RGBA").resize(size, Image.Resampling.LANCZOS)
    above = Image.open(io.BytesIO(overlay)).convert("RGBA").resize(size, Image.Resampling.LANCZOS)
    return Image.alpha_composite(picture, above).convert("RGB")
