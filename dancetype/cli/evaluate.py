"""`dancetype evaluate`: measure a model on data with known genres."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from dancetype.engine.errors import SettingsError

_DATA_PANEL: Final = "Data"
_OUTPUT_PANEL: Final = "Output"


def evaluate(
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="AIST++ folder.", exists=True, rich_help_panel=_DATA_PANEL
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            metavar="SPLIT",
            help="Split of --data: a name, or a file of sequence names.",
            rich_help_panel=_DATA_PANEL,
        ),
    ] = "pose_test",
    tracks: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of landmark tracks, in place of --data.",
            exists=True,
            rich_help_panel=_DATA_PANEL,
        ),
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Measure the answers of a live run to --tracks, dances or not.",
            rich_help_panel=_DATA_PANEL,
        ),
    ] = False,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="ONNX file or checkpoint (default: the model in the package)."
        ),
    ] = None,
    confusion: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Plot of the confusion matrix to write.",
            rich_help_panel=_OUTPUT_PANEL,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print JSON instead of tables.", rich_help_panel=_OUTPUT_PANEL),
    ] = False,
) -> None:
    """Measure the accuracy of a model.

    Accuracy is reported by clip, window, situation and genre, on AIST++ motion (--data) or on
    recorded landmarks (--tracks). With --live, each track is played as in a live run, and the share
    of time is reported in which the right genre, a wrong one or none is named.

    Examples:
        # A checkpoint, on the second dancer of each genre
        dancetype evaluate --data aist --split dancers:B --model checkpoint.pt
        # An exported model, on recorded tracks
        dancetype evaluate --tracks tracks --model live.onnx --confusion matrix.png
        # What a user sees: the answers of a live run
        dancetype evaluate --tracks tracks --live
    """
    from dancetype.training.evaluate import Evaluator
    from dancetype.training.report import print_live_table, print_table, save_confusion

    if (data is None) == (tracks is None):
        raise SettingsError("--data and --tracks: give exactly one of them")
    if live and tracks is None:
        raise SettingsError("--live: needs --tracks")
    if live and confusion is not None:
        raise SettingsError("--live and --confusion: give only one of them")
    evaluator = Evaluator(model)
    if live and tracks is not None:
        live_evaluation, title = evaluator.live_on_tracks(tracks)
        if as_json:
            typer.echo(json.dumps({"about": title} | live_evaluation.figures()))
        else:
            print_live_table(live_evaluation, title=title)
        return
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
