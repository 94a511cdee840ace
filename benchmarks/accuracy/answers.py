"""Measure the answers of a live run: the share of time with the right genre, a wrong one and none.

Each model classifies the windows of a clip once; then many entry thresholds are replayed on its
predictions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

from benchmarks.accuracy.doubt import CAMERA, SEED
from benchmarks.accuracy.models import live_classifier
from benchmarks.accuracy.robustness import idle_sequences, simulate_clips
from benchmarks.accuracy.unseen import BOTH
from benchmarks.accuracy.workspace import OTHER_FOLD, Job, Result, Workspace, jobs_for_both_folds
from dancetype.engine.classifier import Classifier
from dancetype.engine.contract import Contract
from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.rolling import Decision, RollingEstimate
from dancetype.engine.skeleton import Array
from dancetype.training.data.idle import HELD_OUT_KINDS, idle_motions
from dancetype.training.live import (
    START,
    LiveClip,
    LiveWindows,
    compare_answers,
    live_windows,
    mean_of_clips,
)

TEST_SETS: Final = {
    "real": "real clips of dancers",
    "rendered": "rendered clips of dancers",
    "nondance": "real people who do not dance",
    "negatives": "captured motion, no dance, files held out",
    "generated": "generated motion, no dance, kinds held out",
}
"""Test sets of clips and their descriptions."""

EARLY: Final = 1.0
"""Start of the counted time of real clips of dancers, most of which are shorter than `START`.

It is the shortest window of the live recipe.
"""

ENTER: Final = (*(step / 20 for step in range(3, 20)), 0.98)
"""Entry thresholds of the operating curves."""

PEOPLE: Final = 24
"""Number of generated people."""


@dataclass(frozen=True, slots=True)
class ClassifiedClip:
    """Clip with its true genre and its classified windows."""

    name: str
    genre: str
    windows: LiveWindows


TestSets = Mapping[str, list[ClassifiedClip]]


def jobs() -> list[Job]:
    """Return a job for each fold, and one for the shipped model."""
    description = "live answers of live-{fold} to real, rendered and captured motion"
    return [
        *jobs_for_both_folds("answers", description, _test, BOTH),
        Job("answers-shipped", "live answers of the shipped model to real tracks", _test_shipped),
    ]


def _test(fold: str, workspace: Workspace) -> Result:
    classifier = live_classifier(workspace, fold)
    return measure_answers(classifier, unseen_clips(classifier, workspace, fold))


def _test_shipped(workspace: Workspace) -> Result:
    """Test the shipped model, which was trained on the dancers of AIST++ and captured motion."""
    classifier = Classifier(device="cpu")
    return measure_answers(
        classifier,
        {
            "real": classify_tracks(classifier, workspace.real_tracks()),
            "nondance": classify_tracks(classifier, workspace.nondance_tracks()),
            "generated": classify_motions(classifier, _generated_motions()),
        },
    )


def unseen_clips(classifier: WindowClassifier, workspace: Workspace, fold: str) -> TestSets:
    """Return the clips of the test sets with people that a fold's training data does not show."""
    training = workspace.split(f"dancers:{fold}")
    test = workspace.split(f"dancers:{OTHER_FOLD[fold]}")
    real = [track for track in workspace.real_tracks() if track.dancer not in training.dancers]
    return {
        "real": classify_tracks(classifier, real),
        "rendered": classify_tracks(classifier, workspace.rendered_tracks(test)),
        "nondance": classify_tracks(classifier, workspace.nondance_tracks()),
        "negatives": classify_motions(classifier, workspace.held_out_negatives(fold)),
        "generated": classify_motions(classifier, _generated_motions()),
    }


def measure_answers(classifier: WindowClassifier, clips: TestSets) -> Result:
    """Return the live answers to each clip, and the mean shares at each entry threshold."""
    contract = classifier.contract
    labels, rolling = contract.labels, contract.rolling_estimate()
    early = compare_clips(clips.get("real", ()), rolling, labels, start=EARLY)
    return {
        "sets": {
            name: [asdict(clip) for clip in compare_clips(test_set, rolling, labels)]
            for name, test_set in clips.items()
        },
        "early": [asdict(clip) for clip in early],
        "curve": operating_curve(clips, contract),
    }


def compare_clips(
    clips: Iterable[ClassifiedClip],
    rolling: RollingEstimate,
    labels: tuple[str, ...],
    *,
    start: float = START,
) -> list[LiveClip]:
    """Compare the answers of a rolling estimate to clips with their genres."""
    return [
        compare_answers(clip.name, clip.genre, clip.windows, rolling, labels, start=start)
        for clip in clips
    ]


def operating_curve(clips: TestSets, contract: Contract) -> list[Result]:
    """Return the mean shares of each test set at each entry threshold."""
    points = []
    for enter in ENTER:
        rolling = _with_enter(contract, enter)
        point: Result = {"enter": enter}
        for name, test_set in clips.items():
            start = EARLY if name == "real" else START
            mean = mean_of_clips(compare_clips(test_set, rolling, contract.labels, start=start))
            if mean is not None:
                point[name] = {share: mean[share] for share in ("right", "wrong", "none")}
        points.append(point)
    return points


def _with_enter(contract: Contract, enter: float) -> RollingEstimate:
    """Return the rolling estimate of a model with another entry threshold."""
    decision = contract.decision or Decision.uniform(len(contract.labels))
    leave = tuple(min(leave, enter) for leave in decision.leave)
    changed = replace(decision, enter=(enter,) * len(contract.labels), leave=leave)
    return replace(contract, decision=changed).rolling_estimate()


def classify_tracks(classifier: WindowClassifier, tracks: Iterable[Track]) -> list[ClassifiedClip]:
    return [
        ClassifiedClip(track.name, track.genre, live_windows(track.times, track.joints, classifier))
        for track in tracks
    ]


def classify_motions(
    classifier: WindowClassifier, motions: Iterable[Array]
) -> list[ClassifiedClip]:
    """Record people who do not dance with the virtual camera and classify their windows."""
    clips = simulate_clips(idle_sequences(motions), CAMERA, seed=SEED + 2)
    return [
        ClassifiedClip(str(number), NOT_DANCING, live_windows(clip.times, clip.joints, classifier))
        for number, clip in enumerate(clips)
    ]


def _generated_motions() -> list[Array]:
    motions = idle_motions(PEOPLE, seed=SEED + 2, kinds=HELD_OUT_KINDS, seconds=12)
    return [motion.joints for motion in motions]
