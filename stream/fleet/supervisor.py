"""Supervisor that decides when each camera's process starts and stops, without side effects.

Ray chooses the machine of a process: it reserves the cores and GPUs of a camera and spreads the
processes. Ray's restarts are disabled, since they cannot meet the fault table of guides/fleet.md.
With Ray 2.60 and four nodes, a killed node is declared dead after 14 s. Only then are its actors
restarted, which takes more than 15 s including the time to load the models, and until then Ray also
places new actors on the dead node. Ray does not notice a process that hangs, and does not wait
before it restarts one that crashes repeatedly. The supervisor therefore replaces lost processes,
each time with a new epoch, and asks Ray to avoid machines that may be dead.
"""

import logging
import math
import random
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dancetype.engine.log_event import LogEvent
from dancetype.stream.capture.backoff import Backoff
from dancetype.stream.fleet.camera_state import CameraState, Phase
from dancetype.stream.fleet.cameras import Assignment, Camera
from dancetype.stream.fleet.cluster import Node, Resources
from dancetype.stream.fleet.report import Report
from dancetype.stream.messages import SourceState

_log = logging.getLogger(__name__)

POLL_INTERVAL: Final = 1.0
"""Seconds between polls of a process."""
ANSWER_TIMEOUT: Final = 4.0
"""Seconds without an answer after which a process is replaced."""
# Seconds until a new process must answer; a machine may have to load everything from disk.
_START_TIMEOUT: Final = 60.0
# Seconds until a stopped process must have ended.
_END_TIMEOUT: Final = 5.0
# Seconds for which a machine is avoided after one of its processes was lost.
_AVOID_SECONDS: Final = 30.0
# Seconds of running after which earlier failures no longer increase the restart delay.
_STABLE_AFTER: Final = 30.0


_BEFORE_FIRST_ANSWER: Final = (Phase.STARTING, Phase.WAITING)


@dataclass(frozen=True, slots=True)
class Start:
    """Order to start a process, and to poll it."""

    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Stop:
    """Order to stop a process."""

    assignment: Assignment
    reason: str


@dataclass(frozen=True, slots=True)
class Kill:
    """Order to kill a process, and to stop polling it."""

    assignment: Assignment


Order = Start | Stop | Kill


