from pathlib import Path

import pytest

from benchmarks.accuracy import all_jobs, chosen
from benchmarks.accuracy.ablation import variant
from benchmarks.accuracy.models import small
from benchmarks.accuracy.place import Job, Place, Result, perform
from dancetype.engine.errors import SettingsError
from dancetype.training.recipe import Recipe, load_recipe


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, tmp_path, None, None, tmp_path / "runs")


def job(name: str, *, needs: tuple[str, ...] = ()) -> tuple[Job, list[int]]:
    """A job, and how often it ran."""
    ran = [0]

    def run(place: Place) -> Result:
        ran[0] += 1
        return {"found": ran[0]}

    return Job(name, "counts", run, needs), ran


def test_a_job_runs_once_and_again_only_where_asked(place: Place) -> None:
    counting, ran = job("count")

    for again in (False, False, True):
        assert perform(counting, place, again=again)

    assert ran == [2]
    assert place.result("count") == {"found": 2}


def test_a_job_waits_for_what_it_needs(place: Place) -> None:
    later, ran = job("later", needs=("sooner",))

    assert not perform(later, place, again=False)
    place.keep("sooner", {})
    assert perform(later, place, again=False)
    assert ran == [1]


def test_a_job_that_breaks_off_leaves_no_result(place: Place) -> None:
    def run(place: Place) -> Result:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        perform(Job("broken", "", run), place, again=False)
    assert place.result("broken") is None


def test_jobs_have_names_of_their_own_and_come_after_what_they_need() -> None:
    names = [job.name for job in all_jobs()]

    assert len(set(names)) == len(names)
    for position, one in enumerate(all_jobs()):
        assert set(one.needs) <= set(names[:position])


def test_a_pattern_chooses_jobs_and_an_unknown_one_is_refused() -> None:
    names = ["live-A", "live-B", "page"]

    assert chosen(names, []) == names
    assert chosen(names, ["page", "live-*"]) == names
    assert chosen(names, ["live-B"]) == ["live-B"]
    with pytest.raises(SettingsError, match="no job 'deaf-A'; there are live-A"):
        chosen(names, ["deaf-A"])


def checked(recipe: Recipe) -> Recipe:
    """The recipe, had it been read from a file."""
    return Recipe.model_validate(recipe.model_dump())


def test_a_small_recipe_has_as_many_steps_as_asked_for() -> None:
    recipe = checked(small(load_recipe("live"), steps=1000))

    assert recipe.optimiser.epochs * recipe.optimiser.steps_per_epoch == 1000
    assert recipe.network.hidden == 96
    assert 0 <= recipe.optimiser.average < 1


def test_the_ablation_goes_from_no_camera_to_all_its_faults() -> None:
    live = load_recipe("live")
    naive, camera, noise = (checked(variant(live, step)) for step in ("naive", "camera", "noise"))

    assert naive.camera is None
    assert (naive.window.axes, naive.window.smooth) == ("xyz", False)
    assert camera.camera is not None
    assert camera.camera.noise == (0, 0)
    assert live.camera is not None
    assert camera.camera.heading == live.camera.heading
    assert noise == live
