"""`dancetype export`: export a trained model to ONNX."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dancetype.engine.errors import FileError, SettingsError
from dancetype.engine.text import read_text
from dancetype.export.precision import Precision


def export(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT",
            help="Checkpoint of `dancetype train`, or an ONNX file to convert to --precision.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.onnx", help="File to write.")],
    precision: Annotated[
        Precision,
        typer.Option(
            metavar="fp32|fp16|int8",
            help="Precision of the weights; fp16 halves the file size, int8 quarters it.",
        ),
    ] = Precision.FP32,
    figures: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="Evaluation results by split, to store in the ONNX file."
        ),
    ] = None,
) -> None:
    """Export a checkpoint to one ONNX file, compared with PyTorch.

    The file contains all that is needed to run it: joints, window, normalisation and genre names.

    Examples:
        # The result of a training run
        dancetype export runs/live/checkpoint.pt --out live.onnx
        # An exported model at a quarter of the size
        dancetype export live.onnx --out small.onnx --precision int8
    """
    from dancetype.export.onnx import export as write
    from dancetype.export.onnx import reduce_precision

    if source.suffix == ".onnx":
        if figures is not None:
            raise SettingsError(f"--figures needs a checkpoint, and {source} is an ONNX file")
        difference, reference = reduce_precision(source, out, precision=precision), source.name
    else:
        from dancetype.training.checkpoint import Checkpoint

        checkpoint = Checkpoint.load(source)
        if figures is not None:
            checkpoint.figures = _read_figures(figures)
        difference, reference = write(checkpoint, out, precision=precision), "PyTorch"
    size = out.stat().st_size / 1e6
    typer.echo(f"{out}: {size:.1f} MB, within {difference:.0e} of {reference}")


def _read_figures(path: Path) -> dict[str, Any]:
    try:
        figures = json.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: not a JSON file: {error}") from error
    if not isinstance(figures, dict):
        raise FileError(f"{path}: not a JSON object with one entry per split")
    return figures
