"""`dancetype build`: train and export a model in one step, as the shipped one."""

from pathlib import Path
from typing import Annotated

import typer

from dancetype.cli.training_options import AIST, EPOCHS, NEGATIVES, TRACKS, TRAINING_PANEL


def build(
    data: Annotated[Path, AIST],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the build.")],
    tracks: Annotated[list[Path] | None, TRACKS] = None,
    negatives: Annotated[Path | None, NEGATIVES] = None,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.toml",
            help="Recipe of all networks.",
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = "live",
    members: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Number of LSTMs, with different seeds, in the model (default: 2).",
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = None,
    epochs: Annotated[int | None, EPOCHS] = None,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Parallel trainings (default: one per core)."),
    ] = None,
) -> None:
    r"""Train, calibrate and export a model, with a model card.

    Models are trained on each half of the dancers and on all. The first two are tested on the
    dancers of the other half, and calibrate the third, which is exported as DIR/live.onnx. Each is
    the mean of several LSTMs and a network on statistics. The same command continues an interrupted
    build.

    Examples:
        # The shipped model: one and a half to two and a half hours on two cores
        dancetype build --data aist --tracks rendered \
            --tracks rendered_negatives --negatives negatives --out runs/model
        # Try out the set-up in one epoch
        dancetype build --data aist --epochs 1 --out runs/trial
    """
    from dancetype.engine.cores import available_cores
    from dancetype.export.build import MEMBERS, TrainingData, build_model
    from dancetype.training.recipe import load_recipe

    build_model(
        load_recipe(recipe).with_overrides(seed=None, epochs=epochs),
        TrainingData(data, tuple(tracks or ()), negatives),
        out,
        members=members or MEMBERS,
        jobs=jobs or available_cores(),
    )
