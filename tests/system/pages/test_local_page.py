"""Local page of `dancetype overlay-page` in a real Chromium."""

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

from playwright.sync_api import BrowserContext, expect

from tests.system.pages.conftest import GENRE_TIMEOUT, MonitoredPage, alpha, has_visible_pixels
from tests.testbed.demo_server import TOKEN, DemoServer
from tests.testbed.models import biased_model

CHECKOUT: Final = Path(__file__).parents[3]


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
