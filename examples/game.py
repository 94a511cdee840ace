"""A dance game: it names a genre, and gives points while the player dances it.

    pip install pygame-ce websockets
    python game.py --url ws://127.0.0.1:8765/ws --rounds 3 --seconds 10

Space or Return skips to the next phase, Escape ends the game. If dancetype has a token, set
DANCETYPE_TOKEN here as well.
"""

import argparse
import json
import os
import random
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from threading import Lock, Thread
from typing import Any, Final

import pygame
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

SIZE: Final = (1280, 720)
FRAME_RATE: Final = 60
# A prediction covers the last four seconds, which must not include the time before the round.
READY_SECONDS: Final = 4.0
RESULT_SECONDS: Final = 4.0
STALE: Final = 1.5  # seconds without a prediction after which the last one is outdated
SILENT: Final = 3.0  # seconds without any message after which the connection is dead
RECONNECT_DELAY: Final = 1.0

DARK_BLUE: Final = (14, 16, 26)
BLUE: Final = (38, 42, 60)
WHITE: Final = (240, 242, 250)
GREY: Final = (140, 146, 170)
PINK: Final = (255, 72, 132)
TEAL: Final = (64, 224, 190)
NAMES: Final = {
    "BR": "break",
    "PO": "pop",
    "LO": "lock",
    "MH": "middle hip-hop",
    "LH": "LA-style hip-hop",
    "HO": "house",
    "WA": "waack",
    "KR": "krump",
    "JS": "street jazz",
    "JB": "ballet jazz",
}


class LivePrediction:
    """The current prediction of the first source, built from the messages of one connection."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all messages; call this for each new connection."""
        self._source: str | None = None
        self._count = 0
        self._latest: dict[str, Any] = {}
        self._received: float | None = None

    def update(self, message: dict[str, Any], now: float) -> None:
        """Process a message that arrived at `now` (seconds)."""
        if message["type"] not in ("prediction", "source"):
            return
        # With several cameras, the game uses the one of the first message.
        self._source = self._source or message["source"]
        if message["source"] != self._source:
            return
        if message["type"] == "prediction":
            self._count += 1
            # The first prediction after connecting may be old.
            self._latest, self._received = message, now if self._count > 1 else None
        elif message["state"] not in ("running", "bursty"):
            self._received = None

    def probabilities(self, now: float) -> dict[str, float] | None:
        """Return genre probabilities by code, or None without a dancer or a recent prediction."""
        if self._is_stale(now):
            return None
        is_dancing = self._latest["status"] in ("genre", "not_sure")
        return dict(self._latest["probabilities"]) if is_dancing else None

    def status(self, now: float) -> str:
        """Return the text for the bottom of the screen."""
        if self._is_stale(now):
            return "waiting for dancetype"
        status: str = self._latest["name"] or self._latest["status"]
        return {
            "no_person": "no person in view",
            "not_sure": "not sure which genre this is",
            "warming_up": "keep dancing",
        }.get(status, f"this is {status}")

    def _is_stale(self, now: float) -> bool:
        return self._received is None or now - self._received > STALE


class Score:
    """Score of one round.

    A full round at probability 1 gives 100 points. The clock stops without a recent prediction,
    which is not the dancer's fault.

    Args:
        target: Code of the genre to dance.
        seconds: Length of the round.
    """

    def __init__(self, target: str, seconds: float) -> None:
        self.target = target
        self._seconds = seconds
        self._elapsed = 0.0
        self._earned = 0.0

    def advance(self, elapsed: float, probabilities: dict[str, float] | None) -> None:
        """Advance by `elapsed` seconds with the current probabilities; None stops the clock."""
        if probabilities is not None:
            counted = min(elapsed, self._seconds - self._elapsed)
            self._elapsed += counted
            self._earned += counted * probabilities.get(self.target, 0.0)

    @property
    def remaining(self) -> float:
        """Seconds left in the round."""
        return self._seconds - self._elapsed

    @property
    def fraction(self) -> float:
        """Score from 0 to 1, which is the length of the bar."""
        return self._earned / self._seconds

    @property
    def points(self) -> int:
        """Score from 0 to 100."""
        return round(100 * self.fraction)


