"""Overlay and dashboard of a real `dancetype demo` in a real Chromium."""

import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.testbed.demo_server import TOKEN, DemoServer, chromium
from tests.testbed.models import biased_model, scaled_model

CHECKOUT: Final = Path(__file__).parents[2]
THEMES: Final = ("stage", "paper", "neon")
LAYOUTS: Final = ("bar", "corner", "full")
# Milliseconds that a busy machine may take to name a genre, and a page to reconnect.
GENRE_TIMEOUT: Final = 30_000
# Milliseconds after which a page must no longer show a genre that is not live.
STALE_TIMEOUT: Final = 2_000

COUNT_FRAMES_PER_SECOND: Final = """seconds => new Promise(resolve => {
  let frames = 0, first;
  const count = now => {
    first ??= now;
    if (now - first >= 1000 * seconds) resolve(frames / (now - first) * 1000);
    else { frames += 1; requestAnimationFrame(count); }
  };
  requestAnimationFrame(count);
})"""


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


def test_pages_show_that_the_person_does_not_dance(
    pose_model: Path, sample_clip: Path, tmp_path: Path, context: BrowserContext
) -> None:
    model = scaled_model(tmp_path / "idle.onnx", factor=0.1, dancing=True)
    with DemoServer("--model", model, "--preview", "--token", TOKEN) as demo:
        dashboard, overlay = (MonitoredPage(context.new_page(), demo.host) for _ in range(2))
        dashboard.page.goto(demo.url("/"))
        expect(dashboard.page.locator(".headline")).to_have_text(
            "not dancing", timeout=GENRE_TIMEOUT
        )
        expect(dashboard.page.locator(".detail")).to_be_hidden()
        expect(dashboard.page.locator(".fps")).to_have_text(
            re.compile(r"^\d+\.\d of (15|12|10|8)$")
        )
        for width in (390, 1280):
            dashboard.page.set_viewport_size({"width": width, "height": 800})
            assert dashboard.page.evaluate(
                "[document.documentElement, document.querySelector('.headline')]"
                ".every(element => element.scrollWidth <= element.clientWidth)"
            )
        assert accessibility_violations(dashboard.page) == []
        overlay.page.goto(demo.url("/overlay"))
        expect_overlay_genre(overlay.page, "not dancing")
        assert dashboard.errors == overlay.errors == []


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("theme", THEMES)
def test_each_theme_and_layout_shows_the_genre_on_a_transparent_background(
    demo: DemoServer, monitored: MonitoredPage, theme: str, layout: str, pictures: Path
) -> None:
    page = monitored.page
    page.goto(demo.url("/overlay", theme=theme, layout=layout))
    expect_overlay_genre(page, "house")
    page.wait_for_timeout(600)  # Until the animations have ended.
    screenshot = page.screenshot(
        omit_background=True, path=pictures / f"overlay-{theme}-{layout}.png"
    )
    assert alpha(screenshot, 960, 8) == 0
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert accessibility_violations(page) == []


def test_overlay_shows_genre_bars_and_moving_skeleton(
    demo: DemoServer, monitored: MonitoredPage
) -> None:
    page = monitored.page
    page.goto(demo.url("/overlay", layout="full"))
    expect_overlay_genre(page, "house")
    expect(page.locator(".bar")).to_have_count(10)
    # The first frames of the clip show no person, so not every drawing differs.
    assert len({pixels_of(page, "canvas.skeleton") for _ in range(10)}) > 5


def test_overlay_hides_stale_genre_within_two_seconds_and_recovers(
    demo: DemoServer, monitored: MonitoredPage
) -> None:
    page = monitored.page
    page.goto(demo.url("/overlay"))
    expect_overlay_genre(page, "house")
    with demo.suspended():
        wait_for_overlay_state(page, "stale")
        page.wait_for_timeout(1000)  # Until the fade has ended.
        assert not has_visible_pixels(page)
    expect_overlay_genre(page, "house")


