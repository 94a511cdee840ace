"""A game: it names a genre, and gives points for as long as that is what you dance.

    pip install pygame-ce websockets
    python game.py --url ws://127.0.0.1:8765/ws --rounds 3 --seconds 10

Space or Return goes on to the next round, Escape ends the game. Where dancetype has a token, it is
to be in DANCETYPE_TOKEN here, too.
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
FRAMES_A_SECOND: Final = 60
# dancetype looks at the last four seconds, and would count what was danced before.
READY: Final = 4.0
RESULT: Final = 4.0
STALE: Final = 1.5
SILENT: Final = 3.0
AGAIN: Final = 1.0

NIGHT: Final = (14, 16, 26)
GROUND: Final = (38, 42, 60)
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


class Live:
    """What dancetype says now, and nothing that it said before.

    One connection's messages go in, in their order, with the time at which they came.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets everything: a new connection begins."""
        self._source: str | None = None
        self._predictions = 0
        self._newest: dict[str, Any] = {}
        self._came: float | None = None

    def take(self, message: dict[str, Any], now: float) -> None:
        """Takes in a message that came at `now` (seconds)."""
        if message["type"] not in ("prediction", "source"):
            return
        # With several cameras, the game is played before the first one heard of.
        self._source = self._source or message["source"]
        if message["source"] != self._source:
            return
        if message["type"] == "prediction":
            self._predictions += 1
            # The first after connecting may be as old as it likes.
            self._newest, self._came = message, now if self._predictions > 1 else None
        elif message["state"] != "running":
            self._came = None

    def probabilities(self, now: float) -> dict[str, float] | None:
        """How likely each genre is, by code; None where nobody dances or what is known is old."""
        if self._came is None or now - self._came > STALE:
            return None
        danced = self._newest["status"] in ("genre", "not_sure")
        return dict(self._newest["probabilities"]) if danced else None

    def status(self, now: float) -> str:
        """The same in words, for the bottom of the screen."""
        if self._came is None or now - self._came > STALE:
            return "waiting for dancetype"
        shown: str = self._newest["name"] or self._newest["status"]
        return {
            "no_person": "nobody in view",
            "not_sure": "not sure what this is",
            "warming_up": "keep going",
        }.get(shown, f"this is {shown}")


class Score:
    """Counts one round.

    A point is a hundredth of the round danced with full confidence. Time in which nothing is known
    does not pass, as that is no fault of the dancer.

    Args:
        wanted: code of the genre.
        seconds: how long the round lasts.
    """

    def __init__(self, wanted: str, seconds: float) -> None:
        self.wanted = wanted
        self._seconds = seconds
        self._passed = 0.0
        self._earned = 0.0

    def advance(self, elapsed: float, probabilities: dict[str, float] | None) -> None:
        """Passes `elapsed` seconds, in which `probabilities` held; None stops the clock."""
        if probabilities is not None:
            counted = min(elapsed, self._seconds - self._passed)
            self._passed += counted
            self._earned += counted * probabilities.get(self.wanted, 0.0)

    @property
    def left(self) -> float:
        """Seconds to go."""
        return self._seconds - self._passed

    @property
    def filled(self) -> float:
        """How full the bar is, from 0 to 1."""
        return self._earned / self._seconds

    @property
    def points(self) -> int:
        """From 0 to 100."""
        return round(100 * self.filled)


class Phase(Enum):
    """Where the game is."""

    WAITING = "waiting"
    READY = "get ready"
    DANCING = "dance"
    RESULT = "result"
    OVER = "game over"


class Game:
    """The rules: rounds one after another, each of another genre.

    Args:
        rounds: how many.
        seconds: of dancing in each.
        chance: picks the genres.
    """

    def __init__(self, rounds: int, seconds: float, chance: random.Random) -> None:
        self.phase = Phase.WAITING
        self.rounds = rounds
        self.round = 0
        self.total = 0
        self.score = Score("", seconds)
        self._seconds = seconds
        self._chance = chance
        self._codes: list[str] = []
        self._wait = 0.0

    @property
    def countdown(self) -> int:
        """Whole seconds until the dancing begins."""
        return int(self._wait) + 1

    def advance(self, elapsed: float, probabilities: dict[str, float] | None) -> None:
        """Passes `elapsed` seconds with what is known of the dance."""
        if self.phase is Phase.WAITING and probabilities:
            self._codes = sorted(probabilities)
            self._next()
        elif self.phase is Phase.DANCING:
            self.score.advance(elapsed, probabilities)
            if self.score.left <= 0:
                self.skip()
        elif self.phase in (Phase.READY, Phase.RESULT):
            self._wait -= elapsed
            if self._wait <= 0:
                self.skip()

    def skip(self) -> None:
        """Goes on to what comes next."""
        if self.phase is Phase.READY:
            self.phase = Phase.DANCING
        elif self.phase is Phase.DANCING:
            self.phase, self._wait = Phase.RESULT, RESULT
            self.total += self.score.points
        elif self.phase is Phase.RESULT:
            self._next()

    def _next(self) -> None:
        if self.round == self.rounds:
            self.phase = Phase.OVER
            return
        others = [code for code in self._codes if code != self.score.wanted] or self._codes
        self.score = Score(self._chance.choice(others), self._seconds)
        self.phase, self._wait = Phase.READY, READY
        self.round += 1


