"""Recordings: the landmarks of all people in each frame of a source, without images."""

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
    MAX_COORDINATE,
    UNKNOWN_SIZE,
    Landmarks,
    aspect_of,
    coco_image,
    coco_visibility,
)
from dancetype.engine.skeleton import JOINTS, Array

VERSION: Final = 2
"""Version of the file format; increased by changes that older versions would misread."""

# Scales of the whole numbers in compact recordings.
_WORLD_SCALE: Final = 10_000  # steps per metre
_IMAGE_SCALE: Final = 10_000  # steps per width or height of the image
_VISIBILITY_SCALE: Final = 255
_MAX_INT16: Final = 32_767

# About five hours of one person at 30 frames per second in a full recording.
_MAX_BYTES: Final = 512 * 1024**2
_MAX_SECONDS: Final = 86_400.0
# Type, minimum and maximum. Times are in seconds since 1970 or on the monotonic clock.
_NUMBERS: Final[dict[str, tuple[type, float, float]]] = {
    "epoch": (np.int64, 0, 2**31),
    "started": (np.float64, 0, 1e11),
    "clock": (np.float64, -1e11, 1e11),
    "people_followed": (np.int64, 1, 6),
    "hop": (np.float64, 0.02, 10),
}
_MAX_PIXELS: Final = 100_000
_MAX_NAME_LENGTH: Final = 100

# For each of the 33 landmarks the index of the nearest of the 17 joints. The landmarks that compact
# recordings leave out are placed there, since a drawing with landmarks at 0 would look torn.
_NEAREST_JOINT: Final = [
    *(0, 1, 1, 1, 2, 2, 2, 3, 4, 0, 0),
    *(5, 6, 7, 8, *(9, 10) * 4),
    *(11, 12, 13, 14, *(15, 16) * 3),
]

_JOINTS: Final = len(JOINTS)
# Name, type and shape of the rows.
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

EncodedBody = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
"""`world`, `image` and `visibility` of one person in one frame, as a recording stores them."""


@dataclass(frozen=True, slots=True)
class Header:
    """Origin and label of a recording.

    Attributes:
        source: Name of the source.
        epoch: Epoch of the source.
        started: Capture time of the first frame in seconds since 1970; 0 if unknown.
        clock: Capture time of the first frame in seconds on the monotonic clock of the run.
        program: Version of dancetype.
        model: Recipe of the genre model; "" if nothing was classified.
        people_followed: Maximum number of dancers to track.
        hop: Seconds between predictions.
        image_size: Width and height of the first frame in pixels, or `UNKNOWN_SIZE`.
        genre: Code of the genre, `NOT_DANCING`, or "" without a label.
        dancer: Name of the dancer, or "".
        sequence: Name of the AIST++ sequence in the recording, or "".
        sequence_start: Time in the sequence, in seconds, at which the recording starts, or NaN.
    """

    source: str
    epoch: int = 0
    started: float = 0.0
    clock: float = 0.0
    program: str = ""
    model: str = ""
    people_followed: int = 1
    hop: float = 0.25
    image_size: tuple[int, int] = UNKNOWN_SIZE
    genre: str = ""
    dancer: str = ""
    sequence: str = ""
    sequence_start: float = float("nan")


@dataclass(frozen=True, slots=True)
class Recording:
    """Landmarks of one source over time, and the messages that were sent meanwhile.

    A *full* recording has all 33 landmarks as estimated. A *compact* one has the 17 joints as whole
    numbers, in a quarter of the space.

    Attributes:
        header: Origin and label.
        times: (T,) seconds since the first frame, rising; T is 1 or more.
        people: (T,) uint8, number of people in each frame; N in total.
        world: Full: (N, 33, 3) float32, as in `Landmarks`. Compact: (N, 17, 3) int16, in tenths of
            a millimetre. Rows are in the order of the frames.
        image: Full: (N, 33, 3) float32, as in `Landmarks`. Compact: (N, 17, 2) int16, in
            ten-thousandths of the image's width and height.
        visibility: Full: (N, 33) float32. Compact: (N, 17) uint8, 0 (guessed) to 255 (visible).
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
        frames: Sequence[Sequence[EncodedBody]],
        messages: Sequence[str] = (),
    ) -> "Recording":
        """Build a recording from the people in each frame, and the times of the frames."""
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
        # Bit-identical to the times of the run, since a prediction may be due exactly then.
        times = (self.header.clock + self.times).tolist()
        size, end = self.header.image_size, 0
        # A long recording does not fit into memory with all landmarks as floats.
        world, image, _ = self.landmarks(slice(None if size == UNKNOWN_SIZE else 0))
        aspect = aspect_of(size, world, image)
        for time, people in zip(times, self.people.tolist(), strict=True):
            start, end = end, end + people
            rows = zip(*self.landmarks(slice(start, end)), strict=True)
            yield time, [Landmarks(*parts, aspect) for parts in rows]

    def landmarks(self, rows: slice = slice(None)) -> tuple[Array, Array, Array]:
        """Return `world`, `image` and `visibility` of the selected rows, as in `Landmarks`."""
        world, image, visibility = self.world[rows], self.image[rows], self.visibility[rows]
        if world.dtype != np.int16:
            return world, image, visibility
        positions = np.zeros((len(image), LANDMARKS, 3), np.float32)
        positions[..., :2] = _from_steps(image, _IMAGE_SCALE)
        return (
            _from_steps(world, _WORLD_SCALE),
            positions,
            _from_steps(visibility, _VISIBILITY_SCALE),
        )

    def save(self, path: Path) -> None:
        """Write an npz file atomically.

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


