"""Measures the genre model in each precision, and writes a part of docs/edge.md.

Usage: python -m benchmarks.precision --data AIST --tracks TRACKS --runs RUNS

RUNS is where `make accuracy` has trained `live-A` and `live-B`, each on half of the dancers, to be
tested on the other half. The sizes and times are those of the shipped model.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import thread_time
from typing import Final

import numpy as np

from benchmarks.accuracy.place import OTHER, Place
from benchmarks.marked import ROOT, conditions, write_part
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import ExpectedError
from dancetype.engine.skeleton import Array
from dancetype.export.onnx import export, shrink
from dancetype.export.precision import Precision
from dancetype.training.checkpoint import Checkpoint
from dancetype.training.evaluate import Evaluation, evaluate_sequences, evaluate_tracks

PAGE: Final = ROOT / "docs" / "edge.md"
SHIPPED: Final = ROOT / "engine" / "models" / "live.onnx"
ARITHMETIC: Final = "int8 arithmetic"
"""What onnxruntime's own quantization makes of the model; for comparison."""

_ROUNDS: Final = 20
_CALLS: Final = 200


@dataclass(frozen=True)
class Row:
    """What one precision comes to.

    Attributes:
        size: of the shipped model, in bytes.
        milliseconds: of CPU time of a window each, one thread.
        accuracies: by what it was tested on, of clips and of windows, from 0 to 1.
    """

    size: int
    milliseconds: Sequence[float]
    accuracies: Mapping[str, tuple[float, float]]


def write_all(folder: Path, full: Path) -> dict[str, Path]:
    """The model of `full` in each precision."""
    # Before `dancetype.engine.onnx`, onnxruntime may not be loaded.
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    files: dict[str, Path] = {Precision.FP32: full}
    for precision in (Precision.FP16, Precision.INT8):
        files[precision] = folder / f"{full.stem}-{precision}.onnx"
        shrink(full, files[precision], precision=precision)
    files[ARITHMETIC] = folder / f"{full.stem}-arithmetic.onnx"
    prepared = folder / f"{full.stem}-prepared.onnx"
    quant_pre_process(full, prepared, skip_symbolic_shape=True)
    quantize_dynamic(prepared, files[ARITHMETIC], per_channel=True, weight_type=QuantType.QInt8)
    return files


def times(files: Mapping[str, Path]) -> dict[str, list[float]]:
    """Milliseconds of CPU time of a window, the models in turn, so that all meet the same machine.

    Time on the clock would hold what other programs take.
    """
    classifiers = {name: Classifier(file, device="cpu") for name, file in files.items()}
    spec = classifiers[Precision.FP32].contract.window
    chance = np.random.default_rng(0)
    window: Array = chance.normal(0, 1, (1, spec.length, spec.features)).astype(np.float32)
    found: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(_ROUNDS):
        for name, classifier in classifiers.items():
            classifier(window)
            for _ in range(_CALLS):
                start = thread_time()
                classifier(window)
                found[name].append((thread_time() - start) * 1e3)
    return found


def accuracies(
    place: Place, folder: Path, shipped: Mapping[str, Path]
) -> dict[str, dict[str, tuple[float, float]]]:
    """By precision, how often a model is right on each thing that it is tested on.

    Args:
        place: has data and networks.
        folder: for files of these.
        shipped: the shipped model, by precision.
    """
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for way in OTHER:
        checkpoint = Checkpoint.load(place.runs / f"live-{way}" / "checkpoint.pt")
        # Fitted on dancers whom this one was trained on.
        other = Checkpoint.load(place.runs / f"live-{OTHER[way]}" / "checkpoint.pt")
        checkpoint.temperature = other.temperature
        full = folder / f"live-{way}.onnx"
        export(checkpoint, full)
        for name, file in write_all(folder, full).items():
            evaluation = evaluate_sequences(Classifier(file, device="cpu"), place.unseen(way))
            tested = f"`dancers:{OTHER[way]}`"
            found.setdefault(name, {})[tested] = _shares(evaluation)
    tracks = [track for track in place.real_tracks() if track.genre]
    for name, file in shipped.items():
        evaluation = evaluate_tracks(Classifier(file, device="cpu"), tracks)
        found[name]["real cameras"] = _shares(evaluation)
    return found


def _shares(evaluation: Evaluation) -> tuple[float, float]:
    figures = evaluation.figures()
    return figures["clip_accuracy"], figures["window_accuracy"]


def table(rows: Mapping[str, Row]) -> str:
    """The part of the page."""
    full = rows[Precision.FP32]
    tested = list(full.accuracies)
    lines = [
        "| precision | file | one window, CPU time: p50 / p99 | "
        + " | ".join(f"{each}: clips / windows right" for each in tested)
        + " |",
        "|---|---|---|" + "---|" * len(tested),
    ]
    for name, row in rows.items():
        p50, p99 = np.percentile(row.milliseconds, [50, 99])
        shares = [
            f"{clips:.1%} / {windows:.1%}".replace("%", " %")
            for clips, windows in (row.accuracies[each] for each in tested)
        ]
        cells = [f"`{name}`" if name in list(Precision) else f"{name}, not offered"]
        cells += [f"{row.size / 1e6:.2f} MB", f"{p50:.2f} / {p99:.2f} ms", *shares]
        lines.append(f"| {' | '.join(cells)} |")
    worst = max(
        full.accuracies[each][which] - rows[name].accuracies[each][which]
        for name in (Precision.FP16, Precision.INT8)
        for each in tested
        for which in (0, 1)
    )
    lines += [
        "",
        f"Of what is offered, the most that is lost is {max(worst, 0) * 100:.2f} points. "
        f"`python -m benchmarks.precision` wrote this table on {conditions()}.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "tracks", "runs"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args()
    place = Place(args.data, args.tracks, None, None, args.runs)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = write_all(folder, SHIPPED)
            sizes = {each: file.stat().st_size for each, file in files.items()}
            milliseconds = times(files)
            right = accuracies(place, folder, files)
        rows = {each: Row(sizes[each], milliseconds[each], right[each]) for each in files}
        write_part(args.out, "precision", table(rows))
    except ExpectedError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
