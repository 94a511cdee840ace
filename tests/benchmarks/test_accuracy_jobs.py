from pathlib import Path

import pytest

from benchmarks.accuracy import all_jobs, select_jobs
from benchmarks.accuracy.ablation import recipe_at_step
from benchmarks.accuracy.models import small_recipe
from benchmarks.accuracy.workspace import Job, Result, Workspace, run_job
from dancetype.engine.errors import SettingsError
from dancetype.training.recipe import Recipe, load_recipe


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, tmp_path, None, None, tmp_path / "runs")


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


def test_ablation_adds_the_camera_and_then_its_noise() -> None:
    live = load_recipe("live")
    naive, camera, noise = (
        validated(recipe_at_step(live, step)) for step in ("naive", "camera", "noise")
    )

    assert naive.camera is None
    assert (naive.window.axes, naive.window.smooth) == ("xyz", False)
    assert camera.camera is not None
    assert camera.camera.noise == (0, 0)
    assert live.camera is not None
    assert camera.camera.heading == live.camera.heading
    assert noise == live
