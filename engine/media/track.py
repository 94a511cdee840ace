"""Landmark tracks: one dancer of a clip or recording, to train on."""

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES, is_genre_code
from dancetype.engine.landmarks import LANDMARKS, Landmarks, coco_joints
from dancetype.engine.media.recording import (
    Header,
    Recording,
    are_bodies,
    read_recording,
    source_name,
)
from dancetype.engine.skeleton import Array, pelvis_centred
from dancetype.engine.tracker import DancerTracker
from dancetype.engine.window import MAX_GAP

NOT_DANCING: Final = "none"
"""Stands for the genre where a track shows somebody who does not dance."""

_AIST_DANCER: Final = re.compile(r"_(d\d+)_")


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

    @classmethod
    def from_recording(cls, name: str, recording: Recording) -> "Track":
        """Return the track of the dancer who is seen in most frames of a recording."""
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
        )

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
        return are_bodies(self.world)

    def save(self, path: Path) -> None:
        """Write a recording, whole or not at all.

        Raises:
            OSError: The file cannot be written.
        """
        seen = self._seen
        header = Header(
            source_name(self.name),
            genre=self.genre,
            dancer=self.dancer,
            sequence=self.sequence,
            sequence_start=self.start,
        )
        world, image, visibility = (
            part[seen].astype(np.float32) for part in (self.world, self.image, self.visibility)
        )
        times, people = self.times - self.times[0], seen.astype(np.uint8)
        Recording(header, times, people, world, image, visibility).save(path)


def stack_landmarks(found: list[Landmarks | None]) -> tuple[Array, Array, Array]:
    """Return `world`, `image` and `visibility` of a track, NaN in frames without a person."""
    world = np.full((len(found), LANDMARKS, 3), np.nan, np.float32)
    image = world.copy()
    visibility = np.full((len(found), LANDMARKS), np.nan, np.float32)
    for row, landmarks in enumerate(found):
        if landmarks is not None:
            world[row], image[row] = landmarks.world, landmarks.image
            visibility[row] = landmarks.visibility
    return world, image, visibility


def read_track(path: Path) -> Track:
    """Read the track of a labelled recording; of several dancers, the one seen most often.

    Raises:
        FileError: The file is not a recording, or has no genre.
    """
    track = Track.from_recording(path.stem, read_recording(path))
    # Which codes exist depends on the model that is trained.
    if not is_genre_code(track.genre) and track.genre != NOT_DANCING:
        raise FileError(
            f"{path}: {track.genre!r} is none of the genres {', '.join(CODES)}, no code of "
            f"another (1 to 12 of A-Z and 0-9), nor {NOT_DANCING}; dancetype record labels what "
            "it records"
        )
    return track


def _primary(recording: Recording) -> tuple[Array, Array, Array]:
    """Return `world`, `image` and `visibility` of the dancer who is seen in most frames."""
    if recording.people.max() > 1:
        tracker = DancerTracker(recording.header.people_followed)
        seen: dict[int, dict[float, Landmarks | None]] = defaultdict(dict)
        for time, people in recording.frames():
            for key, landmarks in tracker.update(time, people).items():
                if landmarks is not None:
                    seen[key][time] = landmarks
        most = max(seen.values(), key=len, default={})
        return stack_landmarks([most.get(time) for time, _ in recording.frames()])
    world, image, visibility = stack_landmarks([None] * len(recording.times))
    found = recording.people > 0
    world[found], image[found], visibility[found] = recording.landmarks()
    return world, image, visibility


def read_tracks(folder: Path) -> list[Track]:
    """Read the tracks of all recordings in a folder, by name.

    Raises:
        FileError: One of them has no track, or there are none.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise FileError(f"{folder}: no .npz tracks in it")
    return [read_track(path) for path in paths]
