"""Options that several commands for training have in common."""

from typing import Final

import typer

DATA_PANEL: Final = "Data"
TRAINING_PANEL: Final = "Training"

AIST: Final = typer.Option(
    metavar="DIR",
    help="AIST++ folder, as downloaded.",
    exists=True,
    rich_help_panel=DATA_PANEL,
)
TRACKS: Final = typer.Option(
    metavar="DIR",
    help="Tracks of `synth` or `record` to train on as well; repeat for more.",
    exists=True,
    file_okay=False,
    rich_help_panel=DATA_PANEL,
)
NEGATIVES: Final = typer.Option(
    metavar="DIR",
    help="Captured motion of people who do not dance.",
    exists=True,
    file_okay=False,
    rich_help_panel=DATA_PANEL,
)
EPOCHS: Final = typer.Option(
    metavar="N",
    min=1,
    help="Number of epochs (default: the recipe's).",
    rich_help_panel=TRAINING_PANEL,
)
