from collections.abc import Sequence
from dataclasses import replace

import pytest

from dancetype.stream.fleet.camera_state import CameraState, Phase
from dancetype.stream.fleet.cameras import Assignment, Camera, parse_cameras
from dancetype.stream.fleet.cluster import Node, Resources
from dancetype.stream.fleet.report import Report
from dancetype.stream.fleet.supervisor import (
    ANSWER_TIMEOUT,
    Kill,
    Order,
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


class SimulatedCluster:
    """A supervisor with simulated clocks, and processes that are spread over machines as by Ray.

    Attributes:
        now: Time of the monotonic clock.
        unix: Time of the clock for epochs.
        supervisor: The supervisor.
        nodes: Machines of the cluster.
        processes: Current process of each camera, by name.
        hosts: Machine of each process that has one.
    """

    def __init__(self, *nodes: Node) -> None:
        self.now = 1000.0
        self.unix = 1_700_000_000.0
        self.supervisor = Supervisor(
            clock=lambda: self.now, unix=lambda: self.unix, draw=lambda: 1.0
        )
        self.processes: dict[str, Assignment] = {}
        self.hosts: dict[Assignment, Node] = {}
        self._placed = 0
        self.set_nodes(*nodes)

    def set_nodes(self, *nodes: Node) -> None:
        self.nodes = nodes
        self.supervisor.set_nodes(nodes)

    def set_cameras(self, cameras: dict[str, Camera]) -> None:
        self.supervisor.set_cameras(cameras)

    def step(self, seconds: float = 0.0, *, answering: Sequence[str] | None = None) -> list[Order]:
        """Advance the clocks, report answers to the supervisor, and carry out its orders.

        Args:
            seconds: Seconds to advance.
            answering: Names of the cameras that answer; all if None.

        Returns:
            The orders.
        """
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
                self.remove(order.assignment.name)
        return orders

    def answer(self, name: str, report: Report = RUNNING) -> None:
        """Report the answer of a process to the supervisor, with the machine of the process."""
        assignment = self.processes[name]
        node = self.hosts[assignment].id
        self.supervisor.on_report(assignment, replace(report, node=node))

    def remove(self, name: str) -> Assignment:
        """Remove the process of a camera, and return it."""
        assignment = self.processes.pop(name)
        self.hosts.pop(assignment, None)
        return assignment

    def _place(self, assignment: Assignment) -> None:
        """Place a process on the machine with the most free resources, if it fits on any."""
        request = Resources(assignment.camera.cpus, assignment.camera.gpus)
        reserved = {
            node.id: sum(
                (
                    Resources(process.camera.cpus, process.camera.gpus)
                    for process, host in self.hosts.items()
                    if host is node
                ),
                Resources(),
            )
            for node in self.nodes
        }
        fitting = [
            node for node in self.nodes if node.resources.can_fit(reserved[node.id], request)
        ]
        if fitting and assignment not in self.hosts:
            first = self._placed % len(fitting)
            self._placed += 1
            self.hosts[assignment] = min(
                [*fitting[first:], *fitting[:first]],
                key=lambda node: (node.id in assignment.avoid, reserved[node.id].cpus),
            )

    def step_without_answers(self, seconds: int) -> list[Order]:
        """Return the orders of a period in which no process answers."""
        return [order for _ in range(seconds) for order in self.step(1, answering=[])]

    def state(self, name: str) -> CameraState:
        return next(state for state in self.supervisor.cameras if state.camera.name == name)

    def locations(self) -> dict[str, str | None]:
        """Return the id of each camera's machine; None without a machine."""
        processes = {state.camera.name: state.assignment for state in self.supervisor.cameras}
        return {
            name: self.hosts[process].id if process and process in self.hosts else None
            for name, process in processes.items()
        }


def test_cameras_are_spread_over_the_machines() -> None:
    cluster = SimulatedCluster(ONE, TWO)
    cluster.set_cameras(cameras("a", "b", "c", "d"))
    cluster.step()
    assert cluster.locations() == {"a": "1", "b": "2", "c": "1", "d": "2"}
    assert all(state.phase is Phase.STARTING for state in cluster.supervisor.cameras)
    cluster.step(1)
    assert all(state.live for state in cluster.supervisor.cameras)
    assert [state.node for state in cluster.supervisor.cameras] == [ONE, TWO, ONE, TWO]


def test_camera_waits_for_free_resources_and_starts_when_a_machine_joins() -> None:
    cluster = SimulatedCluster(ONE)
    cluster.set_cameras(cameras("a", "b", "c"))
    cluster.step()
    cluster.step(1)
    waiting = cluster.state("c")
    assert (waiting.phase, waiting.restarts) == (Phase.WAITING, 0)
    assert waiting.error == "no machine has enough free resources: the camera needs cpus = 1"
    cluster.set_nodes(ONE, TWO)
    cluster.step(1)
    cluster.step(1)
    assert cluster.locations()["c"] == "2"
    assert cluster.state("c").error is None


def test_process_that_does_not_answer_is_killed_and_replaced_on_another_machine() -> None:
    cluster = SimulatedCluster(ONE, TWO)
    cluster.set_cameras(cameras("a"))
    cluster.step()
    cluster.step(1)
    first = cluster.processes["a"]
    assert cluster.step_without_answers(int(ANSWER_TIMEOUT)) == []
    kill, start = cluster.step(0.1, answering=[])
    assert kill == Kill(first)
    assert isinstance(start, Start)
    assert start.assignment.avoid == (ONE.id,)
    assert cluster.locations() == {"a": TWO.id}
    assert start.assignment.epoch > first.epoch
    assert cluster.state("a").restarts == 1
    assert cluster.state("a").error == "its process did not answer for 4 s (on 10.0.0.1)"


def test_suspension_of_the_supervisor_does_not_count_as_missing_answers() -> None:
    cluster = SimulatedCluster(ONE, TWO)
    cluster.set_cameras(cameras("a", "b"))
    cluster.step()
    cluster.step(1)
    assert cluster.step(60, answering=[]) == []
    assert cluster.step(1, answering=["b"]) == []
    assert {type(order) for order in cluster.step_without_answers(5)} >= {Kill}
    assert cluster.state("a").restarts == 1


def test_no_orders_for_a_camera_that_answers() -> None:
    cluster = SimulatedCluster(ONE)
    cluster.set_cameras(cameras("a"))
    cluster.step()
    assert [order for _ in range(1000) for order in cluster.step(1)] == []


def test_machine_is_not_avoided_if_another_process_on_it_answers() -> None:
    cluster = SimulatedCluster(ONE, TWO)
    cluster.set_cameras(cameras("a", "b", "c"))
    cluster.step()
    cluster.step(1)
    cluster.supervisor.on_lost(cluster.remove("a"), "its process died")
    (start,) = cluster.step(1)
    assert isinstance(start, Start)
    assert start.assignment.avoid == ()


def test_events_of_a_replaced_process_are_ignored() -> None:
    cluster = SimulatedCluster(ONE, TWO)
    cluster.set_cameras(cameras("a"))
    cluster.step()
    old = cluster.remove("a")
    cluster.supervisor.on_lost(old, "its process died")
    cluster.step(1)
    cluster.supervisor.on_report(old, RUNNING)
    cluster.supervisor.on_exit(old, Report())
    cluster.supervisor.on_lost(old, "its process died")
    state = cluster.state("a")
    assert (state.phase, state.restarts, state.report) == (Phase.STARTING, 1, Report())


def test_cameras_are_replaced_immediately_when_their_machine_leaves() -> None:
    cluster = SimulatedCluster(ONE, TWO)
    cluster.set_cameras(cameras("a", "b"))
    cluster.step()
    cluster.step(1)
    cluster.set_nodes(TWO)
    assert [type(order) for order in cluster.step(1)] == [Kill, Start]
    assert cluster.locations() == {"a": "2", "b": "2"}


def test_restart_delay_grows_while_a_process_keeps_dying() -> None:
    cluster = SimulatedCluster(ONE)
    cluster.set_cameras(cameras("a"))
    delays = []
    for _ in range(40):
        delay = 0.0
        while not cluster.step(0.5):
            delay += 0.5
        delays.append(delay)
        cluster.supervisor.on_lost(cluster.remove("a"), "no pose model")
    assert delays[1] <= 1
    assert delays == sorted(delays)
    assert 20 < delays[-1] <= 30


def test_process_that_was_running_is_restarted_within_a_second() -> None:
    cluster = SimulatedCluster(ONE)
    cluster.set_cameras(cameras("a"))
    for _ in range(2):
        cluster.step(1)
        for _ in range(60):
            cluster.step(1)
        cluster.supervisor.on_lost(cluster.remove("a"), "its process died")
        assert any(isinstance(order, Start) for order in cluster.step(1))


def test_process_that_never_starts_is_replaced_on_another_machine() -> None:
    cluster = SimulatedCluster(ONE, TWO)
    cluster.set_cameras(cameras("a"))
    cluster.step()
    assert cluster.step_without_answers(60) == []
    assert [type(order) for order in cluster.step_without_answers(1)] == [Kill]
    cluster.step_without_answers(1)
    assert cluster.locations() == {"a": "2"}


def test_failed_source_is_restarted_only_after_a_change() -> None:
    cluster = SimulatedCluster(ONE)
    cluster.set_cameras(cameras("a"))
    cluster.step()
    failed = Report(state=SourceState.FAILED, reason="the password is refused", node=ONE.id)
    cluster.supervisor.on_exit(cluster.remove("a"), failed)
    assert [order for _ in range(100) for order in cluster.step(1)] == []
    assert cluster.state("a").state == "failed"
    assert cluster.state("a").error == "the password is refused (on 10.0.0.1)"
    assert cluster.supervisor.reserved() == {}
    cluster.set_cameras(cameras("a", source="test:?fps=5"))
    assert [type(order) for order in cluster.step(1)] == [Start]


def test_only_a_changed_camera_is_restarted() -> None:
    cluster = SimulatedCluster(ONE)
    cluster.set_cameras(cameras("a", "b"))
    cluster.step()
    cluster.set_cameras(cameras("a", source="test:?fps=5") | cameras("b"))
    (stop,) = cluster.step(1)
    assert stop == Stop(cluster.processes["a"], "its settings changed")
    assert cluster.step(1) == []
    cluster.supervisor.on_exit(cluster.remove("a"), Report())
    (start,) = cluster.step(1)
    assert isinstance(start, Start)
    assert start.assignment.camera.source_text == "test:?fps=5"
    assert cluster.state("a").restarts == 0


def test_removed_camera_is_stopped_and_forgotten() -> None:
    cluster = SimulatedCluster(ONE)
    cluster.set_cameras(cameras("a", "b"))
    cluster.step()
    cluster.set_cameras(cameras("b"))
    assert [type(order) for order in cluster.step(1)] == [Stop]
    assert cluster.state("a").phase is Phase.ENDING
    cluster.supervisor.on_exit(cluster.remove("a"), Report())
    cluster.step(1)
    assert cluster.locations() == {"b": "1"}


def test_process_that_does_not_end_is_killed() -> None:
    cluster = SimulatedCluster(ONE)
    cluster.set_cameras(cameras("a"))
    cluster.step()
    cluster.set_cameras({})
    cluster.step(1)
    assert cluster.step(4) == []
    assert [type(order) for order in cluster.step(2)] == [Kill]
    cluster.step(1)
    assert cluster.supervisor.cameras == []
    assert cluster.supervisor.idle


def test_process_whose_lease_expired_is_replaced() -> None:
    cluster = SimulatedCluster(ONE)
    cluster.set_cameras(cameras("a"))
    cluster.step()
    cluster.supervisor.on_lost(cluster.remove("a"), "the supervisor stopped polling it")
    assert [type(order) for order in cluster.step(1)] == [Start]


def test_epochs_grow_even_if_the_system_clock_goes_back() -> None:
    cluster = SimulatedCluster(ONE)
    cluster.set_cameras(cameras("a"))
    cluster.step()
    first = cluster.processes["a"].epoch
    cluster.supervisor.on_lost(cluster.remove("a"), "its process died")
    cluster.unix -= 3600
    cluster.step(1)
    assert cluster.processes["a"].epoch == first + 1


@pytest.mark.parametrize("gpus", [0.0, 0.25])
def test_camera_runs_on_a_machine_with_a_gpu_only_if_it_needs_one(gpus: float) -> None:
    cluster = SimulatedCluster(ONE, Node("3", "10.0.0.3", Resources(cpus=8, gpus=1)))
    cluster.set_cameras(
        parse_cameras(f'[cameras.a]\nsource = "test:"\ncpus = 1\ngpus = {gpus}', load_settings({}))
    )
    cluster.step()
    assert cluster.locations() == {"a": "3" if gpus else "1"}
    assert cluster.processes["a"].avoid == (() if gpus else ("3",))
