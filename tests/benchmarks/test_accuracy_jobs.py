from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.accuracy import all_jobs, select_jobs
from benchmarks.accuracy.ablation import STEPS, Step, settings_at_step
from benchmarks.accuracy.answers import ClassifiedClip, classify_tracks, measure_answers
from benchmarks.accuracy.decision import PER_GENRE, RULES, choose_rules
from benchmarks.accuracy.models import small_recipe
from benchmarks.accuracy.rejection import NAMED, named_shares
from benchmarks.accuracy.teachers import LogitMean, load_seeds
from benchmarks.accuracy.workspace import Job, MissingDataError, Result, Workspace, run_job
from dancetype.engine.classifier import Classifier
from dancetype.engine.contract import Contract
from dancetype.engine.errors import SettingsError
from dancetype.engine.media.track import NOT_DANCING, read_tracks
from dancetype.engine.rolling import Status
from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec
from dancetype.training.data.negatives import read_negatives
from dancetype.training.live import LiveWindows
from dancetype.training.recipe import Recipe, load_recipe


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, tmp_path, (), None, tmp_path / "runs")


class CountingJob:
    """Job that counts its runs."""

    def __init__(self, name: str, *, needs: tuple[str, ...] = ()) -> None:
        self.runs = 0
        self.job = Job(name, "counts", self._run, needs)

    def _run(self, workspace: Workspace) -> Result:
        self.runs += 1
        return {"runs": self.runs}


def test_job_with_result_runs_again_only_on_request(workspace: Workspace) -> None:
    counting = CountingJob("count")

    for again in (False, False, True):
        assert run_job(counting.job, workspace, again=again)

    assert counting.runs == 2
    assert workspace.result("count") == {"runs": 2}


def test_job_does_not_run_before_the_jobs_it_needs(workspace: Workspace) -> None:
    counting = CountingJob("second", needs=("first",))

    assert not run_job(counting.job, workspace, again=False)
    workspace.save_result("first", {})
    assert run_job(counting.job, workspace, again=False)
    assert counting.runs == 1


def test_interrupted_job_has_no_result(workspace: Workspace) -> None:
    def run(workspace: Workspace) -> Result:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(Job("broken", "", run), workspace, again=False)
    assert workspace.result("broken") is None


def test_job_names_are_unique_and_jobs_follow_the_jobs_they_need() -> None:
    names = [job.name for job in all_jobs()]

    assert len(set(names)) == len(names)
    for position, job in enumerate(all_jobs()):
        assert set(job.needs) <= set(names[:position])


def test_patterns_select_jobs_and_unknown_pattern_is_an_error() -> None:
    names = ["live-A", "live-B", "page"]

    assert select_jobs(names, []) == names
    assert select_jobs(names, ["page", "live-*"]) == names
    assert select_jobs(names, ["live-B"]) == ["live-B"]
    with pytest.raises(SettingsError, match="no job matches 'deaf-A'; jobs: live-A"):
        select_jobs(names, ["deaf-A"])


def validated(recipe: Recipe) -> Recipe:
    """Return the recipe after validation, as if it had been read from a file."""
    return Recipe.model_validate(recipe.model_dump())


def test_small_recipe_has_the_requested_number_of_steps() -> None:
    recipe = validated(small_recipe(load_recipe("live"), steps=1000))

    assert recipe.optimiser.epochs * recipe.optimiser.steps_per_epoch == 1000
    assert recipe.network.hidden == 96
    assert 0 <= recipe.optimiser.average < 1


def test_step_of_the_ablation_sets_its_switches_and_turns_off_the_others() -> None:
    settings = {
        "augmentation": {"motion": 0.5, "splice": 0.3, "mixup_share": 0.2},
        "window": {"trajectory": True, "length": 60},
        "network": {"bones": True, "hidden": 8},
    }

    changed = settings_at_step(settings, STEPS["mixup"])

    augmentation = {"motion": 0, "splice": 0, "mixup": 0.4, "mixup_share": 0.5}
    assert changed == {
        "augmentation": augmentation,
        "window": {"trajectory": False, "length": 60},
        "network": {"bones": False, "hidden": 8},
    }
    assert settings["augmentation"] != augmentation


@pytest.mark.parametrize("step", STEPS.values())
def test_steps_of_the_ablation_are_valid_recipes(step: Step) -> None:
    settings = settings_at_step(load_recipe("live").model_dump(), step)

    augmentation = Recipe.model_validate(settings).augmentation

    assert augmentation.model_dump() == settings["augmentation"]
    assert {name for name, value in augmentation if value} == set(step.switches)


def test_each_fold_is_tested_on_captured_motion_that_it_is_not_trained_on(
    tmp_path: Path, shared: Path
) -> None:
    negatives = shared / "data" / "negatives"
    workspace = Workspace(tmp_path, tmp_path, (), None, tmp_path / "runs", negatives=negatives)
    held_out = {fold: workspace.held_out_negatives(fold) for fold in ("A", "B")}
    total = len(read_negatives(negatives))
    assert len(held_out["A"]) > 20
    assert len(held_out["B"]) > 20
    assert len(held_out["A"]) + len(held_out["B"]) == total
    # The ankles at rest are at a height of about 0.7 m.
    assert all(0 < joints[..., 1].min() < joints[..., 1].max() < 4 for joints in held_out["A"])


