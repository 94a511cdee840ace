"""Performance goals, and whether they are reached."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.pages import Results, number, share
from benchmarks.performance.trials import PLAIN_LOOP
from dancetype.engine.defaults import DEFAULT_RUNTIME

MEGABYTE: Final = 1e6
MAX_SLOWDOWN: Final = 3.0
"""Goal for the latency under twice the load that the machine can carry, relative to one camera."""
# The goal for the latency assumes 30 frames per second.
_MIN_FPS: Final = 29.0
_ACCURACY_ROWS: Final = "| frames per second |"
_ACCURACY_ROW: Final = re.compile(r"^\|[^|]*\| (15|30) \| ([\d.]+) \|", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Goal:
    """Measured figure of a goal.

    Attributes:
        measured: Figure as text.
        reached: Whether the goal is reached; None if it was not measured.
    """

    measured: str
    reached: bool | None


def goals(results: Results, accuracy: str) -> dict[str, Goal]:
    """Return the goals for the default pose runtime, by their names in the template.

    Args:
        results: Results of the trials.
        accuracy: Text of docs/explanation/accuracy.md.
    """
    figures = {name: programs[DEFAULT_RUNTIME] for name, programs in results["beside"].items()}
    parts = [runtimes[DEFAULT_RUNTIME] for runtimes in results["parts"].values()]
    latency = [
        program["received_ms"][1] / program["pose_ms"][1]
        for name, program in figures.items()
        if "RTSP" not in name and program["fps"] >= _MIN_FPS
    ]
    cpu = [
        programs[DEFAULT_RUNTIME]["cpu_ms"] / programs[PLAIN_LOOP]["cpu_ms"]
        for programs in results["beside"].values()
    ]
    relative_to_30 = [
        rates["15"]["cores"] / rates["30"]["cores"] for rates in results["thinned"].values()
    ]
    p99 = results["genre_model"]["classifying it"][2]
    start = results["starts"][DEFAULT_RUNTIME]
    start_text = (
        f"{number(start['window'], 's')} (first message after {number(start['word'], 's')})"
    )
    return {
        "rest": _worst([part["rest"] / part["pose"] for part in parts], 0.08, percent=True),
        "cpu": _worst(cpu, 0.8),
        "latency": _worst(latency, 1.5),
        "half": _worst(relative_to_30, 0.5),
        "accuracy": _accuracy(accuracy),
        "model": Goal(number(p99, "ms"), p99 < 3),
        "start": Goal(start_text, start["window"] < 3),
        "memory": _worst([program["memory"] / MEGABYTE for program in figures.values()], 350),
        "cameras": _cameras(results["loads"]),
        "overload": _overload(results["overload"]),
        "overlay": _overlay(results["overlay"]),
    }


def _worst(values: Sequence[float], limit: float, *, percent: bool = False) -> Goal:
    """Return a goal that is reached if the largest of several values is within a limit."""
    if not values:
        return Goal("not measured", None)
    best, worst = (
        share(value) if percent else number(value) for value in (min(values), max(values))
    )
    text = worst if best == worst else f"{best} to {worst}, by source"
    return Goal(text, max(values) <= limit)


def _accuracy(page: str) -> Goal:
    """Return the goal for the difference between the rows of 15 and 30 frames per second."""
    rates = dict(reversed(_ACCURACY_ROW.findall(page.partition(_ACCURACY_ROWS)[2])))
    if not {"15", "30"} <= rates.keys():
        return Goal("not measured", None)
    points = float(rates["15"]) - float(rates["30"])
    text = f"{points:+.1f} ({rates['15']} % and {rates['30']} %, [accuracy](accuracy.md))"
    return Goal(text, abs(points) <= 1)


def _cameras(loads: Sequence[dict[str, Any]]) -> Goal:
    """Return the goal for a number of cameras that is proportional to the number of cores."""
    most: dict[int, int] = {}
    for load in loads:
        cores = load["cores"]
        most[cores] = max(most.get(cores, 0), load["cameras"] if load["held"] else 0)
    text = "; ".join(f"{cameras} on {cores}" for cores, cameras in most.items())
    linear = all(cameras >= cores * most[1] for cores, cameras in most.items())
    return Goal(text, linear and most[1] > 0)


def _overload(overload: dict[str, Any]) -> Goal:
    """Return the goal for the p95 latency of too many cameras, relative to that of one."""
    idle, loaded = (overload[name]["received_ms"][1] for name in ("idle", "loaded"))
    text = (
        f"{number(loaded / idle)} ({number(loaded, 'ms')} with {overload['cameras']} cameras, "
        f"{number(idle, 'ms')} with one)"
    )
    return Goal(text, loaded < MAX_SLOWDOWN * idle)


def _overlay(load: dict[str, Any] | None) -> Goal:
    """Return the goal for the latency of two cameras per core beside a browser."""
    if load is None:
        return Goal("not measured", None)
    text = f"{load['cameras']} on {load['cores']}: {number(load['late_ms'], 'ms')}"
    return Goal(f"{text}, {number(load['fps'])} poses/s each", load["held"])
