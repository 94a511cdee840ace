"""Compute JSON-ready figures from the predictions of a model."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.workspace import Result
from dancetype.engine.clip import classify_track
from dancetype.engine.media.track import Track
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.training.data.aist import SequenceName
from dancetype.training.data.splits import Split
from dancetype.training.evaluate import EvaluatedClip, Evaluation

ACCURACIES: Final = ("clips", "clip_accuracy", "windows", "window_accuracy")

_BINS: Final = 15
_PIECE_SECONDS: Final = 2.0  # the length of many short clips on the web


def accuracy_by_dancer(evaluation: Evaluation) -> dict[str, Result]:
    """Return the genre and the accuracies of each dancer of AIST sequences."""
    clips_by_dancer: dict[str, list[EvaluatedClip]] = {}
    for clip in evaluation.clips:
        clips_by_dancer.setdefault(SequenceName.parse(clip.name).dancer, []).append(clip)
    results = {}
    for dancer, clips in sorted(clips_by_dancer.items()):
        figures = Evaluation(evaluation.labels, clips).figures()
        results[dancer] = {"genre": clips[0].genre} | {name: figures[name] for name in ACCURACIES}
    return results


def log_loss(evaluation: Evaluation) -> float:
    """Return the mean negative log-probability of the true genre over all windows."""
    logs = [
        np.log(clip.result.windows[:, evaluation.labels.index(clip.genre)].clip(1e-9))
        for clip in evaluation.clips
    ]
    return -float(np.concatenate(logs).mean())


def reliability_bins(evaluation: Evaluation) -> list[Result]:
    """Return accuracy and mean confidence of windows in bins of equal width, without empty bins."""
    windows = np.concatenate([clip.result.windows for clip in evaluation.clips])
    truth = [clip.genre for clip in evaluation.clips for _ in clip.result.windows]
    confidence = windows.max(axis=1)
    correct = np.array(evaluation.labels)[windows.argmax(axis=1)] == truth
    index = _bin_indices(confidence)
    return [
        {
            "windows": (index == number).sum(),
            "confidence": confidence[index == number].mean(),
            "accuracy": correct[index == number].mean(),
        }
        for number in np.unique(index)
    ]


def _bin_indices(confidence: NDArray[np.floating]) -> NDArray[np.int64]:
    indices: NDArray[np.int64] = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return indices


def binned_calibration_error(rows: Iterable[Result]) -> float | None:
    """Return the expected calibration error: the mean gap of the bins, weighted by windows."""
    return weighted_mean((abs(row["accuracy"] - row["confidence"]), row["windows"]) for row in rows)


def merge_bins(rows: Sequence[Result]) -> list[Result]:
    """Merge the `reliability_bins` of several tests."""
    rows_by_bin: dict[int, list[Result]] = {}
    indices = _bin_indices(np.array([row["confidence"] for row in rows]))
    for row, index in zip(rows, indices, strict=True):
        rows_by_bin.setdefault(index, []).append(row)
    return [
        {
            "windows": sum(row["windows"] for row in same_bin),
            "confidence": weighted_mean((row["confidence"], row["windows"]) for row in same_bin),
            "accuracy": weighted_mean((row["accuracy"], row["windows"]) for row in same_bin),
        }
        for _, same_bin in sorted(rows_by_bin.items())
    ]


def score_tracks(
    classifier: WindowClassifier, tracks: Iterable[Track], training: Split
) -> list[Result]:
    """Return the predictions for whole tracks and for pieces of them.

    Args:
        classifier: Model to test.
        tracks: Tracks with a genre.
        training: Split that the model was trained on.
    """
    dancers = training.dancers
    return [
        {
            "name": track.name,
            "genre": track.genre,
            "dancer": track.dancer,
            "dancer_known": track.dancer in dancers,
            "performance_known": track.sequence in training.sequences,
            **_score_clip(classifier, track.times, track.joints, track.genre),
            "pieces": [
                _score_clip(classifier, times, joints, track.genre)
                for times, joints in split_clip(track.times, track.joints, _PIECE_SECONDS)
            ],
        }
        for track in tracks
    ]


def _score_clip(
    classifier: WindowClassifier, times: NDArray[np.float64], joints: Array, genre: str
) -> Result:
    """Return the predicted genre, and rank and log-probability of the true one.

    Without a prediction, the rank is the last and the probability that of a random guess.
    """
    labels = classifier.contract.labels
    result = classify_track(times, joints, classifier)
    if result.genre is None:
        return {"answer": None, "rank": len(labels), "log_probability": -np.log(len(labels))}
    probability = result.probabilities[labels.index(genre)]
    return {
        "answer": result.genre,
        "rank": 1 + (result.probabilities > probability).sum(),
        "log_probability": np.log(max(probability, 1e-6)),
    }


def split_clip(
    times: NDArray[np.float64], joints: Array, seconds: float
) -> list[tuple[NDArray[np.float64], Array]]:
    """Split a clip into consecutive pieces of `seconds` and drop the rest.

    A shorter clip is a single piece.
    """
    count = max(int((times[-1] - times[0] + 0.1) // seconds), 1)
    bounds = times[0] + seconds * np.arange(count + 1)
    return [
        (times[inside], joints[inside])
        for start, end in pairwise(bounds)
        for inside in [(times >= start - 1e-6) & (times <= end + 1e-6)]
    ]


def summarise(rows: Sequence[Result]) -> Result:
    """Summarise the scores of tracks or pieces."""
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


def pareto_front(points: Sequence[Result]) -> list[Result]:
    """Return the points that no other point beats in both delay and changes, sorted by delay."""
    best: list[Result] = []
    for point in sorted(points, key=lambda point: (point["delay"], point["changes"])):
        if not best or point["changes"] < best[-1]["changes"]:
            best.append(point)
    return best


def weighted_mean(shares: Iterable[tuple[float | None, int]]) -> float | None:
    """Return the mean of pairs of share and count; None if all counts are 0."""
    known = [(share, count) for share, count in shares if share is not None and count]
    total = sum(count for _, count in known)
    return sum(share * count for share, count in known) / total if total else None


def pooled_accuracy(figures: Iterable[Result], unit: str) -> float | None:
    """Return the accuracy of several tests together; `unit` is "clip", "window" or "piece"."""
    return weighted_mean((test[f"{unit}_accuracy"], test[f"{unit}s"]) for test in figures)
