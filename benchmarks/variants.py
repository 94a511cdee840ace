"""Compare the variants of the pose model on real clips, in turn on each frame, with LiteRT."""

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from time import process_time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import describe_video, list_videos
from benchmarks.pages import DOCS, Results
from benchmarks.pose_runtimes import agreement
from benchmarks.timer import timer
from dancetype.engine.classifier import Classifier
from dancetype.engine.clip import classify_track
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.track import Track, stack_landmarks
from dancetype.engine.media.video import Video
from dancetype.engine.pose.opening import open_estimator
from dancetype.stream.assets import POSE_MODELS, cache_folder, fetch

PAGE: Final = DOCS / "explanation" / "performance.md"
PART: Final = "variants"
_REFERENCE: Final = "full"
_WARM_UP_FRAMES: Final = 10
_HIPS: Final = [23, 24]
_SAME_PERSON: Final = 0.1  # of the image


def estimate_poses(
    clip: Path, models: Mapping[str, Path]
) -> tuple[dict[str, Track], dict[str, list[float]]]:
    """Return the track of a clip and the CPU seconds of each frame, both by variant.

    Each frame is processed by one model after the other, so that other load on the machine affects
    all of them.

    Args:
        clip: Video.
        models: Pose models by variant.
    """
    times: list[float] = []
    landmarks: dict[str, list[Landmarks | None]] = {variant: [] for variant in models}
    cpu: dict[str, list[float]] = {variant: [] for variant in models}
    with ExitStack() as stack:
        estimators = {
            variant: timer(
                cpu[variant],
                stack.enter_context(open_estimator(model, runtime="litert")).landmarks,
                clock=process_time,
            )
            for variant, model in models.items()
        }
        for time, image in stack.enter_context(Video(clip)):
            times.append(time)
            for variant, estimate in estimators.items():
                landmarks[variant].append(estimate(image, time))
    tracks = {
        variant: Track(
            clip.stem,
            "",
            np.array(times),
            *stack_landmarks(found),
            image_size=(image.shape[1], image.shape[0]),
        )
        for variant, found in landmarks.items()
    }
    return tracks, {variant: seconds[_WARM_UP_FRAMES:] for variant, seconds in cpu.items()}


def jitter(world: NDArray[np.floating[Any]]) -> float:
    """Return the mean length, in cm, of the second difference of landmarks (T, 33, 3) in metres.

    It contains the acceleration of the person, which is the same for all variants.
    """
    return float(np.nanmean(np.linalg.norm(np.diff(world, n=2, axis=0), axis=2)) * 100)


def _same_person(track: Track, reference: Track) -> NDArray[np.bool_]:
    """Return the frames (T,) in which the hips of both are close to each other in the image."""
    hips = (track.image - reference.image)[:, _HIPS, :2].mean(axis=1)
    same: NDArray[np.bool_] = np.abs(hips).max(axis=1) < _SAME_PERSON
    return same


def compare(clip: str, tracks: Mapping[str, Track], classifier: Classifier) -> list[dict[str, Any]]:
    """Return a row for each variant: detection, landmarks and answers."""
    reference = tracks[_REFERENCE]
    labels = classifier.contract.labels
    rows = []
    for variant, track in tracks.items():
        result = classify_track(track.times, track.joints, classifier)
        likely: list[int] = []
        if result.genre:
            likely = np.argsort(-result.probabilities)[:3].tolist()
        same = _same_person(track, reference)
        offsets = (track.world - reference.world)[same] * 100
        rows.append(
            {
                "clip": clip,
                "variant": variant,
                "detected": np.isfinite(track.world).all(axis=(1, 2)).mean(),
                "same_person": same.mean(),
                "distance_cm": np.nanmean(np.linalg.norm(offsets, axis=2)),
                "depth_cm": np.nanmean(np.abs(offsets[..., 2])),
                "jitter_cm": jitter(track.world),
                "answers": [(labels[index], result.probabilities[index]) for index in likely],
                "same_windows": agreement(clip, variant, reference, track)["genres"],
            }
        )
    return rows


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--videos", type=Path, required=True, help="folder of .mp4 clips")


def measure(args: argparse.Namespace) -> Results:
    """Run all variants on all clips and compare them with the full model."""
    models = {
        variant: fetch(model, cache_folder(), report=print)
        for variant, model in POSE_MODELS.items()
    }
    classifier = Classifier(device="cpu")
    seconds: dict[str, list[float]] = {variant: [] for variant in models}
    rows: list[dict[str, Any]] = []
    clips = []
    for clip in list_videos(args.videos):
        print(clip.name)
        tracks, cpu = estimate_poses(clip, models)
        for variant, durations in cpu.items():
            seconds[variant] += durations
        rows += compare(clip.name, tracks, classifier)
        clips.append(
            f"{clip.name} ({describe_video(clip)}, {len(tracks[_REFERENCE].times)} frames)"
        )
    return {
        "clips": clips,
        "costs": [
            {
                "variant": variant,
                "bytes": models[variant].stat().st_size,
                "ms": np.mean(durations) * 1e3,
                "ratio": np.sum(durations) / np.sum(seconds[_REFERENCE]),
            }
            for variant, durations in seconds.items()
        ],
        "rows": rows,
    }