class Listener:
    """Keeps a `Live` up to date on a thread of its own, however often the connection ends."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._live = Live()
        self._lock = Lock()
        self.problem = ""
        Thread(target=self._run, daemon=True).start()

    def now(self) -> tuple[dict[str, float] | None, str]:
        """The probabilities and the status of this moment, as in `Live`."""
        with self._lock:
            now = time.monotonic()
            status = self._live.status(now)
            return self._live.probabilities(now), self.problem or status

    def _run(self) -> None:
        while True:
            try:
                with connect(
                    self._url, additional_headers=self._headers, close_timeout=0.5
                ) as socket:
                    self.problem = ""
                    while True:
                        message = json.loads(socket.recv(timeout=SILENT))
                        with self._lock:
                            self._live.take(message, time.monotonic())
            except (OSError, TimeoutError, WebSocketException) as error:
                self.problem = f"no connection to {self._url}: {error}"
            with self._lock:
                self._live.reset()
            time.sleep(AGAIN)


class Screen:
    """Draws a game; what was written once is kept, since letters are slow to make."""

    def __init__(self, surface: pygame.Surface) -> None:
        self._surface = surface
        self._written: dict[tuple[str, int, tuple[int, int, int]], pygame.Surface] = {}

    def draw(self, game: Game, status: str) -> None:
        """One frame."""
        self._surface.fill(NIGHT)
        if game.round:
            self._write(f"round {game.round} of {game.rounds}", 48, GREY, (60, 60), "midleft")
            self._write(f"{game.total} points", 48, GREY, (SIZE[0] - 60, 60), "midright")
        self._write(status, 36, GREY, (SIZE[0] // 2, SIZE[1] - 56))
        middle = SIZE[0] // 2
        genre = NAMES.get(game.score.wanted, game.score.wanted)
        if game.phase is Phase.WAITING:
            self._write("step into view", 96, WHITE, (middle, 300))
        elif game.phase is Phase.READY:
            self._write("get ready to dance", 56, GREY, (middle, 200))
            self._write(genre, 150, WHITE, (middle, 300))
            self._write(str(game.countdown), 140, PINK, (middle, 470))
        elif game.phase is Phase.DANCING:
            self._write("dance", 56, GREY, (middle, 200))
            self._write(genre, 150, WHITE, (middle, 300))
            self._bar(game.score)
        elif game.phase is Phase.RESULT:
            self._write(genre, 60, GREY, (middle, 210))
            self._write(f"{game.score.points} points", 140, TEAL, (middle, 330))
        else:
            self._write("game over", 60, GREY, (middle, 210))
            self._write(f"{game.total} points", 140, TEAL, (middle, 330))
            self._write("Escape to leave", 48, GREY, (middle, 460))
        pygame.display.flip()

    def _bar(self, score: Score) -> None:
        whole = pygame.Rect(0, 0, 900, 72)
        whole.center = (SIZE[0] // 2, 470)
        pygame.draw.rect(self._surface, GROUND, whole, border_radius=36)
        full = whole.copy()
        full.width = max(round(whole.width * score.filled), whole.height)
        pygame.draw.rect(self._surface, TEAL, full, border_radius=36)
        self._write(f"{score.left:.0f} s left", 48, WHITE, (whole.centerx, whole.bottom + 50))

    def _write(
        self,
        text: str,
        size: int,
        colour: tuple[int, int, int],
        at: tuple[int, int],
        anchor: str = "center",
    ) -> None:
        key = (text, size, colour)
        if key not in self._written:
            self._written[key] = pygame.font.Font(None, size).render(text, True, colour)
        image = self._written[key]
        self._surface.blit(image, image.get_rect(**{anchor: at}))


def handle(events: Iterable[pygame.event.Event], game: Game) -> bool:
    """Does what keys ask for; False where the player has had enough."""
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
    """What can be set."""

    url: str
    rounds: int
    seconds: float

    @classmethod
    def parse(cls, words: list[str] | None = None) -> "Options":
        """Reads the command line; leaves with a line where it makes no sense."""
        parser = argparse.ArgumentParser(description="Dance what you are told to.")
        parser.add_argument("--url", default="ws://127.0.0.1:8765/ws", help="of dancetype")
        parser.add_argument("--rounds", type=int, default=3)
        parser.add_argument("--seconds", type=float, default=10.0, help="of dancing in each round")
        given = parser.parse_args(words)
        if given.rounds < 1 or not 0 < given.seconds < 3600:
            parser.error("--rounds takes 1 or more, --seconds more than 0")
        return cls(given.url, given.rounds, given.seconds)


def main(words: list[str] | None = None) -> int:
    """Plays a game; returns its points."""
    options = Options.parse(words)
    pygame.display.init()
    pygame.font.init()
    pygame.display.set_caption("Dance")
    screen = Screen(pygame.display.set_mode(SIZE))
    game = Game(options.rounds, options.seconds, random.Random())
    listener = Listener(options.url, os.environ.get("DANCETYPE_TOKEN"))
    clock = pygame.time.Clock()
    while handle(pygame.event.get(), game):
        probabilities, status = listener.now()
        game.advance(clock.tick(FRAMES_A_SECOND) / 1000, probabilities)
        screen.draw(game, status)
    pygame.quit()
    return game.total


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        print(f"{main()} points")