class Supervisor:
    """Supervisor that decides which processes run, so that each camera always has one.

    The caller passes in the configured cameras, the machines and the answers of processes, and
    carries out the orders.

    Args:
        clock: Monotonic clock, in seconds.
        unix: Clock in seconds since 1970, for epochs.
        draw: Function that returns random numbers from 0 to 1, for the delays.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        unix: Callable[[], float],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._unix = unix
        self._draw = draw
        self._cameras: dict[str, CameraState] = {}
        self._nodes: dict[str, Node] = {}
        self._lost_at: dict[str, float] = {}
        self._last_orders_at = clock()

    @property
    def nodes(self) -> Collection[Node]:
        """The machines of the cluster."""
        return self._nodes.values()

    @property
    def idle(self) -> bool:
        """Whether no camera has a process."""
        return all(state.assignment is None for state in self._cameras.values())

    @property
    def cameras(self) -> list[CameraState]:
        """State of each camera, in the order of the file."""
        return [*self._cameras.values()]

    @property
    def live(self) -> bool:
        """Whether at least one camera delivers frames."""
        return any(camera.live for camera in self.cameras)

    def phase_age(self, state: CameraState) -> float:
        """Return the seconds since a camera's phase began."""
        return self._clock() - state.since

    def reserved(self) -> defaultdict[str, Resources]:
        """Return the resources that are reserved for cameras, by machine id."""
        reserved = defaultdict[str, Resources](Resources)
        for state in self._cameras.values():
            if state.node:
                reserved[state.node.id] += state.resources
        return reserved

    def set_cameras(self, cameras: Mapping[str, Camera]) -> None:
        """Set the cameras to run; all others are stopped."""
        now = self._clock()
        removed = {name: state for name, state in self._cameras.items() if name not in cameras}
        for name, state in removed.items():
            state.configured = None
            _log.info(LogEvent("camera_removed", camera=name))
        kept = {name: self._update_camera(name, camera, now) for name, camera in cameras.items()}
        self._cameras = {**kept, **removed}

    def _update_camera(self, name: str, camera: Camera, now: float) -> CameraState:
        """Update the configuration of a camera, or add the camera; return its state."""
        state = self._cameras.get(name)
        if state is None:
            _log.info(LogEvent("camera_added", camera=name, source=camera.source_text))
            return CameraState(camera, camera, Backoff(self._clock, draw=self._draw), now)
        if state.configured != camera:
            _log.info(LogEvent("camera_changed", camera=name, source=camera.source_text))
            state.configured = camera
        return state

    def set_nodes(self, nodes: Sequence[Node]) -> None:
        """Set the machines of the cluster that are alive."""
        alive = {node.id: node for node in nodes}
        for node in nodes:
            if node.id not in self._nodes:
                _log.info(LogEvent("node_joined", node=node.name, cores=node.resources.cpus))
        for id_, node in self._nodes.items():
            if id_ not in alive:
                _log.warning(LogEvent("node_lost", node=node.name))
        self._nodes = alive

    def on_report(self, assignment: Assignment, report: Report) -> None:
        """Handle the answer of a process to a poll."""
        state = self._current_state(assignment)
        if state is None:
            return
        now = self._clock()
        previous, state.report, state.answered_at = state.report, report, now
        state.node = state.node or self._nodes.get(report.node)
        self._lost_at.pop(report.node, None)
        if (report.state, report.fault) != (previous.state, previous.fault):
            level = logging.WARNING if report.fault else logging.INFO
            event = LogEvent(
                "camera_state_changed",
                camera=assignment.name,
                node=state.node and state.node.name,
                state=report.state,
                fault=report.fault,
                reason=report.reason,
            )
            _log.log(level, event)
        if state.phase in _BEFORE_FIRST_ANSWER:
            state.enter(Phase.RUNNING, now)
            state.error = state.error if state.restarts else None
        if state.phase is Phase.RUNNING and report.state and report.state.delivers:
            state.has_run = True
            if now - state.since >= _STABLE_AFTER:
                state.backoff.reset()

    def on_exit(self, assignment: Assignment, report: Report) -> None:
        """Handle the last report of a process that ended without an error."""
        state = self._current_state(assignment)
        if state is None:
            return
        if state.phase is Phase.ENDING:
            state.clear_process(Phase.WAITING, self._clock())
            return
        self.on_report(assignment, report)
        if report.state is SourceState.FAILED:
            # With the machine's name, since the missing file may exist on another machine.
            state.error = state.with_node_name(f"{report.reason}")
        state.assignment = state.node = None
        state.enter(Phase.OVER, self._clock())

    def on_lost(self, assignment: Assignment, reason: str) -> None:
        """Handle the loss of a process, or its failure to start."""
        state = self._current_state(assignment)
        if state is None:
            return
        now = self._clock()
        if state.phase is Phase.ENDING:
            state.clear_process(Phase.WAITING, now)
            return
        # The machine may be dead; an answer from any of its processes will prove that it is not.
        if state.node:
            self._lost_at[state.node.id] = now
        state.restarts += 1
        state.error = state.with_node_name(reason)
        delay = state.backoff.next_delay()
        # A camera that was running is restarted immediately.
        state.retry_at = now if state.has_run else now + delay
        state.has_run = False
        state.clear_process(Phase.RETRYING, now)
        _log.warning(LogEvent("camera_lost", camera=assignment.name, error=state.error))

    def orders(self) -> list[Order]:
        """Return the orders to carry out now; the caller calls this every second."""
        now, reserved = self._clock(), self.reserved()
        self._credit_pause(now)
        orders: list[Order] = []
        for state in self._cameras.values():
            if state.assignment:
                if state.phase in _BEFORE_FIRST_ANSWER:
                    self._check_resources(state, reserved, now)
                orders += self._check(state, state.assignment, now)
        for name, state in [*self._cameras.items()]:
            if state.assignment:
                continue
            if state.configured is None:
                del self._cameras[name]
            else:
                orders += self._start(state, state.configured, now)
        return orders

    def _credit_pause(self, now: float) -> None:
        """Extend the deadlines of all answers by the time that the supervisor was suspended."""
        pause = now - self._last_orders_at - POLL_INTERVAL
        self._last_orders_at = now
        if pause > POLL_INTERVAL:
            for state in self._cameras.values():
                state.answered_at = min(state.answered_at + pause, now)

    def _check(self, state: CameraState, assignment: Assignment, now: float) -> Iterator[Order]:
        """Yield the orders for a camera that has a process."""
        if loss := self._loss_reason(state, now):
            yield Kill(assignment)
            self.on_lost(assignment, loss)
        elif state.configured == assignment.camera or state.phase is Phase.ENDING:
            return
        elif state.phase in _BEFORE_FIRST_ANSWER:
            yield Kill(assignment)
            state.clear_process(Phase.WAITING, now)
        else:
            reason = "stopped by the fleet" if state.configured is None else "its settings changed"
            yield Stop(assignment, reason)
            state.enter(Phase.ENDING, now)

    def _check_resources(
        self, state: CameraState, reserved: defaultdict[str, Resources], now: float
    ) -> None:
        """Set the phase of a new process: STARTING if a machine can run it now, else WAITING."""
        requested = state.resources
        fits = any(node.resources.can_fit(reserved[node.id], requested) for node in self.nodes)
        if fits and state.phase is Phase.WAITING:
            state.enter(Phase.STARTING, now)
        elif not fits and state.phase is Phase.STARTING:
            state.enter(Phase.WAITING, now)
            reason = _insufficient_resources(requested)
            state.error = state.error or reason
            _log.warning(LogEvent("camera_waiting", camera=state.camera.name, reason=reason))

    def _loss_reason(self, state: CameraState, now: float) -> str | None:
        """Return why a process counts as lost; None if it does not."""
        if state.node and state.node.id not in self._nodes:
            return "its machine left the cluster"
        if state.phase is Phase.STARTING and now - state.since > _START_TIMEOUT:
            return f"its process did not start within {_START_TIMEOUT:g} s"
        if state.phase is Phase.ENDING and now - state.since > _END_TIMEOUT:
            return f"its process did not end within {_END_TIMEOUT:g} s"
        if state.phase is Phase.RUNNING and now - state.answered_at > ANSWER_TIMEOUT:
            return f"its process did not answer for {ANSWER_TIMEOUT:g} s"
        return None

    def _start(self, state: CameraState, camera: Camera, now: float) -> Iterator[Order]:
        """Yield the order to start a camera without a process, unless it must wait or is over."""
        if camera != state.camera:
            state.camera, state.error = camera, None
            state.backoff.reset()
            state.clear_process(Phase.WAITING, now)
        if state.phase is Phase.OVER or (state.phase is Phase.RETRYING and now < state.retry_at):
            return
        state.last_epoch = max(state.last_epoch + 1, math.floor(self._unix()))
        state.assignment = Assignment(camera, state.last_epoch, self._nodes_to_avoid(camera, now))
        state.enter(Phase.STARTING, now)
        _log.info(LogEvent("camera_starting", camera=camera.name))
        yield Start(state.assignment)

    def _nodes_to_avoid(self, camera: Camera, now: float) -> tuple[str, ...]:
        # Cameras without a GPU also avoid machines with one, which other cameras may need.
        return tuple(
            node.id
            for node in self.nodes
            if now - self._lost_at.get(node.id, -math.inf) < _AVOID_SECONDS
            or (node.resources.gpus and not camera.gpus)
        )

    def _current_state(self, assignment: Assignment) -> CameraState | None:
        """Return the camera's state, or None if the process is not its current one."""
        state = self._cameras.get(assignment.name)
        return state if state and state.assignment is assignment else None


def _insufficient_resources(requested: Resources) -> str:
    gpus = f", gpus = {requested.gpus:g}" if requested.gpus else ""
    cpus = f"cpus = {requested.cpus:g}"
    return f"no machine has enough free resources: the camera needs {cpus}{gpus}"
