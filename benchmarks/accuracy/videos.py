"""Videos of nobody dancing, as the live path sees them: kept as tracks, so that it looks once."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.media.track import NOT_DANCING, Track, read_track
from dancetype.engine.pose.opening import open_estimator
from dancetype.stream.assets import POSE_MODELS, SAMPLE_CLIP, cache_folder, fetch
from dancetype.stream.record.recording import Recording
from dancetype.stream.sources.base import Frame
from dancetype.stream.sources.file import FileSource
from dancetype.stream.system import filter_native_stderr

_RATE: Final = 15.0
_SECONDS: Final = 10.0
_SIZE: Final = (360, 480, 3)


def recorded(videos: Path | None, out: Path) -> list[Track]:
    """Tracks of the demo's clip, of one still frame of it, of noise, and of `kicks.mp4`.

    Args:
        videos: folder with that, or None.
        out: where tracks are kept; those that are there are not made again.
    """
    demo = fetch(SAMPLE_CLIP, cache_folder(), say=print)
    clips: dict[str, Callable[[], Iterator[Frame]]] = {
        "demo": lambda: _frames(demo),
        "still": lambda: _repeated(_middle(demo)),
        "noise": _noise,
    }
    if videos is not None and (kicks := videos / "kicks.mp4").exists():
        clips["kicks"] = lambda: _frames(kicks)
    return [_track(out / f"{name}.npz", frames) for name, frames in clips.items()]


def _track(path: Path, frames: Callable[[], Iterator[Frame]]) -> Track:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        model = fetch(POSE_MODELS["full"], cache_folder(), say=print)
        recording = Recording()
        with filter_native_stderr(), open_estimator(model) as estimator:
            recording.record(frames(), estimator)
        recording.track(path.stem, genre=NOT_DANCING).save(path)
    return read_track(path)


def _frames(file: Path) -> Iterator[Frame]:
    with closing(FileSource(file)) as source:
        while frame := source.read():
            yield frame


def _middle(file: Path) -> NDArray[np.uint8]:
    images = [frame.image for frame in _frames(file)]
    return images[len(images) // 2]


def _repeated(image: NDArray[np.uint8]) -> Iterator[Frame]:
    for index in range(round(_SECONDS * _RATE)):
        yield Frame(image, index / _RATE, index, 0)


def _noise() -> Iterator[Frame]:
    rng = np.random.default_rng(0)
    for index in range(round(_SECONDS * _RATE)):
        yield Frame(rng.integers(0, 256, _SIZE, np.uint8), index / _RATE, index, 0)
