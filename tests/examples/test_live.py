"""The examples before a real `dancetype demo`, a real broker and a real browser."""

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.examples.script import EXAMPLES, Script, load_example
from tests.testbed.mosquitto import HOST, MOSQUITTO
from tests.testbed.rtsp_server import a_free_port
from tests.testbed.served import TOKEN, ServedDemo, chromium, sure_of

# Seconds in which a busy machine gets to a genre, and an example back to a server.
WITHIN: Final = 30.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Mosquitto."""
    assert MOSQUITTO, "these tests need a broker: apt-get install mosquitto"
    port = a_free_port()
    file = tmp_path_factory.mktemp("broker") / "mosquitto.conf"
    file.write_text(f"listener {port} {HOST}\nuser root\nallow_anonymous true\n")
    process = subprocess.Popen([MOSQUITTO, "-c", str(file)], stderr=subprocess.DEVNULL)
    yield port
    process.kill()
    process.wait(10)


@pytest.fixture(scope="module")
def demo(
    pose_model: Path, sample_clip: Path, broker: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedDemo]:
    """A demo that is sure of house."""
    model = sure_of("HO", tmp_path_factory.mktemp("model") / "house.onnx")
    words = ("--token", TOKEN, "--allow-origin", "null", "--mqtt", f"mqtt://{HOST}:{broker}")
    with ServedDemo("--model", model, *words) as served:
        yield served


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_page(viewport={"width": 1280, "height": 720})


def socket_of(demo: ServedDemo) -> str:
    return f"ws://{demo.host}/ws"


def overlay(page: Page, url: str, token: str = TOKEN) -> None:
    page.goto(f"{(EXAMPLES / 'overlay.html').as_uri()}?server={url}&token={token}")


def test_the_overlay_shows_the_genre_while_it_is_live_and_fades_when_it_is_not(
    demo: ServedDemo, page: Page
) -> None:
    overlay(page, socket_of(demo))
    label = page.locator("#genre")
    expect(label).to_have_text("house", timeout=WITHIN * 1000)
    expect(label).to_have_css("opacity", "1", timeout=WITHIN * 1000)
    with demo.frozen():
        # Before it gives the connection up, which takes three seconds.
        page.wait_for_function("label.classList.contains('old')", timeout=2700)
        page.wait_for_function("predictions === 0", timeout=8000)
    expect(label).to_have_css("opacity", "1", timeout=WITHIN * 1000)


def test_the_overlay_believes_neither_the_first_prediction_nor_one_of_a_stopped_source(
    page: Page,
) -> None:
    overlay(page, "ws://127.0.0.1:9/ws")
    label = page.locator("#genre")
    shown = """messages => {
        [source, predictions, fresh] = [null, 0, -Infinity];
        messages.forEach(message => take(message, performance.now()));
        return !label.classList.contains("old");
    }"""
    prediction = {"type": "prediction", "source": "stage", "name": "house"}
    stopped = {"type": "source", "source": "stage", "state": "reconnecting"}
    assert not page.evaluate(shown, [prediction])
    assert page.evaluate(shown, [prediction, prediction])
    assert not page.evaluate(shown, [prediction, {**prediction, "source": "other"}])
    assert not page.evaluate(shown, [prediction, prediction, {**prediction, "name": None}])
    page.evaluate(shown, [prediction, prediction, stopped])
    expect(label).to_have_class("old", timeout=1000)


def test_the_subscriber_says_what_is_danced_and_that_there_is_nothing_new(demo: ServedDemo) -> None:
    with Script(EXAMPLES / "subscriber.py", socket_of(demo), DANCETYPE_TOKEN=TOKEN) as script:
        script.line("demo: house", within=WITHIN)
        with demo.frozen():
            script.line("demo: nothing new", within=4)
        script.line("demo: house", within=WITHIN)


def test_the_subscriber_ends_with_a_line_where_it_may_not_connect(demo: ServedDemo) -> None:
    with Script(EXAMPLES / "subscriber.py", socket_of(demo), DANCETYPE_TOKEN="x" * 16) as script:
        script.line("dancetype wants another token", within=WITHIN)
        assert script.popen.wait(10) == 1


def test_the_mqtt_subscriber_says_what_is_danced(demo: ServedDemo, broker: int) -> None:
    with Script(EXAMPLES / "mqtt_subscriber.py", HOST, str(broker)) as script:
        script.line("demo: house", within=WITHIN)


def test_the_game_gives_points_for_what_is_danced_now_and_stops_its_clock_when_nothing_is_known(
    demo: ServedDemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    game = load_example("game")
    game.pygame.display.init()
    game.pygame.font.init()
    screen = game.Screen(game.pygame.display.set_mode(game.SIZE))
    listener = game.Listener(socket_of(demo), TOKEN)
    rounds = game.Game(1, 1000.0, random.Random(0))

    def play(holds: Callable[[], bool], elapsed: float) -> None:
        deadline = time.monotonic() + WITHIN
        while not holds():
            assert time.monotonic() < deadline
            probabilities, status = listener.now()
            rounds.advance(elapsed, probabilities)
            screen.draw(rounds, status)

    play(lambda: rounds.phase is game.Phase.READY, 0.0)
    rounds.skip()
    # So that it need not be drawn by lot.
    rounds.score.wanted = "HO"
    play(lambda: rounds.score.points > 50, 10.0)
    with demo.frozen():
        deadline = time.monotonic() + 6
        while listener.now()[0] is not None:
            assert time.monotonic() < deadline
        left = rounds.score.left
        rounds.advance(10.0, listener.now()[0])
        assert rounds.score.left == left


def test_the_game_starts_and_ends(demo: ServedDemo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("DANCETYPE_TOKEN", TOKEN)
    game = load_example("game")
    game.pygame.display.init()
    game.pygame.event.post(game.pygame.event.Event(game.pygame.QUIT))
    assert game.main(["--url", socket_of(demo), "--rounds", "1"]) == 0
