from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from typer.testing import CliRunner

from dancetype.cli import app
from dancetype.engine.errors import ModelError, SettingsError, WorkerError
from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.workers import WorkerPool
from dancetype.training.synthetic import synthesis
from dancetype.training.synthetic.clip import MotionClip
from dancetype.training.synthetic.synthesis import create_tasks, open_renderer, render_tasks
from dancetype.training.synthetic.tasks import RenderTask, SequenceTask
from tests.fuzz.npz import npz_bytes

JOINTS = np.zeros((2, 17, 3), np.float32)
TASKS = [MotionClip(f"idle_{number}", NOT_DANCING, JOINTS) for number in range(4)]


class FakePool:
    """Pool that writes empty files in place of tracks and fails for `idle_2`.

    Attributes:
        names: Names of the tasks.
        broken: True to fail on start.
    """

    names: list[str]
    broken: bool

    def __init__(self, open_worker: Callable[..., Any], *, processes: int) -> None:
        assert isinstance(open_worker, partial)
        assert processes >= 1
        self._out = open_worker.args[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def start(self) -> None:
        if self.broken:
            raise WorkerError("no platform")

    def run(self, tasks: Iterable[RenderTask]) -> Iterator[tuple[RenderTask, Exception | None]]:
        for task in tasks:
            self.names.append(task.name)
            if task.name == "idle_2":
                yield task, ValueError("no such leg")
            else:
                (self._out / f"{task.name}.npz").touch()
                yield task, None


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> type[FakePool]:
    FakePool.names, FakePool.broken = [], False
    monkeypatch.setattr(synthesis, "WorkerPool", FakePool)
    monkeypatch.setattr(synthesis, "usable_platform", lambda: "osmesa")
    return FakePool


def render(out: Path) -> list[str]:
    return render_tasks(TASKS, out=out, model=out / "pose.task", jobs=2, seed=0)


def test_failed_clip_is_reported_and_does_not_stop_the_others(
    pool: type[FakePool], tmp_path: Path
) -> None:
    assert render(tmp_path) == ["idle_2: no such leg"]
    assert sorted(path.stem for path in tmp_path.glob("*.npz")) == ["idle_0", "idle_1", "idle_3"]
    assert len(pool.names) == 4


def test_interrupted_run_is_continued(pool: type[FakePool], tmp_path: Path) -> None:
    (tmp_path / "idle_1.npz").touch()
    render(tmp_path)
    assert pool.names == ["idle_0", "idle_2", "idle_3"]


def test_clips_written_by_another_run_are_skipped(
    pool: type[FakePool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_run(self: FakePool) -> None:
        (tmp_path / "idle_0.npz").touch()

    monkeypatch.setattr(pool, "start", other_run)
    render(tmp_path)
    assert pool.names == ["idle_1", "idle_2", "idle_3"]


def test_completed_run_starts_no_process(pool: type[FakePool], tmp_path: Path) -> None:
    pool.broken = True
    for task in TASKS:
        (tmp_path / f"{task.name}.npz").touch()
    assert render(tmp_path) == []


def test_failure_to_start_the_pool_ends_the_run(pool: type[FakePool], tmp_path: Path) -> None:
    pool.broken = True
    with pytest.raises(WorkerError):
        render(tmp_path)


def test_dances_and_other_people_are_shuffled(aist: Path, tmp_path: Path) -> None:
    steps = np.zeros((200, 17, 3), np.int16)
    (tmp_path / "walks.npz").write_bytes(npz_bytes({"slow": steps, "fast": steps}))
    tasks = create_tasks(
        aist, "all", seconds=2, advanced_clips=2, negatives=tmp_path, idle=4, seed=0
    )
    clips = [task.clip(0) if isinstance(task, SequenceTask) else task for task in tasks]
    genres = [clip.genre for clip in clips]
    assert genres.count(NOT_DANCING) == 6
    assert len({task.name for task in tasks}) == len(tasks)
    assert genres != sorted(genres)


def test_idle_motion_is_rendered_completely_and_has_no_sequence() -> None:
    (clip,) = create_tasks(
        None, "all", seconds=1.5, advanced_clips=1, negatives=None, idle=1, seed=0
    )
    assert isinstance(clip, MotionClip)
    assert (clip.genre, clip.sequence, len(clip.joints)) == (NOT_DANCING, "", 91)
    assert np.isnan(clip.start)


def test_error_in_a_worker_is_raised_in_the_main_process(tmp_path: Path) -> None:
    opener = partial(open_renderer, tmp_path / "missing.task", tmp_path, 0)
    with WorkerPool(opener, processes=1) as pool:
        with pytest.raises(ModelError, match=r"missing\.task"):
            pool.start()
        with pytest.raises(ModelError, match=r"missing\.task"):
            list(pool.run(TASKS[:1]))


@pytest.mark.parametrize(
    "arguments",
    [["synth", "--out", "x"], ["synth", "--out", "x", "--idle", "3", "--paired", "."]],
)
def test_command_without_data_to_render_or_compare_is_rejected(arguments: list[Any]) -> None:
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, SettingsError)
    assert error.exit_code == 2
