"""Plot of a clip's predictions over time."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dancetype.engine.errors import printable
from dancetype.engine.rolling import Status
from dancetype.stream.messages import status_text
from dancetype.stream.offline.analysis import ClipAnalysis

# Blue and grey also differ in lightness, for colour-blind readers and black-and-white printers.
_REPORTED: Final = "#1f5fbf"
_UNREPORTED: Final = "#b9bdc6"
_TEXT: Final = "#20222a"
_SECONDARY_TEXT: Final = "#5c606b"
_GRID: Final = "#d5d8df"
_BACKGROUND: Final = "#f3f4f7"
_BANDS: Final[dict[Status, dict[str, Any]]] = {
    Status.GENRE: {"facecolor": _REPORTED, "edgecolor": "white"},
    Status.NOT_SURE: {"facecolor": "#dfe1e7", "edgecolor": "white"},
    Status.WARMING_UP: {"facecolor": "white", "edgecolor": _UNREPORTED, "hatch": "..."},
    Status.NO_PERSON: {"facecolor": "white", "edgecolor": _UNREPORTED, "hatch": "////"},
}
_TEXT_BOX: Final = {"facecolor": "white", "edgecolor": "none", "pad": 1}
_STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    # File names may contain dollar signs.
    "text.parse_math": False,
    **{f"axes.spines.{side}": False for side in ("left", "right", "top", "bottom")},
}

_CAPTION: Final = (
    "Probability of each genre over time; the full height of a row is 100%. "
    "Blue while a live run reports the genre."
)

# Inches.
_WIDTH: Final = 12.0
_LEFT: Final = 1.75
_RIGHT: Final = 0.75
_ROW: Final = 0.42
_LETTER: Final = 0.076

_DPI: Final = 150
_FULL: Final = 0.86  # height of 100%, as a share of the row height


def make_plot(clip: Path, analysis: ClipAnalysis, names: Mapping[str, str], path: Path) -> None:
    """Write a PNG file with a row for each genre, and below them the output of a live run.

    The height of the area in a row is the probability in the rolling estimate; the area is blue
    while a live run reports this genre. At the right end is the probability for the whole clip.

    Args:
        clip: Video file; its name is part of the title.
        analysis: Analysis of this clip.
        names: Genre names by code, in the classifier's order.
        path: Path of the PNG file.

    Raises:
        OSError: The file cannot be written.
    """
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The font lacks some characters and shows boxes for them.
        warnings.simplefilter("ignore")
        _draw(clip, analysis, names).savefig(path, format="png")


def _draw(clip: Path, analysis: ClipAnalysis, names: Mapping[str, str]) -> Figure:
    height = _ROW * len(names) + 2.15
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    longest = max(map(len, names.values()))
    left, right = max(_LEFT, 0.3 + 0.1 * longest) / _WIDTH, 1 - _RIGHT / _WIDTH
    upper = figure.add_axes((left, 1.25 / height, right - left, _ROW * len(names) / height))
    lower = figure.add_axes((left, 0.62 / height, right - left, 0.38 / height))
    boundaries = _boundaries(analysis)
    _draw_rows(upper, analysis, names, boundaries)
    _draw_band(lower, analysis, names, boundaries)
    for axes in (upper, lower):
        axes.set_xlim(boundaries[0], boundaries[-1])
        axes.set_yticks([])
    start = 0.25 / _WIDTH
    title: dict[str, Any] = {"fontsize": 14, "fontweight": "bold", "color": _TEXT, "va": "center"}
    figure.text(start, 1 - 0.3 / height, _title(clip, analysis, names), **title)
    caption: dict[str, Any] = {"fontsize": 9, "color": _SECONDARY_TEXT, "va": "center"}
    figure.text(start, 1 - 0.58 / height, _CAPTION, **caption)
    return figure


def _title(clip: Path, analysis: ClipAnalysis, names: Mapping[str, str]) -> str:
    name = printable(clip.name)
    short = name if len(name) <= 60 else f"{name[:40]}…{name[-19:]}"
    if analysis.result.genre is None:
        return f"{short}: no genre, since there were too few consecutive poses"
    return f"{short}: {names[analysis.result.genre]}, {analysis.result.confidence:.0%} overall"


def _boundaries(analysis: ClipAnalysis) -> NDArray[np.float64]:
    """Return the time of each prediction, and the end of the clip (P + 1,)."""
    end = max(analysis.track.seconds, float(analysis.track.times[-1]) + 1e-3)
    return np.array([*(prediction.window_end for prediction in analysis.predictions), end])


def _draw_rows(
    axes: Axes, analysis: ClipAnalysis, names: Mapping[str, str], boundaries: NDArray[np.float64]
) -> None:
    result = analysis.result
    estimates = [prediction.estimate for prediction in analysis.predictions]
    has_window = np.array([estimate.confidence > 0 for estimate in estimates])
    probabilities = np.array([estimate.probabilities for estimate in estimates])
    transform = axes.get_yaxis_transform()
    for row, (code, name) in enumerate(names.items()):
        bottom = len(names) - 1.0 - row
        is_reported = np.array([estimate.genre == code for estimate in estimates])
        axes.axhspan(bottom, bottom + _FULL, color=_BACKGROUND, linewidth=0, zorder=0)
        for colour, mask in (
            (_UNREPORTED, has_window & ~is_reported),
            (_REPORTED, has_window & is_reported),
        ):
            tops = bottom + _FULL * np.where(mask, probabilities[:, row], 0)
            # A value lasts until the next one, the last value until the end of the clip.
            tops = np.append(tops, tops[-1])
            axes.fill_between(boundaries, bottom, tops, step="post", color=colour, linewidth=0)
        font: dict[str, Any] = {"color": _TEXT, "va": "center", "transform": transform}
        if code == result.genre:
            font |= {"color": _REPORTED, "fontweight": "bold"}
        middle = bottom + _FULL / 2
        axes.text(-0.012, middle, name, ha="right", **font)
        if result.genre is not None:
            axes.text(1.008, middle, f"{result.probabilities[row]:.0%}", ha="left", **font)
    axes.set_ylim(-0.05, len(names))
    axes.tick_params(axis="x", length=0, labelbottom=False)
    axes.grid(axis="x", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    if result.genre is not None:
        axes.text(1.008, 1.0, "clip", transform=axes.transAxes, color=_SECONDARY_TEXT, fontsize=9)


def _draw_band(
    axes: Axes, analysis: ClipAnalysis, names: Mapping[str, str], boundaries: NDArray[np.float64]
) -> None:
    inches_per_second = axes.get_position().width * _WIDTH / (boundaries[-1] - boundaries[0])
    estimates = [prediction.estimate for prediction in analysis.predictions]
    texts = [
        names[estimate.genre] if estimate.genre else status_text(estimate.status, estimate.dancing)
        for estimate in estimates
    ]
    starts = [n for n in range(len(texts)) if n == 0 or texts[n] != texts[n - 1]]
    spans: dict[Status, list[tuple[float, float]]] = {status: [] for status in Status}
    for start, stop in zip(starts, [*starts[1:], len(texts)], strict=True):
        status, begin = estimates[start].status, boundaries[start]
        length = boundaries[stop] - begin
        spans[status].append((begin, length))
        if len(texts[start]) * _LETTER < length * inches_per_second:
            axes.text(
                begin + length / 2,
                0.48,
                texts[start],
                ha="center",
                va="center",
                color="white" if status is Status.GENRE else _TEXT,
                bbox=_TEXT_BOX if "hatch" in _BANDS[status] else None,
                fontsize=9,
            )
    for status, intervals in spans.items():
        axes.broken_barh(intervals, (0, 1), linewidth=1, **_BANDS[status])
    label: dict[str, Any] = {"ha": "right", "va": "center", "color": _SECONDARY_TEXT}
    axes.text(-0.012, 0.48, "live output", transform=axes.get_yaxis_transform(), **label)
    axes.set_ylim(0, 1)
    axes.tick_params(axis="x", colors=_SECONDARY_TEXT)
    axes.set_xlabel("seconds", color=_SECONDARY_TEXT)
