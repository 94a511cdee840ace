"""Dashboard of a real `dancetype demo` in a real Chromium."""

import re
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Route, expect

from tests.system.pages.conftest import (
    GENRE_TIMEOUT,
    STALE_TIMEOUT,
    MonitoredPage,
    accessibility_violations,
    expect_overlay_genre,
    wait_for_overlay_state,
)
from tests.testbed.demo_server import TOKEN, DemoServer
from tests.testbed.models import scaled_model


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
