"""A clip's genres over its time, as a picture on paper's white."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dancetype.engine.errors import printable
from dancetype.engine.recognizer import Prediction
from dancetype.engine.rolling import Status
from dancetype.stream.offline.analysis import ClipAnalysis
from dancetype.stream.offline.overlay import WORDS

# Blue and grey differ in lightness too, so that they stay apart in all eyes and on grey paper.
_NAMED: Final = "#1f5fbf"
_UNNAMED: Final = "#b9bdc6"
_INK: Final = "#20222a"
_QUIET: Final = "#5c606b"
_LINE: Final = "#d5d8df"
_GROUND: Final = "#f3f4f7"
_BANDS: Final[dict[Status, dict[str, Any]]] = {
    Status.GENRE: {"facecolor": _NAMED, "edgecolor": "white"},
    Status.NOT_SURE: {"facecolor": "#dfe1e7", "edgecolor": "white"},
    Status.WARMING_UP: {"facecolor": "white", "edgecolor": _UNNAMED, "hatch": "..."},
    Status.NO_PERSON: {"facecolor": "white", "edgecolor": _UNNAMED, "hatch": "////"},
}
_BOX: Final = {"facecolor": "white", "edgecolor": "none", "pad": 1}
_LETTERING: Final[dict[Status, tuple[str, dict[str, Any] | None]]] = {
    Status.GENRE: ("white", None),
    Status.NOT_SURE: (_INK, None),
    Status.WARMING_UP: (_INK, _BOX),
    Status.NO_PERSON: (_INK, _BOX),
}
_CENTRED: Final[dict[str, Any]] = {"ha": "center", "va": "center"}

_KEY: Final = (
    "How likely each genre is at each moment; a row's full height is 100%. "
    "Blue where a live run would have named it."
)

_WIDTH: Final = 12.0  # inches
_LEFT: Final = 1.75  # inches
_RIGHT: Final = 0.75  # inches
_ROW: Final = 0.42  # inches
_DPI: Final = 150
_FONT: Final = "DejaVu Sans"
_FULL: Final = 0.86  # of a row's height
_LETTER: Final = 0.076  # inches


def make_plot(clip: Path, analysis: ClipAnalysis, names: Mapping[str, str], path: Path) -> None:
    """Writes a PNG file: a row for each genre, and below what a live run would have said.

    The height of a row's area is the probability of the rolling estimate; it is blue while that
    genre is named. At the right end stands the probability in the clip as a whole.

    Args:
        clip: the video file, for the title.
        analysis: Analysis of this clip.
        names: of the genres by code, in the classifier's order.
        path: of the PNG file.

    Raises:
        OSError: it cannot be written.
    """
    rows = len(names)
    height = _ROW * rows + 2.15
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    longest = max(map(len, names.values()))
    left, right = max(_LEFT, 0.3 + 0.1 * longest) / _WIDTH, 1 - _RIGHT / _WIDTH
    upper = figure.add_axes((left, 1.25 / height, right - left, _ROW * rows / height))
    lower = figure.add_axes((left, 0.62 / height, right - left, 0.38 / height))
    ends = _ends(analysis)
    _draw_rows(upper, analysis, names, ends)
    _draw_band(lower, analysis.predictions, names, ends)
    for axes in (upper, lower):
        axes.set_xlim(ends[0], ends[-1])
        for spine in axes.spines.values():
            spine.set_visible(False)
        for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            label.set_fontfamily(_FONT)
    start = 0.25 / _WIDTH
    font: dict[str, Any] = {"family": _FONT, "va": "center"}
    # A file's name may hold dollars.
    title = {**font, "fontsize": 14, "fontweight": "bold", "color": _INK, "parse_math": False}
    figure.text(start, 1 - 0.3 / height, _title(clip, analysis, names), **title)
    figure.text(start, 1 - 0.58 / height, _KEY, fontsize=9, color=_QUIET, **font)
    with warnings.catch_warnings():
        # The font has not all letters that there are; boxes stand for them.
        warnings.simplefilter("ignore")
        figure.savefig(path, format="png")


def _title(clip: Path, analysis: ClipAnalysis, names: Mapping[str, str]) -> str:
    name = printable(clip.name)
    short = name if len(name) <= 60 else f"{name[:40]}…{name[-19:]}"
    if analysis.result.genre is None:
        return f"{short}: too little of a dancer to name a genre"
    return f"{short}: {names[analysis.result.genre]}, {analysis.result.confidence:.0%} on the whole"


def _ends(analysis: ClipAnalysis) -> NDArray[np.float64]:
    """When each prediction was made, and the end of the clip (P + 1,)."""
    end = max(analysis.track.seconds, float(analysis.track.times[-1]) + 1e-3)
    return np.array([*(prediction.window_end for prediction in analysis.predictions), end])


def _draw_rows(
    axes: Axes, analysis: ClipAnalysis, names: Mapping[str, str], ends: NDArray[np.float64]
) -> None:
    estimates = [prediction.estimate for prediction in analysis.predictions]
    known = np.array([estimate.confidence > 0 for estimate in estimates])
    values = np.array([estimate.probabilities for estimate in estimates])
    for row, (code, name) in enumerate(names.items()):
        floor = len(names) - 1.0 - row
        named = np.array([estimate.genre == code for estimate in estimates])
        axes.axhspan(floor, floor + _FULL, color=_GROUND, linewidth=0, zorder=0)
        for colour, shown in ((_UNNAMED, known & ~named), (_NAMED, known & named)):
            tops = floor + _FULL * np.where(shown, values[:, row], 0)
            # A value holds until the next, the last one until the end.
            tops = np.append(tops, tops[-1])
            axes.fill_between(ends, floor, tops, step="post", color=colour, linewidth=0)
        best = code == analysis.result.genre
        weight, colour = ("bold", _NAMED) if best else ("normal", _INK)
        font: dict[str, Any] = {
            "family": _FONT,
            "fontweight": weight,
            "va": "center",
            "parse_math": False,
        }
        place = axes.get_yaxis_transform()
        middle = floor + _FULL / 2
        axes.text(-0.012, middle, name, transform=place, ha="right", color=colour, **font)
        if analysis.result.genre is not None:
            percent = f"{analysis.result.probabilities[row]:.0%}"
            axes.text(1.008, middle, percent, transform=place, ha="left", color=colour, **font)
    axes.set_ylim(-0.05, len(names))
    axes.set_yticks([])
    axes.tick_params(axis="x", length=0, labelbottom=False)
    axes.grid(axis="x", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    if analysis.result.genre is not None:
        axes.text(
            1.008, 1.0, "clip", transform=axes.transAxes, color=_QUIET, family=_FONT, fontsize=9
        )


def _draw_band(
    axes: Axes,
    predictions: tuple[Prediction, ...],
    names: Mapping[str, str],
    ends: NDArray[np.float64],
) -> None:
    inches = axes.get_position().width * _WIDTH
    estimates = [prediction.estimate for prediction in predictions]
    words = [names[each.genre] if each.genre else WORDS[each.status] for each in estimates]
    starts = [n for n in range(len(words)) if n == 0 or words[n] != words[n - 1]]
    spans: dict[Status, list[tuple[float, float]]] = {status: [] for status in Status}
    for start, stop in zip(starts, [*starts[1:], len(words)], strict=True):
        status, first, length = estimates[start].status, ends[start], ends[stop] - ends[start]
        spans[status].append((first, length))
        if len(words[start]) * _LETTER < length / (ends[-1] - ends[0]) * inches:
            colour, box = _LETTERING[status]
            font: dict[str, Any] = {"family": _FONT, "fontsize": 9, "parse_math": False}
            middle = first + length / 2
            axes.text(middle, 0.48, words[start], color=colour, bbox=box, **_CENTRED, **font)
    for status, found in spans.items():
        axes.broken_barh(found, (0, 1), linewidth=1, **_BANDS[status])
    axes.text(
        -0.012,
        0.48,
        "said",
        transform=axes.get_yaxis_transform(),
        ha="right",
        va="center",
        color=_QUIET,
        family=_FONT,
    )
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.tick_params(axis="x", colors=_QUIET)
    axes.set_xlabel("seconds", color=_QUIET, family=_FONT)
