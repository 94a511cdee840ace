"""Answers about people who do not dance.

A share of time is a share of answers, one each hop, of the shipped rolling estimate, without the
time of warming up.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.measures import pooled
from benchmarks.accuracy.models import live_classifier
from benchmarks.accuracy.place import OTHER, Job, Place, Result, both_ways
from benchmarks.accuracy.robustness import ORDINARY, CameraClip, idle_sequences, simulate_clips
from benchmarks.accuracy.unseen import BOTH
from benchmarks.baselines.steadiness import Answer, after_warm_up, replay, watch
from dancetype.engine.classifier import Classifier
from dancetype.engine.media.extraction import extract_track
from dancetype.engine.media.track import NOT_DANCING, Track, read_track
from dancetype.engine.media.video import Video
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.rolling import RollingEstimate
from dancetype.engine.skeleton import Array
from dancetype.stream.assets import POSE_MODELS, SAMPLE_CLIP, cache_folder, fetch
from dancetype.stream.system import filter_native_stderr
from dancetype.training.data.idle import HELD_OUT_KINDS, KINDS, freeze_pose, idle_motions

SEED: Final = 20_000
"""Far from the seeds of recipes, which make the people to learn from."""

SECONDS: Final = 20.0
EACH: Final = 6
"""People of each kind."""

EVERY: Final = 10
"""Only every tenth sequence of the unseen dancers is used."""

CAMERA: Final = ORDINARY.model_copy(update={"heading": 20.0, "pitch": 5.0, "roll": 2.0})

_RATE: Final = 15.0
_FRAMES: Final = 150  # of a made-up video
_SIZE: Final = (360, 480, 3)

_Frames = Iterator[tuple[float, NDArray[np.uint8]]]


def jobs() -> list[Job]:
    """Return tests on people who do not dance, and on videos of such."""
    return [
        *both_ways("doubt", "live-{way} on people who do not dance", _doubt, BOTH),
        Job("doubt-shipped", "the shipped model on people who do not dance", _shipped),
        Job("videos", "what live-A, live-B and the shipped model say of videos", _videos, BOTH),
    ]


def _answers(
    classifier: WindowClassifier, times: NDArray[np.float64], joints: Array
) -> list[Answer]:
    """Return the answers of the live path about a clip."""
    return replay(watch(classifier, times, joints), RollingEstimate(classifier.contract.labels))


def _shares(answers: Iterable[Answer], *, genre: str = "") -> Result:
    """Return the share of time of each kind of answer; `genre` is the one danced, if any."""
    counted = after_warm_up(answers)
    named = [answer.genre for answer in counted if answer.genre is not None]
    total = max(len(counted), 1)
    return {
        "answers": len(counted),
        "quiet": (len(counted) - len(named)) / total,
        "genre": len(named) / total,
        "right": named.count(genre) / total,
        "most_named": max(named, key=named.count, default=None),
    }


def _shares_of(classifier: WindowClassifier, clips: Iterable[CameraClip]) -> Result:
    return _shares(a for clip in clips for a in _answers(classifier, clip.times, clip.joints))


def _doubt(way: str, place: Place) -> Result:
    classifier = live_classifier(place, way)
    sequences = place.unseen(way)[::EVERY]
    dances = simulate_clips(sequences, CAMERA, seed=SEED)
    each = [
        _shares(_answers(classifier, clip.times, clip.joints), genre=clip.genre) for clip in dances
    ]
    still = [
        freeze_pose(sequence.joints, sequence.seconds / 2, seed=SEED + number)
        for number, sequence in enumerate(sequences)
    ]
    return {
        "kinds": _on_idlers(classifier),
        "frozen": _shares_of(classifier, simulate_clips(idle_sequences(still), CAMERA, seed=SEED)),
        "dancing": {
            name: pooled((found[name], found["answers"]) for found in each)
            for name in ("quiet", "genre", "right")
        },
    }


def _shipped(place: Place) -> Result:
    return {"kinds": _on_idlers(Classifier(device="cpu"))}


def _on_idlers(classifier: WindowClassifier) -> dict[str, Result]:
    """Return the shares of time for each kind of people who do not dance."""
    found = {}
    for kind in KINDS:
        motions = idle_motions(EACH, seed=SEED, kinds=(kind,), seconds=SECONDS)
        sequences = idle_sequences(motion.joints for motion in motions)
        clips = simulate_clips(sequences, CAMERA, seed=SEED)
        found[kind] = {"held_out": kind in HELD_OUT_KINDS} | _shares_of(classifier, clips)
    return found


def _videos(place: Place) -> Result:
    models: dict[str, WindowClassifier] = {
        **{f"live-{way}": live_classifier(place, way) for way in OTHER},
        "shipped": Classifier(device="cpu"),
    }
    return {
        track.name: {"seconds": {"value": track.seconds}}
        | {
            name: _shares(_answers(model, track.times, track.joints))
            for name, model in models.items()
        }
        for track in _video_tracks(place.videos, place.runs / "videos")
    }


def _video_tracks(videos: Path | None, out: Path) -> list[Track]:
    """Return tracks of the demo's clip, of one still frame of it, of noise, and of `kicks.mp4`.

    Args:
        videos: Folder of `kicks.mp4`, or None.
        out: Folder for the tracks; one that exists is not made again.
    """
    demo = fetch(SAMPLE_CLIP, cache_folder(), report=print)
    clips: dict[str, Callable[[], _Frames]] = {
        "demo": lambda: _frames(demo),
        "still": lambda: _still(demo),
        "noise": _noise,
    }
    if videos is not None and (kicks := videos / "kicks.mp4").exists():
        clips["kicks"] = lambda: _frames(kicks)
    return [_track(out / f"{name}.npz", frames) for name, frames in clips.items()]


def _track(path: Path, frames: Callable[[], _Frames]) -> Track:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        model = fetch(POSE_MODELS["full"], cache_folder(), report=print)
        with filter_native_stderr(), open_estimator(model) as estimator:
            track = extract_track(frames(), estimator, name=path.stem)
        replace(track, genre=NOT_DANCING).save(path)
    return read_track(path)


def _frames(file: Path) -> _Frames:
    with Video(file) as video:
        yield from video


def _still(file: Path) -> _Frames:
    images = [image for _, image in _frames(file)]
    for index in range(_FRAMES):
        yield index / _RATE, images[len(images) // 2]


def _noise() -> _Frames:
    rng = np.random.default_rng(0)
    for index in range(_FRAMES):
        yield index / _RATE, rng.integers(0, 256, _SIZE, np.uint8)
