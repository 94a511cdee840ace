"""Recordings: the landmarks of everybody in each frame of a source, without any image."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import FileError, first_line
from dancetype.engine.files import NpzEntries, open_npz, save_npz
from dancetype.engine.landmarks import (
    COCO_LANDMARKS,
    LANDMARKS,
    Landmarks,
    coco_image,
    coco_visibility,
)
from dancetype.engine.skeleton import JOINTS, Array

VERSION: Final = 2
"""Version of the file format; grows if an older dancetype would misread a newer file."""

FARTHEST: Final = 1e6
"""Numbers from here on belong to no body; `MultiDancerRecognizer` ignores such people, too."""

_WORLD: Final = 10_000  # steps per metre in compact recordings
_IMAGE: Final = 10_000  # steps per width or height of the image
_VISIBILITY: Final = 255
_MAX_STEP: Final = 32_767

# Some five hours of one person at 30 frames per second, in full detail.
_MAX_BYTES: Final = 512 * 1024**2
_MAX_SECONDS: Final = 86_400.0
# Type, least and greatest value. Times are in seconds since 1970, or on a machine's clock.
_NUMBERS: Final[dict[str, tuple[type, float, float]]] = {
    "epoch": (np.int64, 0, 2**31),
    "started": (np.float64, 0, 1e11),
    "clock": (np.float64, -1e11, 1e11),
    "people_followed": (np.int64, 1, 6),
    "hop": (np.float64, 0.02, 10),
}
_MAX_PIXELS: Final = 100_000
_MAX_NAME: Final = 100

# The rest of MediaPipe's 33 landmarks are placed at the nearest joint: eyes and mouth, fingers,
# heels and toes. No code here uses them, but at 0 they would make a body look torn.
_NEAREST: Final = [
    *(0, 1, 1, 1, 2, 2, 2, 3, 4, 0, 0),
    *(5, 6, 7, 8, *(9, 10) * 4),
    *(11, 12, 13, 14, *(15, 16) * 3),
]

# Name, type and shape of the rows.
_JOINTS: Final = len(JOINTS)
_FULL: Final[tuple[tuple[Any, ...], ...]] = (
    ("world", np.float32, LANDMARKS, 3),
    ("image", np.float32, LANDMARKS, 3),
    ("visibility", np.float32, LANDMARKS),
)
_COMPACT: Final[tuple[tuple[Any, ...], ...]] = (
    ("world", np.int16, _JOINTS, 3),
    ("image", np.int16, _JOINTS, 2),
    ("visibility", np.uint8, _JOINTS),
)

Body = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
"""`world`, `image` and `visibility` of one person in one frame, as a recording stores them."""


@dataclass(frozen=True, slots=True)
class Header:
    """Origin and label of a recording.

    Attributes:
        source: Name of the source.
        epoch: Epoch of the source.
        started: Capture time of the first frame in seconds since 1970; 0 if unknown.
        clock: The same on the monotonic clock of the run.
        program: Version of dancetype.
        model: Recipe of the genre model; "" if nothing was classified.
        people_followed: Maximum number of dancers to follow.
        hop: Seconds between predictions.
        image_size: Width and height of the first frame in pixels; (1, 1) if unknown.
        genre: Code of the genre, `NOT_DANCING`, or "" without a label.
        dancer: Name of the dancer, or "".
        sequence: AIST++ sequence that is shown, or "".
        sequence_start: Second of the sequence at which the recording begins, or NaN.
    """

    source: str
    epoch: int = 0
    started: float = 0.0
    clock: float = 0.0
    program: str = ""
    model: str = ""
    people_followed: int = 1
    hop: float = 0.25
    image_size: tuple[int, int] = (1, 1)
    genre: str = ""
    dancer: str = ""
    sequence: str = ""
    sequence_start: float = float("nan")


@dataclass(frozen=True, slots=True)
class Recording:
    """Landmarks of one source over time, and the messages that were sent meanwhile.

    A recording is *full* or *compact*. A full one keeps all 33 landmarks as MediaPipe gave them. A
    compact one keeps the 17 joints as whole numbers, in a quarter of the space.

    Attributes:
        header: Origin and label.
        times: (T,) seconds since the first frame, rising; T is 1 or more.
        people: (T,) uint8, number of people in each frame; N in all frames together.
        world: Full: (N, 33, 3) float32, as in `Landmarks`. Compact: (N, 17, 3) int16, in tenths of
            a millimetre. Rows are frame by frame.
        image: Full: (N, 33, 3) float32, as in `Landmarks`. Compact: (N, 17, 2) int16, in
            ten-thousandths of the image's width and height.
        visibility: Full: (N, 33) float32. Compact: (N, 17) uint8, from 0 (guessed) to 255 (seen).
        messages: Messages as JSON, without the joints of dancers.
    """

    header: Header
    times: NDArray[np.float64]
    people: NDArray[np.uint8]
    world: NDArray[Any]
    image: NDArray[Any]
    visibility: NDArray[Any]
    messages: tuple[str, ...] = ()

    @classmethod
    def from_frames(
        cls,
        header: Header,
        times: Sequence[float],
        frames: Sequence[Sequence[Body]],
        messages: Sequence[str] = (),
    ) -> "Recording":
        """Build a recording of `frames`, each given as the people in it, at `times`."""
        bodies = [body for people in frames for body in people]
        world, image, visibility = (
            map(np.array, zip(*bodies, strict=True))
            if bodies
            else (np.zeros((0, *shape), dtype) for _, dtype, *shape in _COMPACT)
        )
        counts = np.array([len(people) for people in frames], np.uint8)
        return cls(
            header, np.array(times, np.float64), counts, world, image, visibility, tuple(messages)
        )

    @property
    def seconds(self) -> float:
        """Time from the first frame to the last."""
        return float(self.times[-1])

    def frames(self) -> Iterator[tuple[float, list[Landmarks]]]:
        """Yield each frame's time on the clock of the run, and the people in it."""
        # Exactly the times of the run: a prediction may be due at just that time.
        times = (self.header.clock + self.times).tolist()
        end = 0
        for time, people in zip(times, self.people.tolist(), strict=True):
            begin, end = end, end + people
            rows = zip(*self.landmarks(slice(begin, end)), strict=True)
            yield time, [Landmarks(*parts) for parts in rows]

    def landmarks(self, rows: slice = slice(None)) -> tuple[Array, Array, Array]:
        """Return `world`, `image` and `visibility` of some rows, as in `Landmarks`."""
        world, image, visibility = self.world[rows], self.image[rows], self.visibility[rows]
        if world.dtype != np.int16:
            return world, image, visibility
        positions = np.zeros((len(image), LANDMARKS, 3), np.float32)
        positions[..., :2] = _from_steps(image, _IMAGE)
        return _from_steps(world, _WORLD), positions, _from_steps(visibility, _VISIBILITY)

    def save(self, path: Path) -> None:
        """Write an npz file, whole or not at all.

        Raises:
            OSError: The file cannot be written.
        """
        text = "".join(f"{message}\n" for message in self.messages)
        save_npz(
            path,
            {
                "version": VERSION,
                **asdict(self.header),
                "times": self.times,
                "people": self.people,
                "world": self.world,
                "image": self.image,
                "visibility": self.visibility,
                "messages": np.frombuffer(text.encode(), np.uint8),
            },
        )


