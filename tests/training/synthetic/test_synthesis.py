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
from dancetype.training.synthetic.clip import Clip
from dancetype.training.synthetic.synthesis import find_orders, open_renderer, render_all
from dancetype.training.synthetic.tasks import DanceOrder, Order

STILL = np.zeros((2, 17, 3), np.float32)
ORDERS = [Clip(f"idle_{number}", NOT_DANCING, STILL) for number in range(4)]


class FakePool:
    """Writes empty files in place of tracks; `idle_2` fails, and `broken` ends it all."""

    asked: list[str]
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
            raise WorkerError("nothing to draw with")

    def run(self, orders: Iterable[Order]) -> Iterator[tuple[Order, Exception | None]]:
        for order in orders:
            self.asked.append(order.name)
            if order.name == "idle_2":
                yield order, ValueError("no such leg")
            else:
                (self._out / f"{order.name}.npz").touch()
                yield order, None


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> type[FakePool]:
    FakePool.asked, FakePool.broken = [], False
    monkeypatch.setattr(synthesis, "WorkerPool", FakePool)
    monkeypatch.setattr(synthesis, "usable_platform", lambda: "osmesa")
    return FakePool


def render(out: Path) -> list[str]:
    return render_all(ORDERS, out=out, model=out / "pose.task", jobs=2, seed=0)


def test_a_clip_that_fails_is_named_and_does_not_stop_the_others(
    pool: type[FakePool], tmp_path: Path
) -> None:
    assert render(tmp_path) == ["idle_2: no such leg"]
    assert sorted(path.stem for path in tmp_path.glob("*.npz")) == ["idle_0", "idle_1", "idle_3"]
    assert len(pool.asked) == 4


def test_a_run_goes_on_where_it_was_broken_off(pool: type[FakePool], tmp_path: Path) -> None:
    (tmp_path / "idle_1.npz").touch()
    render(tmp_path)
    assert pool.asked == ["idle_0", "idle_2", "idle_3"]


def test_two_runs_in_one_folder_do_not_do_the_same_work(
    pool: type[FakePool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_run(self: FakePool) -> None:
        (tmp_path / "idle_0.npz").touch()

    monkeypatch.setattr(pool, "start", other_run)
    render(tmp_path)
    assert pool.asked == ["idle_1", "idle_2", "idle_3"]


def test_a_run_that_is_complete_starts_no_process(pool: type[FakePool], tmp_path: Path) -> None:
    pool.broken = True
    for order in ORDERS:
        (tmp_path / f"{order.name}.npz").touch()
    assert render(tmp_path) == []


def test_what_would_fail_each_clip_ends_the_run(pool: type[FakePool], tmp_path: Path) -> None:
    pool.broken = True
    with pytest.raises(WorkerError):
        render(tmp_path)


def test_dances_and_idlers_are_mixed(aist: Path) -> None:
    orders = find_orders(aist, "all", seconds=2, advanced_clips=2, idle=6, seed=0)
    clips = [order.clip(0) if isinstance(order, DanceOrder) else order for order in orders]
    genres = [clip.genre for clip in clips]
    assert genres.count(NOT_DANCING) == 6
    assert len({order.name for order in orders}) == len(orders)
    assert genres != sorted(genres)


def test_somebody_idle_is_rendered_whole_and_has_no_sequence() -> None:
    (clip,) = find_orders(None, "all", seconds=1.5, advanced_clips=1, idle=1, seed=0)
    assert isinstance(clip, Clip)
    assert (clip.genre, clip.sequence, len(clip.joints)) == (NOT_DANCING, "", 91)
    assert np.isnan(clip.start)


def test_what_ails_a_process_is_told_to_the_one_that_started_it(tmp_path: Path) -> None:
    opener = partial(open_renderer, tmp_path / "gone.task", tmp_path, 0)
    with WorkerPool(opener, processes=1) as pool:
        with pytest.raises(ModelError, match=r"gone\.task"):
            pool.start()
        with pytest.raises(ModelError, match=r"gone\.task"):
            list(pool.run(ORDERS[:1]))


@pytest.mark.parametrize(
    "words",
    [["synth", "--out", "x"], ["synth", "--out", "x", "--idle", "3", "--paired", "."]],
)
def test_a_command_with_nothing_to_render_or_compare_is_refused(words: list[Any]) -> None:
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, SettingsError)
    assert error.exit_code == 2
