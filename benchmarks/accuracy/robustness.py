"""Accuracy with fewer seconds, with a worse camera and with other bodies.

`live-A` and `live-B` are tested on the dancers that each was not trained on. A curve changes one
fault of the virtual camera and leaves out all others.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.models import answers, live_classifier
from benchmarks.accuracy.place import OTHER, Job, Place, Result, both_ways
from benchmarks.accuracy.unseen import BOTH
from dancetype.engine.clip import HOP, clip_windows
from dancetype.engine.media.track import Track
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec, cut_window
from dancetype.training.augment.camera import simulate_camera
from dancetype.training.data import aist
from dancetype.training.recipe import CameraSettings

EVERY: Final = 3
"""Only every third sequence of the unseen dancers is tested, so that a point takes seconds."""

SECONDS: Final = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)
PIECES_START_EVERY: Final = 4.0

CLEAR: Final = CameraSettings(
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

ORDINARY: Final = CLEAR.model_copy(update={"frame_rate": (30.0, 30.0), "noise": (1.0, 1.0)})
"""A camera with 30 frames per second and as much noise as MediaPipe was measured to add."""

CURVES: Final[dict[str, tuple[float, ...]]] = {
    "frame_rate": (10, 15, 20, 30, 60),
    "dropped": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
    "noise": (0.0, 0.5, 1.0, 1.5, 2.0),
    "heading": (0, 15, 30, 45, 60, 90),
}
"""Amounts of each fault."""


@dataclass(frozen=True, slots=True)
class CameraClip:
    """A dance as a camera shows it.

    Attributes:
        genre: Code of the genre.
        advanced: Whether it is free choreography.
        times: (T,) seconds.
        joints: (T, 17, 3) metres as in a `Pose`.
    """

    genre: str
    advanced: bool
    times: NDArray[np.float64]
    joints: Array


def jobs() -> list[Job]:
    """Return the tests with less time, with a worse camera and with other bodies."""
    kinds = {
        "seconds": ("accuracy against seconds seen", _seconds),
        "camera": ("accuracy against the camera's faults", _camera),
        "bodies": ("the same stretches as motion capture, rendered and real", _bodies),
    }
    return [
        job
        for kind, (about, run) in kinds.items()
        for job in both_ways(kind, f"live-{{way}}: {about}", run, BOTH)
    ]


def settings(fault: str, amount: float) -> CameraSettings:
    """Return a camera with one fault.

    Heading and dropped frames are left to `simulate_clips`, since a camera draws both at random.
    """
    if fault in ("frame_rate", "noise"):
        return CLEAR.model_copy(update={fault: (amount, amount)})
    return CLEAR


def turned(joints: Array, degrees: float) -> Array:
    """Return joints (T, 17, 3) turned about the vertical axis."""
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
    """Return whole sequences as a virtual camera shows them.

    Args:
        sequences: Motion capture.
        camera: Faults of the camera; noise keeps its bias throughout a sequence.
        heading: Degrees that the dancers face past the camera, to the left and right by turns.
        dropped: Share of frames that are lost, one by one.
        seed: Random seed; a sequence's number is added to it.
    """
    clips = []
    for number, sequence in enumerate(sequences):
        rng = np.random.default_rng([seed, number])
        times, joints = simulate_camera(sequence.times, sequence.joints, camera, rng)
        if heading:
            joints = turned(joints, heading if number % 2 else -heading)
        kept = rng.random(len(times)) >= dropped
        name = sequence.name
        clips.append(CameraClip(name.genre, name.situation == "FM", times[kept], joints[kept]))
    return clips


def idle_sequences(motions: Iterable[Array]) -> list[aist.AistSequence]:
    """Return motions (T, 17, 3) of people who do not dance, under a meaningless name."""
    name = aist.SequenceName.parse("gBR_sBM_cAll_d00_mBR0_ch00")
    return [aist.AistSequence(name, joints) for joints in motions]


def point(classifier: WindowClassifier, clips: list[CameraClip], *, hop: float = 1.0) -> Result:
    """Return the accuracy of windows and clips, overall and by choreography."""
    labels = classifier.contract.labels
    each = [clip_windows(clip.times, clip.joints, classifier, hop=hop) for clip in clips]
    rows = [
        (clip, found.argmax(axis=1) == labels.index(clip.genre), found.mean(axis=0).argmax())
        for clip, found in zip(clips, answers(classifier, each), strict=True)
        if len(found)
    ]
    windows = np.concatenate([right for _, right, _ in rows])
    advanced = np.concatenate([np.full(len(right), clip.advanced) for clip, right, _ in rows])
    found = _by_choreography(windows, advanced, "windows")
    right_clips = sum(labels[said] == clip.genre for clip, _, said in rows)
    return found | {
        "clips": len(clips),
        "clip_accuracy": right_clips / len(clips),
        "window_accuracy": found["accuracy"],
    }


def _by_choreography(right: NDArray[np.bool_], advanced: NDArray[np.bool_], unit: str) -> Result:
    """Return the number of answers and the share of right ones, overall and by choreography."""
    basic, free = right[~advanced], right[advanced]
    return {
        unit: len(right),
        f"basic_{unit}": len(basic),
        f"advanced_{unit}": len(free),
        "accuracy": right.mean() if len(right) else None,
        "basic": basic.mean() if len(basic) else None,
        "advanced": free.mean() if len(free) else None,
    }


def _camera(way: str, place: Place) -> Result:
    classifier = live_classifier(place, way)
    sequences = place.unseen(way)[::EVERY]
    curves: dict[str, list[Result]] = {}
    for fault, amounts in CURVES.items():
        for amount in amounts:
            more: dict[str, Any] = {fault: amount} if fault in ("heading", "dropped") else {}
            clips = simulate_clips(sequences, settings(fault, amount), **more)
            curves.setdefault(fault, []).append(point(classifier, clips))
    return {"sequences": len(sequences), "curves": curves}


def _seconds(way: str, place: Place) -> Result:
    classifier = live_classifier(place, way)
    longest = [s for s in place.unseen(way) if s.seconds >= SECONDS[-1]][::EVERY]
    return {
        "sequences": len(longest),
        "clear": seconds_seen(classifier, simulate_clips(longest, CLEAR)),
        "ordinary": seconds_seen(classifier, simulate_clips(longest, ORDINARY)),
    }


def seconds_seen(classifier: WindowClassifier, clips: list[CameraClip]) -> list[Result]:
    """Return the accuracy after each of `SECONDS` of the same pieces, classified as clips are.

    All clips are at least as long as the longest of `SECONDS`.
    """
    labels = classifier.contract.labels
    spec = classifier.contract.window
    starts = [
        (clip, start)
        for clip in clips
        for start in np.arange(
            clip.times[0], clip.times[-1] - SECONDS[-1] + 0.1, PIECES_START_EVERY
        ).tolist()
    ]
    advanced = np.array([clip.advanced for clip, _ in starts], bool)
    rows = []
    for seconds in SECONDS:
        each = [_first(clip, start, seconds, spec) for clip, start in starts]
        said = [len(windows) > 0 for windows in each]
        right = [
            len(p) > 0 and labels[p.mean(axis=0).argmax()] == clip.genre
            for (clip, _), p in zip(starts, answers(classifier, each), strict=True)
        ]
        row = {"seconds": seconds, "said": np.mean(said)}
        row |= _by_choreography(np.array(right, bool), advanced, "pieces")
        if not any(said):
            row |= dict.fromkeys(("accuracy", "basic", "advanced"))
        rows.append(row)
    return rows


def _first(clip: CameraClip, start: float, seconds: float, spec: WindowSpec) -> Array:
    """Return windows (W, L, F) of a piece; W is 0 if it is too short."""
    inside = (clip.times >= start - 1e-6) & (clip.times <= start + seconds + 1e-6)
    times, joints = clip.times[inside], clip.joints[inside]
    ends = start + np.arange(min(seconds, spec.seconds), seconds + 1e-6, HOP)
    cuts = [cut_window(times, joints, spec, end=end + 1e-6).features for end in ends]
    windows = [cut for cut in cuts if cut is not None]
    return np.stack(windows) if windows else np.empty((0, spec.length, spec.features), np.float32)


def _bodies(way: str, place: Place) -> Result:
    classifier = live_classifier(place, way)
    unseen = place.split(f"dancers:{OTHER[way]}")
    sequences = {sequence.name.text: sequence for sequence in place.sequences(unseen)}
    real = [track for track in place.real_tracks() if track.sequence in sequences]
    return {
        "rendered": _same_stretches(classifier, place.rendered_tracks(unseen), sequences),
        "real": _same_stretches(classifier, real, sequences),
    }


def _same_stretches(
    classifier: WindowClassifier, tracks: list[Track], sequences: dict[str, aist.AistSequence]
) -> dict[str, Result]:
    """Test tracks and the motion capture of the same dances, without faults and with noise."""
    known = [t for t in tracks if np.isfinite(t.start) and t.sequence in sequences]
    if not known:
        return {}
    stretches = [_stretch(sequences[track.sequence], track) for track in known]
    versions = {
        "motion capture": simulate_clips(stretches, CLEAR),
        "motion capture with fitted noise": simulate_clips(stretches, ORDINARY),
        "seen by MediaPipe": [
            CameraClip(track.genre, "_sFM_" in track.sequence, track.times, track.joints)
            for track in known
        ],
    }
    return {name: point(classifier, clips) for name, clips in versions.items()}


def _stretch(sequence: aist.AistSequence, track: Track) -> aist.AistSequence:
    """Return the part of a sequence that a track shows."""
    first = round(track.start * aist.FRAMES_PER_SECOND)
    frames = round((track.times[-1] - track.times[0]) * aist.FRAMES_PER_SECOND)
    return aist.AistSequence(sequence.name, sequence.joints[first : first + frames + 1])
