"""`dancetype synth`: synthetic training tracks from rendered clips."""

from pathlib import Path
from typing import Annotated, Final

import typer

from dancetype.engine.errors import SettingsError

_CLIPS_PANEL: Final = "Clips"


def synth(
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder for the tracks; an earlier run is continued."),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="AIST++ folder with the motion to render.",
            exists=True,
            rich_help_panel=_CLIPS_PANEL,
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(metavar="SPLIT", help="Split of --data.", rich_help_panel=_CLIPS_PANEL),
    ] = "all",
    seconds: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=1, help="Length of a clip.", rich_help_panel=_CLIPS_PANEL
        ),
    ] = 6.0,
    advanced_clips: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Clips of each advanced sequence.",
            rich_help_panel=_CLIPS_PANEL,
        ),
    ] = 3,
    negatives: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder with captured motion of people who do not dance, to render as well.",
            exists=True,
            rich_help_panel=_CLIPS_PANEL,
        ),
    ] = None,
    idle: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Number of clips of synthetic people who do not dance.",
            rich_help_panel=_CLIPS_PANEL,
        ),
    ] = 0,
    paired: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of real tracks of --data, to compare the pose errors with.",
            exists=True,
        ),
    ] = None,
    pose_model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.task", help="Pose model (default: the one of `dancetype models pull`)."
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Parallel processes (default: one per core)."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Random seed.", rich_help_panel=_CLIPS_PANEL)
    ] = 0,
) -> None:
    """Render synthetic clips and record their estimated poses.

    AIST++ motion is rendered as people in front of a camera, and MediaPipe's landmarks are recorded
    as tracks for `dancetype train --tracks`. Tracks of people who do not dance have the genre
    `none`. DIR/report.md compares them with the motion.

    Examples:
        # The first dancer of each genre
        dancetype synth --data aist --split dancers:A --out rendered
        # People who do not dance
        dancetype synth --negatives negatives --idle 300 --out rendered
    """
    if data is None and negatives is None and not idle:
        raise SettingsError("nothing to render: give --data, --negatives or --idle")
    if paired is not None and data is None:
        raise SettingsError("--paired compares with the motion of --data: give --data, too")
    from dancetype.training.synthetic.synthesis import synthesise

    synthesise(
        data=data,
        split=split,
        out=out,
        seconds=seconds,
        advanced_clips=advanced_clips,
        negatives=negatives,
        idle=idle,
        paired=paired,
        pose_model=pose_model,
        jobs=jobs,
        seed=seed,
    )