def encode_full(landmarks: Landmarks) -> EncodedBody | None:
    """Encode a person for a full recording; return None if the landmarks are not plausible."""
    if not landmarks.is_plausible():
        return None
    return landmarks.world, landmarks.image, landmarks.visibility


def encode_compact(landmarks: Landmarks) -> EncodedBody | None:
    """Encode a person for a compact recording; return None if the landmarks are not plausible."""
    if not landmarks.is_plausible():
        return None
    visibility = coco_visibility(landmarks.visibility)
    return (
        _to_steps(landmarks.world[COCO_LANDMARKS, :], _WORLD_SCALE),
        _to_steps(coco_image(landmarks.image), _IMAGE_SCALE),
        np.rint(np.clip(visibility, 0, 1) * _VISIBILITY_SCALE).astype(np.uint8),
    )


def source_name(stem: str) -> str:
    """Return a source name made from the stem of a file, for a recording without one."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.")[:_MAX_NAME_LENGTH] or "recording"


def read_recording(path: Path) -> Recording:
    """Read an npz file in this format or in one of older versions of dancetype.

    Raises:
        FileError: The file cannot be read or is not a recording.
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


def _to_steps(array: Array, scale: int) -> NDArray[np.int16]:
    steps: Array = np.clip(np.rint(array * np.float32(scale)), -_MAX_INT16, _MAX_INT16)
    return steps.astype(np.int16)


def _from_steps(steps: NDArray[Any], scale: int) -> Array:
    """Convert the whole numbers of 17 joints to the floats of 33 landmarks."""
    return steps[:, _NEAREST_JOINT].astype(np.float32) / np.float32(scale)


def _read(entries: NpzEntries) -> Recording:
    """Read this format. Version 1 has `take` in place of `version`, and no label."""
    values: dict[str, Any] = {}
    if "take" in entries:
        version = entries.number("take", np.int64, 1, 1)
    elif (version := entries.number("version", np.int64, 2, 2**31)) > VERSION:
        raise ValueError(f"it has format version {version}; this dancetype reads up to {VERSION}")
    else:
        values = {name: entries.text(name) for name in ("genre", "dancer", "sequence")}
        values["sequence_start"] = entries.array("sequence_start", np.float64).item()
    values |= {name: entries.text(name) for name in ("source", "program", "model")}
    values |= {name: entries.number(name, *spec) for name, spec in _NUMBERS.items()}
    width, height = entries.array("image_size", np.int64, 2).tolist()
    header = Header(image_size=(width, height), **values)
    times = entries.array("times", np.float64, None)
    people = entries.array("people", np.uint8, len(times))
    layout = _FULL if version > 1 and entries.get("world").dtype == np.float32 else _COMPACT
    count = int(people.sum(dtype=np.int64))
    world, image, visibility = (
        entries.array(name, dtype, count, *shape) for name, dtype, *shape in layout
    )
    lines = entries.array("messages", np.uint8, None).tobytes().decode()
    messages = tuple(filter(None, lines.split("\n")))
    return Recording(header, times, people, world, image, visibility, messages)


def _read_track(name: str, entries: NpzEntries) -> Recording:
    """Read a landmark track, the format of earlier versions, which is easy to create by hand."""
    if "timestamps_ms" not in entries:
        raise ValueError("it has neither version nor timestamps_ms")
    times = entries.numbers("timestamps_ms").astype(np.float64) / 1000
    world, image, visibility = (
        entries.numbers(part).astype(np.float32) for part in ("world", "image", "visibility")
    )
    frames = len(times) if times.ndim == 1 else 0
    expected = [(frames, LANDMARKS, 3)] * 2 + [(frames, LANDMARKS)]
    shapes = [world.shape, image.shape, visibility.shape]
    if not frames or shapes != expected:
        raise ValueError(
            f"world, image, visibility are {shapes} and timestamps_ms {times.shape}; expected "
            "(T, 33, 3), (T, 33, 3), (T, 33) and (T,)"
        )
    present = plausible_rows(world) & plausible_rows(image)
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
        present.astype(np.uint8),
        world[present],
        image[present],
        visibility[present],
    )


def plausible_rows(positions: Array) -> NDArray[np.bool_]:
    """Return (N,): whether all numbers in a row of positions (N, J, D) are finite and plausible."""
    return np.asarray((np.abs(positions) < MAX_COORDINATE).all(axis=(1, 2)))


def _check(recording: Recording) -> None:
    """Raise a ValueError if values are invalid, such as times that do not rise."""
    header, times = recording.header, recording.times
    if not 1 <= len(header.source) <= _MAX_NAME_LENGTH or not header.source.isprintable():
        raise ValueError("its source has no printable name of 1 to 100 characters")
    if not all(1 <= side <= _MAX_PIXELS for side in header.image_size):
        raise ValueError(f"image_size is {header.image_size}, expected 1 to {_MAX_PIXELS} pixels")
    if not len(times):
        raise ValueError("it has no frames")
    # NaN compares false. Times may also be too close to be distinguished on the clock of the run.
    if not (np.isfinite(times).all() and np.all(np.diff(header.clock + times) > 0)):
        raise ValueError("its times do not rise")
    if times[0] != 0:
        raise ValueError("its times do not start at 0")
    if times[-1] > _MAX_SECONDS:
        raise ValueError("its times span more than a day; are they milliseconds?")
    for name, positions in (("world", recording.world), ("image", recording.image)):
        if not plausible_rows(positions).all():
            raise ValueError(f"{name} has values that are not finite or not plausible")