class Phase(Enum):
    """Phase of the game."""

    WAITING = "waiting"
    READY = "get ready"
    DANCING = "dance"
    RESULT = "result"
    OVER = "game over"


class Game:
    """Rules of the game: several rounds, each with another genre.

    Args:
        rounds: Number of rounds.
        seconds: Seconds of dancing in each round.
        rng: Random generator that picks the genres.
    """

    def __init__(self, rounds: int, seconds: float, rng: random.Random) -> None:
        self.phase = Phase.WAITING
        self.rounds = rounds
        self.round = 0
        self.total = 0
        self.score = Score("", seconds)
        self._seconds = seconds
        self._rng = rng
        self._codes: list[str] = []
        self._wait = 0.0

    @property
    def countdown(self) -> int:
        """Whole seconds until the round begins."""
        return int(self._wait) + 1

    def advance(self, elapsed: float, probabilities: dict[str, float] | None) -> None:
        """Advance by `elapsed` seconds with the current probabilities, or None without any."""
        if self.phase is Phase.WAITING and probabilities:
            self._codes = sorted(probabilities)
            self._next_round()
        elif self.phase is Phase.DANCING:
            self.score.advance(elapsed, probabilities)
            if self.score.remaining <= 0:
                self.skip()
        elif self.phase in (Phase.READY, Phase.RESULT):
            self._wait -= elapsed
            if self._wait <= 0:
                self.skip()

    def skip(self) -> None:
        """Skip to the next phase."""
        if self.phase is Phase.READY:
            self.phase = Phase.DANCING
        elif self.phase is Phase.DANCING:
            self.phase, self._wait = Phase.RESULT, RESULT_SECONDS
            self.total += self.score.points
        elif self.phase is Phase.RESULT:
            self._next_round()

    def _next_round(self) -> None:
        if self.round == self.rounds:
            self.phase = Phase.OVER
            return
        others = [code for code in self._codes if code != self.score.target] or self._codes
        self.score = Score(self._rng.choice(others), self._seconds)
        self.phase, self._wait = Phase.READY, READY_SECONDS
        self.round += 1


