"""Page of `dancetype browser` in a real Chromium."""

import json
import re
import subprocess
from pathlib import Path
from typing import Final

import jsonschema
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dancetype.engine.classifier import Classifier
from tests.conftest import MakeVideo
from tests.system.browser.conftest import CHECKOUT
from tests.testbed.browser_pages import classify_camera, python_predictions
from tests.testbed.command import Command
from tests.testbed.file_server import FileServer

TIMEOUT: Final = 60_000

FAIL_CAMERA: Final = """(name) => {
  const fail = () => Promise.reject(new DOMException("", name));
  navigator.mediaDevices.getUserMedia = fail;
}"""

UNPLUG_CAMERA: Final = """() => {
  const [track] = document.querySelector("video").srcObject.getTracks();
  track.dispatchEvent(new Event("ended"));
}"""

CALL: Final = """(url) => fetch(url, { mode: "no-cors" }).then(() => "answered", () => "refused")"""


def test_page_names_the_genre_that_python_names_for_the_same_camera(
    page: Page, clip: tuple[Path, int], pose_model: Path
) -> None:
    file, frames = clip
    run = classify_camera(page, frames=frames)
    numbers = [frame["number"] for frame in run.frames]
    classifier = Classifier(device="cpu")
    expected = python_predictions(file, numbers, pose_model, classifier)
    assert [hop["number"] for hop in run.hops] == list(expected)
    schema = json.loads((CHECKOUT / "docs/protocol.schema.json").read_text(encoding="utf-8"))
    agreeing = 0
    for hop in run.hops:
        message = hop["prediction"]
        jsonschema.validate(message, schema)
        other = expected[hop["number"]]
        agreeing += (message["status"], message["genre"]) == (other.status, other.genre)
    assert agreeing >= 0.95 * len(run.hops)
    assert "LO" in {prediction.genre for prediction in expected.values()}


def test_page_shows_the_overlay_over_the_camera_on_any_screen(page: Page) -> None:
    accessible(page)
    page.get_by_role("button", name="Use the camera").click()
    over, below = page.frame_locator("#over"), page.frame_locator("#below")
    expect(over.locator("body")).to_have_attribute("data-state", "live", timeout=TIMEOUT)
    expect(over.locator(".genre-word")).not_to_be_empty()
    expect(over.locator(".bar")).to_have_count(10)
    expect(page.locator("#below")).to_be_hidden()
    expect(page.locator("#fps")).to_have_text(re.compile(r"\d"), timeout=TIMEOUT)
    accessible(page)
    page.locator("#theme").select_option("neon")
    expect(over.locator("body")).to_have_attribute("data-theme", "neon")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(below.locator("body")).to_have_attribute("data-state", "live", timeout=TIMEOUT)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Use the camera")).to_be_visible()
    assert page.evaluate("document.querySelector('video').srcObject") is None
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#state")).to_have_text("camera on", timeout=TIMEOUT)
    page.evaluate(UNPLUG_CAMERA)
    expect_failure(page, "The camera was disconnected")


def accessible(page: Page) -> None:
    results = Axe().run(page)
    assert results.response["violations"] == []


def test_example_of_the_guide_is_a_game(page: Page, site: Path) -> None:
    guide = (CHECKOUT / "docs/guides/browser.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```html\n(.*?)```", guide, re.DOTALL)
    assert len(example.splitlines()) <= 32
    (site / "game.html").write_text(example, encoding="utf-8")
    page.goto(page.url + "game.html")
    expect(page.locator("#genre")).to_have_text("ready", timeout=TIMEOUT)
    page.get_by_role("button", name="Start").click()
    # A slow machine may not get beyond the first of these texts.
    shown = re.compile("warming up|not sure|jazz|pop|lock|hip-hop|house|waack|krump|break")
    expect(page.locator("#genre")).to_have_text(shown, timeout=TIMEOUT)


def test_running_product_serves_the_page(browser: Browser, site: Path) -> None:
    with Command("--source", "test:", "--browser-page", str(site), folder=site.parent) as command:
        context = browser.new_context()
        page = context.new_page()
        urls: list[str] = []
        context.on("request", lambda request: urls.append(request.url))
        page.goto(f"http://{command.address}/try")
        page.get_by_role("button", name="Use the camera").click()
        over = page.frame_locator("#over")
        expect(over.locator("body")).to_have_attribute("data-state", "live", timeout=TIMEOUT)
        own = re.compile(rf"http://{re.escape(command.address)}/try|(data|blob):|about:blank")
        assert [url for url in urls if not own.match(url)] == []
        context.close()