def test_workspace_without_captured_motion_has_none(workspace: Workspace) -> None:
    assert workspace.held_out_negatives("A") == []
    assert workspace.nondance_tracks() == []


def test_higher_entry_threshold_names_less(shared: Path) -> None:
    classifier = Classifier(device="cpu")
    tracks = [
        track
        for folder in ("tracks", "nondance")
        for track in read_tracks(shared / "data" / folder)
        if track.name in ("br_d04", "mh_d22", "yoga", "jacks")
    ]
    clips = {
        "real": classify_tracks(classifier, [t for t in tracks if t.genre != NOT_DANCING]),
        "nondance": classify_tracks(classifier, [t for t in tracks if t.genre == NOT_DANCING]),
    }

    result = measure_answers(classifier, clips)

    assert [clip["name"] for clip in result["sets"]["nondance"]] == ["jacks", "yoga"]
    assert [clip["name"] for clip in result["early"]] == ["br_d04", "mh_d22"]
    quiet = [point["nondance"]["none"] for point in result["curve"]]
    assert quiet == sorted(quiet)
    assert quiet[0] < quiet[-1]
    assert all(sum(point["real"].values()) == pytest.approx(1) for point in result["curve"])


def clip(genre: str, *probabilities: Sequence[float]) -> ClassifiedClip:
    """Return a clip with a window per second and the probabilities of each."""
    count = len(probabilities)
    windows = LiveWindows(
        0.0,
        np.arange(1.0, count + 1),
        np.array(probabilities, np.float32),
        np.full(count, 4.0),
        (Status.NOT_SURE,) * count,
    )
    return ClassifiedClip(genre, genre, windows)


def test_threshold_of_a_genre_is_raised_only_where_others_are_taken_for_it() -> None:
    clips = [
        clip("BR", *[(0.9, 0.05)] * 7),
        clip("PO", *[(0.05, 0.5)] * 7),
        clip("PO", *[(0.6, 0.3)] * 7),
        clip(NOT_DANCING, *[(0.1, 0.1)] * 7),
    ]

    chosen = choose_rules(clips, ("BR", "PO"))

    assert list(chosen) == [*RULES, PER_GENRE]
    assert all(chosen[rule].enter[1] > 0.6 for rule in RULES)
    assert chosen[PER_GENRE].enter[0] > 0.6
    assert chosen[PER_GENRE].enter[1] <= 0.5


def test_named_shares_are_compared_where_other_people_are_named_equally_often() -> None:
    others = clip(NOT_DANCING, *[(share / 100, 0.0) for share in range(100)])
    dancers = [clip("BR", (0.985, 0.0)), clip("PO", (0.93, 0.0), (0.0, 0.92), (0.0, 0.1))]

    shares = named_shares(dancers, [others], ("BR", "PO"))

    assert [point["others"] for point in shares] == list(NAMED)
    # Both clips count equally. The thresholds are about 0.97, 0.94, 0.89 and 0.79.
    assert [point["right"] for point in shares] == pytest.approx([1 / 2, 1 / 2, 2 / 3, 2 / 3])
    assert [point["wrong"] for point in shares] == pytest.approx([0, 0, 1 / 6, 1 / 6])


class FixedClassifier:
    """Classifier with the same probabilities for each window."""

    def __init__(self, *probabilities: float, dancing: bool = False) -> None:
        spec = WindowSpec(4.0, 1.0, 20)
        self.contract = Contract(("BR", "PO"), spec, "camera", "none", "none", (), dancing=dancing)
        self._probabilities = np.array(probabilities, np.float32)

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        return np.tile(self._probabilities, (len(windows), 1))


def test_mean_of_logits_is_the_normalised_geometric_mean_of_probabilities() -> None:
    mean = LogitMean([FixedClassifier(0.9, 0.1), FixedClassifier(0.5, 0.5)])

    probabilities = mean(np.zeros((3, 20, 68), np.float32))

    # Odds of 9 and 1 have a geometric mean of 3.
    assert probabilities == pytest.approx(np.tile([0.75, 0.25], (3, 1)), abs=1e-5)


def test_probability_of_dancing_is_averaged_over_the_networks_that_have_it() -> None:
    members = [
        FixedClassifier(0.5, 0.5),
        FixedClassifier(0.45, 0.05, dancing=True),
        FixedClassifier(0.45, 0.45, dancing=True),
    ]
    mean = LogitMean(members)

    probabilities = mean(np.zeros((2, 20, 68), np.float32))

    # Odds of 1 and 9 that the person dances; odds of 1, 9 and 1 of the first genre.
    first = 9 ** (1 / 3) / (1 + 9 ** (1 / 3))
    assert mean.contract.dancing
    assert probabilities[0] == pytest.approx([0.75 * first, 0.75 * (1 - first)], abs=1e-4)


def test_teachers_that_are_not_trained_yet_are_missing_data(workspace: Workspace) -> None:
    with pytest.raises(MissingDataError, match="live-A/seed-0"):
        load_seeds("A", workspace)
