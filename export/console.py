"""The verb `export`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.errors import ExpectedError


class FiguresError(ExpectedError):
    """A file of figures that cannot be read."""


def register(app: typer.Typer) -> None:
    """Adds this folder's verb to the command."""
    app.command("export")(export)


def export(
    checkpoint: Annotated[Path, typer.Argument(help="What `dancetype train` wrote.")],
    out: Annotated[Path, typer.Option(help="The ONNX file to write.")],
    figures: Annotated[
        Path | None, typer.Option(help="JSON object to keep in the file: figures by split.")
    ] = None,
) -> None:
    """Write a checkpoint as one ONNX file with its contract, checked against PyTorch."""
    # Torch takes seconds to load, and those who only stream do not have it.
    from export.to_onnx import export as write
    from training.checkpoint import Checkpoint

    trained = Checkpoint.load(checkpoint)
    if figures is not None:
        trained.figures = _read_figures(figures)
    difference = write(trained, out)
    size = out.stat().st_size / 1e6
    typer.echo(f"{out}: {size:.1f} MB, within {difference:.0e} of PyTorch")


def _read_figures(path: Path) -> dict[str, Any]:
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FiguresError(f"{path}: not a JSON file: {error}") from error
    if not isinstance(figures, dict):
        raise FiguresError(f"{path}: figures are an object, split by split")
    return figures