@pytest.mark.parametrize("restricted", [True, False])
def test_page_and_its_worker_can_contact_only_their_server(
    browser: Browser, server: FileServer, restricted: bool
) -> None:
    context = browser.new_context(bypass_csp=not restricted)
    page = context.new_page()
    page.goto(f"http://{server.host}/")
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#state")).to_have_text("camera on", timeout=TIMEOUT)
    (worker,) = page.workers
    foreign = f"http://foreign.test:{server.port}/"
    answers = [page.evaluate(CALL, foreign), worker.evaluate(CALL, foreign)]
    # Without the policy, both receive an answer.
    assert answers == (["refused"] * 2 if restricted else ["answered"] * 2)
    assert worker.evaluate(CALL, f"http://{server.host}/manifest.json") == "answered"
    context.close()


def test_chosen_video_is_classified_without_a_camera(page: Page, make_video: MakeVideo) -> None:
    choose(page, make_webm(make_video))
    expect(page.locator("#state")).to_have_text("playing", timeout=TIMEOUT)
    genre = page.frame_locator("#over").locator(".genre-word")
    expect(genre).to_have_text("no person", timeout=TIMEOUT)
    expect(page.get_by_text("Mirror the camera")).to_be_hidden()


def make_webm(make_video: MakeVideo) -> Path:
    """Return a video that every Chromium can play."""
    video = make_video(frames=25, fps=5)
    webm = video.with_suffix(".webm")
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-c:v", "libvpx", str(webm)]
    subprocess.run(command, check=True)
    return webm


def choose(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a video").click()
    chooser.value.set_files(file)


def expect_failure(page: Page, text: str) -> None:
    """Check that the page shows an error, and that it can be used again."""
    expect(page.locator("#failure")).to_contain_text(text, timeout=TIMEOUT)
    expect(page.get_by_role("button", name="Use the camera")).to_be_visible()


def test_file_that_cannot_be_played_is_named(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "notes.mp4"
    file.write_bytes(b"not a video")
    choose(page, file)
    expect_failure(page, "Notes.mp4: this browser cannot play the file; convert it to MP4")
    # The message disappears with the next attempt.
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#failure")).to_be_empty()


def test_reason_why_the_camera_cannot_be_used_is_shown(page: Page) -> None:
    for name, text in (
        ("NotAllowedError", "The browser does not let this page use the camera: allow it"),
        ("NotFoundError", "No camera was found: connect one"),
        ("NotReadableError", "The camera cannot be read: close other programs"),
        ("AbortError", "The camera cannot be opened: AbortError"),
    ):
        page.evaluate(FAIL_CAMERA, name)
        page.get_by_role("button", name="Use the camera").click()
        expect_failure(page, text)


def test_page_from_an_insecure_address_explains_how_to_get_the_camera(
    browser: Browser, server: FileServer
) -> None:
    page = browser.new_page()
    page.goto(f"http://stage.test:{server.port}/")
    page.get_by_role("button", name="Use the camera").click()
    expect_failure(page, "only to pages from https:// and from localhost")
    page.close()


def test_page_opened_as_a_file_explains_that_it_needs_a_server(
    browser: Browser, site: Path
) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    expect(page.get_by_text("This page has not started.")).to_be_visible()
    page.close()


def test_browser_without_simd_is_reported(browser: Browser, server: FileServer) -> None:
    page = browser.new_page()
    page.add_init_script("WebAssembly.validate = () => false")
    page.goto(f"http://{server.host}/")
    page.get_by_role("button", name="Use the camera").click()
    expect_failure(page, "This browser has no WebAssembly SIMD")
    page.close()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("models/genre.onnx", "Genre.onnx cannot be loaded: the server answered 404"),
        ("core/worker.js", "The worker cannot be started"),
    ],
)
def test_missing_file_of_the_folder_is_reported(
    browser: Browser, server: FileServer, path: str, text: str
) -> None:
    context = browser.new_context()
    page = context.new_page()
    context.route(f"**/{path}", lambda route: route.fulfill(status=404))
    page.goto(f"http://{server.host}/")
    page.get_by_role("button", name="Use the camera").click()
    expect_failure(page, text)
    context.close()
