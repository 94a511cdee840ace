"""Overlay and dashboard of a real `dancetype demo`, in a real Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.testbed.demo_server import TOKEN, DemoServer, biased_model, chromium

THEMES: Final = ("stage", "paper", "neon")
LAYOUTS: Final = ("bar", "corner", "full")
# Milliseconds in which a busy machine gets to a genre, and a page back to a server.
SOON: Final = 30_000
STALE: Final = 2_000

FRAMES_A_SECOND: Final = """seconds => new Promise(done => {
  let frames = 0, first;
  const count = now => {
    first ??= now;
    if (now - first >= 1000 * seconds) done(frames / (now - first) * 1000);
    else { frames += 1; requestAnimationFrame(count); }
  };
  requestAnimationFrame(count);
})"""


@pytest.fixture(scope="module")
def demo(
    pose_model: Path, sample_clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DemoServer]:
    """A demo that is sure of house and says so ten times a second."""
    model = biased_model("HO", tmp_path_factory.mktemp("model") / "house.onnx")
    words = ("--model", model, "--hop", "0.1", "--preview", "--token", TOKEN)
    with DemoServer(*words) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


class Watched:
    """A page, and whatever it has done that it should not."""

    def __init__(self, page: Page, host: str) -> None:
        self.page = page
        self.errors: list[str] = []
        self.strangers: list[str] = []
        page.on("console", lambda line: self._hear(line.type, line.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._note(request.url, host))
        page.on("websocket", lambda socket: self._note(socket.url, host))

    def _hear(self, kind: str, text: str) -> None:
        # That a server which was stopped refuses connections is the browser's own news.
        if kind == "error" and "ERR_CONNECTION_REFUSED" not in text:
            self.errors.append(text)

    def _note(self, url: str, host: str) -> None:
        if not re.match(rf"(https?|wss?)://{re.escape(host)}/|(data|blob):", url):
            self.strangers.append(url)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    yield context
    context.close()


@pytest.fixture
def watched(context: BrowserContext, demo: DemoServer) -> Iterator[Watched]:
    """A page that is to log no error and to call nobody but its own server."""
    watched = Watched(context.new_page(), demo.host)
    yield watched
    assert not watched.errors
    assert not watched.strangers


def overlay_says(page: Page, word: str) -> None:
    shown = page.locator(".genre-word").first
    expect(shown).to_have_text(word, timeout=SOON)
    expect(shown).to_have_css("opacity", "1", timeout=SOON)
    expect(page.locator("body")).to_have_attribute("data-state", "live", timeout=SOON)


def overlay_becomes(page: Page, state: str) -> None:
    """Watches each frame: `expect` looks ever more seldom, and might miss the moment."""
    page.wait_for_function(
        "state => document.body.dataset.state === state", arg=state, timeout=STALE
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("theme", THEMES)
def test_each_theme_and_layout_shows_the_genre_on_a_transparent_ground(
    demo: DemoServer, watched: Watched, theme: str, layout: str, pictures: Path
) -> None:
    page = watched.page
    page.goto(demo.url("/overlay", theme=theme, layout=layout))
    overlay_says(page, "house")
    page.wait_for_timeout(600)  # Until what glides has arrived.
    shot = page.screenshot(omit_background=True, path=pictures / f"overlay-{theme}-{layout}.png")
    assert alpha(shot, 960, 8) == 0
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert serious_faults(page) == []


def test_the_overlay_shows_what_the_newest_message_says(demo: DemoServer, watched: Watched) -> None:
    """With bars for every probability, and a skeleton that is drawn and moves."""
    page = watched.page
    page.goto(demo.url("/overlay", layout="full"))
    overlay_says(page, "house")
    expect(page.locator(".bar")).to_have_count(10)
    # In the clip's first moments nobody is there to be drawn.
    assert len({pixels_of(page, "canvas.skeleton") for _ in range(10)}) > 5


def test_what_is_old_is_stale_within_two_seconds_and_live_again_by_itself(
    demo: DemoServer, watched: Watched
) -> None:
    page = watched.page
    page.goto(demo.url("/overlay"))
    overlay_says(page, "house")
    with demo.suspended():
        overlay_becomes(page, "stale")
        page.wait_for_timeout(1000)  # The fading.
        assert not shows_anything(page)
    overlay_says(page, "house")


def test_pages_outlive_their_server(demo: DemoServer, context: BrowserContext) -> None:
    overlay, dashboard = (Watched(context.new_page(), demo.host) for _ in range(2))
    overlay.page.goto(demo.url("/overlay"))
    dashboard.page.goto(demo.url("/"))
    overlay_says(overlay.page, "house")
    expect(dashboard.page.locator(".headline")).to_have_text("house", timeout=SOON)
    demo.stop()
    overlay_becomes(overlay.page, "lost")
    expect(dashboard.page.locator(".headline")).not_to_have_text("house", timeout=STALE)
    demo.start()
    overlay_says(overlay.page, "house")
    expect(dashboard.page.locator(".headline")).to_have_text("house", timeout=SOON)
    assert overlay.errors == dashboard.errors == []


def test_the_overlay_paints_as_often_as_an_empty_page_with_ten_messages_a_second(
    demo: DemoServer, watched: Watched, context: BrowserContext
) -> None:
    empty = context.new_page()
    page = watched.page
    page.goto(demo.url("/overlay", layout="full"))
    overlay_says(page, "house")
    shares = []
    # A ratio in one run, and the best of six: the machine is not ours alone.
    for _ in range(6):
        empty.bring_to_front()
        without = empty.evaluate(FRAMES_A_SECOND, 1)
        page.bring_to_front()
        shares.append(page.evaluate(FRAMES_A_SECOND, 2) / without)
        if shares[-1] > 0.95:
            break
    assert shares[-1] > 0.95, shares


def test_who_wants_less_motion_gets_none(demo: DemoServer, browser: Browser) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(demo.url("/overlay", layout="full"))
    overlay_says(page, "house")
    moving = """document.getAnimations().filter(each =>
      each.effect.getKeyframes().some(frame => (frame.transform ?? "none") !== "none")).length"""
    assert {page.evaluate(moving) for _ in range(20)} == {0}
    context.close()


def test_without_the_token_the_overlay_shows_no_genre_and_says_what_is_wrong(
    demo: DemoServer, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"http://{demo.host}/overlay")
    expect(page.locator("body")).to_have_attribute("data-state", "barred", timeout=SOON)
    expect(page.get_by_text("token")).to_be_visible()


def test_unknown_words_in_the_address_are_answered_with_the_usual_overlay(
    demo: DemoServer, watched: Watched
) -> None:
    watched.page.goto(demo.url("/overlay", theme="<script>", layout="2", show="all,,genre"))
    overlay_says(watched.page, "house")


def test_what_greets_a_page_is_not_live_and_neither_is_what_comes_late(
    demo: DemoServer, watched: Watched
) -> None:
    watched.page.goto(demo.url("/overlay"))
    live = watched.page.evaluate("""async () => {
      const { follow, isLive } = await import("/feed.js");
      const sent = at => ({ type: "prediction", times: { sent: at / 1000 } });
      const greeting = follow(undefined, sent(0), 5000);
      const next = follow(greeting, sent(5000), 5010);
      const late = follow(next, sent(5250), 9000);
      return {
        greeting: isLive(greeting, true, 5001),
        next: isLive(next, true, 5011),
        unconnected: isLive(next, false, 5011),
        old: isLive(next, true, 6600),
        late: isLive(late, true, 9001),
      };
    }""")
    assert live == {
        "greeting": False,
        "next": True,
        "unconnected": False,
        "old": False,
        "late": False,
    }


def test_of_several_sources_the_overlay_shows_those_that_are_asked_for_in_their_order(
    demo: DemoServer, watched: Watched
) -> None:
    watched.page.goto(demo.url("/overlay"))
    chosen = watched.page.evaluate("""async () => {
      const { choose } = await import("/overlay/options.js");
      const met = new Set(["wings", "stage", "pit"]);
      const live = new Set(["wings", "pit"]);
      return [
        choose({ layout: "bar" }, [], met, live),
        choose({ layout: "bar" }, ["wings", "pit"], met, live),
        choose({ layout: "bar" }, ["stage"], met, live),
        choose({ layout: "full" }, ["wings", "attic", "stage"], met, live),
      ];
    }""")
    assert chosen == [["pit"], ["wings"], [], ["wings", "stage"]]


def test_the_dashboard_shows_picture_figures_and_history_of_a_source(
    demo: DemoServer, watched: Watched, pictures: Path
) -> None:
    page = watched.page
    page.goto(demo.url("/"))
    expect(page.locator(".headline")).to_have_text("house", timeout=SOON)
    expect(page.locator(".genre.likeliest .genre-name")).to_have_text("house")
    page.wait_for_function(
        "() => document.querySelector('.picture img')?.naturalWidth > 100", timeout=SOON
    )
    expect(page.locator(".latency-parts")).to_contain_text("pose", timeout=SOON)
    expect(page.locator(".history")).to_contain_text("house", timeout=SOON)
    expect(page.locator("#run")).to_contain_text(re.compile(r"1 .*of 256"), timeout=SOON)
    page.screenshot(path=pictures / "dashboard.png")
    assert serious_faults(page) == []


def test_the_dashboard_makes_the_address_of_an_overlay_and_copies_it(
    demo: DemoServer, watched: Watched
) -> None:
    page = watched.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(demo.url("/"))
    expect(page.locator(".headline")).to_have_text("house", timeout=SOON)
    page.locator("#overlay-all").click()
    page.locator(".overlay-theme").select_option("neon")
    page.locator(".overlay-layout").select_option("corner")
    page.locator(".overlay-copy").click()
    expect(page.locator(".overlay-copied")).to_contain_text("opied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"http://{demo.host}/overlay?")
    assert {"theme=neon", "layout=corner", f"token={TOKEN}"} <= set(
        copied.partition("?")[2].split("&")
    )
    assert serious_faults(page) == []
    page.goto(copied)
    overlay_says(page, "house")


def test_the_dashboard_fits_a_phone(demo: DemoServer, browser: Browser, pictures: Path) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(demo.url("/"))
    expect(page.locator(".headline")).to_have_text("house", timeout=SOON)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.screenshot(path=pictures / "dashboard-phone.png", full_page=True)
    context.close()


def test_the_dashboard_takes_the_token_from_who_types_it_in(
    demo: DemoServer, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"http://{demo.host}/")
    page.locator("#token").fill("another-token-altogether")
    page.locator("#token").press("Enter")
    expect(page.locator("#token-advice")).to_be_visible(timeout=SOON)
    assert serious_faults(page) == []
    page.locator("#token").fill(TOKEN)
    page.locator("#token").press("Enter")
    expect(page.locator(".headline")).to_have_text("house", timeout=SOON)


def alpha(png: bytes, x: int, y: int) -> int:
    """How opaque a picture is in one place, from 0 to 255."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return int(image[y, x, 3]) if image.shape[2] == 4 else 255


def shows_anything(page: Page) -> bool:
    """Whether a pixel of the page is more than a trace."""
    image = cv2.imdecode(
        np.frombuffer(page.screenshot(omit_background=True), np.uint8), cv2.IMREAD_UNCHANGED
    )
    assert image is not None
    return bool((image[..., 3] > 25).any())


def pixels_of(page: Page, canvas: str) -> str:
    """What a canvas shows, a tenth of a second from now."""
    page.wait_for_timeout(100)
    found: str = page.eval_on_selector(canvas, "each => each.toDataURL()")
    return found


def serious_faults(page: Page) -> list[Any]:
    """What axe-core holds against a page, of what keeps people from using it."""
    found = Axe().run(page).response["violations"]
    return [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
