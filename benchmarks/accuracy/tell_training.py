"""The page about what training makes of it: the ladder of splits, the ablation, other models."""

from pathlib import Path

from benchmarks.accuracy import plots
from benchmarks.accuracy.ablation import SEEDS, STEPS
from benchmarks.accuracy.compare import BEGUN
from benchmarks.accuracy.ladder import RUNGS
from benchmarks.accuracy.place import OTHER, Place, Result
from benchmarks.accuracy.telling import (
    NOT_MEASURED,
    made_by,
    of,
    pair,
    percent,
    picture,
    spread,
    table,
)

_STEP_NAMES = {"naive": "naive", "camera": "+ camera", "noise": "+ noise", "rendered": "+ rendered"}
_COMPARED = {
    "live": "LSTM, as shipped",
    "small": "LSTM, the small recipe",
    "stgcn": "small ST-GCN++",
    "trees": "boosted trees on kinematic features",
} | {name: f"LSTM, `{name}`" for name in BEGUN}


def sections(place: Place, pictures: Path) -> str:
    """All of them; pictures are written on the way."""
    return "\n\n".join(
        (
            "## How far a split flatters",
            _ladder(place, pictures),
            "## What each step brings",
            _ablation(place, pictures),
            "## Other models",
            _compared(place),
        )
    )


def _ladder(place: Place, pictures: Path) -> str:
    rungs = {
        rung: [r for way in OTHER if (r := place.result(f"ladder-{rung}-{way}"))] for rung in RUNGS
    }
    rungs = {rung: ways for rung, ways in rungs.items() if ways}
    if not rungs:
        return NOT_MEASURED
    windows = {
        rung: [way["figures"]["window_accuracy"] for way in ways] for rung, ways in rungs.items()
    }
    plots.ladder(pictures / "ladder.png", windows, [RUNGS[rung] for rung in rungs])
    rows = [
        (
            f"{rung}: {RUNGS[rung]}",
            percent(of([way["figures"] for way in ways], "window")),
            pair([way["figures"]["window_accuracy"] for way in ways]),
            _clips(rung, ways),
            " / ".join(str(way["shared_dancers"]) for way in ways),
        )
        for rung, ways in rungs.items()
    ]
    model = next(iter(rungs.values()))[0]["model"]
    learned = [str(way["learned"]) for ways in rungs.values() for way in ways]
    return "\n\n".join(
        (
            "The same small recipe on the same data, each time learning from about half of the "
            f"sequences ({min(learned)} to {max(learned)}; {model['steps']} batches of "
            f"{model['batch']}) and tested on something else. On the first rung a test window "
            "overlaps windows that were learned from, as it does wherever windows are cut first "
            "and shuffled into a split afterwards. In AIST++ each genre has its own dancers, and "
            "each basic choreography is danced at four tempi: a random split is won by "
            "recognising the person, or the very moves. Only the last rung tells what happens "
            "before a camera in a room where nobody has been filmed yet.",
            picture("ladder", "window accuracy by split"),
            table(("tested on", "windows, %", "each way", "clips, %", "dancers shared"), rows),
            made_by("AIST++ motion capture, halves named in `RUNS/splits`", "'ladder-*'"),
        )
    )


def _clips(rung: str, ways: list[Result]) -> str:
    return "-" if rung == "windows" else percent(of([way["figures"] for way in ways], "clip"))