def test_pages_reconnect_after_server_restart(demo: DemoServer, context: BrowserContext) -> None:
    overlay, dashboard = (MonitoredPage(context.new_page(), demo.host) for _ in range(2))
    overlay.page.goto(demo.url("/overlay"))
    dashboard.page.goto(demo.url("/"))
    expect_overlay_genre(overlay.page, "house")
    expect(dashboard.page.locator(".headline")).to_have_text("house", timeout=GENRE_TIMEOUT)
    demo.stop()
    wait_for_overlay_state(overlay.page, "lost")
    expect(dashboard.page.locator(".headline")).not_to_have_text("house", timeout=STALE_TIMEOUT)
    demo.start()
    expect_overlay_genre(overlay.page, "house")
    expect(dashboard.page.locator(".headline")).to_have_text("house", timeout=GENRE_TIMEOUT)
    assert overlay.errors == dashboard.errors == []


def test_dashboard_lists_a_source_that_another_run_publishes(
    demo: DemoServer, monitored: MonitoredPage
) -> None:
    def add_broker(route: Route) -> None:
        status = route.fetch().json()
        status["mqtt"] = {"connected": {"demo": True}, "shared": ["demo"]}
        route.fulfill(json=status)

    page = monitored.page
    page.route("**/status", add_broker)
    page.goto(demo.url("/"))
    expect(page.locator("#attention-list")).to_contain_text(
        "demo: another run publishes under this name", timeout=GENRE_TIMEOUT
    )
    expect(page.locator("body")).to_contain_text("MQTT connected")


def overlay_page(url: str) -> bytes:
    command = [sys.executable, "-m", "dancetype", "overlay-page", url]
    return subprocess.check_output(command, cwd=CHECKOUT)


def test_local_page_waits_for_the_server_and_shows_the_overlay_transparently(
    pose_model: Path, sample_clip: Path, tmp_path: Path, context: BrowserContext
) -> None:
    model = biased_model("HO", tmp_path / "house.onnx")
    demo = DemoServer("--model", model, "--hop", "0.1", "--token", TOKEN)
    local = tmp_path / "overlay.html"
    local.write_bytes(overlay_page(demo.url("/overlay", theme="neon")))
    monitored = MonitoredPage(context.new_page(), demo.host)
    page = monitored.page
    page.goto(local.as_uri())
    page.wait_for_timeout(5000)  # Several attempts fail.
    frame = page.locator("iframe")
    expect(frame).to_be_hidden()
    assert not has_visible_pixels(page)
    with demo:
        expect(frame).to_be_visible(timeout=GENRE_TIMEOUT)
        overlay = page.frame_locator("iframe")
        genre = overlay.locator(".genre-word").first
        expect(genre).to_have_text("house", timeout=GENRE_TIMEOUT)
        expect(genre).to_have_css("opacity", "1", timeout=GENRE_TIMEOUT)
        assert has_visible_pixels(page)
        assert alpha(page.screenshot(omit_background=True), 960, 8) == 0
        demo.stop()
        expect(overlay.locator("body")).to_have_attribute("data-state", "lost")
        demo.start()
        expect(overlay.locator("body")).to_have_attribute(
            "data-state", "live", timeout=GENRE_TIMEOUT
        )
    assert [url for url in monitored.foreign_urls if url != local.as_uri()] == []
    assert monitored.errors == []


