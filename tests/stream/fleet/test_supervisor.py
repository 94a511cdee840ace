from collections.abc import Sequence
from dataclasses import replace

import pytest

from dancetype.stream.fleet.cameras import Assignment, Camera, parse_cameras
from dancetype.stream.fleet.cluster import Node, Resources
from dancetype.stream.fleet.report import Report
from dancetype.stream.fleet.supervisor import (
    SILENCE,
    CameraState,
    Kill,
    Order,
    Phase,
    Start,
    Stop,
    Supervisor,
)
from dancetype.stream.messages import SourceState
from dancetype.stream.settings import load_settings

RUNNING = Report(state=SourceState.RUNNING)
ONE, TWO = (Node(name, f"10.0.0.{name}", Resources(cpus=2)) for name in ("1", "2"))


def cameras(*names: str, source: str = "test:", cpus: float = 1) -> dict[str, Camera]:
    tables = "".join(f'[cameras.{name}]\nsource = "{source}"\ncpus = {cpus}\n' for name in names)
    return parse_cameras(tables, load_settings({}))


class Stage:
    """A supervisor on a clock that is set by hand, with processes that Ray would spread."""

    def __init__(self, *nodes: Node) -> None:
        self.now = 1000.0
        self.unix = 1_700_000_000.0
        self.supervisor = Supervisor(
            clock=lambda: self.now, unix=lambda: self.unix, draw=lambda: 1.0
        )
        self.processes: dict[str, Assignment] = {}
        self.hosts: dict[Assignment, Node] = {}
        self.placed = 0
        self.see(*nodes)

    def see(self, *nodes: Node) -> None:
        self.nodes = nodes
        self.supervisor.set_nodes(nodes)

    def want(self, wanted: dict[str, Camera]) -> None:
        self.supervisor.want(wanted)

    def step(self, seconds: float = 0.0, *, answering: Sequence[str] | None = None) -> list[Order]:
        """Lets time pass; those who are `answering` (all where None) are heard, then it orders."""
        self.now += seconds
        self.unix += seconds
        for name, assignment in self.processes.items():
            self._place(assignment)
            if assignment in self.hosts and (answering is None or name in answering):
                self.answer(name)
        orders = self.supervisor.orders()
        for order in orders:
            if isinstance(order, Start):
                self.processes[order.assignment.name] = order.assignment
                self._place(order.assignment)
            elif isinstance(order, Kill):
                self.gone(order.assignment.name)
        return orders

    def answer(self, name: str, report: Report = RUNNING) -> None:
        """Has a process answer, and from where it is."""
        assignment = self.processes[name]
        node = self.hosts[assignment].id
        self.supervisor.on_report(assignment, replace(report, node=node))

    def gone(self, name: str) -> Assignment:
        """Has a process be no more; says which."""
        assignment = self.processes.pop(name)
        self.hosts.pop(assignment, None)
        return assignment

    def _place(self, assignment: Assignment) -> None:
        """Has a process come up where there is most room, as Ray would, once there is any."""
        need = Resources(assignment.camera.cpus, assignment.camera.gpus)
        taken = {
            node.id: sum(
                (
                    Resources(each.camera.cpus, each.camera.gpus)
                    for each, host in self.hosts.items()
                    if host is node
                ),
                Resources(),
            )
            for node in self.nodes
        }
        roomy = [node for node in self.nodes if node.resources.fits(taken[node.id], need)]
        if roomy and assignment not in self.hosts:
            turn = self.placed % len(roomy)
            self.placed += 1
            self.hosts[assignment] = min(
                [*roomy[turn:], *roomy[:turn]],
                key=lambda node: (node.id in assignment.avoid, taken[node.id].cpus),
            )

    def silence(self, seconds: int) -> list[Order]:
        """What it orders while nobody answers for so long."""
        return [order for _ in range(seconds) for order in self.step(1, answering=[])]

    def view(self, name: str) -> CameraState:
        return next(each for each in self.supervisor.cameras if each.camera.name == name)

    def where(self) -> dict[str, str | None]:
        """Where Ray has put each camera; None where it has not."""
        processes = {each.camera.name: each.assignment for each in self.supervisor.cameras}
        return {
            name: self.hosts[each].id if each and each in self.hosts else None
            for name, each in processes.items()
        }


