"""Measure how often a genre is named for people who do not dance.

A share of time is a share of the answers of the shipped rolling estimate, one per hop, without the
time of warming up.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.measures import weighted_mean
from benchmarks.accuracy.models import live_classifier
from benchmarks.accuracy.robustness import ORDINARY, CameraClip, idle_sequences, simulate_clips
from benchmarks.accuracy.unseen import BOTH
from benchmarks.accuracy.workspace import OTHER_FOLD, Job, Result, Workspace, jobs_for_both_folds
from benchmarks.baselines.steadiness import after_warm_up
from dancetype.engine.classifier import Classifier
from dancetype.engine.media.extraction import extract_track
from dancetype.engine.media.track import NOT_DANCING, Track, read_track
from dancetype.engine.media.video import Video
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.stream.assets import POSE_MODELS, SAMPLE_CLIP, cache_folder, fetch
from dancetype.stream.system import filter_native_stderr
from dancetype.training.data.idle import HELD_OUT_KINDS, KINDS, freeze_pose, idle_motions
from dancetype.training.live import Answer, live_windows, replay

SEED: Final = 20_000
"""Seed far from those of the recipes, which generate the people in the training data."""

SECONDS: Final = 20.0
PEOPLE_PER_KIND: Final = 6

SEQUENCE_STRIDE: Final = 10
"""Only every tenth sequence of the unseen dancers is used."""

CAMERA: Final = ORDINARY.model_copy(update={"heading": 20.0, "pitch": 5.0, "roll": 2.0})

# Generated videos
_FPS: Final = 15.0
_FRAME_COUNT: Final = 150
_FRAME_SHAPE: Final = (360, 480, 3)

_Frames = Iterator[tuple[float, NDArray[np.uint8]]]


def jobs() -> list[Job]:
    """Return tests on generated people who do not dance, and on videos without dance."""
    return [
        *jobs_for_both_folds("doubt", "live-{fold} on people who do not dance", _doubt, BOTH),
        Job("doubt-shipped", "the shipped model on people who do not dance", _shipped),
        Job("videos", "live-A, live-B and the shipped model on videos", _videos, BOTH),
    ]


def _answers(
    classifier: WindowClassifier, times: NDArray[np.float64], joints: Array
) -> list[Answer]:
    """Return the answers of a live run to a clip."""
    windows = live_windows(times, joints, classifier)
    return replay(windows, classifier.contract.rolling_estimate())


def _shares(answers: Iterable[Answer], *, genre: str = "") -> Result:
    """Return the share of time of each kind of answer; `genre` is the true one, if any."""
    warm = after_warm_up(answers)
    named = [answer.genre for answer in warm if answer.genre is not None]
    total = max(len(warm), 1)
    return {
        "answers": len(warm),
        "quiet": (len(warm) - len(named)) / total,
        "genre": len(named) / total,
        "right": named.count(genre) / total,
        "most_named": max(named, key=named.count, default=None),
    }


def _shares_of_clips(classifier: WindowClassifier, clips: Iterable[CameraClip]) -> Result:
    return _shares(
        answer for clip in clips for answer in _answers(classifier, clip.times, clip.joints)
    )


def _doubt(fold: str, workspace: Workspace) -> Result:
    classifier = live_classifier(workspace, fold)
    sequences = workspace.unseen_sequences(fold)[::SEQUENCE_STRIDE]
    dances = simulate_clips(sequences, CAMERA, seed=SEED)
    danced = [
        _shares(_answers(classifier, clip.times, clip.joints), genre=clip.genre) for clip in dances
    ]
    motionless = [
        freeze_pose(sequence.joints, sequence.seconds / 2, seed=SEED + number)
        for number, sequence in enumerate(sequences)
    ]
    frozen_clips = simulate_clips(idle_sequences(motionless), CAMERA, seed=SEED)
    return {
        "kinds": _test_idle_people(classifier),
        "frozen": _shares_of_clips(classifier, frozen_clips),
        "dancing": {
            name: weighted_mean((shares[name], shares["answers"]) for shares in danced)
            for name in ("quiet", "genre", "right")
        },
    }


def _shipped(workspace: Workspace) -> Result:
    return {"kinds": _test_idle_people(Classifier(device="cpu"))}


def _test_idle_people(classifier: WindowClassifier) -> dict[str, Result]:
    """Return the shares of time for each kind of people who do not dance."""
    results = {}
    for kind in KINDS:
        motions = idle_motions(PEOPLE_PER_KIND, seed=SEED, kinds=(kind,), seconds=SECONDS)
        sequences = idle_sequences(motion.joints for motion in motions)
        clips = simulate_clips(sequences, CAMERA, seed=SEED)
        results[kind] = {"held_out": kind in HELD_OUT_KINDS} | _shares_of_clips(classifier, clips)
    return results


def _videos(workspace: Workspace) -> Result:
    models: dict[str, WindowClassifier] = {
        **{f"live-{fold}": live_classifier(workspace, fold) for fold in OTHER_FOLD},
        "shipped": Classifier(device="cpu"),
    }
    return {
        track.name: {"seconds": {"value": track.seconds}}
        | {
            name: _shares(_answers(model, track.times, track.joints))
            for name, model in models.items()
        }
        for track in _video_tracks(workspace.videos, workspace.runs / "videos")
    }


def _video_tracks(videos: Path | None, out: Path) -> list[Track]:
    """Return tracks of the demo's clip, of one frame of it, of noise and of `kicks.mp4`.

    Args:
        videos: Folder with `kicks.mp4`, or None.
        out: Folder for the tracks; existing ones are reused.
    """
    demo = fetch(SAMPLE_CLIP, cache_folder(), report=print)
    clips: dict[str, Callable[[], _Frames]] = {
        "demo": lambda: _read_frames(demo),
        "still": lambda: _still_frames(demo),
        "noise": _noise_frames,
    }
    if videos is not None and (kicks := videos / "kicks.mp4").exists():
        clips["kicks"] = lambda: _read_frames(kicks)
    return [_load_track(out / f"{name}.npz", frames) for name, frames in clips.items()]


def _load_track(path: Path, frames: Callable[[], _Frames]) -> Track:
    """Read a track from a file; extract it from the frames first if the file does not exist."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        model = fetch(POSE_MODELS["full"], cache_folder(), report=print)
        with filter_native_stderr(), open_estimator(model) as estimator:
            track = extract_track(frames(), estimator, name=path.stem)
        replace(track, genre=NOT_DANCING).save(path)
    return read_track(path)


def _read_frames(file: Path) -> _Frames:
    with Video(file) as video:
        yield from video


def _still_frames(file: Path) -> _Frames:
    """Repeat the middle frame of a video."""
    images = [image for _, image in _read_frames(file)]
    for index in range(_FRAME_COUNT):
        yield index / _FPS, images[len(images) // 2]


def _noise_frames() -> _Frames:
    rng = np.random.default_rng(0)
    for index in range(_FRAME_COUNT):
        yield index / _FPS, rng.integers(0, 256, _FRAME_SHAPE, np.uint8)