def _ablation(place: Place, pictures: Path) -> str:
    steps = {step: _runs(place, step) for step in STEPS}
    steps = {step: runs for step, runs in steps.items() if runs}
    if not steps:
        return NOT_MEASURED
    panels = {
        "motion capture, windows, %": _of_steps(steps, "figures", "window_accuracy"),
        "rendered, windows, %": _of_steps(steps, "rendered", "window_accuracy"),
        "real, probability, %": _of_steps(steps, "real_summary", "probability"),
    }
    panels = {name: panel for name, panel in panels.items() if any(panel.values())}
    plots.ablation(pictures / "ablation.png", panels)
    rows = [
        (
            f"{_STEP_NAMES[step]}: {STEPS[step]}",
            str(len(runs)),
            spread([run["figures"]["window_accuracy"] for run in runs]),
            spread([run["figures"]["by_situation"]["advanced"]["window_accuracy"] for run in runs]),
            spread([run["rendered"]["window_accuracy"] for run in runs if run["rendered"]]),
            spread([run["rendered"]["clip_accuracy"] for run in runs if run["rendered"]]),
            spread([run["real_summary"]["probability"] for run in runs]),
            spread([run["real_summary"]["top_1"] / run["real_summary"]["clips"] for run in runs]),
            spread([run["real_unseen_summary"]["probability"] for run in runs]),
        )
        for step, runs in steps.items()
    ]
    head = (
        "recipe",
        "runs",
        "windows, %",
        "advanced windows, %",
        "rendered windows, %",
        "rendered clips, %",
        "real, probability, %",
        "real, first, %",
        "real unseen dancers, probability, %",
    )
    return "\n\n".join(
        (
            "The small recipe, one step after the other towards what is shipped: at most both ways "
            f"with {len(SEEDS)} seeds each; *runs* says how many were done, and given are their "
            "mean and, of several, standard deviation. The performances that the real tracks show "
            "were left out of all of them. "
            "*Probability* is that of the right genre, a finer measure than counting twelve clips; "
            "the last column counts only tracks whose dancer was not trained on. Motion capture is "
            "seen without faults here, so that the first columns say what robustness costs, and "
            "the later ones what it buys.",
            picture("ablation", "accuracy by step of the recipe"),
            table(head, rows),
            made_by(
                "AIST++ `dancers:A` to `dancers:B` and back, rendered tracks of the same unseen "
                "dancers, all twelve real tracks",
                "'ablation-*'",
            ),
        )
    )


def _runs(place: Place, step: str) -> list[Result]:
    found = [place.result(f"ablation-{step}-{way}-{seed}") for way in OTHER for seed in SEEDS]
    return [result for result in found if result is not None]


def _of_steps(steps: dict[str, list[Result]], test: str, what: str) -> dict[str, list[float]]:
    return {
        _STEP_NAMES[step]: [run[test][what] for run in runs if run[test]]
        for step, runs in steps.items()
    }


def _compared(place: Place) -> str:
    rows = []
    for name, title in _COMPARED.items():
        ways = {way: place.result(f"compare-{name}-{way}") for way in ("A", "B", "val")}
        found = [result for result in ways.values() if result is not None]
        if not found:
            continue
        model = found[0]["model"]
        size = model.get("parameters")
        rows.append(
            (
                title,
                f"{size:,}" if size else f"{model['trees']:,} trees",
                f"{found[0]['one_window_ms']:.1f}",
                *(_both_accuracies(ways[way]) for way in ("A", "B", "val")),
                _real(found),
            )
        )
    if not rows:
        return NOT_MEASURED
    head = (
        "model",
        "parameters",
        "ms a window",
        "`dancers:A` to `B`",
        "`dancers:B` to `A`",
        "`pose_train` to `pose_val`",
        "real clips of unseen dancers",
    )
    return "\n\n".join(
        (
            "Clips / windows that are right, in %. The windows of the recipes that the project "
            "began with are the first 5 s of a clip, or all of it. `pose_val` shares all its "
            "dancers with `pose_train`. Time is that of one processor in Python, before the export "
            "to ONNX. Trees and ST-GCN++ see the windows of the shipped recipe, of motion capture "
            "through the virtual camera, without rendered tracks and people who do not dance.",
            table(head, rows),
            made_by("AIST++ motion capture and real tracks", "'compare-*'"),
        )
    )


def _both_accuracies(result: Result | None) -> str:
    if result is None:
        return "-"
    return pair([result["figures"]["clip_accuracy"], result["figures"]["window_accuracy"]])


def _real(found: list[Result]) -> str:
    tests = [r["real_unseen"] for r in found if r["trained"] != "pose_train"]
    tests = [test for test in tests if test["clips"]]
    if not tests:
        return "-"
    return f"{sum(t['top_1'] for t in tests)} of {sum(t['clips'] for t in tests)}"
