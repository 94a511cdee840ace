"""The verb `export`."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds this folder's verb to the command."""
    app.command("export")(export)


def export(
    checkpoint: Annotated[Path, typer.Argument(help="What `dancetype train` wrote.")],
    out: Annotated[Path, typer.Option(help="The ONNX file to write.")],
) -> None:
    """Write a checkpoint as one ONNX file with its contract, checked against PyTorch."""
    # Torch takes seconds to load, and those who only stream do not have it.
    from export.to_onnx import export as write
    from training.checkpoint import Checkpoint

    difference = write(Checkpoint.load(checkpoint), out)
    size = out.stat().st_size / 1e6
    typer.echo(f"{out}: {size:.1f} MB, within {difference:.0e} of PyTorch")
