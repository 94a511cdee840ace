"""Takes: what one run saw of one source and said of it, kept without a picture."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import BaseModel, FiniteFloat

from dancetype.engine.errors import FileError, first_line
from dancetype.engine.files import open_npz, save_npz
from dancetype.engine.landmarks import LANDMARKS, OF_COCO, Landmarks, coco_image, coco_visibility
from dancetype.engine.skeleton import JOINTS, Array

FORMAT: Final = 1
"""Of the files; grows where an older dancetype would misread a newer one's."""

_WORLD: Final = 10_000  # steps to a metre
_IMAGE: Final = 10_000  # steps to the width or height of the image
_VISIBILITY: Final = 255
_MOST: Final = 32_767
# The limit of `dancetype.engine.recognizer`.
_FARTHEST: Final = 1e6

# Five minutes of six people at 60 frames a second are a quarter of this.
_MOST_BYTES: Final = 128 * 1024**2
_LONGEST: Final = 86_400.0
_LATEST: Final = 1e11  # seconds since 1970, or of a machine's clock
_SHORTEST_HOP, _LONGEST_HOP = 0.02, 10.0
_MOST_PEOPLE: Final = 6
_MOST_PIXELS: Final = 100_000
_LONGEST_NAME: Final = 100

# The rest of MediaPipe's 33 landmarks lie where the nearest joint does: eyes and mouth, fingers,
# heels and toes. Nothing of ours looks at them, but a body at 0 would look torn to whoever does.
_NEAREST: Final = [
    *(0, 1, 1, 1, 2, 2, 2, 3, 4, 0, 0),
    *(5, 6, 7, 8, *(9, 10) * 4),
    *(11, 12, 13, 14, *(15, 16) * 3),
]


