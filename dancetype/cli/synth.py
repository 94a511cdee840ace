"""`dancetype synth`: render synthetic training clips."""

from pathlib import Path
from typing import Annotated

import typer

from dancetype.engine.errors import SettingsError


def synth(
    out: Annotated[Path, typer.Option(help="Folder for the tracks; an earlier run is continued.")],
    data: Annotated[Path | None, typer.Option(help="AIST++ folder.", exists=True)] = None,
    split: Annotated[str, typer.Option(help="Split of --data.")] = "all",
    seconds: Annotated[float, typer.Option(min=1, help="Length of a clip.")] = 6.0,
    advanced_clips: Annotated[
        int, typer.Option(min=1, help="Clips of each advanced sequence.")
    ] = 3,
    idle: Annotated[int, typer.Option(min=0, help="Number of clips without dancing.")] = 0,
    paired: Annotated[
        Path | None,
        typer.Option(
            help="Folder of real tracks of --data, to compare the pose errors with.", exists=True
        ),
    ] = None,
    pose_model: Annotated[
        Path | None,
        typer.Option(help="Pose model, a .task file (default: the one of models pull)."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Parallel processes (default: one per core).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
) -> None:
    """Render dances as bodies in front of a camera, and record the poses that MediaPipe finds."""
    if data is None and not idle:
        raise SettingsError("give --data, --idle, or both")
    if paired is not None and data is None:
        raise SettingsError("--paired needs --data, which holds the true poses")
    from dancetype.training.synthetic.synthesis import synthesise

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
