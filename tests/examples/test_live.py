"""Run the examples against a real `dancetype demo`, a real broker and a real browser."""

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.examples.script import EXAMPLES, Script, load_example
from tests.testbed.demo_server import TOKEN, DemoServer, chromium
from tests.testbed.models import biased_model
from tests.testbed.mosquitto import HOST, MOSQUITTO
from tests.testbed.rtsp_server import find_free_port

# Seconds for the first genre, or for a reconnect, on a busy machine.
TIMEOUT: Final = 30.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run Mosquitto, and yield its port."""
    assert MOSQUITTO, "these tests need a broker: apt-get install mosquitto"
    port = find_free_port()
    file = tmp_path_factory.mktemp("broker") / "mosquitto.conf"
    file.write_text(f"listener {port} {HOST}\nuser root\nallow_anonymous true\n")
    process = subprocess.Popen([MOSQUITTO, "-c", str(file)], stderr=subprocess.DEVNULL)
    yield port
    process.kill()
    process.wait(10)


@pytest.fixture(scope="module")
def demo(
    pose_model: Path, sample_clip: Path, broker: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DemoServer]:
    """Run a demo whose model always predicts house."""
    model = biased_model("HO", tmp_path_factory.mktemp("model") / "house.onnx")
    options = ("--token", TOKEN, "--allow-origin", "null", "--mqtt", f"mqtt://{HOST}:{broker}")
    with DemoServer("--model", model, *options) as served:
        yield served


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_page(viewport={"width": 1280, "height": 720})


def websocket_url(demo: DemoServer) -> str:
    return f"ws://{demo.host}/ws"


def open_overlay(page: Page, url: str, token: str = TOKEN) -> None:
    page.goto(f"{(EXAMPLES / 'overlay.html').as_uri()}?server={url}&token={token}")


def test_overlay_shows_a_live_genre_and_hides_an_outdated_one(demo: DemoServer, page: Page) -> None:
    open_overlay(page, websocket_url(demo))
    label = page.locator("#genre")
    expect(label).to_have_text("house", timeout=TIMEOUT * 1000)
    expect(label).to_have_css("opacity", "1", timeout=TIMEOUT * 1000)
    with demo.suspended():
        # The genre disappears before the overlay reconnects, which takes three seconds.
        page.wait_for_function("label.classList.contains('outdated')", timeout=2700)
        page.wait_for_function("predictionCount === 0", timeout=8000)
    expect(label).to_have_css("opacity", "1", timeout=TIMEOUT * 1000)


def test_overlay_ignores_the_first_prediction_and_those_of_stopped_sources(
    page: Page,
) -> None:
    open_overlay(page, "ws://127.0.0.1:9/ws")
    label = page.locator("#genre")
    is_shown_after = """messages => {
        [source, predictionCount, lastGenre] = [null, 0, -Infinity];
        messages.forEach(message => update(message, performance.now()));
        return !label.classList.contains("outdated");
    }"""
    prediction = {"type": "prediction", "source": "stage", "name": "house"}
    stopped = {"type": "source", "source": "stage", "state": "reconnecting"}
    assert not page.evaluate(is_shown_after, [prediction])
    assert page.evaluate(is_shown_after, [prediction, prediction])
    assert not page.evaluate(is_shown_after, [prediction, {**prediction, "source": "other"}])
    assert not page.evaluate(is_shown_after, [prediction, prediction, {**prediction, "name": None}])
    page.evaluate(is_shown_after, [prediction, prediction, stopped])
    expect(label).to_have_class("outdated", timeout=1000)


def test_subscriber_prints_the_genre_and_that_predictions_have_stopped(demo: DemoServer) -> None:
    with Script(EXAMPLES / "subscriber.py", websocket_url(demo), DANCETYPE_TOKEN=TOKEN) as script:
        script.line("demo: house", within=TIMEOUT)
        with demo.suspended():
            script.line("demo: no new prediction", within=4)
        script.line("demo: house", within=TIMEOUT)


def test_subscriber_exits_with_a_message_if_its_token_is_refused(demo: DemoServer) -> None:
    with Script(
        EXAMPLES / "subscriber.py", websocket_url(demo), DANCETYPE_TOKEN="x" * 16
    ) as script:
        script.line("dancetype refused the token", within=TIMEOUT)
        assert script.popen.wait(10) == 1


def test_mqtt_subscriber_prints_the_genre(demo: DemoServer, broker: int) -> None:
    with Script(EXAMPLES / "mqtt_subscriber.py", HOST, str(broker)) as script:
        script.line("demo: house", within=TIMEOUT)


def test_game_gives_points_for_the_live_genre_and_stops_its_clock_without_predictions(
    demo: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    game = load_example("game")
    game.pygame.display.init()
    game.pygame.font.init()
    screen = game.Screen(game.pygame.display.set_mode(game.SIZE))
    listener = game.Listener(websocket_url(demo), TOKEN)
    state = game.Game(1, 1000.0, random.Random(0))

    def play_until(condition: Callable[[], bool], elapsed: float) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline
            probabilities, status = listener.current()
            state.advance(elapsed, probabilities)
            screen.draw(state, status)

    play_until(lambda: state.phase is game.Phase.READY, 0.0)
    state.skip()
    # Replace the random genre by the one that the demo predicts.
    state.score.target = "HO"
    play_until(lambda: state.score.points > 50, 10.0)
    with demo.suspended():
        deadline = time.monotonic() + 6
        while listener.current()[0] is not None:
            assert time.monotonic() < deadline
        remaining = state.score.remaining
        state.advance(10.0, listener.current()[0])
        assert state.score.remaining == remaining


def test_game_can_be_started_and_quit(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("DANCETYPE_TOKEN", TOKEN)
    game = load_example("game")
    game.pygame.display.init()
    game.pygame.event.post(game.pygame.event.Event(game.pygame.QUIT))
    assert game.main(["--url", websocket_url(demo), "--rounds", "1"]) == 0
