"""Goals for the performance of the product, and whether they are reached."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.pages import Results, number, share
from benchmarks.performance.trials import PLAIN
from dancetype.engine.defaults import DEFAULT_RUNTIME

MEGABYTE: Final = 1e6
# With fewer, a file's frames are further apart than the goal assumes.
_LEAST_FPS: Final = 29.0
_ACCURACY_ROWS: Final = "| frames a second |"
_ACCURACY_ROW: Final = re.compile(r"^\|[^|]*\| (15|30) \| ([\d.]+) \|", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Goal:
    """The figure of a goal."""

    measured: str
    reached: bool | None  # None if it was not measured


def goals(found: Results, accuracy: str) -> dict[str, Goal]:
    """Return the goals of the default pose runtime by their names in the template.

    `accuracy` is the text of docs/explanation/accuracy.md.
    """
    beside = {name: each[DEFAULT_RUNTIME] for name, each in found["beside"].items()}
    parts = [each[DEFAULT_RUNTIME] for each in found["parts"].values()]
    late = [
        span["received_ms"][1] / span["pose_ms"][1]
        for name, span in beside.items()
        if "RTSP" not in name and span["fps"] >= _LEAST_FPS
    ]
    relative = [
        each[DEFAULT_RUNTIME]["cpu_ms"] / each[PLAIN]["cpu_ms"] for each in found["beside"].values()
    ]
    halves = [each["15"]["cores"] / each["30"]["cores"] for each in found["thinned"].values()]
    p99 = found["genre_model"]["classifying it"][2]
    start = found["starts"][DEFAULT_RUNTIME]
    begun = f"{number(start['window'], 's')} (first word after {number(start['word'], 's')})"
    return {
        "rest": _worst([each["rest"] / each["pose"] for each in parts], 0.08, percent=True),
        "cpu": _worst(relative, 0.8),
        "latency": _worst(late, 1.5),
        "half": _worst(halves, 0.5),
        "accuracy": _accuracy(accuracy),
        "model": Goal(number(p99, "ms"), p99 < 3),
        "start": Goal(begun, start["window"] < 3),
        "memory": _worst([span["memory"] / MEGABYTE for span in beside.values()], 350),
        "cameras": _cameras(found["loads"]),
    }


def _worst(values: Sequence[float], most: float, *, percent: bool = False) -> Goal:
    """Return a goal for which the worst of several sources counts."""
    if not values:
        return Goal("not measured", None)
    least, worst = (share(each) if percent else number(each) for each in (min(values), max(values)))
    text = worst if least == worst else f"{least} to {worst}, by source"
    return Goal(text, max(values) <= most)


def _accuracy(page: str) -> Goal:
    rates = dict(reversed(_ACCURACY_ROW.findall(page.partition(_ACCURACY_ROWS)[2])))
    if not {"15", "30"} <= rates.keys():
        return Goal("not measured", None)
    points = float(rates["15"]) - float(rates["30"])
    text = f"{points:+.1f} ({rates['15']} % and {rates['30']} %, [accuracy](accuracy.md))"
    return Goal(text, abs(points) <= 1)


def _cameras(loads: Sequence[dict[str, Any]]) -> Goal:
    held: dict[int, int] = {}
    for load in loads:
        cores = load["cores"]
        held[cores] = max(held.get(cores, 0), load["cameras"] if load["held"] else 0)
    text = "; ".join(f"{cameras} on {cores}" for cores, cameras in held.items())
    linear = all(cameras >= cores * held[1] for cores, cameras in held.items())
    return Goal(text, linear and held[1] > 0)
