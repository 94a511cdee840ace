from collections.abc import Sequence

import pytest

from dancetype.stream.fleet.cameras import Camera, parse_cameras
from dancetype.stream.fleet.placing import Node, Room
from dancetype.stream.fleet.report import Ending, Farewell, Report
from dancetype.stream.fleet.supervisor import (
    SILENCE,
    Kill,
    Order,
    Phase,
    Placement,
    Start,
    Stop,
    Supervisor,
    View,
)
from dancetype.stream.messages import SourceState
from dancetype.stream.settings import load_settings

RUNNING = Report(state=SourceState.RUNNING)
ONE, TWO = (Node(name, f"10.0.0.{name}", Room(cpus=2)) for name in ("1", "2"))


def cameras(*names: str, source: str = "test:", cpus: float = 1) -> dict[str, Camera]:
    tables = "".join(f'[cameras.{name}]\nsource = "{source}"\ncpus = {cpus}\n' for name in names)
    return parse_cameras(tables, load_settings({}))


class Stage:
    """A supervisor on a clock that is set by hand, and processes that do as they are told."""

    def __init__(self, *nodes: Node) -> None:
        self.now = 1000.0
        self.unix = 1_700_000_000.0
        self.supervisor = Supervisor(
            clock=lambda: self.now, unix=lambda: self.unix, draw=lambda: 1.0
        )
        self.supervisor.see(nodes)
        self.processes: dict[str, Placement] = {}

    def want(self, wanted: dict[str, Camera]) -> None:
        self.supervisor.want(wanted)

    def step(self, seconds: float = 0.0, *, answering: Sequence[str] | None = None) -> list[Order]:
        """Lets time pass; those who are `answering` (all where None) are heard, then it orders."""
        self.now += seconds
        self.unix += seconds
        for name, placement in self.processes.items():
            if answering is None or name in answering:
                self.supervisor.hear(placement, RUNNING)
        orders = self.supervisor.orders()
        for order in orders:
            if isinstance(order, Start):
                self.processes[order.placement.name] = order.placement
            elif isinstance(order, Kill):
                self.processes.pop(order.placement.name, None)
        return orders

    def silence(self, seconds: int) -> list[Order]:
        """What it orders while nobody answers for so long."""
        return [order for _ in range(seconds) for order in self.step(1, answering=[])]

    def view(self, name: str) -> View:
        return next(view for view in self.supervisor.views() if view.camera.name == name)

    def where(self) -> dict[str, str | None]:
        return {
            view.camera.name: view.node.id if view.node else None
            for view in self.supervisor.views()
        }


def test_cameras_are_spread_over_the_machines() -> None:
    stage = Stage(ONE, TWO)
    stage.want(cameras("a", "b", "c", "d"))
    stage.step()
    assert stage.where() == {"a": "1", "b": "2", "c": "1", "d": "2"}
    assert all(view.phase is Phase.STARTING for view in stage.supervisor.views())
    stage.step(1)
    assert all(view.live for view in stage.supervisor.views())


def test_a_camera_without_room_waits_and_gets_its_place_when_a_machine_joins() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a", "b", "c"))
    stage.step()
    waiting = stage.view("c")
    assert (waiting.phase, waiting.restarts) == (Phase.WAITING, 0)
    assert waiting.error == "no machine has room: it takes 1 of a machine's cores"
    stage.supervisor.see([ONE, TWO])
    stage.step(1)
    stage.step(1)
    assert stage.where()["c"] == "2"
    assert stage.view("c").error is None


def test_a_silent_camera_is_killed_and_started_on_another_machine() -> None:
    stage = Stage(ONE, TWO)
    stage.want(cameras("a"))
    stage.step()
    stage.step(1)
    first = stage.processes["a"]
    assert stage.silence(int(SILENCE)) == []
    kill, start = stage.step(0.1, answering=[])
    assert kill == Kill(first)
    assert isinstance(start, Start)
    assert start.placement.node == TWO
    assert start.placement.epoch > first.epoch
    assert stage.view("a").restarts == 1
    assert stage.view("a").error == "silent for 4 s (on 10.0.0.1)"


def test_a_supervisor_that_stood_still_itself_blames_nobody_for_it() -> None:
    stage = Stage(ONE, TWO)
    stage.want(cameras("a", "b"))
    stage.step()
    stage.step(1)
    assert stage.step(60, answering=[]) == []
    assert stage.step(1, answering=["b"]) == []
    assert {type(order) for order in stage.silence(5)} >= {Kill}
    assert stage.view("a").restarts == 1


def test_a_camera_that_answers_is_left_alone_for_ever() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a"))
    stage.step()
    assert [order for _ in range(1000) for order in stage.step(1)] == []


def test_a_machine_that_has_lost_one_is_trusted_again_when_another_there_is_heard() -> None:
    stage = Stage(ONE, TWO)
    stage.want(cameras("a", "b", "c"))
    stage.step()
    stage.step(1)
    stage.supervisor.lose(stage.processes.pop("a"), "its process died")
    (start,) = stage.step(1)
    assert isinstance(start, Start)
    assert start.placement.node == ONE


