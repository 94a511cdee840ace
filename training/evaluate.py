"""Accuracy of a model by clip, window, situation and genre."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.classifier import Classifier
from dancetype.engine.clip import ClipResult, classify_track
from dancetype.engine.contract import Contract
from dancetype.engine.errors import FileError
from dancetype.engine.genres import GENRES
from dancetype.engine.media.track import NOT_DANCING, Track, read_tracks
from dancetype.engine.progress import console, progress_bar
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.training.data import aist
from dancetype.training.data.splits import find_split
from dancetype.training.geometry import face_camera
from dancetype.training.live import LiveEvaluation, evaluate_live

_SITUATIONS = {"BM": "basic", "FM": "advanced"}


@dataclass(frozen=True, slots=True)
class EvaluatedClip:
    """Clip with its true genre and the model's result.

    Attributes:
        name: Name of the sequence or track.
        genre: Code of the true genre.
        situation: "basic", "advanced", or "" if unknown.
        result: Result of the model.
    """

    name: str
    genre: str
    situation: str
    result: ClipResult


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Evaluation of a model on the clips of one split.

    Attributes:
        labels: Genre codes in the model's order.
        clips: Evaluated clips.
        names: Names of the genres by code.

    Raises:
        FileError: The genre of a clip is not one of `labels`.
    """

    labels: tuple[str, ...]
    clips: list[EvaluatedClip]
    names: Mapping[str, str] = field(default_factory=lambda: GENRES)

    def __post_init__(self) -> None:
        _check_genres((clip.genre for clip in self.clips), self.labels)

    def figures(self) -> dict[str, Any]:
        """Return JSON-ready figures, from 0 to 1; a clip without any window counts as wrong."""
        return self._accuracies(self.clips) | {
            "by_situation": {
                situation: self._accuracies([c for c in self.clips if c.situation == situation])
                for situation in sorted({c.situation for c in self.clips} - {""}, reverse=True)
            },
            "per_genre": {
                code: self._accuracies([c for c in self.clips if c.genre == code])
                for code in self.labels
                if any(c.genre == code for c in self.clips)
            },
            "confusion": self.confusion().tolist(),
            "labels": list(self.labels),
            "ece": calibration_error(*self._windows(self.clips)),
        }

    def confusion(self) -> NDArray[np.int64]:
        """Return the number (K, K) of clips by true genre (rows) and predicted genre (columns)."""
        counts = np.zeros((len(self.labels), len(self.labels)), np.int64)
        for clip in self.clips:
            if clip.result.genre is not None:
                counts[self.labels.index(clip.genre), self.labels.index(clip.result.genre)] += 1
        return counts

    def _accuracies(self, clips: list[EvaluatedClip]) -> dict[str, Any]:
        probabilities, labels = self._windows(clips)
        correct = probabilities.argmax(axis=1) == labels
        return {
            "clips": len(clips),
            "clip_accuracy": float(np.mean([c.result.genre == c.genre for c in clips])),
            "windows": correct.size,
            "window_accuracy": float(correct.mean()) if correct.size else None,
        }

    def _windows(self, clips: list[EvaluatedClip]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return probabilities (W, K) and labels (W,) of all windows."""
        labels = [
            np.full(len(clip.result.windows), self.labels.index(clip.genre), np.int64)
            for clip in clips
        ]
        return np.concatenate([clip.result.windows for clip in clips]), np.concatenate(labels)


def _check_genres(genres: Iterable[str], labels: Sequence[str]) -> None:
    unknown = sorted(set(genres) - set(labels))
    if unknown:
        raise FileError(
            f"the clips show genres that the model does not know: {', '.join(unknown)}; "
            f"it knows {', '.join(labels)}"
        )


def calibration_error(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, bins: int = 15
) -> float | None:
    """Return the expected calibration error, from 0 to 1; None without windows.

    It is the mean gap between confidence and accuracy, in bins of equal width. Source: Guo et al.,
    "On Calibration of Modern Neural Networks", ICML 2017.

    Args:
        probabilities: Predicted probabilities (W, K).
        labels: Indices of the true genres (W,).
        bins: Number of bins.
    """
    if not len(labels):
        return None
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (index == i).sum() * abs(correct[index == i].mean() - confidence[index == i].mean())
        for i in np.unique(index)
    ]
    return float(np.sum(gaps) / len(labels))


def model_view(sequence: aist.AistSequence, contract: Contract) -> Array:
    """Return a sequence's joints (T, 17, 3) in the view of the model; see `Contract.view`."""
    return face_camera(sequence.joints) if contract.view == "camera" else sequence.joints


def evaluate_sequences(
    classifier: WindowClassifier,
    sequences: Iterable[aist.AistSequence],
    *,
    on_clip: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Evaluate a model on motion capture without augmentation; call `on_clip` after each clip."""
    clips = []
    for sequence in sequences:
        joints = model_view(sequence, classifier.contract)
        result = classify_track(sequence.times, joints, classifier)
        name = sequence.name
        clips.append(EvaluatedClip(name.text, name.genre, _SITUATIONS[name.situation], result))
        on_clip()
    return Evaluation(classifier.contract.labels, clips, classifier.contract.genres)


def evaluate_tracks(classifier: WindowClassifier, tracks: Sequence[Track]) -> Evaluation:
    """Evaluate a model on landmark tracks of clips."""
    clips = [
        EvaluatedClip(
            track.name, track.genre, "", classify_track(track.times, track.joints, classifier)
        )
        for track in tracks
    ]
    return Evaluation(classifier.contract.labels, clips, classifier.contract.genres)


def describe_overlap(training: Sequence[str], test: Sequence[str]) -> str:
    """Return a phrase that names the dancers in both training and test."""
    shared = sorted(set(training) & set(test))
    if not shared:
        return "training and test share no dancer"
    return f"training and test SHARE {len(shared)} of {len(set(test))} dancers: {', '.join(shared)}"


class Evaluator:
    """Evaluator of one model; each method returns an evaluation and its title.

    Args:
        model: ONNX file or checkpoint; None for the shipped model.
    """

    def __init__(self, model: Path | None) -> None:
        self._classifier: WindowClassifier
        if model is None or model.suffix == ".onnx":
            self._classifier = Classifier(model, device="cpu")
        else:
            # An ONNX file does not need torch, which takes seconds to import.
            from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier

            self._classifier = CheckpointClassifier(Checkpoint.load(model))
        self._name = "the shipped model" if model is None else model.name

    def on_split(self, data: Path, name: str) -> tuple[Evaluation, str]:
        """Evaluate on a split of AIST++ motion capture."""
        split = find_split(data, name)
        sequences = aist.read_sequences(data, split.sequences)
        with progress_bar(console) as progress:
            task = progress.add_task("evaluating", total=len(sequences))
            evaluation = evaluate_sequences(
                self._classifier, sequences, on_clip=lambda: progress.advance(task)
            )
        return evaluation, self._title(f"split {name}", split.dancers)

    def on_tracks(self, folder: Path) -> tuple[Evaluation, str]:
        """Evaluate on the landmark tracks in a folder, without those of idle people.

        Raises:
            FileError: The folder contains no track of a dance.
        """
        tracks = [track for track in read_tracks(folder) if track.genre != NOT_DANCING]
        if not tracks:
            raise FileError(f"{folder}: contains no track of a dance")
        dancers = [track.dancer for track in tracks if track.dancer]
        title = self._title(f"{len(tracks)} landmark tracks in {folder}", dancers)
        return evaluate_tracks(self._classifier, tracks), title

    def live_on_tracks(self, folder: Path) -> tuple[LiveEvaluation, str]:
        """Evaluate the live answers to the landmark tracks in a folder."""
        tracks = read_tracks(folder)
        dances = [track for track in tracks if track.genre != NOT_DANCING]
        _check_genres((track.genre for track in dances), self._classifier.contract.labels)
        with progress_bar(console) as progress:
            evaluation = evaluate_live(
                self._classifier, progress.track(tracks, description="evaluating")
            )
        dancers = [track.dancer for track in dances if track.dancer]
        return evaluation, self._title(f"{len(tracks)} landmark tracks in {folder}, live", dancers)

    def _title(self, test_data: str, dancers: Sequence[str]) -> str:
        contract = self._classifier.contract
        return (
            f"{self._name} (recipe {contract.recipe}, trained on {contract.split}) "
            f"on {test_data}; {describe_overlap(contract.dancers, dancers)}"
        )
