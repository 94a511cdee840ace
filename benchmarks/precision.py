"""Measure the genre model in each precision.

RUNS is a folder of `make accuracy` with the networks `live-A` and `live-B`, each trained on half of
the dancers and tested on the other half. Sizes and times are those of the shipped model.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import thread_time
from typing import Any, Final

import numpy as np

from benchmarks.accuracy.workspace import OTHER_FOLD, Workspace
from benchmarks.pages import DOCS, ROOT, Results
from benchmarks.timer import timer
from dancetype.engine.classifier import Classifier
from dancetype.engine.skeleton import Array
from dancetype.export.onnx import export, reduce_precision
from dancetype.export.precision import Precision
from dancetype.training.checkpoint import Checkpoint
from dancetype.training.evaluate import Evaluation, evaluate_sequences, evaluate_tracks

PAGE: Final = DOCS / "guides" / "edge.md"
PART: Final = "precision"
SHIPPED: Final = ROOT / "engine" / "models" / "live.onnx"
ARITHMETIC: Final = "int8 arithmetic"  # onnxruntime's own quantization, for comparison
_ROUNDS: Final = 20
_CALLS: Final = 200


def write_all(folder: Path, full: Path) -> dict[str, Path]:
    """Write the model `full` in each precision; return the files by precision."""
    # Imported here, because `dancetype.engine.onnx` must be imported before onnxruntime.
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    files: dict[str, Path] = {Precision.FP32: full}
    for precision in (Precision.FP16, Precision.INT8):
        files[precision] = folder / f"{full.stem}-{precision}.onnx"
        reduce_precision(full, files[precision], precision=precision)
    files[ARITHMETIC] = folder / f"{full.stem}-arithmetic.onnx"
    prepared = folder / f"{full.stem}-prepared.onnx"
    quant_pre_process(full, prepared, skip_symbolic_shape=True)
    quantize_dynamic(prepared, files[ARITHMETIC], per_channel=True, weight_type=QuantType.QInt8)
    return files


def times(files: Mapping[str, Path]) -> dict[str, list[float]]:
    """Return the CPU time per window in seconds, with the models measured in turn.

    Wall-clock time would include the load of other programs.
    """
    classifiers = {name: Classifier(file, device="cpu") for name, file in files.items()}
    spec = classifiers[Precision.FP32].contract.window
    rng = np.random.default_rng(0)
    window: Array = rng.normal(0, 1, (1, spec.length, spec.features)).astype(np.float32)
    spent: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(_ROUNDS):
        for name, classifier in classifiers.items():
            classifier(window)
            classify = timer(spent[name], classifier, clock=thread_time)
            for _ in range(_CALLS):
                classify(window)
    return spent


def accuracies(
    workspace: Workspace, folder: Path, shipped: Mapping[str, Path]
) -> dict[str, dict[str, tuple[float, float]]]:
    """Return the accuracy of clips and of windows, by precision and test set."""
    accuracy: dict[str, dict[str, tuple[float, float]]] = {}
    for fold in OTHER_FOLD:
        checkpoint = Checkpoint.load(workspace.runs / f"live-{fold}" / "checkpoint.pt")
        # The other calibration was fitted on the training dancers of this network.
        other = Checkpoint.load(workspace.runs / f"live-{OTHER_FOLD[fold]}" / "checkpoint.pt")
        checkpoint.calibration = other.calibration
        full = folder / f"live-{fold}.onnx"
        export(checkpoint, full)
        sequences = workspace.unseen_sequences(fold)
        for name, file in write_all(folder, full).items():
            evaluation = evaluate_sequences(Classifier(file, device="cpu"), sequences)
            accuracy.setdefault(name, {})[f"`dancers:{OTHER_FOLD[fold]}`"] = _accuracy(evaluation)
    tracks = [track for track in workspace.real_tracks() if track.genre]
    for name, file in shipped.items():
        evaluation = evaluate_tracks(Classifier(file, device="cpu"), tracks)
        accuracy[name]["real cameras"] = _accuracy(evaluation)
    return accuracy


def _accuracy(evaluation: Evaluation) -> tuple[float, float]:
    figures = evaluation.figures()
    return figures["clip_accuracy"], figures["window_accuracy"]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="AIST++ folder")
    parser.add_argument("--tracks", type=Path, required=True, help="folder of tracks of real clips")
    parser.add_argument("--runs", type=Path, required=True, help="folder of `make accuracy`")


def measure(args: argparse.Namespace) -> Results:
    """Measure size, time and accuracy of each precision."""
    workspace = Workspace(args.data, args.tracks, (), None, args.runs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_all(folder, SHIPPED)
        sizes = {name: file.stat().st_size for name, file in files.items()}
        seconds = times(files)
        accuracy = accuracies(workspace, folder, files)
    return {"rows": [row(name, sizes[name], seconds[name], accuracy[name]) for name in files]}


def row(
    name: str, size: int, seconds: list[float], accuracy: Mapping[str, tuple[float, float]]
) -> dict[str, Any]:
    offered = name in list(Precision)
    return {"name": name, "offered": offered, "size": size, "seconds": seconds, "right": accuracy}


def page_values(results: Results) -> dict[str, Any]:
    """Add the largest loss of accuracy to the results."""
    full, *others = (row["right"] for row in results["rows"] if row["offered"])
    loss = max(
        before - after
        for accuracy in others
        for test_set in full
        for before, after in zip(full[test_set], accuracy[test_set], strict=True)
    )
    return {**results, "tested": list(full), "loss": max(loss, 0)}
