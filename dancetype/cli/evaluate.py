"""`dancetype evaluate`: measure a model on data with known genres."""

import json
from pathlib import Path
from typing import Annotated

import typer

from dancetype.engine.errors import SettingsError


def evaluate(
    data: Annotated[Path | None, typer.Option(help="AIST++ folder.", exists=True)] = None,
    split: Annotated[
        str, typer.Option(help="Split of --data: its name, or a file of sequence names.")
    ] = "pose_test",
    tracks: Annotated[
        Path | None, typer.Option(help="Folder of landmark tracks.", exists=True)
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="ONNX file or checkpoint (default: the model in the package)."),
    ] = None,
    confusion: Annotated[
        Path | None, typer.Option(help="PNG file to write the confusion matrix to.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Measure the accuracy of a model by clip, window, situation and genre."""
    from dancetype.training.evaluate import Evaluator
    from dancetype.training.report import print_table, save_confusion

    if (data is None) == (tracks is None):
        raise SettingsError("give either --data or --tracks")
    evaluator = Evaluator(model)
    if tracks is not None:
        evaluation, title = evaluator.on_tracks(tracks)
    else:
        assert data is not None
        evaluation, title = evaluator.on_split(data, split)
    if confusion is not None:
        save_confusion(evaluation, confusion, title=title)
    if as_json:
        typer.echo(json.dumps({"about": title} | evaluation.figures()))
    else:
        print_table(evaluation, title=title)
