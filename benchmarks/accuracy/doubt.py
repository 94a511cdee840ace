"""What is said where nobody dances.

The share of time is that of answers, one each hop, with the rolling estimate as it is shipped;
warming up is no part of it.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.models import live_classifier
from benchmarks.accuracy.place import OTHER, Job, Place, Result, both_ways
from benchmarks.accuracy.robustness import ORDINARY
from benchmarks.accuracy.unseen import BOTH
from benchmarks.accuracy.videos import recorded
from benchmarks.baselines.steadiness import Answer, replay, watch
from dancetype.engine.classifier import Classifier
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.rolling import RollingEstimate, Status
from dancetype.engine.skeleton import Array
from dancetype.training.augment.camera import simulate_camera
from dancetype.training.data import aist
from dancetype.training.data.idle import HELD_OUT_KINDS, KINDS, TRAINED_KINDS, frozen, idle_motions

SEED: Final = 20_000
"""Far from the seeds of recipes, by which idlers to learn from are made."""

SECONDS: Final = 20.0
EACH: Final = 6
"""People of each kind."""

EVERY: Final = 10
"""Every tenth sequence of the unseen dancers is danced, or stood still in."""

FILMED: Final = ORDINARY.model_copy(update={"heading": 20.0, "pitch": 5.0, "roll": 2.0})


def jobs() -> list[Job]:
    """What three models say of people who do not dance, and of videos of such."""
    return [
        *both_ways("doubt", "live-{way} on people who do not dance", _doubt, BOTH),
        Job("doubt-shipped", "the shipped model on people who do not dance", _shipped),
        Job("videos", "what live-A, live-B and the shipped model say of videos", _videos, BOTH),
    ]


def answers(
    classifier: WindowClassifier, times: NDArray[np.float64], joints: Array
) -> list[Answer]:
    """What the live path would say of a clip, hop by hop.

    Args:
        classifier: the model.
        times: (T,) seconds, rising.
        joints: (T, 17, 3) metres as in a `Pose`, NaN where nobody was seen.
    """
    return replay(watch(classifier, times, joints), RollingEstimate(classifier.contract.labels))


def shares(said: Iterable[Answer], *, genre: str = "") -> Result:
    """Shares of time of each answer, without the warming up.

    Args:
        said: one answer each hop.
        genre: what is danced, if anything.
    """
    counts: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for answer in said:
        if answer.status == Status.WARMING_UP:
            continue
        counts[answer.status.value] += 1
        if answer.genre is not None:
            counts["right"] += answer.genre == genre
            names[answer.genre] += 1
    total = sum(counts[status.value] for status in Status)
    parts = {status.value: counts[status.value] / max(total, 1) for status in Status}
    most = names.most_common(1)
    return {
        "answers": total,
        "quiet": parts["not_sure"] + parts["no_person"],
        **{name: parts[name] for name in ("not_sure", "no_person", "genre")},
        "right": counts["right"] / max(total, 1),
        "most_named": most[0][0] if most else None,
    }


def _doubt(way: str, place: Place) -> Result:
    classifier = live_classifier(place, way)
    sequences = place.unseen(way)[::EVERY]
    dances = [
        (
            sequence.name.genre,
            *simulate_camera(sequence.times, sequence.joints, FILMED, _chance(number)),
        )
        for number, sequence in enumerate(sequences)
    ]
    each = [shares(answers(classifier, t, j), genre=genre) for genre, t, j in dances]
    weights = [found["answers"] for found in each]
    names = ("quiet", "genre", "right")
    danced = {n: float(np.average([found[n] for found in each], weights=weights)) for n in names}
    return {
        "kinds": on_idlers(classifier),
        "frozen": _frozen(classifier, sequences),
        "dancing": {"sequences": len(sequences), **danced},
    }


def _shipped(place: Place) -> Result:
    del place
    return {"kinds": on_idlers(Classifier(device="cpu"))}


def on_idlers(classifier: WindowClassifier, *, each: int = EACH) -> dict[str, Result]:
    """What is said of each kind of people who do not dance, and whether such are learned from."""
    found = {}
    for kind in KINDS:
        said: list[Answer] = []
        for number, motion in enumerate(
            idle_motions(each, seed=SEED, kinds=(kind,), seconds=SECONDS)
        ):
            said += _filmed(classifier, motion.joints, number)
        found[kind] = {"held_out": kind in HELD_OUT_KINDS} | shares(said)
    assert set(found) == set(TRAINED_KINDS) | set(HELD_OUT_KINDS)
    return found


def _frozen(classifier: WindowClassifier, sequences: list[aist.Sequence]) -> Result:
    """Dancers who stand still in a pose of their dance."""
    said: list[Answer] = []
    for number, sequence in enumerate(sequences):
        still = frozen(sequence.joints, sequence.seconds / 2, seed=SEED + number)
        said += _filmed(classifier, still, number)
    return shares(said)


def _filmed(classifier: WindowClassifier, joints: Array, number: int) -> list[Answer]:
    times = np.arange(len(joints)) / aist.FRAMES_PER_SECOND
    return answers(classifier, *simulate_camera(times, joints, FILMED, _chance(number)))


def _chance(number: int) -> np.random.Generator:
    return np.random.default_rng([SEED, number])


def _videos(place: Place) -> Result:
    models: dict[str, WindowClassifier] = {
        **{f"live-{way}": live_classifier(place, way) for way in OTHER},
        "shipped": Classifier(device="cpu"),
    }
    found: dict[str, dict[str, Result]] = {}
    for track in recorded(place.videos, place.runs / "videos"):
        found[track.name] = {"seconds": {"value": track.seconds}} | {
            name: shares(answers(model, track.times, track.joints))
            for name, model in models.items()
        }
    return found
