"""`dancetype train`: train a genre model."""

from pathlib import Path
from typing import Annotated

import typer

from dancetype.engine.errors import SettingsError


def train(
    out: Annotated[Path, typer.Option(help="Folder for the checkpoint, log, curves and model.")],
    clips: Annotated[
        Path | None,
        typer.Option(
            help="Videos to train on, as DIR/GENRE/DANCER/FILE.", exists=True, file_okay=False
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="AIST++ folder, as downloaded.", exists=True)
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Name of a recipe, or a .toml file (default: `live` with --data, else `own`)."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of --data to train on.")] = "pose_train",
    validation: Annotated[str, typer.Option(help="Split of --data to validate on.")] = "pose_val",
    tracks: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of tracks of `synth` or `record` to train on as well; may be repeated.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Train on all clips, without a test.")
    ] = False,
    pose_model: Annotated[
        Path | None,
        typer.Option(help="Pose model for --clips, a .task file (default: of models pull)."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Parallel processes for --clips (default: one per core)."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed (default: the recipe's).")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Number of epochs (default: the recipe's).")
    ] = None,
) -> None:
    """Train on AIST++, on videos of your own, or on both; an interrupted run is continued.

    With --clips the model is also written as OUT/model.onnx, ready for run --model.
    """
    if data is None and clips is None:
        raise SettingsError("give --data, --clips, or both")
    from dancetype.training.recipe import load_recipe

    chosen = load_recipe(recipe or ("own" if data is None else "live"))
    chosen = chosen.with_overrides(seed=seed, epochs=epochs)
    if clips is not None:
        from dancetype.engine.cores import available_cores
        from dancetype.export.onnx import export as write
        from dancetype.training.custom import run_custom_training
        from dancetype.training.report import print_table

        checkpoint, evaluation = run_custom_training(
            chosen,
            clips=clips,
            out=out,
            data=data,
            split=split,
            validation=validation,
            tracks=tracks or [],
            pose_model=pose_model,
            jobs=jobs or available_cores(),
            test=not everything,
        )
        model = out / "model.onnx"
        write(checkpoint, model)
        if evaluation is not None:
            (name,) = checkpoint.figures
            print_table(evaluation, title=f"{model} on {name}")
        typer.echo(f"{model}: next, dancetype run --model {model}")
        return
    assert data is not None
    from dancetype.training.train import run_training

    run_training(
        chosen, data=data, split=split, validation=validation, out=out, tracks=tracks or []
    )
