"""Tables and plots of an evaluation or a training run."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table

from dancetype.training.evaluate import Evaluation
from dancetype.training.live import LiveEvaluation


def percent(share: float | None) -> str:
    """Format a share from 0 to 1 as a percentage such as "93.1 %"; None gives a dash."""
    return "-" if share is None else f"{100 * share:.1f} %"


def evaluation_tables(evaluation: Evaluation, *, title: str) -> Group:
    """Return a table of accuracies (overall, by situation, by genre) and a confusion matrix."""
    figures = evaluation.figures()
    accuracies = Table(title=title, title_justify="left")
    for column in ("", "clips", "clip accuracy", "windows", "window accuracy"):
        accuracies.add_column(column, justify="left" if not column else "right")
    rows = {"all": figures} | figures["by_situation"]
    rows |= {f"{c}  {evaluation.names[c]}": value for c, value in figures["per_genre"].items()}
    for name, row in rows.items():
        accuracies.add_row(
            name,
            str(row["clips"]),
            percent(row["clip_accuracy"]),
            str(row["windows"]),
            percent(row["window_accuracy"]),
        )
    confusion = Table(
        title="confusion of clips: true genre by row, predicted genre by column",
        title_justify="left",
    )
    for column in ("", *evaluation.labels):
        confusion.add_column(column, justify="right")
    for label, counts in zip(evaluation.labels, evaluation.confusion(), strict=True):
        confusion.add_row(label, *(str(count) if count else "·" for count in counts))
    return Group(accuracies, f"calibration error of windows: {percent(figures['ece'])}", confusion)


def print_table(evaluation: Evaluation, *, title: str) -> None:
    """Print `evaluation_tables` to the terminal."""
    Console().print(evaluation_tables(evaluation, title=title))


def live_table(evaluation: LiveEvaluation, *, title: str) -> Table:
    """Return a table of the live answers to each clip, with means of clips at the end."""
    figures = evaluation.figures()
    table = Table(
        title=title,
        title_justify="left",
        caption=(
            f"right, wrong, none: shares of time from {figures['start']:g} s on with this genre "
            "named; quiet: share of the whole time without a genre; delay: until the right genre "
            "is named first; prob.: probability of the right genre in a window"
        ),
        caption_justify="left",
        # Fits 80 columns.
        box=SIMPLE_HEAD,
        padding=0,
    )
    for column in ("clip", "genre"):
        table.add_column(column, overflow="fold")
    for column in ("right %", "wrong %", "none %", "quiet %", "delay s", "changes", "prob. %"):
        table.add_column(column.replace(" ", "\n"), justify="right")
    table.add_column("most\nnamed")
    for row in figures["clips"]:
        table.add_row(row["name"], row["genre"], *_live_cells(row))
    table.add_section()
    for kind, text in (("dance", "dance"), ("no_dance", "none")):
        if (summary := figures[kind]) is not None:
            counted = summary["counted"]
            name = f"mean of {summary['clips']} clips"
            if counted < summary["clips"]:
                name += f" (shares: {counted})"
            table.add_row(name, text, *_live_cells(summary))
    return table


def _live_cells(row: dict[str, Any]) -> list[str]:
    return [
        *(_number(row[name], scale=100) for name in ("right", "wrong", "none", "quiet")),
        _number(row["delay"]),
        f"{row['changes']:.2g}",
        _number(row["probability"], scale=100),
        row["most_named"] or "-",
    ]


def _number(value: float | None, *, scale: float = 1) -> str:
    return "-" if value is None else f"{scale * value:.1f}"


def print_live_table(evaluation: LiveEvaluation, *, title: str) -> None:
    """Print `live_table` to the terminal."""
    Console().print(live_table(evaluation, title=title))


def save_confusion(evaluation: Evaluation, path: Path, *, title: str) -> None:
    """Plot the confusion matrix of clips, coloured by the share of the true genre."""
    counts = evaluation.confusion()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = plt.subplots(figsize=(7, 6.4), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour)
    axes.set_xticks(range(len(evaluation.labels)), evaluation.labels)
    axes.set_yticks(range(len(evaluation.labels)), evaluation.labels)
    axes.set(xlabel="predicted genre", ylabel="true genre", title=title)
    _save(figure, path)


def save_curves(history: list[dict[str, float]], path: Path, *, title: str) -> None:
    """Plot the training and validation loss and accuracy by epoch."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    epochs = [entry["epoch"] for entry in history]

    def draw(axes: Any, name: str) -> None:
        axes.plot(epochs, [entry[name] for entry in history], label="training")
        axes.plot(epochs, [entry[f"validation_{name}"] for entry in history], label="validation")
        axes.set(xlabel="epoch", ylabel=name)
        axes.legend()

    draw(left, "loss")
    draw(right, "accuracy")
    figure.suptitle(title)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=120)
    plt.close(figure)