def full_body(landmarks: Landmarks) -> Body | None:
    """Return one person in one frame for a full recording; None if it cannot be a body."""
    parts = (landmarks.world, landmarks.image, landmarks.visibility)
    # NaN compares false.
    return parts if all(bool((np.abs(part) < FARTHEST).all()) for part in parts) else None


def compact_body(landmarks: Landmarks) -> Body | None:
    """Return one person in one frame for a compact recording; None if it cannot be a body."""
    if full_body(landmarks) is None:
        return None
    seen = coco_visibility(landmarks.visibility)
    return (
        _to_steps(landmarks.world[COCO_LANDMARKS, :], _WORLD),
        _to_steps(coco_image(landmarks.image), _IMAGE),
        np.rint(np.clip(seen, 0, 1) * _VISIBILITY).astype(np.uint8),
    )


def source_name(stem: str) -> str:
    """Return a source name for a recording that knows only the stem of its file."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.")[:_MAX_NAME] or "recording"


def read_recording(path: Path) -> Recording:
    """Read an npz file of this format, or of those that older versions of dancetype wrote.

    Raises:
        FileError: The file is not a recording.
    """
    try:
        with open_npz(path, max_bytes=_MAX_BYTES) as arrays:
            entries = NpzEntries(arrays)
            if "version" in arrays or "take" in arrays:
                recording = _read(entries)
            else:
                recording = _read_track(path.stem, entries)
            _check(recording)
            return recording
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error
    # For a damaged file, numpy, zipfile and zlib raise almost anything.
    except Exception as error:
        raise FileError(f"{path}: not a recording: {first_line(error)}") from error


def _to_steps(array: Array, steps: int) -> NDArray[np.int16]:
    whole: NDArray[np.int16] = np.clip(np.rint(array * np.float32(steps)), -_MAX_STEP, _MAX_STEP)
    return whole.astype(np.int16)


def _from_steps(rows: NDArray[Any], steps: int) -> Array:
    """Return the numbers of 33 landmarks from the steps of 17 joints."""
    return rows[:, _NEAREST].astype(np.float32) / np.float32(steps)


def _read(entries: NpzEntries) -> Recording:
    """Read this format. Version 1 has an entry `take` for `version`, and no label."""
    values: dict[str, Any] = {}
    if "take" in entries:
        version = entries.number("take", np.int64, 1, 1)
    elif (version := entries.number("version", np.int64, 2, 2**31)) > VERSION:
        raise ValueError(f"it has format version {version}; this dancetype reads up to {VERSION}")
    else:
        values = {name: entries.text(name) for name in ("genre", "dancer", "sequence")}
        values["sequence_start"] = entries.array("sequence_start", np.float64).item()
    values |= {name: entries.text(name) for name in ("source", "program", "model")}
    values |= {name: entries.number(name, *form) for name, form in _NUMBERS.items()}
    width, height = entries.array("image_size", np.int64, 2).tolist()
    header = Header(image_size=(width, height), **values)
    times = entries.array("times", np.float64, None)
    people = entries.array("people", np.uint8, len(times))
    form = _FULL if version > 1 and entries.get("world").dtype == np.float32 else _COMPACT
    count = int(people.sum(dtype=np.int64))
    world, image, visibility = (
        entries.array(name, dtype, count, *shape) for name, dtype, *shape in form
    )
    lines = entries.array("messages", np.uint8, None).tobytes().decode()
    messages = tuple(filter(None, lines.split("\n")))
    return Recording(header, times, people, world, image, visibility, messages)


def _read_track(name: str, entries: NpzEntries) -> Recording:
    """Read a landmark track, which earlier versions wrote and which is easy to write by hand."""
    if "timestamps_ms" not in entries:
        raise ValueError("it has neither version nor timestamps_ms")
    times = entries.numbers("timestamps_ms").astype(np.float64) / 1000
    world, image, visibility = (
        entries.numbers(part).astype(np.float32) for part in ("world", "image", "visibility")
    )
    frames = len(times) if times.ndim == 1 else 0
    wanted = [(frames, LANDMARKS, 3)] * 2 + [(frames, LANDMARKS)]
    shapes = [world.shape, image.shape, visibility.shape]
    if not frames or shapes != wanted:
        raise ValueError(
            f"world, image, visibility are {shapes} and timestamps_ms {times.shape}; expected "
            "(T, 33, 3), (T, 33, 3), (T, 33) and (T,)"
        )
    seen = are_bodies(world)
    header = Header(
        source_name(name),
        genre=entries.text("genre"),
        dancer=entries.text("dancer", ""),
        sequence=entries.text("sequence", ""),
        sequence_start=float(entries.numbers("start_s")) if "start_s" in entries else float("nan"),
    )
    return Recording(
        header,
        times - times[0],
        seen.astype(np.uint8),
        world[seen],
        image[seen],
        visibility[seen],
    )


def are_bodies(world: Array) -> NDArray[np.bool_]:
    """Return (N,): whether each row of `world` (N, 33, 3) consists of numbers a body can have."""
    return np.asarray((np.abs(world) < FARTHEST).all(axis=(1, 2)))


def _check(recording: Recording) -> None:
    """Raise a ValueError for what cannot be used, such as times that do not rise."""
    header, times = recording.header, recording.times
    if not 1 <= len(header.source) <= _MAX_NAME or not header.source.isprintable():
        raise ValueError("its source has no name of 1 to 100 characters")
    if not all(1 <= side <= _MAX_PIXELS for side in header.image_size):
        raise ValueError(f"image_size is {header.image_size}")
    if not len(times):
        raise ValueError("it has no frames")
    # NaN compares false. So do times too close to be distinguished on the clock of the run.
    if not (np.isfinite(times).all() and np.all(np.diff(header.clock + times) > 0)):
        raise ValueError("its times do not rise")
    if times[0] != 0:
        raise ValueError("its times do not begin at 0")
    if times[-1] > _MAX_SECONDS:
        raise ValueError("its times span more than a day; are they milliseconds?")
    if not are_bodies(recording.world).all():
        raise ValueError("world has values that no body can have")