@dataclass(frozen=True, slots=True)
class About:
    """Of what a take is, and by what it was made.

    Attributes:
        source: its name.
        epoch: of the source.
        started: its first frame was captured, in seconds since 1970.
        clock: the same on the run's monotonic clock.
        program: version of dancetype.
        model: recipe that the genre model was trained by.
        people_followed: dancers to follow at most.
        hop: seconds between predictions.
        image_size: width and height of the first frame in pixels.
    """

    source: str
    epoch: int
    started: float
    clock: float
    program: str
    model: str
    people_followed: int
    hop: float
    image_size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of the frame captured at `capture` seconds since 1970."""

    capture: float
    status: str
    genre: str | None


@dataclass(frozen=True, slots=True)
class Take:
    """What was seen and said.

    Attributes:
        about: of what.
        times: (T,) seconds from the first frame on, rising; T is 1 or more.
        people: (T,) how many were seen; N in all.
        world: (N, 17, 3) joints of each, frame by frame, in tenths of a millimetre, hip-centred; x
            to the image's right, y down, z away from the camera.
        image: (N, 17, 2) the same in ten-thousandths of the image's width and height.
        visibility: (N, 17) from 0 (guessed) to 255 (seen).
        messages: that went out, as JSON, without the joints of dancers.
    """

    about: About
    times: NDArray[np.float64]
    people: NDArray[np.uint8]
    world: NDArray[np.int16]
    image: NDArray[np.int16]
    visibility: NDArray[np.uint8]
    messages: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return float(self.times[-1])

    def frames(self) -> Iterator[tuple[float, list[Landmarks]]]:
        """For each frame its time on the run's clock, and who was seen, in the order of the run."""
        # The run's own times, to the last bit: a prediction may be due at just that.
        times = (self.about.clock + self.times).tolist()
        last = 0
        for time, people in zip(times, self.people.tolist(), strict=True):
            first, last = last, last + people
            yield time, [self._landmarks(row) for row in range(first, last)]

    def _landmarks(self, row: int) -> Landmarks:
        image = np.zeros((LANDMARKS, 3), np.float32)
        image[:, :2] = _undone(self.image[row], _IMAGE)
        return Landmarks(
            world=_undone(self.world[row], _WORLD),
            image=image,
            visibility=_undone(self.visibility[row], _VISIBILITY),
        )

    def answers(self) -> list[Answer]:
        """The predictions among the messages.

        Raises:
            ValueError: a message is none.
        """
        heard = [_Heard.model_validate_json(text) for text in self.messages]
        return [
            Answer(each.times.capture, each.status, each.genre)
            for each in heard
            if each.status is not None and each.times.capture is not None
        ]

    def save(self, path: Path) -> None:
        """Writes an npz, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        text = "".join(f"{message}\n" for message in self.messages)
        save_npz(
            path,
            {
                "take": FORMAT,
                **asdict(self.about),
                "times": self.times,
                "people": self.people,
                "world": self.world,
                "image": self.image,
                "visibility": self.visibility,
                "messages": np.frombuffer(text.encode(), np.uint8),
            },
        )


Body = tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.uint8]]
"""`world`, `image` and `visibility` of one person in one frame."""


def packed(landmarks: Landmarks) -> Body | None:
    """One person in one frame as a take keeps them; None where that can be no body."""
    parts = (landmarks.world, landmarks.image, landmarks.visibility)
    # NaN compares false.
    if not all(bool((np.abs(part) < _FARTHEST).all()) for part in parts):
        return None
    seen = coco_visibility(landmarks.visibility)
    return (
        _steps(landmarks.world[OF_COCO, :], _WORLD),
        _steps(coco_image(landmarks.image), _IMAGE),
        np.rint(np.clip(seen, 0, 1) * _VISIBILITY).astype(np.uint8),
    )


def _steps(array: Array, steps: int) -> NDArray[np.int16]:
    whole: NDArray[np.int16] = np.clip(np.rint(array * np.float32(steps)), -_MOST, _MOST)
    return whole.astype(np.int16)


def _undone(steps: NDArray[Any], to_one: int) -> Array:
    """The numbers of 33 landmarks out of the steps of 17 joints."""
    return steps[_NEAREST].astype(np.float32) / np.float32(to_one)


def read_take(path: Path) -> Take:
    """Reads one npz as `Take.save` writes it.

    Raises:
        FileError: not such a file.
    """
    try:
        with open_npz(path, most_bytes=_MOST_BYTES) as arrays:
            return _take(_Entries(arrays))
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error
    # Of a damaged file numpy, zipfile and zlib make nearly anything.
    except Exception as error:
        raise FileError(f"{path}: not a take: {first_line(error)}") from error


def _take(entries: "_Entries") -> Take:
    version = entries.whole("take", 1, 2**31)
    if version != FORMAT:
        raise ValueError(f"it is of format {version}, and this dancetype reads {FORMAT}")
    width, height = entries.array("image_size", np.int64, 2).tolist()
    about = About(
        source=entries.text("source"),
        epoch=entries.whole("epoch", 0, 2**31),
        started=entries.number("started", 0, _LATEST),
        clock=entries.number("clock", -_LATEST, _LATEST),
        program=entries.text("program"),
        model=entries.text("model"),
        people_followed=entries.whole("people_followed", 1, _MOST_PEOPLE),
        hop=entries.number("hop", _SHORTEST_HOP, _LONGEST_HOP),
        image_size=(width, height),
    )
    times = entries.array("times", np.float64, None)
    people = entries.array("people", np.uint8, len(times))
    bodies = int(people.sum(dtype=np.int64))
    lines = entries.array("messages", np.uint8, None).tobytes().decode()
    take = Take(
        about,
        times,
        people,
        world=entries.array("world", np.int16, bodies, len(JOINTS), 3),
        image=entries.array("image", np.int16, bodies, len(JOINTS), 2),
        visibility=entries.array("visibility", np.uint8, bodies, len(JOINTS)),
        messages=tuple(filter(None, lines.split("\n"))),
    )
    _check(take)
    return take


def _check(take: Take) -> None:
    """Finds what cannot be played.

    Raises:
        ValueError: such as times that do not rise.
    """
    name = take.about.source
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise ValueError("its source has no name of 1 to 100 characters")
    if not all(1 <= side <= _MOST_PIXELS for side in take.about.image_size):
        raise ValueError(f"image_size is {take.about.image_size}")
    if not len(take.times) or take.times[0] != 0 or not take.times[-1] <= _LONGEST:
        raise ValueError("its times do not go from 0 to a day at the most")
    # NaN compares false. So does what is too close to be told apart on the run's clock.
    if not np.all(np.diff(take.about.clock + take.times) > 0):
        raise ValueError("its times do not rise")
    take.answers()


class _Entries:
    """What stands in an npz, each entry of just the type that it should have."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = arrays

    def array(self, name: str, dtype: DTypeLike, *shape: int | None) -> NDArray[Any]:
        """The entry; None in `shape` stands for any length."""
        if name not in self._arrays:
            raise ValueError(f"it has no {name}")
        array = self._arrays[name]
        fits = len(array.shape) == len(shape) and all(
            wanted in (None, length) for wanted, length in zip(shape, array.shape, strict=True)
        )
        if array.dtype != dtype or not fits:
            wanted = str(shape).replace("None", "T")
            raise ValueError(
                f"{name} is {array.dtype} {array.shape} and not {np.dtype(dtype)} {wanted}"
            )
        return array

    def whole(self, name: str, least: int, most: int) -> int:
        value = int(self.array(name, np.int64))
        if not least <= value <= most:
            raise ValueError(f"{name} is {value} and not {least} to {most}")
        return value

    def number(self, name: str, least: float, most: float) -> float:
        value = float(self.array(name, np.float64))
        if not least <= value <= most:
            raise ValueError(f"{name} is {value:g} and not {least:g} to {most:g}")
        return value

    def text(self, name: str) -> str:
        array = self._arrays[name] if name in self._arrays else np.array(0)
        if array.ndim or array.dtype.kind != "U":
            raise ValueError(f"it has no {name}, or none that is text")
        return str(array)


# Of a message only what is asked for, since a take may be of a release that knows other fields.
class _Times(BaseModel):
    capture: FiniteFloat | None = None


class _Heard(BaseModel):
    type: str
    status: str | None = None
    genre: str | None = None
    times: _Times
