"""Pictures of docs/explanation/accuracy.md."""

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

from benchmarks.accuracy.place import Result

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
"""Shares by name, one for each amount; None where there is none."""


@contextmanager
def _drawn(path: Path, *, height: float, columns: int = 1, rows: int = 1) -> Iterator[list[Axes]]:
    """Yield axes to draw on, then write them as a PNG."""
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
        known = [(a, 100 * s) for a, s in zip(amounts, shares, strict=True) if s is not None]
        axes.plot(*zip(*known, strict=True), marker="o", color=colour, label=name)
    axes.set(ylim=(0, 100), **labels)
    axes.legend()


def _bars(axes: Axes, shares: Mapping[str, Sequence[float]], colours: Any = BLUE) -> list[float]:
    """Draw a bar for the mean of each name's shares and a mark for each; return the means in %."""
    means = [100 * float(np.mean(values)) if values else 0.0 for values in shares.values()]
    axes.barh(list(shares), means, color=colours, height=0.6)
    for row, values in enumerate(shares.values()):
        axes.plot([100 * value for value in values], [row] * len(values), "k|", markersize=8)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    return means


def ladder(path: Path, rungs: Mapping[str, Sequence[float]], about: Sequence[str]) -> None:
    """Draw the window accuracy of each way by split; `about` stands in the bars."""
    with _drawn(path, height=2.3) as [axes]:
        means = _bars(axes, rungs, [GREY] * (len(rungs) - 1) + [BLUE])
        for row, (values, mean, text) in enumerate(zip(rungs.values(), means, about, strict=True)):
            axes.text(1, row, text, va="center", color="white", fontsize=8)
            axes.text(max(100 * max(values), mean) + 0.8, row, f"{mean:.0f} %", va="center")
        axes.set(xlabel="4-second windows right, %", xlim=(0, 105))


def by_genre(path: Path, genres: Mapping[str, Sequence[Result]]) -> None:
    """Draw a dot for each dancer's windows and one for the clips, by genre."""
    with _drawn(path, height=3.2) as [axes]:
        for row, dancers in enumerate(genres.values()):
            for what, colour, marker in (("clip", ORANGE, "D"), ("window", BLUE, "o")):
                shares = [100 * dancer[f"{what}_accuracy"] for dancer in dancers]
                label = f"{what}s of one dancer" if row == 0 else None
                axes.plot(shares, [row] * len(shares), color=colour, lw=1, alpha=0.4)
                axes.plot(shares, [row] * len(shares), marker, color=colour, ls="", label=label)
        axes.set_yticks(range(len(genres)), list(genres))
        axes.invert_yaxis()
        axes.set(xlabel="right, %", xlim=(None, 102))
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)


def confusion(path: Path, counts: NDArray[np.int64], labels: Sequence[str]) -> None:
    """Draw clips, truth down and answer across, each row as shares of its genre."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with _drawn(path, height=4.6) as [axes]:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                text = f"{100 * shares[row, column]:.0f}"
                axes.text(column, row, text, ha="center", va="center", color=colour)
        axes.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
        axes.set_yticks(range(len(labels)), labels)
        axes.grid(visible=False)
        axes.set(xlabel="answer", ylabel="danced", title="clips, % of a genre")


def reliability(path: Path, tables: Mapping[str, Sequence[Result]]) -> None:
    """Draw how often windows are right by confidence, and how many windows that are."""
    with _drawn(path, height=3, columns=2) as [left, right]:
        left.plot([0, 100], [0, 100], color=GREY, lw=1, ls="--")
        for (name, rows), colour in zip(tables.items(), _COLOURS, strict=False):
            sure = [100 * row["confidence"] for row in rows]
            true = [100 * row["accuracy"] for row in rows]
            left.plot(sure, true, marker="o", color=colour, label=name)
            total = sum(row["windows"] for row in rows)
            share = [100 * row["windows"] / total for row in rows]
            right.plot(sure, share, marker="o", color=colour)
        left.set(xlabel="confidence, %", ylabel="windows right, %", xlim=(0, 100), ylim=(0, 100))
        right.set(xlabel="confidence, %", ylabel="windows, % of all", xlim=(0, 100), ylim=(0, None))
        left.legend()


def seconds(path: Path, amounts: Sequence[float], *, clear: Curves, ordinary: Curves) -> None:
    """Draw accuracy against seconds seen, by a camera without faults and by an ordinary one."""
    with _drawn(path, height=2.8, columns=2) as [left, right]:
        _lines(left, amounts, clear, title="camera without faults", ylabel="right, %")
        _lines(right, amounts, ordinary, title="30 frames a second, MediaPipe's noise")
        for axes in (left, right):
            axes.set(xlabel="seconds seen", xlim=(0, 10.4))


def camera(path: Path, faults: Mapping[str, tuple[Sequence[float], Curves]]) -> None:
    """Draw one panel for each fault: amounts and curves."""
    with _drawn(path, height=4.6, columns=2, rows=2) as panels:
        for axes, (fault, (amounts, curves)) in zip(panels, faults.items(), strict=True):
            _lines(axes, amounts, curves, xlabel=fault, ylabel="windows right, %")


def ablation(path: Path, panels: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Draw one panel for each test: the mean and each run, by step."""
    with _drawn(path, height=2.4, columns=len(panels)) as all_axes:
        for axes, (test, steps) in zip(all_axes, panels.items(), strict=True):
            _bars(axes, steps)
            axes.set(title=test, xlim=(0, 100))
            if axes is not all_axes[0]:
                axes.set_yticklabels([])


def steadiness(
    path: Path, points: Sequence[Result], *, shipped: Result, best: Sequence[Result]
) -> None:
    """Draw changes of mind against delay, one dot per rolling estimate with a finite delay."""
    with _drawn(path, height=3.4) as [axes]:
        dots = axes.scatter(
            [point["delay"] for point in points],
            [point["changes"] for point in points],
            c=[100 * point["false_accepts"] for point in points],
            cmap="viridis_r",
            s=14,
        )
        axes.figure.colorbar(dots, label="a genre where nobody dances, % of time")
        delays, changes = ([point[name] for point in best] for name in ("delay", "changes"))
        axes.plot(delays, changes, color="black", lw=0.8, label="fewest changes at each delay")
        axes.plot(
            shipped["delay"], shipped["changes"], "*", color="red", markersize=13, label="shipped"
        )
        axes.set(
            xlabel="seconds until the right genre is named, median",
            ylabel="changes of mind a minute",
            ylim=(0, None),
        )
        axes.legend()


def doubt(path: Path, kinds: Mapping[str, Sequence[Result]]) -> None:
    """Draw the share of time without a genre in each test, by kind of people who do not dance."""
    with _drawn(path, height=0.7 + 0.2 * len(kinds)) as [axes]:
        colours = [BLUE if tests[0]["held_out"] else GREY for tests in kinds.values()]
        quiet = {name: [test["quiet"] for test in tests] for name, tests in kinds.items()}
        _bars(axes, quiet, colours)
        axes.set(xlabel='"not sure" or "no person", % of the time', xlim=(0, 100))
