"""Landmark tracks: what MediaPipe saw in a clip, kept without the clip."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import FileError
from dancetype.engine.files import open_npz, save_npz
from dancetype.engine.genres import CODES, is_code
from dancetype.engine.landmarks import LANDMARKS, Landmarks, coco_joints
from dancetype.engine.skeleton import Array, pelvis_centred
from dancetype.engine.window import MAX_GAP

NOT_DANCING: Final = "none"
"""Stands for the genre where a track shows somebody who does not dance."""

_AIST_DANCER: Final = re.compile(r"_(d\d+)_")
# Some five hours of frames.
_MOST_BYTES: Final = 512 * 1024**2
_LONGEST: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Track:
    """The landmarks of one clip; a frame with nobody in it is NaN.

    Attributes:
        name: the file's stem.
        genre: code of what is danced, `NOT_DANCING`, or "" where nobody has said.
        times: (T,) seconds, rising; T is 1 or more.
        world: (T, 33, 3) metres as in `Landmarks`.
        image: (T, 33, 3) as in `Landmarks`.
        visibility: (T, 33).
        dancer: who dances, or "" where nobody knows; the name of an AIST++ sequence says it.
        sequence: the AIST++ sequence that is shown, or "".
        start: second of the sequence at which the clip begins; NaN where nobody knows.
    """

    name: str
    genre: str
    times: NDArray[np.float64]
    world: Array
    image: Array
    visibility: Array
    dancer: str = ""
    sequence: str = ""
    start: float = float("nan")

    def __post_init__(self) -> None:
        if not self.dancer and (match := _AIST_DANCER.search(self.sequence)):
            object.__setattr__(self, "dancer", match[1])

    @property
    def joints(self) -> Array:
        """(T, 17, 3) metres as in a `Pose`."""
        return pelvis_centred(coco_joints(self.world))

    @property
    def poses(self) -> int:
        """Frames in which somebody was seen."""
        return int(self._seen.sum())

    @property
    def seconds(self) -> float:
        """Length of the clip, its last frame being shown for as long as the others."""
        frames = len(self.times)
        return float(self.times[-1] - self.times[0]) * frames / max(frames - 1, 1)

    @property
    def longest_stretch(self) -> float:
        """Seconds that somebody was seen on end, without a gap at which a window would break."""
        return max((track.times[-1] - track.times[0] for track in self.stretches()), default=0.0)

    def stretches(self, *, min_seconds: float = 0.0) -> "list[Track]":
        """Cuts out the parts in which somebody was seen on end, in their order.

        Args:
            min_seconds: shorter ones are left out.
        """
        seen = np.flatnonzero(self._seen)
        if not len(seen):
            return []
        parts = np.split(seen, np.flatnonzero(np.diff(self.times[seen]) > MAX_GAP) + 1)
        return [
            self._part(slice(part[0], part[-1] + 1))
            for part in parts
            if self.times[part[-1]] - self.times[part[0]] >= min_seconds
        ]

    def _part(self, frames: slice) -> "Track":
        return replace(
            self,
            times=self.times[frames],
            world=self.world[frames],
            image=self.image[frames],
            visibility=self.visibility[frames],
            start=self.start + float(self.times[frames][0] - self.times[0]),
        )

    @property
    def _seen(self) -> NDArray[np.bool_]:
        seen: NDArray[np.bool_] = np.isfinite(self.world.sum(axis=(1, 2)))
        return seen

    def save(self, path: Path) -> None:
        """Writes an npz, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        save_npz(
            path,
            {
                "genre": self.genre,
                "dancer": self.dancer,
                "sequence": self.sequence,
                "start_s": self.start,
                # Whole milliseconds would shake velocities, and some frames are closer.
                "timestamps_ms": self.times * 1000,
                "world": self.world,
                "image": self.image,
                "visibility": self.visibility,
            },
        )


def stacked(found: list[Landmarks | None]) -> tuple[Array, Array, Array]:
    """`world`, `image` and `visibility` of a track, NaN where nobody was found."""
    nobody = Landmarks(
        world=np.full((LANDMARKS, 3), np.nan, np.float32),
        image=np.full((LANDMARKS, 3), np.nan, np.float32),
        visibility=np.full(LANDMARKS, np.nan, np.float32),
    )
    each = [nobody if landmarks is None else landmarks for landmarks in found]
    return (
        np.array([landmarks.world for landmarks in each]).reshape(-1, LANDMARKS, 3),
        np.array([landmarks.image for landmarks in each]).reshape(-1, LANDMARKS, 3),
        np.array([landmarks.visibility for landmarks in each]).reshape(-1, LANDMARKS),
    )


def read_track(path: Path) -> Track:
    """Reads one npz: `world`, `image`, `visibility`, `timestamps_ms` and `genre`.

    Entries `dancer`, `sequence` and `start_s` may say more; `start_s` is in seconds.

    Raises:
        FileError: not such a file.
    """
    try:
        with open_npz(path, most_bytes=_MOST_BYTES) as arrays:
            track = _track(path.stem, arrays)
    # Of a damaged file numpy, zipfile and zlib make nearly anything.
    except Exception as error:
        raise FileError(f"{path}: not a landmark track: {error}") from error
    frames = len(track.times) if track.times.ndim == 1 else 0
    wanted = [(frames, LANDMARKS, 3)] * 2 + [(frames, LANDMARKS)]
    shapes = [track.world.shape, track.image.shape, track.visibility.shape]
    if not frames or shapes != wanted:
        raise FileError(
            f"{path}: world, image, visibility are {shapes} and timestamps_ms "
            f"{track.times.shape}; expected (T, 33, 3), (T, 33, 3), (T, 33) and (T,)"
        )
    if not (np.isfinite(track.times).all() and np.all(np.diff(track.times) > 0)):
        raise FileError(f"{path}: its timestamps do not rise")
    if not track.times[-1] - track.times[0] <= _LONGEST:
        raise FileError(f"{path}: its timestamps span more than a day; are they milliseconds?")
    # Which codes there are is known to whoever uses the track.
    if not is_code(track.genre) and track.genre != NOT_DANCING:
        raise FileError(
            f"{path}: {track.genre!r} is none of the genres {', '.join(CODES)}, no code of another "
            f"(1 to 12 of A-Z and 0-9), nor {NOT_DANCING}"
        )
    return track


def _track(name: str, arrays: Mapping[str, NDArray[Any]]) -> Track:
    def numbers(entry: str) -> NDArray[Any]:
        array = arrays[entry]
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{entry} is of {array.dtype} and not of numbers")
        return array

    def text(entry: str) -> str:
        array = arrays[entry]
        if array.ndim or array.dtype.kind != "U":
            raise ValueError(f"{entry} is no text")
        return str(array)

    return Track(
        name,
        text("genre"),
        numbers("timestamps_ms").astype(np.float64) / 1000,
        numbers("world").astype(np.float32),
        numbers("image").astype(np.float32),
        numbers("visibility").astype(np.float32),
        text("dancer") if "dancer" in arrays else "",
        text("sequence") if "sequence" in arrays else "",
        float(numbers("start_s")) if "start_s" in arrays else float("nan"),
    )


def read_tracks(folder: Path) -> list[Track]:
    """Reads all tracks of a folder, by name.

    Raises:
        FileError: one of them is no track, or there are none.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise FileError(f"{folder}: no .npz tracks in it")
    return [read_track(path) for path in paths]
