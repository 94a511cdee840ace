"""Landmark tracks: one dancer from a clip or recording, to train on."""

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES, is_genre_code
from dancetype.engine.landmarks import LANDMARKS, UNKNOWN_SIZE, Landmarks, aspect_of, placed_joints
from dancetype.engine.media.recording import (
    Header,
    Recording,
    plausible_rows,
    read_recording,
    source_name,
)
from dancetype.engine.skeleton import Array
from dancetype.engine.tracker import DancerTracker
from dancetype.engine.window import MAX_GAP

NOT_DANCING: Final = "none"
"""Label of tracks of a person who does not dance."""

_AIST_DANCER: Final = re.compile(r"_(d\d+)_")


@dataclass(frozen=True, slots=True)
class Track:
    """Landmarks of one dancer in a clip; NaN in frames without a person.

    Attributes:
        name: Stem of the file's name.
        genre: Code of the genre, `NOT_DANCING`, or "" without a label.
        times: (T,) seconds, rising; T is 1 or more.
        world: (T, 33, 3) metres, as in `Landmarks`.
        image: (T, 33, 3) as in `Landmarks`.
        visibility: (T, 33) as in `Landmarks`.
        dancer: Name of the dancer, by default from `sequence`; "" if unknown.
        sequence: Name of the AIST++ sequence in the clip, or "".
        start: Time in the sequence, in seconds, at which the clip starts; NaN if unknown.
        image_size: Width and height of the images in pixels, or `UNKNOWN_SIZE`.
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
    image_size: tuple[int, int] = UNKNOWN_SIZE

    def __post_init__(self) -> None:
        if not self.dancer and (match := _AIST_DANCER.search(self.sequence)):
            object.__setattr__(self, "dancer", match[1])

    @classmethod
    def from_recording(cls, name: str, recording: Recording) -> "Track":
        """Return the track of the dancer who is visible in the most frames of a recording."""
        header = recording.header
        world, image, visibility = _primary(recording)
        return cls(
            name,
            header.genre,
            recording.times,
            world,
            image,
            visibility,
            header.dancer,
            header.sequence,
            header.sequence_start,
            header.image_size,
        )

    @property
    def joints(self) -> Array:
        """Joints (T, 17, 3) in metres, as in a `Pose`."""
        aspect = aspect_of(self.image_size, self.world, self.image)
        return placed_joints(self.world, self.image, aspect)

    @property
    def poses(self) -> int:
        """Number of frames with a person."""
        return int(self.present.sum())

    @property
    def seconds(self) -> float:
        """Duration of the clip, assuming that the last frame lasts as long as the others."""
        frames = len(self.times)
        return float(self.times[-1] - self.times[0]) * frames / max(frames - 1, 1)

    @property
    def longest_segment_seconds(self) -> float:
        """Duration in seconds of the longest of the `segments`; 0 without one."""
        return max((track.times[-1] - track.times[0] for track in self.segments()), default=0.0)

    def segments(self, *, min_seconds: float = 0.0) -> "list[Track]":
        """Return the segments between gaps that would split a window, in order.

        Args:
            min_seconds: Minimum duration of a segment.
        """
        present = np.flatnonzero(self.present)
        if not len(present):
            return []
        parts = np.split(present, np.flatnonzero(np.diff(self.times[present]) > MAX_GAP) + 1)
        return [
            self._cut(slice(part[0], part[-1] + 1))
            for part in parts
            if self.times[part[-1]] - self.times[part[0]] >= min_seconds
        ]

    def _cut(self, frames: slice) -> "Track":
        return replace(
            self,
            times=self.times[frames],
            world=self.world[frames],
            image=self.image[frames],
            visibility=self.visibility[frames],
            start=self.start + float(self.times[frames][0] - self.times[0]),
        )

    @property
    def present(self) -> NDArray[np.bool_]:
        """Whether there is a person in each frame, (T,)."""
        return plausible_rows(self.world)

    def save(self, path: Path) -> None:
        """Write a recording atomically.

        Raises:
            OSError: The file cannot be written.
        """
        present = self.present
        header = Header(
            source_name(self.name),
            genre=self.genre,
            dancer=self.dancer,
            sequence=self.sequence,
            sequence_start=self.start,
            image_size=self.image_size,
        )
        world, image, visibility = (
            part[present].astype(np.float32) for part in (self.world, self.image, self.visibility)
        )
        times, people = self.times - self.times[0], present.astype(np.uint8)
        Recording(header, times, people, world, image, visibility).save(path)


def stack_landmarks(frames: list[Landmarks | None]) -> tuple[Array, Array, Array]:
    """Return `world`, `image` and `visibility` of a track, NaN in frames without a person."""
    world = np.full((len(frames), LANDMARKS, 3), np.nan, np.float32)
    image = world.copy()
    visibility = np.full((len(frames), LANDMARKS), np.nan, np.float32)
    for row, landmarks in enumerate(frames):
        if landmarks is not None:
            world[row], image[row] = landmarks.world, landmarks.image
            visibility[row] = landmarks.visibility
    return world, image, visibility


def read_track(path: Path) -> Track:
    """Read the track of a labelled recording, that of the dancer in the most frames.

    Raises:
        FileError: The file is not a recording, or has no valid genre.
    """
    track = Track.from_recording(path.stem, read_recording(path))
    # Any code is accepted, since the model to be trained defines the genres.
    if not is_genre_code(track.genre) and track.genre != NOT_DANCING:
        raise FileError(
            f"{path}: genre {track.genre!r} is not one of {', '.join(CODES)}, another code (1 to "
            f"12 of A-Z and 0-9) or {NOT_DANCING}; create labelled recordings with dancetype record"
        )
    return track


def _primary(recording: Recording) -> tuple[Array, Array, Array]:
    """Return `world`, `image` and `visibility` of the dancer who is visible in the most frames."""
    if recording.people.max() > 1:
        tracker = DancerTracker(recording.header.people_followed)
        dancers: dict[int, dict[float, Landmarks | None]] = defaultdict(dict)
        for time, people in recording.frames():
            for dancer_id, landmarks in tracker.update(time, people).items():
                if landmarks is not None:
                    dancers[dancer_id][time] = landmarks
        primary = max(dancers.values(), key=len, default={})
        return stack_landmarks([primary.get(time) for time, _ in recording.frames()])
    world, image, visibility = stack_landmarks([None] * len(recording.times))
    present = recording.people > 0
    world[present], image[present], visibility[present] = recording.landmarks()
    return world, image, visibility


def read_tracks(folder: Path) -> list[Track]:
    """Read the tracks of all recordings in a folder, sorted by name.

    Raises:
        FileError: A file is not a labelled recording, or there are no files.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise FileError(f"{folder}: contains no .npz tracks")
    return [read_track(path) for path in paths]