def test_local_page_stays_empty_if_another_program_answers_first(
    tmp_path: Path, context: BrowserContext
) -> None:
    """Another server on the port must not appear on air."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<body style='background: red'>router login</body>")

        def log_request(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/overlay"
        local = tmp_path / "overlay.html"
        local.write_bytes(overlay_page(address))
        page = context.new_page()
        page.goto(local.as_uri())
        page.wait_for_timeout(3000)
        assert not has_visible_pixels(page)
        server.shutdown()


def test_overlay_keeps_the_frame_rate_of_an_empty_page_at_ten_messages_per_second(
    demo: DemoServer, monitored: MonitoredPage, context: BrowserContext
) -> None:
    empty = context.new_page()
    page = monitored.page
    page.goto(demo.url("/overlay", layout="full"))
    expect_overlay_genre(page, "house")
    ratios = []
    # A ratio, and the best of six, because other programs use the machine as well.
    for _ in range(6):
        empty.bring_to_front()
        empty_page_rate = empty.evaluate(COUNT_FRAMES_PER_SECOND, 1)
        page.bring_to_front()
        ratios.append(page.evaluate(COUNT_FRAMES_PER_SECOND, 2) / empty_page_rate)
        if ratios[-1] > 0.95:
            break
    assert ratios[-1] > 0.95, ratios


def test_reduced_motion_stops_all_movement(demo: DemoServer, browser: Browser) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(demo.url("/overlay", layout="full"))
    expect_overlay_genre(page, "house")
    count_moving = """document.getAnimations().filter(animation =>
      animation.effect.getKeyframes().some(frame => (frame.transform ?? "none") !== "none")
    ).length"""
    assert {page.evaluate(count_moving) for _ in range(20)} == {0}
    context.close()


def test_overlay_without_token_shows_that_a_token_is_needed(
    demo: DemoServer, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"http://{demo.host}/overlay")
    body = page.locator("body")
    expect(body).to_have_attribute("data-state", "unauthorised", timeout=GENRE_TIMEOUT)
    expect(page.get_by_text("token")).to_be_visible()


def test_overlay_ignores_unknown_values_in_its_url(
    demo: DemoServer, monitored: MonitoredPage
) -> None:
    monitored.page.goto(demo.url("/overlay", theme="<script>", layout="2", show="all,,genre"))
    expect_overlay_genre(monitored.page, "house")


def test_first_prediction_and_delayed_predictions_are_not_live(
    demo: DemoServer, monitored: MonitoredPage
) -> None:
    monitored.page.goto(demo.url("/overlay"))
    live = monitored.page.evaluate("""async () => {
      const { updateFeed, isLive } = await import("/feed.js");
      const prediction = sent => ({ type: "prediction", times: { sent: sent / 1000 } });
      const first = updateFeed(undefined, prediction(0), 5000);
      const second = updateFeed(first, prediction(5000), 5010);
      const delayed = updateFeed(second, prediction(5250), 9000);
      return {
        first: isLive(first, true, 5001),
        second: isLive(second, true, 5011),
        disconnected: isLive(second, false, 5011),
        stale: isLive(second, true, 6600),
        delayed: isLive(delayed, true, 9001),
      };
    }""")
    assert live == {
        "first": False,
        "second": True,
        "disconnected": False,
        "stale": False,
        "delayed": False,
    }


def test_dashboard_lists_sources_with_frames_in_bursts_or_a_body_that_is_not_upright(
    demo: DemoServer, monitored: MonitoredPage
) -> None:
    monitored.page.goto(demo.url("/"))
    problems = monitored.page.evaluate("""async () => {
      const { Source } = await import("/dashboard/source.js");
      const source = new Source("stage");
      const times = sent => ({ sent: sent / 1000, capture: sent / 1000 });
      const prediction = sent => ({
        type: "prediction", status: "genre", genre: "HO", name: "house", confidence: 1,
        probabilities: { HO: 1 }, fps: 15, times: times(sent),
      });
      source.onMessage({ type: "source", state: "bursty", times: times(0) }, 0);
      source.onMessage(prediction(100), 100);
      source.onMessage(prediction(200), 200);
      const bursty = source.view(true, 201, 0.2);
      const status = { state: "running", since: 1, history: [], latency: null };
      source.onStatus({ ...status, hint: "turn the image" }, true, 1);
      const turned = source.view(true, 202, 0.2);
      source.onStatus({ ...status, hint: null }, true, 2);
      const upright = source.view(true, 203, 0.2);
      return [bursty, turned, upright].map(view => [view.live, ...view.problems]);
    }""")
    assert problems == [[True, "frames in bursts"], [True, "turn the image"], [True]]


def test_overlay_selects_requested_sources_in_their_order(
    demo: DemoServer, monitored: MonitoredPage
) -> None:
    monitored.page.goto(demo.url("/overlay"))
    selected = monitored.page.evaluate("""async () => {
      const { selectSources } = await import("/overlay/options.js");
      const everLive = new Set(["wings", "stage", "pit"]);
      const liveNow = new Set(["wings", "pit"]);
      return [
        selectSources({ layout: "bar" }, [], everLive, liveNow),
        selectSources({ layout: "bar" }, ["wings", "pit"], everLive, liveNow),
        selectSources({ layout: "bar" }, ["stage"], everLive, liveNow),
        selectSources({ layout: "full" }, ["wings", "attic", "stage"], everLive, liveNow),
      ];
    }""")
    assert selected == [["pit"], ["wings"], [], ["wings", "stage"]]


def test_dashboard_shows_image_metrics_and_history_of_a_source(
    demo: DemoServer, monitored: MonitoredPage, pictures: Path
) -> None:
    page = monitored.page
    page.goto(demo.url("/"))
    expect(page.locator(".headline")).to_have_text("house", timeout=GENRE_TIMEOUT)
    expect(page.locator(".genre.likeliest .genre-name")).to_have_text("house")
    page.wait_for_function(
        "() => document.querySelector('.preview img')?.naturalWidth > 100", timeout=GENRE_TIMEOUT
    )
    expect(page.locator(".latency-parts")).to_contain_text("pose", timeout=GENRE_TIMEOUT)
    expect(page.locator(".history")).to_contain_text("house", timeout=GENRE_TIMEOUT)
    expect(page.locator("#run")).to_contain_text(re.compile(r"1 .*of 256"), timeout=GENRE_TIMEOUT)
    expect(page.locator("#note")).to_contain_text("The model was trained on these dances")
    page.screenshot(path=pictures / "dashboard.png")
    assert accessibility_violations(page) == []


def test_dashboard_creates_and_copies_the_url_of_an_overlay(
    demo: DemoServer, monitored: MonitoredPage
) -> None:
    page = monitored.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(demo.url("/"))
    expect(page.locator(".headline")).to_have_text("house", timeout=GENRE_TIMEOUT)
    page.locator("#overlay-all").click()
    page.locator(".overlay-theme").select_option("neon")
    page.locator(".overlay-layout").select_option("corner")
    page.locator(".overlay-copy").click()
    expect(page.locator(".overlay-copied")).to_contain_text("opied")
    url = page.evaluate("navigator.clipboard.readText()")
    assert url.startswith(f"http://{demo.host}/overlay?")
    assert {"theme=neon", "layout=corner", f"token={TOKEN}"} <= set(
        url.partition("?")[2].split("&")
    )
    assert accessibility_violations(page) == []
    page.goto(url)
    expect_overlay_genre(page, "house")


def test_dashboard_fits_a_phone(demo: DemoServer, browser: Browser, pictures: Path) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(demo.url("/"))
    expect(page.locator(".headline")).to_have_text("house", timeout=GENRE_TIMEOUT)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.screenshot(path=pictures / "dashboard-phone.png", full_page=True)
    context.close()


def test_dashboard_accepts_the_token_typed_into_its_form(
    demo: DemoServer, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"http://{demo.host}/")
    page.locator("#token").fill("another-token-altogether")
    page.locator("#token").press("Enter")
    expect(page.locator("#token-advice")).to_be_visible(timeout=GENRE_TIMEOUT)
    assert accessibility_violations(page) == []
    page.locator("#token").fill(TOKEN)
    page.locator("#token").press("Enter")
    expect(page.locator(".headline")).to_have_text("house", timeout=GENRE_TIMEOUT)


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


def pixels_of(page: Page, canvas: str) -> str:
    """Return the content of a canvas after a tenth of a second."""
    page.wait_for_timeout(100)
    data_url: str = page.eval_on_selector(canvas, "element => element.toDataURL()")
    return data_url


def accessibility_violations(page: Page) -> list[Any]:
    """Return the serious and critical violations that axe-core finds."""
    violations = Axe().run(page).response["violations"]
    return [
        (violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in violations
        if violation["impact"] in ("serious", "critical")
    ]
