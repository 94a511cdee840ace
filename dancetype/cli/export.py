"""`dancetype export`: write a trained model as an ONNX file."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dancetype.engine.errors import FileError, SettingsError
from dancetype.export.precision import Precision


def export(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT", help="Checkpoint of `dancetype train`, or an ONNX file to shrink."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The ONNX file to write.")],
    precision: Annotated[
        Precision, typer.Option(help="Precision of the weights, for 1/2 or 1/4 of the size.")
    ] = Precision.FP32,
    figures: Annotated[
        Path | None,
        typer.Option(help="JSON file of figures by split, to store in the ONNX file."),
    ] = None,
) -> None:
    """Write a checkpoint as one ONNX file with its contract, checked against PyTorch."""
    from dancetype.export.onnx import export as write
    from dancetype.export.onnx import reduce_precision

    if source.suffix == ".onnx":
        if figures is not None:
            raise SettingsError("--figures needs a checkpoint, not an ONNX file")
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
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: not a JSON file: {error}") from error
    if not isinstance(figures, dict):
        raise FileError(f"{path}: figures must be an object with one entry per split")
    return figures
