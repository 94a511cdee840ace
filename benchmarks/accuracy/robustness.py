"""Measure accuracy with less time, with a worse camera and with rendered and real bodies.

`live-A` and `live-B` are tested on the dancers of the other half. A curve varies one fault of the
virtual camera; the camera has no other faults.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.accuracy.models import live_classifier, predict_clips
from benchmarks.accuracy.unseen import BOTH
from benchmarks.accuracy.workspace import OTHER_FOLD, Job, Result, Workspace, jobs_for_both_folds
from dancetype.engine.clip import HOP, clip_windows
from dancetype.engine.media.track import Track
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec, cut_window
from dancetype.training.augment.camera import record_motion
from dancetype.training.data import aist
from dancetype.training.recipe import CameraSettings

SEQUENCE_STRIDE: Final = 3
"""Only every third sequence of the unseen dancers is tested, so that a point takes only seconds."""

SECONDS: Final = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)
PIECE_INTERVAL: Final = 4.0
"""Seconds between the starts of two pieces of a clip."""

FAULTLESS: Final = CameraSettings(
    heading=0.0,
    pitch=0.0,
    roll=0.0,
    frame_rate=(aist.FRAMES_PER_SECOND, aist.FRAMES_PER_SECOND),
    dropped=0.0,
    noise=(0.0, 0.0),
    thrown_share=0.0,
    thrown=0.0,
    limbs=0.0,
    mirror=0.0,
)
"""A camera in front of the dancer, without faults."""

ORDINARY: Final = FAULTLESS.model_copy(update={"frame_rate": (30.0, 30.0), "noise": (1.0, 1.0)})
"""A camera with 30 frames per second and the measured noise of MediaPipe."""

CURVES: Final[dict[str, tuple[float, ...]]] = {
    "frame_rate": (10, 15, 20, 30, 60),
    "dropped": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
    "noise": (0.0, 0.5, 1.0, 1.5, 2.0),
    "heading": (0, 15, 30, 45, 60, 90),
}
"""Amounts of each fault."""


@dataclass(frozen=True, slots=True)
class CameraClip:
    """A dance as recorded by the virtual camera.

    Attributes:
        genre: Code of the genre.
        advanced: Whether the choreography is advanced.
        times: (T,) seconds.
        joints: (T, 17, 3) metres as in a `Pose`.
    """

    genre: str
    advanced: bool
    times: NDArray[np.float64]
    joints: Array


def jobs() -> list[Job]:
    """Return the tests with less time, with a worse camera and with other bodies."""
    tests = {
        "seconds": ("accuracy against duration", _seconds),
        "camera": ("accuracy against the camera's faults", _camera),
        "bodies": ("the same dances as motion capture, rendered and real", _bodies),
    }
    return [
        job
        for name, (description, run) in tests.items()
        for job in jobs_for_both_folds(name, f"live-{{fold}}: {description}", run, BOTH)
    ]


def camera_with_fault(fault: str, amount: float) -> CameraSettings:
    """Return a camera with one fault.

    `simulate_clips` applies heading and dropped frames, because the settings make both random.
    """
    if fault in ("frame_rate", "noise"):
        return FAULTLESS.model_copy(update={fault: (amount, amount)})
    return FAULTLESS


def rotate(joints: Array, degrees: float) -> Array:
    """Return joints (T, 17, 3) rotated about the vertical axis."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y, z = np.moveaxis(joints, -1, 0)
    result: Array = np.stack([cosine * x + sine * z, y, cosine * z - sine * x], axis=-1)
    return result.astype(np.float32)


