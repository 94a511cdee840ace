"""The table of the ablation, and the file that collects its runs over several machines."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby, product
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from benchmarks.accuracy import plots
from benchmarks.accuracy.ablation import SEEDS, STEPS
from benchmarks.accuracy.workspace import OTHER_FOLD, Result, Workspace
from dancetype.engine.files import atomic_write


@dataclass(frozen=True, slots=True)
class Run:
    """One network of the ablation, a row of `ablation.csv`.

    Accuracies, probabilities and shares of time are from 0 to 1, and None without the data.

    Attributes:
        step: Name of the step.
        fold: Fold that the network is trained on.
        seed: Random seed.
        batches: Number of training batches.
        batch: Windows in a batch.
        windows: Accuracy on windows of motion capture.
        clips: Accuracy on clips of motion capture.
        log_loss: Log-loss of these windows.
        noisy: Accuracy on windows with noise.
        rendered_windows: Accuracy on windows of rendered clips.
        rendered_clips: Accuracy on rendered clips.
        real: Mean probability of the right genre on real clips.
        quiet: Share of time without a genre on real clips without dance.
    """

    step: str
    fold: str
    seed: int
    batches: int
    batch: int
    windows: float
    clips: float
    log_loss: float
    noisy: float
    rendered_windows: float | None
    rendered_clips: float | None
    real: float | None
    quiet: float | None


_PANELS: Final = {"clean": "windows", "noisy": "noisy", "rendered": "rendered_windows"}
"""Fields in the plot by their title."""


def ablation_steps(workspace: Workspace, folder: Path) -> dict[str, Result]:
    """Return the runs of each row by its title, and plot them.

    A row is a step with a number of batches, which its title states unless it is the lowest one.
    `gain` has the differences of the window accuracy from the step "nothing", for runs of the same
    number of batches, fold and seed. These differ less than the accuracies, which depend on the
    fold.

    Args:
        workspace: Results of the jobs. Without one of the ablation, nothing is plotted.
        folder: Folder with `ablation.csv` and the plot. The file's runs count as well, unless a
            result is the same run.
    """
    new = _new_runs(workspace)
    if not new:
        return {}
    runs = _add_former_runs(new, folder / "ablation.csv")
    nothing = {(run.batches, run.fold, run.seed): run for run in runs if run.step == "nothing"}
    steps: dict[str, Result] = {}
    for (batches, name), group in groupby(runs, key=lambda run: (run.batches, run.step)):
        same = list(group)
        pairs = [
            (run, base)
            for run in same
            if (base := nothing.get((run.batches, run.fold, run.seed))) is not None
        ]
        title = STEPS[name].title
        if batches > runs[0].batches:
            title += f", {batches:,} batches"
        steps[title] = {
            "runs": same,
            "gain": {
                "windows": [run.windows - base.windows for run, base in pairs],
                "noisy": [run.noisy - base.noisy for run, base in pairs],
            },
        }
    panels = {
        f"{title}\nwindows, %": {
            name: [share for run in step["runs"] if (share := getattr(run, field)) is not None]
            for name, step in steps.items()
        }
        for title, field in _PANELS.items()
    }
    plots.ablation(
        folder / "ablation.png",
        {title: shares for title, shares in panels.items() if any(shares.values())},
    )
    return steps


def _new_runs(workspace: Workspace) -> list[Run]:
    return [
        _as_run(step, fold, seed, result)
        for step, fold, seed in product(STEPS, OTHER_FOLD, SEEDS)
        if (result := workspace.result(f"ablation-{step}-{fold}-{seed}")) is not None
    ]


def _as_run(step: str, fold: str, seed: int, result: Result) -> Run:
    rendered = result["rendered"] or {}
    return Run(
        step,
        fold,
        seed,
        batches=result["model"]["steps"],
        batch=result["model"]["batch"],
        windows=result["figures"]["window_accuracy"],
        clips=result["figures"]["clip_accuracy"],
        log_loss=result["log_loss"],
        noisy=result["noisy"]["window_accuracy"],
        rendered_windows=rendered.get("window_accuracy"),
        rendered_clips=rendered.get("clip_accuracy"),
        real=result["real"].get("probability"),
        quiet=(result["nondance"] or {}).get("quiet"),
    )


def _add_former_runs(new: Sequence[Run], file: Path) -> list[Run]:
    """Return the runs with those in the file, in the order of the table, and write all of them."""
    former: list[Run] = []
    if file.exists():
        with file.open(encoding="utf-8", newline="") as lines:
            rows = [
                {name: value or None for name, value in row.items()}
                for row in csv.DictReader(lines)
            ]
        former = TypeAdapter(list[Run]).validate_python(rows)
    runs = {(run.batches, run.step, run.fold, run.seed): run for run in (*former, *new)}
    steps = list(STEPS)
    ordered = sorted(
        runs.values(), key=lambda run: (run.batches, steps.index(run.step), run.fold, run.seed)
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as part, part.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, [field.name for field in fields(Run)], lineterminator="\n")
        writer.writeheader()
        for run in ordered:
            writer.writerow(
                {
                    name: round(value, 4) if isinstance(value, float) else value
                    for name, value in asdict(run).items()
                }
            )
    return ordered