def test_what_is_heard_of_a_process_that_was_replaced_counts_for_nothing() -> None:
    stage = Stage(ONE, TWO)
    stage.want(cameras("a"))
    stage.step()
    old = stage.processes.pop("a")
    stage.supervisor.lose(old, "its process died")
    stage.step(1)
    stage.supervisor.hear(old, RUNNING)
    stage.supervisor.end(old, Farewell(Ending.OVER))
    stage.supervisor.lose(old, "its process died")
    view = stage.view("a")
    assert (view.phase, view.restarts, view.report) == (Phase.STARTING, 1, Report())


def test_when_a_machine_is_gone_all_its_cameras_are_lost_at_once() -> None:
    stage = Stage(ONE, TWO)
    stage.want(cameras("a", "b"))
    stage.step()
    stage.supervisor.see([TWO])
    assert [type(order) for order in stage.step(1)] == [Kill, Start]
    assert stage.where() == {"a": "2", "b": "2"}


def test_a_process_that_dies_over_and_over_is_waited_for_longer_and_longer() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a"))
    waits = []
    for _ in range(40):
        waited = 0.0
        while not stage.step(0.5):
            waited += 0.5
        waits.append(waited)
        stage.supervisor.lose(stage.processes.pop("a"), "no pose model")
    assert waits[1] <= 1
    assert waits == sorted(waits)
    assert 20 < waits[-1] <= 30


def test_one_that_has_run_well_is_started_again_within_a_second_after_its_next_failure() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a"))
    for _ in range(2):
        stage.step(1)
        for _ in range(60):
            stage.step(1)
        stage.supervisor.lose(stage.processes.pop("a"), "its process died")
        assert any(isinstance(order, Start) for order in stage.step(1))


def test_one_that_never_starts_is_tried_elsewhere() -> None:
    stage = Stage(ONE, TWO)
    stage.want(cameras("a"))
    stage.step()
    assert stage.silence(60) == []
    assert [type(order) for order in stage.silence(1)] == [Kill]
    stage.silence(1)
    assert stage.where() == {"a": "2"}


def test_a_source_that_has_ended_is_not_started_again() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a"))
    stage.step()
    over = Report(state=SourceState.FAILED, reason="the password is refused")
    stage.supervisor.end(stage.processes.pop("a"), Farewell(Ending.OVER, over))
    assert [order for _ in range(100) for order in stage.step(1)] == []
    assert stage.view("a").state == "failed"
    assert stage.view("a").error == "the password is refused (on 10.0.0.1)"
    assert stage.supervisor.taken() == {}
    stage.want(cameras("a", source="test:?fps=5"))
    assert [type(order) for order in stage.step(1)] == [Start]


def test_only_a_camera_that_has_changed_is_stopped_and_started_anew() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a", "b"))
    stage.step()
    stage.want(cameras("a", source="test:?fps=5") | cameras("b"))
    (stop,) = stage.step(1)
    assert stop == Stop(stage.processes["a"], "to be changed")
    assert stage.step(1) == []
    stage.supervisor.end(stage.processes.pop("a"), Farewell(Ending.STOPPED))
    (start,) = stage.step(1)
    assert isinstance(start, Start)
    assert start.placement.camera.shown == "test:?fps=5"
    assert stage.view("a").restarts == 0


def test_a_camera_that_is_no_longer_wanted_ends_and_is_forgotten() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a", "b"))
    stage.step()
    stage.want(cameras("b"))
    assert [type(order) for order in stage.step(1)] == [Stop]
    assert stage.view("a").phase is Phase.ENDING
    stage.supervisor.end(stage.processes.pop("a"), Farewell(Ending.STOPPED))
    stage.step(1)
    assert stage.where() == {"b": "1"}


def test_one_that_does_not_end_is_killed() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a"))
    stage.step()
    stage.want({})
    stage.step(1)
    assert stage.step(4) == []
    assert [type(order) for order in stage.step(2)] == [Kill]
    stage.step(1)
    assert stage.supervisor.views() == []
    assert stage.supervisor.idle


def test_one_that_was_abandoned_by_mistake_is_started_again() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a"))
    stage.step()
    stage.supervisor.end(stage.processes.pop("a"), Farewell(Ending.ABANDONED))
    assert [type(order) for order in stage.step(1)] == [Start]


def test_epochs_grow_even_where_the_clock_of_the_day_goes_back() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a"))
    stage.step()
    first = stage.processes["a"].epoch
    stage.supervisor.lose(stage.processes.pop("a"), "its process died")
    stage.unix -= 3600
    stage.step(1)
    assert stage.processes["a"].epoch == first + 1


@pytest.mark.parametrize("gpus", [0.0, 0.25])
def test_a_camera_goes_to_a_machine_with_a_gpu_where_and_only_where_it_asks_for_one(
    gpus: float,
) -> None:
    stage = Stage(ONE, Node("3", "10.0.0.3", Room(cpus=8, gpus=1)))
    stage.want(
        parse_cameras(f'[cameras.a]\nsource = "test:"\ncpus = 1\ngpus = {gpus}', load_settings({}))
    )
    stage.step()
    assert stage.where() == {"a": "3" if gpus else "1"}
