"""Measure the genre model in each precision.

RUNS is where `make accuracy` has trained `live-A` and `live-B`, each on half of the dancers, to be
tested on the other half. The sizes and times are those of the shipped model.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import thread_time
from typing import Any, Final

import numpy as np

from benchmarks.accuracy.place import OTHER, Place
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
    """Write the model of `full` in each precision."""
    # Before `dancetype.engine.onnx`, onnxruntime may not be loaded.
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
    """Return seconds of CPU time per window, with the models in turn.

    Wall-clock time would include what other programs take.
    """
    classifiers = {name: Classifier(file, device="cpu") for name, file in files.items()}
    spec = classifiers[Precision.FP32].contract.window
    rng = np.random.default_rng(0)
    window: Array = rng.normal(0, 1, (1, spec.length, spec.features)).astype(np.float32)
    spent: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(_ROUNDS):
        for name, classifier in classifiers.items():
            classifier(window)
            timed = timer(spent[name], classifier, clock=thread_time)
            for _ in range(_CALLS):
                timed(window)
    return spent


def accuracies(
    place: Place, folder: Path, shipped: Mapping[str, Path]
) -> dict[str, dict[str, tuple[float, float]]]:
    """Return the shares of clips and windows that are right, by precision and test set."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for way in OTHER:
        checkpoint = Checkpoint.load(place.runs / f"live-{way}" / "checkpoint.pt")
        # Fitted on the dancers that this one was trained on.
        other = Checkpoint.load(place.runs / f"live-{OTHER[way]}" / "checkpoint.pt")
        checkpoint.temperature = other.temperature
        full = folder / f"live-{way}.onnx"
        export(checkpoint, full)
        for name, file in write_all(folder, full).items():
            evaluation = evaluate_sequences(Classifier(file, device="cpu"), place.unseen(way))
            found.setdefault(name, {})[f"`dancers:{OTHER[way]}`"] = _shares(evaluation)
    tracks = [track for track in place.real_tracks() if track.genre]
    for name, file in shipped.items():
        evaluation = evaluate_tracks(Classifier(file, device="cpu"), tracks)
        found[name]["real cameras"] = _shares(evaluation)
    return found


def _shares(evaluation: Evaluation) -> tuple[float, float]:
    figures = evaluation.figures()
    return figures["clip_accuracy"], figures["window_accuracy"]


def add_options(parser: argparse.ArgumentParser) -> None:
    for name in ("data", "tracks", "runs"):
        parser.add_argument(f"--{name}", type=Path, required=True)


def measure(args: argparse.Namespace) -> Results:
    """Measure size, time and accuracy of each precision."""
    place = Place(args.data, args.tracks, None, None, args.runs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_all(folder, SHIPPED)
        sizes = {each: file.stat().st_size for each, file in files.items()}
        seconds = times(files)
        right = accuracies(place, folder, files)
    return {"rows": [row(each, sizes[each], seconds[each], right[each]) for each in files]}


def row(
    name: str, size: int, seconds: list[float], right: Mapping[str, tuple[float, float]]
) -> dict[str, Any]:
    offered = name in list(Precision)
    return {"name": name, "offered": offered, "size": size, "seconds": seconds, "right": right}


def page_values(results: Results) -> dict[str, Any]:
    """Add the largest loss of accuracy to the results."""
    full, *others = (row["right"] for row in results["rows"] if row["offered"])
    loss = max(
        before - after
        for right in others
        for tested in full
        for before, after in zip(full[tested], right[tested], strict=True)
    )
    return {**results, "tested": list(full), "loss": max(loss, 0)}