def test_cameras_are_spread_over_the_machines() -> None:
    stage = Stage(ONE, TWO)
    stage.want(cameras("a", "b", "c", "d"))
    stage.step()
    assert stage.where() == {"a": "1", "b": "2", "c": "1", "d": "2"}
    assert all(view.phase is Phase.STARTING for view in stage.supervisor.cameras)
    stage.step(1)
    assert all(view.live for view in stage.supervisor.cameras)
    assert [view.node for view in stage.supervisor.cameras] == [ONE, TWO, ONE, TWO]


def test_a_camera_without_room_waits_and_gets_its_place_when_a_machine_joins() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a", "b", "c"))
    stage.step()
    stage.step(1)
    waiting = stage.view("c")
    assert (waiting.phase, waiting.restarts) == (Phase.WAITING, 0)
    assert waiting.error == "no machine has room: it takes 1 of a machine's cores"
    stage.see(ONE, TWO)
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
    assert start.assignment.avoid == (ONE.id,)
    assert stage.where() == {"a": TWO.id}
    assert start.assignment.epoch > first.epoch
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
    stage.supervisor.on_lost(stage.gone("a"), "its process died")
    (start,) = stage.step(1)
    assert isinstance(start, Start)
    assert start.assignment.avoid == ()


def test_what_is_heard_of_a_process_that_was_replaced_counts_for_nothing() -> None:
    stage = Stage(ONE, TWO)
    stage.want(cameras("a"))
    stage.step()
    old = stage.gone("a")
    stage.supervisor.on_lost(old, "its process died")
    stage.step(1)
    stage.supervisor.on_report(old, RUNNING)
    stage.supervisor.on_exit(old, Report())
    stage.supervisor.on_lost(old, "its process died")
    view = stage.view("a")
    assert (view.phase, view.restarts, view.report) == (Phase.STARTING, 1, Report())


def test_when_a_machine_is_gone_all_its_cameras_are_lost_at_once() -> None:
    stage = Stage(ONE, TWO)
    stage.want(cameras("a", "b"))
    stage.step()
    stage.step(1)
    stage.see(TWO)
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
        stage.supervisor.on_lost(stage.gone("a"), "no pose model")
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
        stage.supervisor.on_lost(stage.gone("a"), "its process died")
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
    over = Report(state=SourceState.FAILED, reason="the password is refused", node=ONE.id)
    stage.supervisor.on_exit(stage.gone("a"), over)
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
    stage.supervisor.on_exit(stage.gone("a"), Report())
    (start,) = stage.step(1)
    assert isinstance(start, Start)
    assert start.assignment.camera.shown == "test:?fps=5"
    assert stage.view("a").restarts == 0


def test_a_camera_that_is_no_longer_wanted_ends_and_is_forgotten() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a", "b"))
    stage.step()
    stage.want(cameras("b"))
    assert [type(order) for order in stage.step(1)] == [Stop]
    assert stage.view("a").phase is Phase.ENDING
    stage.supervisor.on_exit(stage.gone("a"), Report())
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
    assert stage.supervisor.cameras == []
    assert stage.supervisor.idle


def test_one_that_was_abandoned_by_mistake_is_started_again() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a"))
    stage.step()
    stage.supervisor.on_lost(stage.gone("a"), "its supervisor had not polled it")
    assert [type(order) for order in stage.step(1)] == [Start]


def test_epochs_grow_even_where_the_clock_of_the_day_goes_back() -> None:
    stage = Stage(ONE)
    stage.want(cameras("a"))
    stage.step()
    first = stage.processes["a"].epoch
    stage.supervisor.on_lost(stage.gone("a"), "its process died")
    stage.unix -= 3600
    stage.step(1)
    assert stage.processes["a"].epoch == first + 1


@pytest.mark.parametrize("gpus", [0.0, 0.25])
def test_a_camera_goes_to_a_machine_with_a_gpu_where_and_only_where_it_asks_for_one(
    gpus: float,
) -> None:
    stage = Stage(ONE, Node("3", "10.0.0.3", Resources(cpus=8, gpus=1)))
    stage.want(
        parse_cameras(f'[cameras.a]\nsource = "test:"\ncpus = 1\ngpus = {gpus}', load_settings({}))
    )
    stage.step()
    assert stage.where() == {"a": "3" if gpus else "1"}
    assert stage.processes["a"].avoid == (() if gpus else ("3",))
