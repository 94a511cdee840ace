"""Tracks of videos in which nobody dances."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.media.extraction import extract_track
from dancetype.engine.media.track import NOT_DANCING, Track, read_track
from dancetype.engine.media.video import Video
from dancetype.engine.pose.opening import open_estimator
from dancetype.stream.assets import POSE_MODELS, SAMPLE_CLIP, cache_folder, fetch
from dancetype.stream.system import filter_native_stderr

Frames = Iterator[tuple[float, NDArray[np.uint8]]]

_RATE: Final = 15.0
_FRAMES: Final = 150
_SIZE: Final = (360, 480, 3)


def recorded(videos: Path | None, out: Path) -> list[Track]:
    """Return tracks of the demo's clip, of one still frame of it, of noise, and of `kicks.mp4`.

    Args:
        videos: Folder of `kicks.mp4`, or None.
        out: Folder for the tracks; one that exists is not made again.
    """
    demo = fetch(SAMPLE_CLIP, cache_folder(), say=print)
    clips: dict[str, Callable[[], Frames]] = {
        "demo": lambda: _frames(demo),
        "still": lambda: _still(demo),
        "noise": _noise,
    }
    if videos is not None and (kicks := videos / "kicks.mp4").exists():
        clips["kicks"] = lambda: _frames(kicks)
    return [_track(out / f"{name}.npz", frames) for name, frames in clips.items()]


def _track(path: Path, frames: Callable[[], Frames]) -> Track:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        model = fetch(POSE_MODELS["full"], cache_folder(), say=print)
        with filter_native_stderr(), open_estimator(model) as estimator:
            track = extract_track(frames(), estimator, name=path.stem)
        replace(track, genre=NOT_DANCING).save(path)
    return read_track(path)


def _frames(file: Path) -> Frames:
    with Video(file) as video:
        yield from video


def _still(file: Path) -> Frames:
    images = [image for _, image in _frames(file)]
    for index in range(_FRAMES):
        yield index / _RATE, images[len(images) // 2]


def _noise() -> Frames:
    rng = np.random.default_rng(0)
    for index in range(_FRAMES):
        yield index / _RATE, rng.integers(0, 256, _SIZE, np.uint8)
