"""Test pattern: a drawn figure that moves its arms and legs."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import SourceError
from dancetype.engine.media.opencv import cv2
from dancetype.engine.media.sampler import FrameRate, FrameSampler
from dancetype.stream.sources.base import Frame

_HEIGHT: Final = 480
_WIDTH: Final = 640
_SKIN: Final = (150, 180, 225)
_SHIRT: Final = (150, 90, 40)
_TROUSERS: Final = (70, 60, 60)
_MIN_FPS: Final = 0.1
_MAX_FPS: Final = 1000.0


@dataclass(frozen=True, slots=True)
class PatternOptions:
    """Frames per second and duration of a test pattern."""

    fps: float = 30.0
    seconds: float = math.inf

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse options such as `?fps=60&seconds=5`, or an empty text.

        Raises:
            SourceError: An option is unknown, not a number or out of range.
        """
        values = parse_qsl(text.removeprefix("?"), keep_blank_values=True)
        try:
            options = cls(**{name: float(value) for name, value in values})
        except (TypeError, ValueError):
            options = cls(fps=0)
        if not _MIN_FPS <= options.fps <= _MAX_FPS or not options.seconds > 0:
            raise SourceError(
                f"test:{text}: invalid options; use fps={_MIN_FPS:g} to {_MAX_FPS:g} and seconds "
                "above 0, such as test:?fps=30&seconds=5"
            )
        return options


class PatternSource:
    """Live source that draws its frames.

    Args:
        options: Frames per second and duration.
        epoch: Epoch of the source.
        clock: Monotonic clock in seconds.
        sleep: Function that waits for some seconds.
        fps: Maximum number of frames per second to return; all frames if None.
    """

    live = True

    def __init__(
        self,
        options: PatternOptions,
        *,
        epoch: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        fps: FrameRate | None = None,
    ) -> None:
        self._options = options
        self._epoch = epoch
        self._clock = clock
        self._sleep = sleep
        self._sampler = FrameSampler(fps)
        self._start = self._due = clock()
        self._index = -1

    def read(self) -> Frame | None:
        """Wait for the next frame and return it, or None at the end."""
        interval = 1 / self._options.fps
        while self._due - self._start <= self._options.seconds - interval / 2:
            self._sleep(max(self._due - self._clock(), 0.0))
            now = self._clock()
            # Like a camera, skip the frames that were not read in time.
            self._due = (self._due if now - self._due < interval else now) + interval
            self._index += 1
            if self._sampler.accept(now):
                return Frame(draw_figure(now - self._start), now, self._index, self._epoch)
        return None

    def close(self) -> None:
        """Do nothing."""


def draw_figure(seconds: float) -> NDArray[np.uint8]:
    """Return a BGR image (480, 640, 3) of the figure `seconds` after its start."""
    image = np.full((_HEIGHT, _WIDTH, 3), (225, 230, 235), np.uint8)
    swing = math.sin(2 * math.pi * seconds)
    bounce = round(8 * abs(math.cos(2 * math.pi * seconds)))
    centre = _WIDTH // 2 + round(20 * math.sin(math.pi * seconds))
    neck, pelvis = (centre, 140 - bounce), (centre, 260 - bounce)
    for side in (-1, 1):
        hip = (pelvis[0] + side * 25, pelvis[1])
        knee = (hip[0] + side * round(15 + 10 * swing), 335 - bounce // 2)
        foot = (hip[0] + side * 20, 415)
        _limb(image, (hip, knee, foot), _TROUSERS, 34)
        shoulder = (neck[0] + side * 45, neck[1] + 15)
        elbow = (shoulder[0] + side * 45, shoulder[1] + 35 - round(30 * side * swing))
        hand = (elbow[0] + side * 25, elbow[1] - round(45 * side * swing) - 20)
        _limb(image, (shoulder, elbow, hand), _SKIN, 22)
    cv2.ellipse(image, (centre, (neck[1] + pelvis[1]) // 2 + 10), (52, 75), 0, 0, 360, _SHIRT, -1)
    cv2.ellipse(image, (centre, neck[1] - 38), (28, 36), 0, 0, 360, _SKIN, -1)
    for side in (-1, 1):
        cv2.circle(image, (centre + side * 10, neck[1] - 42), 3, (40, 40, 40), -1)
    return image


def _limb(
    image: NDArray[np.uint8],
    points: tuple[tuple[int, int], ...],
    colour: tuple[int, int, int],
    width: int,
) -> None:
    for start, end in pairwise(points):
        cv2.line(image, start, end, colour, width, cv2.LINE_AA)
