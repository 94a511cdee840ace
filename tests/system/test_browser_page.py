"""Pages of `dancetype browser` in a real Chromium."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import jsonschema
import numpy as np
import onnx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dancetype.engine.classifier import Classifier
from dancetype.engine.contract import NORMALISATION, TRAJECTORY, VERSION
from dancetype.engine.defaults import DEFAULT_HOP
from dancetype.engine.landmarks import COCO_LANDMARKS, MAX_COORDINATE
from dancetype.engine.rolling import Decision
from dancetype.engine.skeleton import JOINTS
from dancetype.engine.window import MAX_GAP, WindowSpec
from dancetype.stream.assets import DANCE_CLIP
from dancetype.stream.pose_schedule import MAX_POSE_FPS
from tests.conftest import MakeVideo
from tests.engine.test_classifier import CONTRACT, make_model
from tests.testbed.browser_pages import (
    classify_camera,
    make_camera_clip,
    python_predictions,
)
from tests.testbed.command import Command
from tests.testbed.demo_server import camera_arguments, chromium
from tests.testbed.file_server import FileServer
from tests.testbed.golden import Vectors, golden_vectors
from tests.testbed.models import scaled_model

CHECKOUT: Final = Path(__file__).parents[2]
CLIP_SECONDS: Final = 7.0  # of the demo, whose first dance is named in this time
TOLERANCE: Final = 1e-4
TIMEOUT: Final = 60_000

compare: Final = partial(np.testing.assert_allclose, rtol=0, atol=TOLERANCE)

# Both directions use JSON, since Playwright transfers long lists slowly.
PREDICT_TRACKS: Final = """async ([file, model]) => {
  const { tracks } = await (await fetch(file)).json();
  const load = (name) => import(new URL(`./core/${name}.js`, location.href).href);
  const { Classifier } = await load("classifier");
  const { Recognizer } = await load("recognizer");
  const content = await (await fetch(model)).arrayBuffer();
  const classifier = await Classifier.open(new Uint8Array(content));
  const results = {};
  for (const [name, { frames, hops }] of Object.entries(tracks)) {
    const wanted = new Set(hops.filter(({ window }) => window).map(({ frame }) => frame));
    let features;
    const recognizer = new Recognizer(classifier.contract, (given) => {
      features = given;
      return classifier.classify(given);
    });
    results[name] = [];
    for (const [frame, { time, landmarks }] of frames.entries()) {
      const result = await recognizer.push(time, landmarks);
      if (result) {
        const { estimate, ...rest } = result;
        const window = wanted.has(frame) ? Array.from(features) : null;
        results[name].push({ frame, window, ...rest, ...estimate });
      }
    }
  }
  return JSON.stringify({ contract: classifier.contract, tracks: results });
}"""

CUT_WINDOWS: Final = """async (file) => {
  const { tracks, windows } = await (await fetch(file)).json();
  const load = (name) => import(new URL(`./core/${name}.js`, location.href).href);
  const { cutWindow } = await load("window");
  const { poseOf } = await load("skeleton");
  return JSON.stringify(windows.map(({ spec, track, end }) => {
    const frames = tracks[track].frames.map(({ time, landmarks }) => ({
      time,
      pose: landmarks && poseOf(landmarks),
    }));
    const window = cutWindow(frames, spec, end);
    return { ...window, features: window.features && Array.from(window.features) };
  }));
}"""

ESTIMATE: Final = """async (estimates) => {
  const { RollingEstimate } = await import(new URL("./core/rolling.js", location.href).href);
  return estimates.map(({ decision, dancing, steps }) => {
    const rolling = new RollingEstimate(["A", "B", "C", "D"], decision, dancing);
    return steps.map(({ time, given, seconds }) => rolling.update(time, given, seconds));
  });
}"""

CONSTANTS: Final = """async () => {
  const names = ["contract", "recognizer", "skeleton", "window"];
  const modules = await Promise.all(
    [...names.map((name) => `./core/${name}.js`), "./dancetype.js"].map(
      (path) => import(new URL(path, location.href).href),
    ),
  );
  const { VERSION, NORMALISATION, TRAJECTORY, DEFAULT_HOP, JOINTS, COCO_LANDMARKS, MAX_COORDINATE,
    MAX_GAP, MAX_POSE_FPS } = Object.assign({}, ...modules);
  return [VERSION, NORMALISATION, TRAJECTORY, DEFAULT_HOP, JOINTS, COCO_LANDMARKS, MAX_COORDINATE,
    MAX_GAP, MAX_POSE_FPS];
}"""

LOAD_MODEL: Final = """async (genreModel) => {
  const { DanceClassifier } = await import(new URL("./dancetype.js", location.href).href);
  try {
    (await DanceClassifier.load({ genreModel })).close();
    return "loaded";
  } catch ({ name, message }) {
    return `${name}: ${message}`;
  }
}"""

FAIL_CAMERA: Final = """(name) => {
  const fail = () => Promise.reject(new DOMException("", name));
  navigator.mediaDevices.getUserMedia = fail;
}"""

UNPLUG_CAMERA: Final = """() => {
  const [track] = document.querySelector("video").srcObject.getTracks();
  track.dispatchEvent(new Event("ended"));
}"""

CALL: Final = """(url) => fetch(url, { mode: "no-cors" }).then(() => "answered", () => "refused")"""


@pytest.fixture(scope="module")
def site(pose_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that the command has written."""
    folder = tmp_path_factory.mktemp("browser") / "site"
    command = [sys.executable, "-m", "dancetype", "browser", "--out", str(folder)]
    subprocess.run(command, check=True, cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[FileServer]:
    with FileServer(site) as served:
        yield served


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Clip of the camera, and the number of its frames."""
    file = tmp_path_factory.mktemp("clip") / "camera.mjpeg"
    return file, make_camera_clip(DANCE_CLIP, file, seconds=CLIP_SECONDS)


@pytest.fixture(scope="module")
def browser(clip: tuple[Path, int]) -> Iterator[Browser]:
    # Names of hosts that do not exist, so that a page is not from this machine.
    hosts = "--host-resolver-rules=MAP *.test 127.0.0.1"
    with chromium(*camera_arguments(clip[0]), hosts) as launched:
        yield launched


@pytest.fixture
def page(browser: Browser, server: FileServer) -> Iterator[Page]:
    """A page that must log no error, and contact only its own server."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    urls: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(f"{message.type}: {message.text}"))
    # Of the context: including those of frames and workers.
    context.on("request", lambda request: urls.append(request.url))
    page.goto(f"http://{server.host}/")
    yield page
    context.close()
    # MediaPipe logs all its messages to the console, with their level in front.
    assert [text for text in errors if re.match(r"(?!error: INFO)(error|Error)", text)] == []
    own = re.compile(rf"http://{re.escape(server.host)}/|(data|blob):|about:blank")
    assert [url for url in urls if not own.match(url)] == []


def test_port_agrees_with_python_on_five_tracks(page: Page, site: Path) -> None:
    golden = golden_vectors()
    assert len(golden["tracks"]) == 5
    compare_tracks(page, site, golden, "models/genre.onnx")
    windows = json.loads(page.evaluate(CUT_WINDOWS, "golden.json"))
    for result, expected in zip(windows, golden["windows"], strict=True):
        assert result["empty"] == expected["empty"]
        compare(result["seconds"], expected["seconds"])
        compare_values(result["features"], expected["features"])
    estimates = page.evaluate(ESTIMATE, golden["estimates"])
    for result, expected in zip(estimates, golden["estimates"], strict=True):
        for estimate, step in zip(result, expected["steps"], strict=True):
            compare_estimates(estimate, step)


def test_page_reads_genres_and_thresholds_from_the_model(page: Page, site: Path) -> None:
    model = site / "models/eager.onnx"
    decision = Decision.uniform(10, enter=0.02, leave=0.01, margin=0.0)
    scaled_model(model, factor=0.5, decision=decision)
    golden = golden_vectors(model)
    compare_tracks(page, site, golden, "models/eager.onnx")
    genres = {hop["genre"] for track in golden["tracks"].values() for hop in track["hops"]}
    assert len(genres) > 2


@pytest.mark.parametrize("trajectory", [True, False])
def test_page_runs_models_with_and_without_a_trajectory(
    page: Page, site: Path, trajectory: bool
) -> None:
    window = WindowSpec(4.0, 1.0, 60, trajectory=trajectory)
    onnx.save(linear_model(window), site / "models/linear.onnx")
    golden = golden_vectors(site / "models/linear.onnx")
    compare_tracks(page, site, golden, "models/linear.onnx")


def linear_model(window: WindowSpec) -> onnx.ModelProto:
    """Return a model for a window; without a trajectory, its metadata do not mention one."""
    contract = replace(CONTRACT, window=window)
    metadata = contract.metadata()
    if not window.trajectory:
        metadata["window"] = metadata["window"].replace(', "trajectory": false', "")
    model = make_model(length=window.length, features=window.features, contract=contract)
    onnx.helper.set_model_props(model, metadata)
    return model


def compare_tracks(page: Page, site: Path, golden: Vectors, model: str) -> None:
    (site / "golden.json").write_text(json.dumps(golden), encoding="utf-8")
    results = json.loads(page.evaluate(PREDICT_TRACKS, ["golden.json", model]))
    compare_contracts(results["contract"], json.loads(json.dumps(golden["contract"])))
    for name, track in golden["tracks"].items():
        compare_hops(results["tracks"][name], track["hops"])


def compare_contracts(contract: dict[str, Any], expected: dict[str, Any]) -> None:
    assert contract == expected
    # Objects of Python and JavaScript are equal regardless of the order of their keys.
    assert list(contract["genres"]) == list(expected["labels"])


def compare_hops(hops: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [hop["frame"] for hop in hops] == [hop["frame"] for hop in expected]
    for hop, other in zip(hops, expected, strict=True):
        compare_values(hop["window"], other["window"])
        compare(hop["windowSeconds"], other["windowSeconds"])
        compare_values(hop["windowProbabilities"], other["windowProbabilities"])
        compare_estimates(hop, other)


def compare_estimates(estimate: dict[str, Any], expected: dict[str, Any]) -> None:
    assert (estimate["status"], estimate["genre"]) == (expected["status"], expected["genre"])
    compare(estimate["confidence"], expected["confidence"])
    compare(estimate["probabilities"], expected["probabilities"])
    compare_values(estimate["dancing"], expected["dancing"])


def compare_values(values: Any, expected: Any) -> None:
    assert (values is None) is (expected is None)
    if expected is not None:
        compare(values, expected)


def test_constants_of_the_port_are_those_of_python(page: Page) -> None:
    assert page.evaluate(CONSTANTS) == [
        VERSION,
        NORMALISATION,
        TRAJECTORY,
        DEFAULT_HOP,
        list(JOINTS),
        list(COCO_LANDMARKS),
        MAX_COORDINATE,
        MAX_GAP,
        MAX_POSE_FPS,
    ]


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


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"axes": "xy"', '"axes": "xyz"', "its window is invalid"),
        ('"trajectory": true', '"trajectory": 1', "its window is invalid"),
        (TRAJECTORY, "", "it needs another normalisation"),
        (', "trajectory": true', "", "it needs another normalisation"),
    ],
)
def test_contradictory_trajectory_is_refused_with_the_reason(
    page: Page, server: FileServer, site: Path, old: str, new: str, reason: str
) -> None:
    model = linear_model(WindowSpec(4.0, 1.0, 60, trajectory=True))
    for entry in model.metadata_props:
        entry.value = entry.value.replace(old, new)
    onnx.save(model, site / "models/changed.onnx")
    assert reason in page.evaluate(LOAD_MODEL, f"http://{server.host}/models/changed.onnx")


def test_unsuitable_genre_model_is_refused_with_the_reason(
    page: Page, server: FileServer, site: Path
) -> None:
    content = (site / "models/genre.onnx").read_bytes()
    changes = {
        "its contract has version 9": (
            b"dancetype_contract\x12\x011",
            b"dancetype_contract\x12\x019",
        ),
        "its joints are not COCO's": (b'"left_knee", "right_knee"', b'"right_knee", "left_knee"'),
        "its decision is invalid": (b'"margin": 0.1', b'"margin": 1.1'),
        "its metadata cannot be read": (content[-5000:], b""),
    }
    for number, (reason, (old, new)) in enumerate(changes.items()):
        assert content.count(old) == 1
        model = f"models/changed-{number}.onnx"
        (site / model).write_bytes(content.replace(old, new))
        assert reason in page.evaluate(LOAD_MODEL, f"http://{server.host}/{model}")
