"""Plots of docs/explanation/accuracy.md."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from benchmarks.accuracy.workspace import Result

BLUE: Final = "#1f5f99"
ORANGE: Final = "#d1662b"
GREY: Final = "#8a8a8a"
GREEN: Final = "#3f8f5f"
_COLOURS: Final = (BLUE, ORANGE, GREEN, GREY)
_STYLE: Final[Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    "lines.markersize": 4,
}

Curves = Mapping[str, Sequence[float | None]]
"""Shares by name, one for each x value; None for a missing one."""


@contextmanager
def _figure(path: Path, *, height: float, columns: int = 1, rows: int = 1) -> Iterator[list[Axes]]:
    """Yield axes, then write the figure as a PNG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(
            rows, columns, figsize=(7, height), layout="constrained", squeeze=False
        )
        yield list(axes.flat)
        figure.savefig(path, dpi=110, metadata={"Software": None})
        plt.close(figure)


def _lines(axes: Axes, amounts: Sequence[float], curves: Curves, **labels: Any) -> None:
    for (name, shares), colour in zip(curves.items(), _COLOURS, strict=False):
        points = [
            (amount, 100 * share)
            for amount, share in zip(amounts, shares, strict=True)
            if share is not None
        ]
        axes.plot(*zip(*points, strict=True), marker="o", color=colour, label=name)
    axes.set(ylim=(0, 100), **labels)
    axes.legend()


def _bars(axes: Axes, shares: Mapping[str, Sequence[float]], colours: Any = BLUE) -> list[float]:
    """Draw a bar for the mean of each name's shares and a tick for each share.

    Returns:
        The means in percent.
    """
    means = [100 * float(np.mean(values)) if values else 0.0 for values in shares.values()]
    axes.barh(list(shares), means, color=colours, height=0.6)
    for row, values in enumerate(shares.values()):
        axes.plot([100 * value for value in values], [row] * len(values), "k|", markersize=8)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    return means


def ladder(
    path: Path, accuracies: Mapping[str, Sequence[float]], descriptions: Sequence[str]
) -> None:
    """Draw the window accuracy of each fold by test set, with descriptions inside the bars."""
    with _figure(path, height=2.3) as [axes]:
        means = _bars(axes, accuracies, [GREY] * (len(accuracies) - 1) + [BLUE])
        rows = zip(accuracies.values(), means, descriptions, strict=True)
        for row, (values, mean, description) in enumerate(rows):
            axes.text(1, row, description, va="center", color="white", fontsize=8)
            axes.text(max(100 * max(values), mean) + 0.8, row, f"{mean:.0f} %", va="center")
        axes.set(xlabel="accuracy of 4-second windows, %", xlim=(0, 105))


def by_genre(path: Path, genres: Mapping[str, Sequence[Result]]) -> None:
    """Draw the accuracy of each dancer's windows and clips by genre."""
    with _figure(path, height=3.2) as [axes]:
        for row, dancers in enumerate(genres.values()):
            for unit, colour, marker in (("clip", ORANGE, "D"), ("window", BLUE, "o")):
                shares = [100 * dancer[f"{unit}_accuracy"] for dancer in dancers]
                label = f"{unit}s of one dancer" if row == 0 else None
                axes.plot(shares, [row] * len(shares), color=colour, lw=1, alpha=0.4)
                axes.plot(shares, [row] * len(shares), marker, color=colour, ls="", label=label)
        axes.set_yticks(range(len(genres)), list(genres))
        axes.invert_yaxis()
        axes.set(xlabel="accuracy, %", xlim=(None, 102))
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)


