"""The verbs `train` and `export`: both may end in an ONNX file, of which training knows nothing."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dancetype.engine.errors import FileError
from dancetype.export.precision import Precision


def register(app: typer.Typer) -> None:
    """Adds this folder's verbs to the command."""
    app.command("train")(train)
    app.command("export")(export)


def train(
    out: Annotated[Path, typer.Option(help="Folder for checkpoint, log, curves and model.")],
    clips: Annotated[
        Path | None,
        typer.Option(
            help="Videos of your own to learn from, as DIR/GENRE/DANCER/FILE.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="AIST++ as its download lays it out.", exists=True)
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Name of a recipe, or a .toml file; `own` for --clips alone, `live` with --data."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="What to learn of --data.")] = "pose_train",
    validation: Annotated[str, typer.Option(help="What to watch of --data.")] = "pose_val",
    tracks: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of tracks to learn from as well, of `synth` or `record`; may be repeated.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Learn from all clips; then nothing is measured.")
    ] = False,
    pose_model: Annotated[
        Path | None, typer.Option(help="A .task file for --clips; that of models pull if absent.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes that look at clips; one a core.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="In place of the recipe's.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the recipe's.")] = None,
) -> None:
    """Train on AIST++, on clips of your own, or on both; what was broken off goes on.

    With --clips the model is written as OUT/model.onnx, ready for --model of run and classify.
    """
    if data is None and clips is None:
        raise typer.BadParameter("give --data, --clips, or both")
    from dancetype.training.recipe import load_recipe

    chosen = load_recipe(recipe or ("own" if data is None else "live"))
    chosen = chosen.changed(seed=seed, epochs=epochs)
    if clips is not None:
        from dancetype.engine.cores import available_cores
        from dancetype.export.onnx import export as write
        from dancetype.training.custom import run_own_training
        from dancetype.training.report import print_table

        checkpoint, evaluation = run_own_training(
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
    from dancetype.training.runs import run_training

    run_training(
        chosen, data=data, split=split, validation=validation, out=out, tracks=tracks or []
    )


def export(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT", help="What `dancetype train` wrote, or an ONNX file to shrink."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The ONNX file to write.")],
    precision: Annotated[
        Precision, typer.Option(help="Bits of the weights: half or a quarter of the size.")
    ] = Precision.FP32,
    figures: Annotated[
        Path | None, typer.Option(help="JSON object to keep in the file: figures by split.")
    ] = None,
) -> None:
    """Write a checkpoint as one ONNX file with its contract, checked against PyTorch."""
    # Torch takes seconds to load, and those who only stream do not have it.
    from dancetype.export.onnx import export as write
    from dancetype.export.onnx import shrink

    if source.suffix == ".onnx":
        if figures is not None:
            raise typer.BadParameter("--figures goes with a checkpoint")
        difference, what = shrink(source, out, precision=precision), source.name
    else:
        from dancetype.training.checkpoint import Checkpoint

        trained = Checkpoint.load(source)
        if figures is not None:
            trained.figures = _read_figures(figures)
        difference, what = write(trained, out, precision=precision), "PyTorch"
    size = out.stat().st_size / 1e6
    typer.echo(f"{out}: {size:.1f} MB, within {difference:.0e} of {what}")


def _read_figures(path: Path) -> dict[str, Any]:
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: not a JSON file: {error}") from error
    if not isinstance(figures, dict):
        raise FileError(f"{path}: figures are an object, split by split")
    return figures
