"""How the answer holds as less is seen, and as the camera gets worse.

Asked of `live-A` and `live-B` about the dancers that each has not seen. A curve changes one fault
of the virtual camera and leaves out all others.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

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
"""Every third sequence of the unseen dancers is asked about, so that a point costs seconds."""

HOP_OF_CURVES: Final = 1.0
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
"""A camera that the dancer faces, without faults."""

ORDINARY: Final = CLEAR.model_copy(update={"frame_rate": (30.0, 30.0), "noise": (1.0, 1.0)})
"""30 frames a second and as much noise as MediaPipe was measured to add."""

CURVES: Final[dict[str, tuple[float, ...]]] = {
    "frame_rate": (10, 15, 20, 30, 60),
    "dropped": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
    "noise": (0.0, 0.5, 1.0, 1.5, 2.0),
    "heading": (0, 15, 30, 45, 60, 90),
}
"""Which fault, and how much of it."""


@dataclass(frozen=True, slots=True)
class Filmed:
    """A clip as a camera saw it.

    Attributes:
        genre: code of the truth.
        advanced: whether it is free choreography.
        times: (T,) seconds.
        joints: (T, 17, 3) metres as in a `Pose`.
    """

    genre: str
    advanced: bool
    times: NDArray[np.float64]
    joints: Array


def jobs() -> list[Job]:
    """What less time, a worse camera and another body do."""
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
    """A camera with so much of one fault alone.

    Heading and dropped frames are left to `filmed`: a camera draws both at random.
    """
    if fault in ("frame_rate", "noise"):
        return CLEAR.model_copy(update={fault: (amount, amount)})
    return CLEAR


def turned(joints: Array, degrees: float) -> Array:
    """(T, 17, 3): the dancer turned about the vertical, away from the camera."""
    angle = np.radians(degrees)
    x, z = joints[..., 0], joints[..., 2]
    around = (np.cos(angle) * x + np.sin(angle) * z, np.cos(angle) * z - np.sin(angle) * x)
    result: Array = np.stack([around[0], joints[..., 1], around[1]], axis=-1).astype(np.float32)
    return result


def filmed(
    sequences: Iterable[aist.Sequence],
    camera: CameraSettings,
    *,
    heading: float = 0.0,
    dropped: float = 0.0,
) -> list[Filmed]:
    """Films whole sequences; each is seen by the same chance however often it is asked for.

    Args:
        sequences: motion capture.
        camera: its faults; noise keeps its bias throughout a sequence.
        heading: degrees that the dancers face past the camera, to the left and right by turns.
        dropped: share of frames that are lost, one by one.
    """
    clips = []
    for number, sequence in enumerate(sequences):
        rng = np.random.default_rng([7, number])
        times, joints = simulate_camera(sequence.times, sequence.joints, camera, rng)
        if heading:
            joints = turned(joints, heading if number % 2 else -heading)
        kept = rng.random(len(times)) >= dropped
        name = sequence.name
        clips.append(Filmed(name.genre, name.situation == "FM", times[kept], joints[kept]))
    return clips


def point(classifier: WindowClassifier, clips: list[Filmed], *, hop: float) -> Result:
    """Accuracy of windows and clips, overall and by choreography."""
    labels = classifier.contract.labels
    each = [clip_windows(clip.times, clip.joints, classifier, hop=hop) for clip in clips]
    rows = [
        (clip, found.argmax(axis=1) == labels.index(clip.genre), found.mean(axis=0).argmax())
        for clip, found in zip(clips, answers(classifier, each), strict=True)
        if len(found)
    ]
    windows = np.concatenate([right for _, right, _ in rows])
    advanced = np.concatenate([np.full(len(right), clip.advanced) for clip, right, _ in rows])
    return {
        "clips": len(clips),
        "clip_accuracy": sum(labels[said] == clip.genre for clip, _, said in rows) / len(clips),
        "windows": len(windows),
        "basic_windows": int((~advanced).sum()),
        "advanced_windows": int(advanced.sum()),
        "window_accuracy": _share(windows),
        "basic": _share(windows[~advanced]),
        "advanced": _share(windows[advanced]),
    }


def _share(right: NDArray[np.bool_]) -> float | None:
    return float(right.mean()) if len(right) else None


def _camera(way: str, place: Place) -> Result:
    classifier = live_classifier(place, way)
    sequences = place.unseen(way)[::EVERY]
    curves: dict[str, list[Result]] = {}
    for fault, amounts in CURVES.items():
        for amount in amounts:
            past = {fault: amount} if fault in ("heading", "dropped") else {}
            clips = filmed(sequences, settings(fault, amount), **past)
            found = point(classifier, clips, hop=HOP_OF_CURVES)
            curves.setdefault(fault, []).append({"amount": amount} | found)
    return {"sequences": len(sequences), "hop": HOP_OF_CURVES, "curves": curves}


def _seconds(way: str, place: Place) -> Result:
    classifier = live_classifier(place, way)
    longest = [s for s in place.unseen(way) if s.seconds >= SECONDS[-1]][::EVERY]
    return {
        "sequences": len(longest),
        "clear": seconds_seen(classifier, filmed(longest, CLEAR)),
        "ordinary": seconds_seen(classifier, filmed(longest, ORDINARY)),
    }


def seconds_seen(classifier: WindowClassifier, clips: list[Filmed]) -> list[Result]:
    """Accuracy after so many seconds of the same pieces, by the rule of clips.

    Args:
        classifier: the model.
        clips: of the longest time in `SECONDS` or more, so that all lengths are asked of the same
            moments.
    """
    spec = classifier.contract.window
    starts = [
        (clip, start)
        for clip in clips
        for start in np.arange(
            clip.times[0], clip.times[-1] - SECONDS[-1] + 0.1, PIECES_START_EVERY
        )
    ]
    rows = []
    for seconds in SECONDS:
        each = [_first(clip, float(start), seconds, spec) for clip, start in starts]
        found = answers(classifier, each)
        said = [len(windows) > 0 for windows in each]
        right = np.array(
            [
                len(p) > 0 and classifier.contract.labels[p.mean(axis=0).argmax()] == clip.genre
                for (clip, _), p in zip(starts, found, strict=True)
            ],
            bool,
        )
        advanced = np.array([clip.advanced for clip, _ in starts], bool)
        rows.append(
            {
                "seconds": seconds,
                "pieces": len(starts),
                "basic_pieces": int((~advanced).sum()),
                "advanced_pieces": int(advanced.sum()),
                "said": float(np.mean(said)),
                "accuracy": _share(right) if any(said) else None,
                "basic": _share(right[~advanced]) if any(said) else None,
                "advanced": _share(right[advanced]) if any(said) else None,
            }
        )
    return rows


def _first(clip: Filmed, start: float, seconds: float, spec: WindowSpec) -> Array:
    """Windows (W, L, F) of a piece; W is 0 where it is too short for one."""
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
    classifier: WindowClassifier, tracks: list[Track], sequences: dict[str, aist.Sequence]
) -> dict[str, Result]:
    """Tracks, and the motion capture of what they show: without faults, and with fitted noise."""
    known = [t for t in tracks if np.isfinite(t.start) and t.sequence in sequences]
    if not known:
        return {}
    stretches = [stretch(sequences[track.sequence], track) for track in known]
    seen = [
        Filmed(track.genre, "_sFM_" in track.sequence, track.times, track.joints) for track in known
    ]
    versions = {
        "motion capture": filmed(stretches, CLEAR),
        "motion capture with fitted noise": filmed(stretches, ORDINARY),
        "seen by MediaPipe": seen,
    }
    return {name: point(classifier, clips, hop=HOP_OF_CURVES) for name, clips in versions.items()}


def stretch(sequence: aist.Sequence, track: Track) -> aist.Sequence:
    """The part of a sequence that a track shows."""
    first = round(track.start * aist.FRAMES_PER_SECOND)
    frames = round((track.times[-1] - track.times[0]) * aist.FRAMES_PER_SECOND)
    return aist.Sequence(sequence.name, sequence.joints[first : first + frames + 1])
