"""The verbs `prepare`, `evaluate` and `synth`."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

# Torch and matplotlib take seconds to load, and those who only stream do not have them: each verb
# imports what it needs.

Data = Annotated[Path, typer.Option(help="AIST++ as its download lays it out.", exists=True)]


class Select(StrEnum):
    """Which frames of a sequence `prepare` takes."""

    FIRST = "first"
    EVEN = "even"


def register(app: typer.Typer) -> None:
    """Adds this folder's verbs to the command."""
    app.command("prepare")(prepare)
    app.command("evaluate")(evaluate)
    app.command("synth")(synth)


def prepare(
    data: Data,
    split: Annotated[str, typer.Option(help="Such as pose_train, all or dancers:A.")],
    out: Annotated[Path, typer.Option(help="The .pt file to write.")],
    frames: Annotated[int, typer.Option(min=2, help="Frames a sequence.")] = 300,
    select: Annotated[Select, typer.Option(help="The first frames, or spread evenly.")] = (
        Select.EVEN
    ),
    velocity: Annotated[bool, typer.Option(help="Add velocities.")] = False,
) -> None:
    """Turn AIST++ pickles into one file of tensors."""
    import torch

    from dancetype.training.data.batches import prepare as tensors
    from dancetype.training.data.splits import find_split, read_split

    sequences = read_split(data, find_split(data, split))
    prepared = tensors(sequences, frames=frames, select=select.value, velocity=velocity)
    torch.save(prepared, out)
    typer.echo(f"{out}: {tuple(prepared['data'].shape)} of split {split}")


def evaluate(
    data: Annotated[Path | None, typer.Option(help="AIST++ folder.", exists=True)] = None,
    split: Annotated[str, typer.Option(help="Name of a split, or a file of names.")] = "pose_test",
    tracks: Annotated[
        Path | None, typer.Option(help="Folder of landmark tracks.", exists=True)
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="ONNX file or checkpoint; the shipped model if absent.")
    ] = None,
    confusion: Annotated[Path | None, typer.Option(help="PNG of the confusion matrix.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say how often a model is right: by clip, window, situation and genre."""
    from dancetype.training.evaluate import Evaluator
    from dancetype.training.report import print_table, save_confusion

    if (data is None) == (tracks is None):
        raise typer.BadParameter("give either --data or --tracks")
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


def synth(
    out: Annotated[Path, typer.Option(help="Folder for the tracks; a run goes on in it.")],
    data: Annotated[Path | None, typer.Option(help="AIST++ folder.", exists=True)] = None,
    split: Annotated[str, typer.Option(help="Which of its sequences.")] = "all",
    seconds: Annotated[float, typer.Option(min=1, help="Length of a clip.")] = 6.0,
    advanced_clips: Annotated[
        int, typer.Option(min=1, help="Stretches of each advanced sequence.")
    ] = 3,
    idle: Annotated[int, typer.Option(min=0, help="Clips of people who do not dance.")] = 0,
    paired: Annotated[
        Path | None,
        typer.Option(help="Folder of real tracks to hold the errors against.", exists=True),
    ] = None,
    pose_model: Annotated[
        Path | None, typer.Option(help="A .task file; what models pull keeps if absent.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; one a core.")] = None,
    seed: Annotated[int, typer.Option(help="Of all chance.")] = 0,
) -> None:
    """Render dances as bodies before a camera and keep what MediaPipe sees of them."""
    if data is None and not idle:
        raise typer.BadParameter("give --data, --idle, or both")
    if paired is not None and data is None:
        raise typer.BadParameter("--paired needs --data, where the truth of its tracks is")
    from dancetype.training.synthetic.runs import synthesise

    synthesise(
        data=data,
        split=split,
        out=out,
        seconds=seconds,
        advanced_clips=advanced_clips,
        idle=idle,
        paired=paired,
        pose_model=pose_model,
        jobs=jobs,
        seed=seed,
    )