def simulate_clips(
    sequences: Iterable[aist.AistSequence],
    camera: CameraSettings,
    *,
    heading: float = 0.0,
    dropped: float = 0.0,
    seed: int = 7,
) -> list[CameraClip]:
    """Record whole sequences with a virtual camera.

    Args:
        sequences: Motion capture.
        camera: Settings of the camera; the bias of the noise is constant throughout a sequence.
        heading: Angle between the dancer's heading and the camera in degrees, alternately to the
            left and to the right.
        dropped: Share of frames that are dropped independently.
        seed: Random seed, combined with the number of the sequence.
    """
    clips = []
    for number, sequence in enumerate(sequences):
        rng = np.random.default_rng([seed, number])
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        times, joints = record_motion(sequence.joints, camera, generator)
        if heading:
            joints = rotate(joints, heading if number % 2 else -heading)
        kept = rng.random(len(times)) >= dropped
        name = sequence.name
        clips.append(CameraClip(name.genre, name.situation == "FM", times[kept], joints[kept]))
    return clips


def idle_sequences(motions: Iterable[Array]) -> list[aist.AistSequence]:
    """Return motions (T, 17, 3) of people who do not dance as sequences with a dummy name."""
    name = aist.SequenceName.parse("gBR_sBM_cAll_d00_mBR0_ch00")
    return [aist.AistSequence(name, joints) for joints in motions]


def measure_accuracy(
    classifier: WindowClassifier, clips: list[CameraClip], *, hop: float = 1.0
) -> Result:
    """Return the accuracy of windows and clips, overall and by choreography."""
    labels = classifier.contract.labels
    windows = [clip_windows(clip.times, clip.joints, classifier, hop=hop) for clip in clips]
    predicted = [
        (clip, probabilities)
        for clip, probabilities in zip(clips, predict_clips(classifier, windows), strict=True)
        if len(probabilities)
    ]
    correct = [
        probabilities.argmax(axis=1) == labels.index(clip.genre)
        for clip, probabilities in predicted
    ]
    advanced = [np.full(len(probabilities), clip.advanced) for clip, probabilities in predicted]
    by_window = _by_choreography(np.concatenate(correct), np.concatenate(advanced), "windows")
    correct_clips = sum(
        labels[probabilities.mean(axis=0).argmax()] == clip.genre
        for clip, probabilities in predicted
    )
    return by_window | {
        "clips": len(clips),
        "clip_accuracy": correct_clips / len(clips),
        "window_accuracy": by_window["accuracy"],
    }


def _by_choreography(correct: NDArray[np.bool_], advanced: NDArray[np.bool_], unit: str) -> Result:
    """Return the number of predictions and their accuracy, overall and by choreography."""
    correct_basic, correct_advanced = correct[~advanced], correct[advanced]
    return {
        unit: len(correct),
        f"basic_{unit}": len(correct_basic),
        f"advanced_{unit}": len(correct_advanced),
        "accuracy": correct.mean() if len(correct) else None,
        "basic": correct_basic.mean() if len(correct_basic) else None,
        "advanced": correct_advanced.mean() if len(correct_advanced) else None,
    }


def _camera(fold: str, workspace: Workspace) -> Result:
    classifier = live_classifier(workspace, fold)
    sequences = workspace.unseen_sequences(fold)[::SEQUENCE_STRIDE]
    curves: dict[str, list[Result]] = {}
    for fault, amounts in CURVES.items():
        for amount in amounts:
            options: dict[str, Any] = {fault: amount} if fault in ("heading", "dropped") else {}
            clips = simulate_clips(sequences, camera_with_fault(fault, amount), **options)
            curves.setdefault(fault, []).append(measure_accuracy(classifier, clips))
    return {"sequences": len(sequences), "curves": curves}


def _seconds(fold: str, workspace: Workspace) -> Result:
    classifier = live_classifier(workspace, fold)
    long_enough = [
        sequence for sequence in workspace.unseen_sequences(fold) if sequence.seconds >= SECONDS[-1]
    ]
    sequences = long_enough[::SEQUENCE_STRIDE]
    return {
        "sequences": len(sequences),
        "clear": accuracy_by_duration(classifier, simulate_clips(sequences, FAULTLESS)),
        "ordinary": accuracy_by_duration(classifier, simulate_clips(sequences, ORDINARY)),
    }


