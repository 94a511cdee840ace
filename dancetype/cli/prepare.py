"""`dancetype prepare`: convert AIST++ motions to a file of tensors."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Select(StrEnum):
    """Selection of the frames of a sequence."""

    FIRST = "first"
    EVEN = "even"


def prepare(
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="AIST++ folder, as downloaded.", exists=True)
    ],
    split: Annotated[
        str, typer.Option(metavar="SPLIT", help="Split, such as pose_train, all or dancers:A.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.pt", help="File to write.")],
    frames: Annotated[int, typer.Option(metavar="N", min=2, help="Frames per sequence.")] = 300,
    select: Annotated[
        Select,
        typer.Option(metavar="first|even", help="Use the first frames, or evenly spaced ones."),
    ] = Select.EVEN,
    velocity: Annotated[bool, typer.Option(help="Add the velocities of the joints.")] = False,
) -> None:
    """Convert AIST++ pickles to one file of tensors.

    The file has `data` [N,T,17,C] and `labels` [N], for experiments with other code;
    `dancetype train` does not need it.
    """
    import torch

    from dancetype.training.batches import prepare_dataset as prepare_tensors
    from dancetype.training.data.aist import read_sequences
    from dancetype.training.data.splits import find_split

    sequences = read_sequences(data, find_split(data, split).sequences)
    prepared = prepare_tensors(sequences, frames=frames, select=select.value, velocity=velocity)
    torch.save(prepared, out)
    typer.echo(f"{out}: {tuple(prepared['data'].shape)} of split {split}")
