"""`dancetype train`: train a genre model."""

from pathlib import Path
from typing import Annotated

import typer

from dancetype.cli.training_options import (
    AIST,
    DATA_PANEL,
    EPOCHS,
    NEGATIVES,
    TRACKS,
    TRAINING_PANEL,
)
from dancetype.engine.errors import SettingsError


def train(
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder for the checkpoint, log, curves and model."),
    ],
    clips: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Videos to train on, as DIR/GENRE/DANCER/FILE.",
            exists=True,
            file_okay=False,
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    data: Annotated[Path | None, AIST] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE.toml",
            help="Recipe (default: live with --data, else own).",
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            metavar="SPLIT", help="Split of --data to train on.", rich_help_panel=DATA_PANEL
        ),
    ] = "pose_train",
    validation: Annotated[
        str,
        typer.Option(
            metavar="SPLIT", help="Split of --data to validate on.", rich_help_panel=DATA_PANEL
        ),
    ] = "pose_val",
    tracks: Annotated[list[Path] | None, TRACKS] = None,
    negatives: Annotated[Path | None, NEGATIVES] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.pt",
            help="Checkpoint whose predictions to train on as well; repeat for more.",
            exists=True,
            dir_okay=False,
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = None,
    use_all: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Train on all of --clips, without holding any out for a test.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = False,
    pose_model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.task",
            help="Pose model for --clips (default: the one of `models pull`).",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Parallel processes for --clips (default: one per core).",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Random seed (default: the recipe's).",
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = None,
    epochs: Annotated[int | None, EPOCHS] = None,
) -> None:
    r"""Train a genre model on AIST++, your videos, or both.

    The same command continues an interrupted run. With --clips, part of the clips is held out for
    a test, and the model is written to DIR/model.onnx, ready for `dancetype run --model`.

    Examples:
        # Your own genres, from videos in clips/GENRE/DANCER/
        dancetype train --clips clips --out runs/mine
        # The genres of AIST++
        dancetype train --data aist --out runs/live
        # Both, with rendered tracks
        dancetype train --data aist --split all --clips clips \
            --tracks rendered --out runs/both
        # Try out the set-up in one epoch
        dancetype train --data aist --epochs 1 --out runs/trial
    """
    if data is None and clips is None:
        raise SettingsError("nothing to train on: give --data, --clips, or both")
    if clips is not None and (negatives is not None or teacher):
        raise SettingsError(
            "--negatives and --teacher work only with --data alone: remove them or --clips"
        )
    from dancetype.training.recipe import load_recipe

    loaded = load_recipe(recipe or ("own" if data is None else "live"))
    loaded = loaded.with_overrides(seed=seed, epochs=epochs)
    if clips is not None:
        from dancetype.engine.cores import available_cores
        from dancetype.export.onnx import export as write
        from dancetype.training.custom import run_custom_training
        from dancetype.training.report import print_table

        checkpoint, evaluation = run_custom_training(
            loaded,
            clips=clips,
            out=out,
            data=data,
            split=split,
            validation=validation,
            tracks=tracks or [],
            pose_model=pose_model,
            jobs=jobs or available_cores(),
            test=not use_all,
        )
        model = out / "model.onnx"
        write(checkpoint, model)
        if evaluation is not None:
            (name,) = checkpoint.figures
            print_table(evaluation, title=f"{model} on {name}")
        typer.echo(f"wrote {model}; try it with: dancetype run --source 0 --model {model}")
        return
    assert data is not None
    from dancetype.training.train import run_training

    run_training(
        loaded,
        data=data,
        split=split,
        validation=validation,
        out=out,
        tracks=tracks or [],
        negatives=negatives,
        teachers=teacher or [],
    )
