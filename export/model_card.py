"""Figures of a build in the model card."""

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from dancetype.engine.files import atomic_write

_INDEX = re.compile(r"^model-index:\n.*?(?=^---$)", re.MULTILINE | re.DOTALL)
_RESULTS = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end of results -->)", re.DOTALL)


def update_card(out: Path, figures: Mapping[str, Any]) -> None:
    """Write the model card of the shipped model with the figures of `build_model`."""
    card = (files("dancetype.engine") / "models" / "README.md").read_text(encoding="utf-8")
    card = _INDEX.sub(lambda _: _model_index(figures), card, count=1)
    card = _RESULTS.sub(lambda _: _results(figures), card, count=1)
    with atomic_write(out) as temporary:
        temporary.write_text(card, encoding="utf-8")


def _model_index(figures: Mapping[str, Any]) -> str:
    lines = ["model-index:"]
    for test in figures["tests"]:
        accuracy = test["motion_capture"]
        lines += [
            f"  - name: same recipe, trained on {test['trained']}",
            "    results:",
            "      - task: {type: video-classification}",
            f"        dataset: {{name: AIST++ {test['tested']}, type: aistplusplus}}",
            "        metrics:",
            "          - {type: accuracy, name: clip accuracy, value: "
            f"{100 * accuracy['clip_accuracy']:.1f}}}",
            "          - {type: accuracy, name: window accuracy, value: "
            f"{100 * accuracy['window_accuracy']:.1f}}}",
        ]
    return "\n".join(lines) + "\n"


def _results(figures: Mapping[str, Any]) -> str:
    rows = [
        "| trained on | tested on | clips | windows | basic / advanced, windows "
        "| calibration error |",
        "|---|---|---|---|---|---|",
    ]
    for test in figures["tests"]:
        rows.append(_row(test, "motion_capture", f"`{test['tested']}`, motion capture"))
        if "rendered" in test:
            rows.append(_row(test, "rendered", f"`{test['tested']}`, rendered, through MediaPipe"))
    live = [
        "",
        "| trained on | live, rendered clips of | right genre named | wrong genre named "
        "| no genre named without dance |",
        "|---|---|---|---|---|",
    ]
    for test in figures["tests"]:
        if "live" in test:
            dance, other = test["live"]["dance"], test["live"]["no_dance"]
            live.append(
                f"| `{test['trained']}` | `{test['tested']}` | {_percent(dance['right'])} "
                f"| {_percent(dance['wrong'])} | {_percent(other and other['none'])} |"
            )
    return "\n".join([*rows, *(live if len(live) > 3 else [])]) + "\n"


def _row(test: Mapping[str, Any], data: str, tested: str) -> str:
    accuracy = test[data]
    situations = accuracy["by_situation"]
    by_situation = [
        f"{100 * situations[name]['window_accuracy']:.1f}"
        for name in ("basic", "advanced")
        if name in situations
    ]
    return (
        f"| `{test['trained']}` | {tested} "
        f"| {_percent(accuracy['clip_accuracy'])} of {accuracy['clips']} "
        f"| {_percent(accuracy['window_accuracy'])} of {accuracy['windows']} "
        f"| {' / '.join(by_situation) + ' %' if by_situation else ''} "
        f"| {_percent(accuracy['ece'])} |"
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