def accuracy_by_duration(classifier: WindowClassifier, clips: list[CameraClip]) -> list[Result]:
    """Return the accuracy for the first seconds of the same pieces, for each of `SECONDS`.

    The first seconds of a piece are classified like a clip. All clips must be at least as long as
    the last of `SECONDS`.
    """
    labels = classifier.contract.labels
    spec = classifier.contract.window
    pieces = [
        (clip, start)
        for clip in clips
        for start in np.arange(
            clip.times[0], clip.times[-1] - SECONDS[-1] + 0.1, PIECE_INTERVAL
        ).tolist()
    ]
    advanced = np.array([clip.advanced for clip, _ in pieces], bool)
    rows = []
    for seconds in SECONDS:
        windows = [_piece_windows(clip, start, seconds, spec) for clip, start in pieces]
        answered = [len(piece_windows) > 0 for piece_windows in windows]
        correct = [
            len(probabilities) > 0 and labels[probabilities.mean(axis=0).argmax()] == clip.genre
            for (clip, _), probabilities in zip(
                pieces, predict_clips(classifier, windows), strict=True
            )
        ]
        row = {"seconds": seconds, "answered": np.mean(answered)}
        row |= _by_choreography(np.array(correct, bool), advanced, "pieces")
        if not any(answered):
            row |= dict.fromkeys(("accuracy", "basic", "advanced"))
        rows.append(row)
    return rows


def _piece_windows(clip: CameraClip, start: float, seconds: float, spec: WindowSpec) -> Array:
    """Return the windows (W, L, F) of a piece; W is 0 if it is too short."""
    inside = (clip.times >= start - 1e-6) & (clip.times <= start + seconds + 1e-6)
    times, joints = clip.times[inside], clip.joints[inside]
    ends = start + np.arange(min(seconds, spec.seconds), seconds + 1e-6, HOP)
    features = [cut_window(times, joints, spec, end=end + 1e-6).features for end in ends]
    windows = [window for window in features if window is not None]
    return np.stack(windows) if windows else np.empty((0, spec.length, spec.features), np.float32)


def _bodies(fold: str, workspace: Workspace) -> Result:
    classifier = live_classifier(workspace, fold)
    test = workspace.split(f"dancers:{OTHER_FOLD[fold]}")
    sequences = {sequence.name.text: sequence for sequence in workspace.sequences(test)}
    real = [track for track in workspace.real_tracks() if track.sequence in sequences]
    return {
        "rendered": _compare_bodies(classifier, workspace.rendered_tracks(test), sequences),
        "real": _compare_bodies(classifier, real, sequences),
    }


def _compare_bodies(
    classifier: WindowClassifier, tracks: list[Track], sequences: dict[str, aist.AistSequence]
) -> dict[str, Result]:
    """Test tracks and the motion capture of the same dances, without faults and with noise."""
    aligned = [
        track for track in tracks if np.isfinite(track.start) and track.sequence in sequences
    ]
    if not aligned:
        return {}
    excerpts = [_excerpt(sequences[track.sequence], track) for track in aligned]
    versions = {
        "motion capture": simulate_clips(excerpts, FAULTLESS),
        "motion capture with fitted noise": simulate_clips(excerpts, ORDINARY),
        "MediaPipe": [
            CameraClip(track.genre, "_sFM_" in track.sequence, track.times, track.joints)
            for track in aligned
        ],
    }
    return {name: measure_accuracy(classifier, clips) for name, clips in versions.items()}


def _excerpt(sequence: aist.AistSequence, track: Track) -> aist.AistSequence:
    """Return the part of a sequence that a track shows."""
    first = round(track.start * aist.FRAMES_PER_SECOND)
    frames = round((track.times[-1] - track.times[0]) * aist.FRAMES_PER_SECOND)
    return aist.AistSequence(sequence.name, sequence.joints[first : first + frames + 1])
