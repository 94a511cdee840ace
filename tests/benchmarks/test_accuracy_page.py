import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import ablation, answers, compare, decision, rejection, teachers
from benchmarks.accuracy.ablation_table import ablation_steps
from benchmarks.accuracy.ladder import TEST_SETS
from benchmarks.accuracy.page import percent, spread, write_page
from benchmarks.accuracy.robustness import CURVES, SECONDS
from benchmarks.accuracy.sections import mean_curve
from benchmarks.accuracy.workspace import OTHER_FOLD, Result, Workspace
from dancetype.engine.genres import CODES
from dancetype.engine.media.track import NOT_DANCING


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, tmp_path, (), None, tmp_path / "runs")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Page with all results, which takes seconds to render."""
    folder = tmp_path_factory.mktemp("page")
    workspace = Workspace(folder, folder, (), None, folder / "runs")
    save_all_results(workspace)
    return write_page(workspace, folder / "docs")


@pytest.fixture
def text(page: Path) -> str:
    """Text of the page with all results."""
    return page.read_text(encoding="utf-8")


def accuracies(windows: float) -> Result:
    return {"clips": 10, "clip_accuracy": 0.9, "windows": 200, "window_accuracy": windows}


def figures(windows: float) -> Result:
    confusion = 9 * np.eye(len(CODES), dtype=int) + np.eye(len(CODES), k=1, dtype=int)
    return {
        **accuracies(windows),
        "by_situation": {"basic": accuracies(windows + 0.1), "advanced": accuracies(windows - 0.1)},
        "confusion": confusion.tolist(),
        "labels": list(CODES),
        "ece": 0.05,
    }


def prediction(rank: int, **fields: Any) -> Result:
    return {"answer": "BR", "rank": rank, "log_probability": -0.5 * rank, **fields}


def real_track(dancer: str, *, known: bool) -> Result:
    pieces = [prediction(1), prediction(2)]
    track = {"name": f"br_{dancer}", "genre": "BR", "dancer": dancer, "pieces": pieces}
    return prediction(1, **track, dancer_known=known, performance_known=known)


def unseen_result(fold: str) -> Result:
    dancers = {
        f"d{fold}{index}": {"genre": code} | accuracies(0.75) for index, code in enumerate(CODES)
    }
    return {
        "trained": f"dancers:{fold}",
        "tested": f"dancers:{OTHER_FOLD[fold]}",
        "figures": figures(0.8),
        "by_dancer": dancers,
        "reliability": [
            {"windows": 100, "confidence": 0.5, "accuracy": 0.6},
            {"windows": 100, "confidence": 0.9, "accuracy": 0.8},
        ],
        "real": [real_track("d04", known=fold == "A"), real_track("", known=False)],
        "rendered": None,
    }


def point(amount: float) -> Result:
    counts = {"windows": 30, "basic_windows": 10, "advanced_windows": 20, "clips": 5}
    shares = {"window_accuracy": 0.7, "basic": 0.9, "advanced": 0.6, "clip_accuracy": 0.8}
    return {"amount": amount, **counts, **shares}


def duration_result(seconds: float) -> Result:
    share = None if seconds < 1 else 0.7
    shares = {"accuracy": share, "basic": share, "advanced": share}
    counts = {"pieces": 30, "basic_pieces": 10, "advanced_pieces": 20}
    return {"seconds": seconds, "answered": float(seconds >= 1), **counts, **shares}


def small_run(windows: float) -> Result:
    model = {"steps": 1000, "batch": 64, "parameters": 123456}
    real = {"clips": 12, "top_1": 9, "top_3": 11, "log_probability": -0.7, "probability": 0.6}
    return {
        "model": model,
        "learned": 451,
        "shared_dancers": 0,
        "figures": figures(windows),
        "real_unseen": real,
        "one_window_ms": 2.5,
    }


def live_clip(genre: str, right: float | None) -> Result:
    share = 0.5 if right is None else (1 - right) / 2
    return {
        "name": f"clip of {genre}",
        "genre": genre,
        "seconds": 8.0,
        "right": right,
        "wrong": share,
        "none": 1 - share - (right or 0),
        "quiet": 0.6,
        "delay": None if right is None else 1.5,
        "changes": 1,
        "probability": right,
        "most_named": None,
    }


def curve() -> list[Result]:
    """Return an operating curve on which the share of named people falls with the threshold."""
    return [
        {
            "enter": enter,
            "rendered": {"right": 1 - enter, "wrong": 0.1, "none": enter - 0.1},
            "real": {"right": 0.95 - enter, "wrong": 0.05, "none": enter},
            "nondance": {"right": None, "wrong": 0.8 - enter / 2, "none": 0.2 + enter / 2},
            "negatives": {"right": None, "wrong": 1 - enter, "none": enter},
        }
        for enter in answers.ENTER
    ]


def answers_result(right: float) -> Result:
    clips = [live_clip("BR", right), live_clip("PO", right)]
    others = [live_clip(NOT_DANCING, None)]
    sets = dict.fromkeys(answers.TEST_SETS, others) | {"real": clips, "rendered": clips}
    return {"sets": sets, "early": clips, "curve": curve()}


def training_result(windows: float, *, rendered: bool) -> Result:
    return {
        "model": {"steps": 3500, "batch": 64},
        "figures": figures(windows),
        "log_loss": 0.75,
        "noisy": accuracies(windows - 0.02),
        "rendered": accuracies(windows - 0.05) if rendered else None,
        "real": {"clips": 7, "probability": 0.6},
        "nondance": {"quiet": 0.7},
    }


def doubt_result() -> Result:
    kind = {"held_out": True, "answers": 80, "quiet": 0.9, "most_named": "KR"}
    return {
        "kinds": {"waiting": kind, "walking": kind | {"held_out": False, "most_named": None}},
        "frozen": {"quiet": 0.5},
        "dancing": {"sequences": 5, "genre": 0.8, "right": 0.7},
    }


def steady_result() -> Result:
    shipped = {"memory": 1.5, "enter": 0.6}
    good = {
        "changes": 3.0,
        "delay": 2.5,
        "switch_delay": None,
        "leave_delay": 1.25,
        "named": 0.8,
        "right": 0.9,
        "false_accepts": 0.1,
    }
    points = [
        {"knobs": shipped, "figures": good},
        {"knobs": shipped | {"memory": 3.0}, "figures": good | {"changes": 1.0, "delay": 4.0}},
        {"knobs": shipped | {"memory": 9.0}, "figures": good | {"delay": None}},
    ]
    return {"minutes": 10.0, "shipped": shipped, "points": points}


def save_all_results(workspace: Workspace) -> None:
    for fold in OTHER_FOLD:
        curves = {fault: [point(a) for a in amounts] for fault, amounts in CURVES.items()}
        durations = [duration_result(seconds) for seconds in SECONDS]
        bodies = {"rendered": {}, "real": {"motion capture": point(0)}}
        results = {
            "unseen": unseen_result(fold),
            "camera": {"sequences": 150, "curves": curves},
            "seconds": {"sequences": 80, "clear": durations, "ordinary": durations},
            "bodies": bodies,
            "doubt": doubt_result(),
            "steady": steady_result(),
            **{f"ladder-{test_set}": small_run(0.7) for test_set in TEST_SETS},
        }
        for name, result in results.items():
            workspace.save_result(f"{name}-{fold}", result)
        workspace.save_result(f"compare-live-{fold}-0", small_run(0.7))
        for seed in compare.SEEDS["stgcn"]:
            workspace.save_result(f"compare-stgcn-{fold}-{seed}", small_run(0.6 + seed / 10))
        for step in ablation.STEPS:
            for seed in ablation.SEEDS:
                run = training_result(0.6 + seed / 10, rendered=step == "rendered")
                workspace.save_result(f"ablation-{step}-{fold}-{seed}", run)
        for output in rejection.OUTPUTS:
            for seed in rejection.SEEDS:
                named = {"others": 0.05, "right": 0.4, "wrong": 0.1}
                pairs = {title: [named] * len(rejection.NAMED) for title in rejection.PAIRS}
                workspace.save_result(f"rejection-{output}-{fold}-{seed}", {"pairs": pairs})
        for step in teachers.STEPS:
            run = training_result(0.8, rendered=True) | {"members": 3, "steps": 6000}
            workspace.save_result(f"teachers-{step}-{fold}", run)
        share = 0.3 if fold == "A" else 0.5
        rule = {name: {"right": share, "wrong": 0.1, "none": 0.2} for name in answers.TEST_SETS}
        rules = dict.fromkeys((*decision.RULES, decision.PER_GENRE), rule)
        workspace.save_result(f"decision-{fold}", rules)
        workspace.save_result(f"answers-{fold}", answers_result(0.25 if fold == "A" else 0.75))
    workspace.save_result("answers-shipped", answers_result(0.9))
    shares = {"answers": 40, "quiet": 1.0, "most_named": None}
    models = {"live-A": shares, "live-B": shares, "shipped": shares}
    workspace.save_result("videos", {"kicks": {"seconds": {"value": 4.0}} | models})


def test_page_without_results_states_that_nothing_was_measured(
    workspace: Workspace, tmp_path: Path
) -> None:
    text = write_page(workspace, tmp_path / "docs").read_text(encoding="utf-8")

    assert "Nothing has been measured yet." in text
    assert text.count("Not measured.") == text.count("\n## ") - 2 + text.count("\n### ")


def test_sections_without_results_stay_as_they_are(page: Path, tmp_path: Path) -> None:
    former = page.read_text(encoding="utf-8")
    kept = tmp_path / "docs" / "accuracy.md"
    kept.parent.mkdir()
    kept.write_text(former, encoding="utf-8")
    workspace = Workspace(tmp_path, tmp_path, (), None, tmp_path / "runs")

    write_page(workspace, kept.parent)

    assert kept.read_text(encoding="utf-8") == former


def test_page_contains_all_results_and_links_only_existing_files(page: Path, text: str) -> None:
    # There are no rendered clips.
    assert text.count("Not measured.") == 1
    linked = set(re.findall(r"\(accuracy/(\w+\.(?:png|csv))\)", text))
    assert linked == {path.name for path in (page.parent / "accuracy").iterdir()}
    assert len(linked) >= 8
    assert all(path.stat().st_size < 80_000 for path in (page.parent / "accuracy").iterdir())
    assert "| clips of unseen dancers | 90.0 % | 20 clips |" in text
    assert "| genre changes per minute in one dance | 3.0 |" in text
    assert "| median delay until the true genre is named | 2.5 s |" in text
    assert "until the genre named before is dropped | 1.2 s |" in text


def test_real_tracks_of_training_dancers_are_omitted(text: str) -> None:
    # d04 is in the training data of one fold; the dancer outside AIST is tested in both folds.
    assert "| whole tracks of unseen dancers | 3 | 3 | 3 |" in text
    assert text.count("| br_d04 |") == 1


def test_seeds_of_a_model_are_averaged(text: str) -> None:
    row = next(line for line in text.splitlines() if line.startswith("| small ST-GCN++ |"))
    assert row.split(" | ")[1] == "2"
    assert row.count(" / 65.0 |") == len(OTHER_FOLD)
    assert row.endswith("| 36 of 48 | 60.0 |")


def test_rules_of_the_decision_are_the_means_of_both_folds(text: str) -> None:
    assert f"| {decision.PER_GENRE} | 40.0 / 10.0 | 40.0 / 10.0 | 20.0 | 20.0 |" in text


def test_first_table_has_the_mean_of_clips_of_both_folds_and_the_shipped_model(text: str) -> None:
    first_table = text[: text.index("| measure |")]
    assert (
        "| real clips of dancers | unseen people, both folds | 4 | 50.0 | 25.0 | 25.0 | 60.0 |"
        in text
    )
    assert "| real people who do not dance | shipped | 1 | - | 50.0 | 50.0 | 60.0 |" in first_table
    assert "| clip of PO | pop | live-B | 75.0 | 12.5 | 12.5 | 60.0 | 75.0 | - |" in text


@pytest.mark.parametrize(
    ("missing", "absent"),
    [
        (["answers-A"], "unseen people, both folds"),
        (["answers-shipped"], "| shipped | 2 |"),
        (["rejection-*", "teachers-*"], "distilled student"),
        (["compare-live-B-0"], "as shipped: two LSTMs"),
    ],
)
def test_page_leaves_out_results_that_are_missing(
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    missing: list[str],
    absent: str,
) -> None:
    # Drawing the plots takes seconds.
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)
    save_all_results(workspace)
    for path in (path for name in missing for path in workspace.runs.glob(f"{name}.json")):
        path.unlink()

    partial = write_page(workspace, tmp_path / "docs").read_text(encoding="utf-8")

    assert absent in text
    assert absent not in partial
    assert "4-second windows" in partial


def test_gain_of_a_step_is_that_of_the_same_seed_and_fold(
    workspace: Workspace, tmp_path: Path
) -> None:
    for fold, seed, nothing, style in (("A", 0, 0.5, 0.6), ("B", 0, 0.7, 0.78), ("B", 1, 0.1, 0)):
        run = training_result(nothing, rendered=False)
        workspace.save_result(f"ablation-nothing-{fold}-{seed}", run)
        if style:
            run = training_result(style, rendered=False)
            workspace.save_result(f"ablation-style-{fold}-{seed}", run)

    steps = ablation_steps(workspace, tmp_path)

    assert steps["nothing"]["gain"] == {"windows": [0, 0, 0], "noisy": [0, 0, 0]}
    assert steps["style"]["gain"]["noisy"] == pytest.approx([0.1, 0.08])
    assert len(steps["style"]["runs"]) == 2


def test_runs_of_the_ablation_accumulate(workspace: Workspace, tmp_path: Path) -> None:
    run = training_result(0.5, rendered=True) | {"nondance": None}
    workspace.save_result("ablation-nothing-A-0", run)
    ablation_steps(workspace, tmp_path)
    other_machine = replace(workspace, runs=tmp_path / "others")
    other_machine.save_result("ablation-nothing-A-0", training_result(0.6, rendered=False))
    other_machine.save_result("ablation-nothing-B-0", training_result(0.7, rendered=False))

    again, other = ablation_steps(other_machine, tmp_path)["nothing"]["runs"]
    assert (again.windows, again.rendered_windows, other.windows) == (0.6, None, 0.7)

    first, kept = ablation_steps(workspace, tmp_path)["nothing"]["runs"]
    assert (kept.fold, kept.windows, kept.rendered_windows) == ("B", 0.7, None)
    assert (first.fold, first.windows, first.quiet) == ("A", 0.5, None)


def test_longer_trainings_of_the_ablation_have_separate_rows(
    workspace: Workspace, tmp_path: Path
) -> None:
    run = training_result(0.5, rendered=False)
    longer = replace(workspace, runs=tmp_path / "longer")
    for step, share in (("nothing", 0.6), ("style", 0.8)):
        result = training_result(share, rendered=False)
        result["model"]["steps"] = 12000
        longer.save_result(f"ablation-{step}-A-0", result)
    ablation_steps(longer, tmp_path / "docs")
    workspace.save_result("ablation-nothing-A-0", run)

    steps = ablation_steps(workspace, tmp_path / "docs")

    titles = ["nothing", "nothing, 12,000 batches", "style, 12,000 batches"]
    assert list(steps) == titles
    assert steps[titles[-1]]["gain"]["windows"] == pytest.approx([0.2])


def test_rows_of_a_table_have_the_same_number_of_cells(text: str) -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert len(tables) >= 15
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_curves_of_models_are_averaged_at_each_threshold() -> None:
    other = curve()
    assert mean_curve([curve(), other]) == other
    other[0]["rendered"]["right"] -= 0.5
    mean = mean_curve([curve(), other])
    assert mean[0]["rendered"]["right"] == pytest.approx(curve()[0]["rendered"]["right"] - 0.25)
    assert mean[1:] == other[1:]


def test_shares_are_formatted_in_percent_and_spread_needs_two_values() -> None:
    assert (percent(0.9312), percent(None)) == ("93.1", "-")
    assert (spread([0.5]), spread([]), spread([0.4, 0.6])) == ("50.0", "-", "50.0 ± 14.1")


def test_table_has_header_and_right_aligned_numbers(text: str) -> None:
    assert (
        "\n| fault | amount | all, % | basic, % | advanced, % |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| frames per second | 10 | 70.0 | 90.0 | 60.0 |\n"
    ) in text