def confusion(path: Path, counts: NDArray[np.int64], labels: Sequence[str]) -> None:
    """Draw the confusion matrix of clips, normalised by true genre (row)."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with _figure(path, height=4.6) as [axes]:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                text = f"{100 * shares[row, column]:.0f}"
                axes.text(column, row, text, ha="center", va="center", color=colour)
        axes.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
        axes.set_yticks(range(len(labels)), labels)
        axes.grid(visible=False)
        axes.set(xlabel="predicted genre", ylabel="true genre", title="clips, % of the true genre")


def reliability(path: Path, tables: Mapping[str, Sequence[Result]]) -> None:
    """Draw the accuracy of windows and the share of windows by confidence."""
    with _figure(path, height=3, columns=2) as [left, right]:
        left.plot([0, 100], [0, 100], color=GREY, lw=1, ls="--")
        for (name, rows), colour in zip(tables.items(), _COLOURS, strict=False):
            confidence = [100 * row["confidence"] for row in rows]
            accuracy = [100 * row["accuracy"] for row in rows]
            left.plot(confidence, accuracy, marker="o", color=colour, label=name)
            total = sum(row["windows"] for row in rows)
            share = [100 * row["windows"] / total for row in rows]
            right.plot(confidence, share, marker="o", color=colour)
        left.set(xlabel="confidence, %", ylabel="accuracy, %", xlim=(0, 100), ylim=(0, 100))
        right.set(
            xlabel="confidence, %", ylabel="share of windows, %", xlim=(0, 100), ylim=(0, None)
        )
        left.legend()


def seconds(path: Path, amounts: Sequence[float], *, clear: Curves, ordinary: Curves) -> None:
    """Draw accuracy against duration for a camera without faults and for an ordinary one."""
    with _figure(path, height=2.8, columns=2) as [left, right]:
        _lines(left, amounts, clear, title="camera without faults", ylabel="accuracy, %")
        _lines(right, amounts, ordinary, title="30 frames per second, MediaPipe's noise")
        for axes in (left, right):
            axes.set(xlabel="duration, s", xlim=(0, 10.4))


def camera(path: Path, faults: Mapping[str, tuple[Sequence[float], Curves]]) -> None:
    """Draw the accuracy of windows against the amount of each fault."""
    with _figure(path, height=4.6, columns=2, rows=2) as panels:
        for axes, (fault, (amounts, curves)) in zip(panels, faults.items(), strict=True):
            _lines(axes, amounts, curves, xlabel=fault, ylabel="window accuracy, %")


def ablation(path: Path, panels: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Draw the mean and each run by step, with one panel for each test."""
    rows = max(len(steps) for steps in panels.values())
    with _figure(path, height=0.7 + 0.2 * rows, columns=len(panels)) as all_axes:
        for axes, (test, steps) in zip(all_axes, panels.items(), strict=True):
            means = _bars(axes, steps)
            # Differences are small compared with the accuracy.
            low = 5 * (min(mean for mean in means if mean) // 5) - 5
            axes.set(title=test, xlim=(low, max(means) + 5))
            if axes is not all_axes[0]:
                axes.set_yticklabels([])


def operating_curves(path: Path, points: Sequence[Result]) -> None:
    """Draw right against quiet and wrong against right, one dot per entry threshold."""
    pairs = {
        "rendered dancers, captured non-dance": ("rendered", "negatives"),
        "rendered dancers, generated non-dance": ("rendered", "generated"),
        "real dancers, real non-dance": ("real", "nondance"),
    }
    dancers = {"rendered dancers": "rendered", "real dancers": "real"}
    with _figure(path, height=3.2, columns=2) as [left, right]:
        for (label, (dance, other)), colour in zip(pairs.items(), _COLOURS, strict=False):
            shares = [
                (100 * point[other]["none"], 100 * point[dance]["right"])
                for point in points
                if dance in point and other in point
            ]
            if shares:
                left.plot(*zip(*shares, strict=True), marker="o", color=colour, label=label)
        for (label, dance), colour in zip(dancers.items(), (BLUE, GREEN), strict=True):
            shares = [
                (100 * point[dance]["right"], 100 * point[dance]["wrong"])
                for point in points
                if dance in point
            ]
            if shares:
                right.plot(*zip(*shares, strict=True), marker="o", color=colour, label=label)
        left.set(
            xlabel="no dance: no genre named, % of time", ylabel="dance: right genre, % of time"
        )
        right.set(xlabel="right genre named, % of time", ylabel="wrong genre named, % of time")
        for axes in (left, right):
            if axes.lines:
                axes.legend(fontsize=7)


def rejection(path: Path, curves: Mapping[str, Mapping[str, Sequence[Result]]]) -> None:
    """Draw dancers named right against other people named, a panel for each kind of clip."""
    kinds = list(dict.fromkeys(kind for pairs in curves.values() for kind in pairs))
    with _figure(path, height=2.9, columns=max(len(kinds), 1)) as panels:
        for axes, kind in zip(panels, kinds, strict=False):
            for (output, pairs), colour in zip(curves.items(), _COLOURS, strict=False):
                shares = [
                    (100 * point["others"], 100 * point["right"]) for point in pairs.get(kind, ())
                ]
                if shares:
                    axes.plot(*zip(*shares, strict=True), marker="o", color=colour, label=output)
            axes.set(
                title=kind,
                xlabel="no dance: a genre named, % of windows",
                ylabel="dance: right genre named, % of windows",
            )
            axes.legend()


def steadiness(
    path: Path, points: Sequence[Result], *, shipped: Result, best: Sequence[Result]
) -> None:
    """Draw changes of the genre against delay, one dot per rolling estimate."""
    with _figure(path, height=3.4) as [axes]:
        dots = axes.scatter(
            [point["delay"] for point in points],
            [point["changes"] for point in points],
            c=[100 * point["false_accepts"] for point in points],
            cmap="viridis_r",
            s=14,
        )
        axes.figure.colorbar(dots, label="genre named without a dance, % of time")
        delays, changes = ([point[name] for point in best] for name in ("delay", "changes"))
        axes.plot(delays, changes, color="black", lw=0.8, label="fewest changes at each delay")
        axes.plot(
            shipped["delay"], shipped["changes"], "*", color="red", markersize=13, label="shipped"
        )
        axes.set(
            xlabel="median delay until the true genre is named, s",
            ylabel="genre changes per minute",
            ylim=(0, None),
        )
        axes.legend()


def doubt(path: Path, kinds: Mapping[str, Sequence[Result]]) -> None:
    """Draw the share of time without a genre by kind of motion that is not a dance."""
    with _figure(path, height=0.7 + 0.2 * len(kinds)) as [axes]:
        colours = [BLUE if tests[0]["held_out"] else GREY for tests in kinds.values()]
        shares = {name: [test["quiet"] for test in tests] for name, tests in kinds.items()}
        _bars(axes, shares, colours)
        axes.set(xlabel='"not sure" or "no person", % of time', xlim=(0, 100))
