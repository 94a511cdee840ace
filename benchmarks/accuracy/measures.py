"""Compute JSON-ready figures from answers."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.place import Result
from dancetype.engine.clip import classify_track
from dancetype.engine.media.track import Track
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.training.data.aist import SequenceName
from dancetype.training.data.splits import Split
from dancetype.training.evaluate import EvaluatedClip, Evaluation

ACCURACIES: Final = ("clips", "clip_accuracy", "windows", "window_accuracy")

_BINS: Final = 15
_PIECE: Final = 2.0  # seconds; most short clips on the web are about as long


def by_dancer(evaluation: Evaluation) -> dict[str, Result]:
    """Return the accuracies of each dancer of AIST sequences."""
    by_dancer: dict[str, list[EvaluatedClip]] = {}
    for clip in evaluation.clips:
        by_dancer.setdefault(SequenceName.parse(clip.name).dancer, []).append(clip)
    found = {}
    for dancer, clips in sorted(by_dancer.items()):
        figures = Evaluation(evaluation.labels, clips).figures()
        found[dancer] = {"genre": clips[0].genre} | {name: figures[name] for name in ACCURACIES}
    return found


def reliability(evaluation: Evaluation) -> list[Result]:
    """Return how often windows are right, by confidence; bins of equal width, empty ones omitted.

    The calibration error is the mean gap, weighted by windows.
    """
    windows = np.concatenate([clip.result.windows for clip in evaluation.clips])
    truth = [clip.genre for clip in evaluation.clips for _ in clip.result.windows]
    confidence = windows.max(axis=1)
    right = np.array(evaluation.labels)[windows.argmax(axis=1)] == truth
    index = _bins(confidence)
    return [
        {
            "windows": (index == number).sum(),
            "confidence": confidence[index == number].mean(),
            "accuracy": right[index == number].mean(),
        }
        for number in np.unique(index)
    ]


def _bins(confidence: NDArray[np.floating]) -> NDArray[np.int64]:
    bins: NDArray[np.int64] = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return bins


def calibration_gap(rows: Iterable[Result]) -> float | None:
    """Return the expected calibration error of `reliability`'s rows."""
    return pooled((abs(row["accuracy"] - row["confidence"]), row["windows"]) for row in rows)


def merged(rows: Sequence[Result]) -> list[Result]:
    """Return the `reliability` of several tests together, given the rows of all of them."""
    by_bin: dict[int, list[Result]] = {}
    for row, index in zip(rows, _bins(np.array([row["confidence"] for row in rows])), strict=True):
        by_bin.setdefault(index, []).append(row)
    return [
        {
            "windows": sum(row["windows"] for row in each),
            "confidence": pooled((row["confidence"], row["windows"]) for row in each),
            "accuracy": pooled((row["accuracy"], row["windows"]) for row in each),
        }
        for _, each in sorted(by_bin.items())
    ]


def of_tracks(
    classifier: WindowClassifier, tracks: Iterable[Track], learned: Split
) -> list[Result]:
    """Return answers about tracks, whole and in pieces, of a model trained on `learned`."""
    dancers = learned.dancers
    return [
        {
            "name": track.name,
            "genre": track.genre,
            "dancer": track.dancer,
            "dancer_known": track.dancer in dancers,
            "performance_known": track.sequence in learned.sequences,
            **_answer(classifier, track.times, track.joints, track.genre),
            "pieces": [
                _answer(classifier, *part, track.genre)
                for part in pieces(track.times, track.joints, _PIECE)
            ],
        }
        for track in tracks
    ]


def _answer(
    classifier: WindowClassifier, times: NDArray[np.float64], joints: Array, genre: str
) -> Result:
    """Return rank and log-probability of the right genre, those of a guess without an answer."""
    labels = classifier.contract.labels
    result = classify_track(times, joints, classifier)
    if result.genre is None:
        return {"answer": None, "rank": len(labels), "log_probability": -np.log(len(labels))}
    right = result.probabilities[labels.index(genre)]
    return {
        "answer": result.genre,
        "rank": 1 + (result.probabilities > right).sum(),
        "log_probability": np.log(max(right, 1e-6)),
    }


def pieces(
    times: NDArray[np.float64], joints: Array, seconds: float
) -> list[tuple[NDArray[np.float64], Array]]:
    """Cut a clip into consecutive pieces, without the rest; a shorter clip is one piece."""
    count = max(int((times[-1] - times[0] + 0.1) // seconds), 1)
    bounds = times[0] + seconds * np.arange(count + 1)
    return [
        (times[inside], joints[inside])
        for start, end in pairwise(bounds)
        for inside in [(times >= start - 1e-6) & (times <= end + 1e-6)]
    ]


def summary(rows: Sequence[Result]) -> Result:
    """Summarise answers about tracks or pieces."""
    if not rows:
        return {"clips": 0}
    ranks = np.array([row["rank"] for row in rows])
    logs = np.array([row["log_probability"] for row in rows])
    return {
        "clips": len(rows),
        "top_1": int((ranks == 1).sum()),
        "top_3": int((ranks <= 3).sum()),
        "log_probability": float(logs.mean()),
        "probability": float(np.exp(logs).mean()),
    }


def frontier(points: Sequence[Result]) -> list[Result]:
    """Return the rolling estimates that no other one beats in both delay and changes, by delay."""
    kept: list[Result] = []
    for point in sorted(points, key=lambda point: (point["delay"], point["changes"])):
        if not kept or point["changes"] < kept[-1]["changes"]:
            kept.append(point)
    return kept


def pooled(parts: Iterable[tuple[float | None, int]]) -> float | None:
    """Return the mean of shares weighted by their counts; None if nothing was counted."""
    known = [(share, count) for share, count in parts if share is not None and count]
    total = sum(count for _, count in known)
    return sum(share * count for share, count in known) / total if total else None


def accuracy(figures: Iterable[Result], unit: str) -> float | None:
    """Return the pooled accuracy of several tests by "clip", "window" or "piece"."""
    return pooled((test[f"{unit}_accuracy"], test[f"{unit}s"]) for test in figures)