class Listener:
    """Client that receives predictions on a background thread, and reconnects if disconnected."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._prediction = LivePrediction()
        self._lock = Lock()
        self.error = ""
        Thread(target=self._run, daemon=True).start()

    def current(self) -> tuple[dict[str, float] | None, str]:
        """Return the current probabilities and status, as `LivePrediction` does."""
        with self._lock:
            now = time.monotonic()
            status = self._prediction.status(now)
            return self._prediction.probabilities(now), self.error or status

    def _run(self) -> None:
        while True:
            try:
                with connect(
                    self._url, additional_headers=self._headers, close_timeout=0.5
                ) as socket:
                    self.error = ""
                    while True:
                        message = json.loads(socket.recv(timeout=SILENT))
                        with self._lock:
                            self._prediction.update(message, time.monotonic())
            except (OSError, TimeoutError, WebSocketException) as error:
                self.error = f"no connection to {self._url}: {error}"
            with self._lock:
                self._prediction.reset()
            time.sleep(RECONNECT_DELAY)


class Screen:
    """View of the game; rendered texts are cached, since rendering is slow."""

    def __init__(self, surface: pygame.Surface) -> None:
        self._surface = surface
        self._rendered_texts: dict[tuple[str, int, tuple[int, int, int]], pygame.Surface] = {}

    def draw(self, game: Game, status: str) -> None:
        """Draw one frame."""
        self._surface.fill(DARK_BLUE)
        if game.round:
            self._draw_text(f"round {game.round} of {game.rounds}", 48, GREY, (60, 60), "midleft")
            self._draw_text(f"{game.total} points", 48, GREY, (SIZE[0] - 60, 60), "midright")
        self._draw_text(status, 36, GREY, (SIZE[0] // 2, SIZE[1] - 56))
        middle = SIZE[0] // 2
        genre = NAMES.get(game.score.target, game.score.target)
        if game.phase is Phase.WAITING:
            self._draw_text("step into view", 96, WHITE, (middle, 300))
        elif game.phase is Phase.READY:
            self._draw_text("get ready to dance", 56, GREY, (middle, 200))
            self._draw_text(genre, 150, WHITE, (middle, 300))
            self._draw_text(str(game.countdown), 140, PINK, (middle, 470))
        elif game.phase is Phase.DANCING:
            self._draw_text("dance", 56, GREY, (middle, 200))
            self._draw_text(genre, 150, WHITE, (middle, 300))
            self._draw_bar(game.score)
        elif game.phase is Phase.RESULT:
            self._draw_text(genre, 60, GREY, (middle, 210))
            self._draw_text(f"{game.score.points} points", 140, TEAL, (middle, 330))
        else:
            self._draw_text("game over", 60, GREY, (middle, 210))
            self._draw_text(f"{game.total} points", 140, TEAL, (middle, 330))
            self._draw_text("Escape to leave", 48, GREY, (middle, 460))
        pygame.display.flip()

    def _draw_bar(self, score: Score) -> None:
        bar = pygame.Rect(0, 0, 900, 72)
        bar.center = (SIZE[0] // 2, 470)
        pygame.draw.rect(self._surface, BLUE, bar, border_radius=36)
        filled = bar.copy()
        filled.width = max(round(bar.width * score.fraction), bar.height)
        pygame.draw.rect(self._surface, TEAL, filled, border_radius=36)
        self._draw_text(f"{score.remaining:.0f} s left", 48, WHITE, (bar.centerx, bar.bottom + 50))

    def _draw_text(
        self,
        text: str,
        size: int,
        colour: tuple[int, int, int],
        position: tuple[int, int],
        anchor: str = "center",
    ) -> None:
        key = (text, size, colour)
        if key not in self._rendered_texts:
            self._rendered_texts[key] = pygame.font.Font(None, size).render(text, True, colour)
        image = self._rendered_texts[key]
        self._surface.blit(image, image.get_rect(**{anchor: position}))


def handle_events(events: Iterable[pygame.event.Event], game: Game) -> bool:
    """Handle key presses; return False if the player quits."""
    for event in events:
        if event.type == pygame.QUIT:
            return False
        if event.type == pygame.KEYDOWN:
            if event.key == pygame.K_ESCAPE:
                return False
            if event.key in (pygame.K_SPACE, pygame.K_RETURN):
                game.skip()
    return True


@dataclass(frozen=True)
class Options:
    """Command-line options."""

    url: str
    rounds: int
    seconds: float

    @classmethod
    def parse(cls, arguments: list[str] | None = None) -> "Options":
        """Parse the command line; exit with an error message if it is invalid."""
        parser = argparse.ArgumentParser(description="Dance the genre that the game names.")
        parser.add_argument("--url", default="ws://127.0.0.1:8765/ws", help="URL of dancetype")
        parser.add_argument("--rounds", type=int, default=3, help="number of rounds")
        parser.add_argument("--seconds", type=float, default=10.0, help="length of a round")
        parsed = parser.parse_args(arguments)
        if parsed.rounds < 1 or not 0 < parsed.seconds < 3600:
            parser.error("--rounds must be at least 1, and --seconds between 0 and 3600")
        return cls(parsed.url, parsed.rounds, parsed.seconds)


def main(arguments: list[str] | None = None) -> int:
    """Play a game, and return its points."""
    options = Options.parse(arguments)
    pygame.display.init()
    pygame.font.init()
    pygame.display.set_caption("Dance")
    screen = Screen(pygame.display.set_mode(SIZE))
    game = Game(options.rounds, options.seconds, random.Random())
    listener = Listener(options.url, os.environ.get("DANCETYPE_TOKEN"))
    clock = pygame.time.Clock()
    while handle_events(pygame.event.get(), game):
        probabilities, status = listener.current()
        game.advance(clock.tick(FRAME_RATE) / 1000, probabilities)
        screen.draw(game, status)
    pygame.quit()
    return game.total


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        print(f"{main()} points")
