"""Decide when each camera's process starts and ends, without side effects.

Where it runs is up to Ray, which takes the cores and GPUs of a camera as resources and spreads the
processes. Ray's own restarts stay off: they cannot meet the fault table of guides/fleet.md. With
Ray 2.60 and four nodes, a node that is killed is declared dead after 14 s. Its actors are restarted
only then, which with the time to load the models takes more than 15 s, and until then Ray places
new actors there, too. Nor does Ray notice a process that hangs, or wait before it restarts one that
crashes over and over. So lost processes are replaced from here, with a new epoch each, and Ray is
asked to avoid the machines that may be dead.
"""

import logging
import math
import random
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from dancetype.engine.log_event import LogEvent
from dancetype.stream.capture.backoff import Backoff
from dancetype.stream.fleet.cameras import Assignment, Camera
from dancetype.stream.fleet.cluster import Node, Resources
from dancetype.stream.fleet.report import Report
from dancetype.stream.messages import SourceState

_log = logging.getLogger(__name__)

POLL_INTERVAL: Final = 1.0
"""Seconds between polls of a process."""
SILENCE: Final = 4.0
"""Seconds without an answer after which a camera is started elsewhere."""
# Seconds for a process to answer first; a machine may have to load everything from disk.
_START_TIMEOUT: Final = 60.0
# Seconds for a process to end in good order.
_END_TIMEOUT: Final = 5.0
# Seconds for which a machine that has lost a process is avoided.
_DOUBT: Final = 30.0
# Seconds after which a process has done well: its next failure is a new one.
_SETTLED: Final = 30.0


class Phase(StrEnum):
    """What the fleet does about a camera."""

    WAITING = "waiting for a place"
    """No machine has room for its process, or it has none yet."""
    STARTING = "starting"
    """Its process has not answered yet."""
    RUNNING = "running"
    """Its process answers; the state of its source is another matter."""
    ENDING = "ending"
    """Its process has been told to end."""
    RETRYING = "to be started again"
    """Its process was lost, and the next one starts after a delay."""
    OVER = "over"
    """Its source has ended or has failed for good."""


_UNANSWERED: Final = (Phase.STARTING, Phase.WAITING)


@dataclass(frozen=True, slots=True)
class Start:
    """Start a process, and poll it."""

    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Stop:
    """Have a process end in good order."""

    assignment: Assignment
    reason: str


@dataclass(frozen=True, slots=True)
class Kill:
    """End a process at once, and poll it no more."""

    assignment: Assignment


Order = Start | Stop | Kill


@dataclass(slots=True, eq=False)
class CameraState:
    """State of a camera, for the supervisor to change and for others to read.

    Attributes:
        camera: The camera.
        wanted: The same camera as the file has it now; None if it is gone from there.
        backoff: Delays between failures.
        since: Time at which the phase began.
        phase: What the fleet does about it.
        assignment: Its process, or None.
        node: Machine of its process; None before the first answer.
        report: Last answer of its process.
        answered_at: Time of that answer.
        last_epoch: First epoch of its newest process.
        retry_at: Time of the next start while retrying.
        settled: Whether its process has worked.
        restarts: Number of processes lost.
        error: Reason of the last loss, or for which it waits.
    """

    camera: Camera
    wanted: Camera | None
    backoff: Backoff
    since: float
    phase: Phase = Phase.WAITING
    assignment: Assignment | None = None
    node: Node | None = None
    report: Report = field(default_factory=Report)
    answered_at: float = 0.0
    last_epoch: int = -1
    retry_at: float = 0.0
    settled: bool = False
    restarts: int = 0
    error: str | None = None

    @property
    def state(self) -> str:
        """State of its source if it runs, else the phase."""
        if self.phase in (Phase.RUNNING, Phase.OVER) and self.report.state:
            return self.report.state.value
        return self.phase.value

    @property
    def live(self) -> bool:
        """Whether it delivers frames."""
        return self.phase is Phase.RUNNING and self.report.state is SourceState.RUNNING

    @property
    def needs(self) -> Resources:
        """Cores and GPUs that it takes."""
        return Resources(self.camera.cpus, self.camera.gpus)

    def enter(self, phase: Phase, now: float) -> None:
        """Begin a phase."""
        self.phase, self.since = phase, now

    def vacate(self, phase: Phase, now: float) -> None:
        """Begin a phase without a process."""
        self.assignment = self.node = None
        self.report = Report()
        self.enter(phase, now)

    def located(self, text: str) -> str:
        """Return `text` with the name of the machine, if that is known."""
        return f"{text} (on {self.node.name})" if self.node else text


class Supervisor:
    """Keep each camera running in one process.

    The caller reports the cameras wanted, the machines and what processes answer, and carries out
    the orders.
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
        self._doubts: dict[str, float] = {}
        self._last_orders = clock()

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

    def age(self, state: CameraState) -> float:
        """Return for how many seconds a camera's phase has lasted."""
        return self._clock() - state.since

    def taken(self) -> defaultdict[str, Resources]:
        """Return what cameras take of each machine, by its id."""
        taken = defaultdict[str, Resources](Resources)
        for state in self._cameras.values():
            if state.node:
                taken[state.node.id] += state.needs
        return taken

    def want(self, cameras: Mapping[str, Camera]) -> None:
        """Set the cameras to run, in place of all earlier ones."""
        now = self._clock()
        removed = {name: state for name, state in self._cameras.items() if name not in cameras}
        for name, state in removed.items():
            state.wanted = None
            _log.info(LogEvent("camera_removed", camera=name))
        kept = {name: self._wanted(name, camera, now) for name, camera in cameras.items()}
        self._cameras = {**kept, **removed}

    def _wanted(self, name: str, camera: Camera, now: float) -> CameraState:
        state = self._cameras.get(name)
        if state is None:
            _log.info(LogEvent("camera_added", camera=name, source=camera.shown))
            return CameraState(camera, camera, Backoff(self._clock, draw=self._draw), now)
        if state.wanted != camera:
            _log.info(LogEvent("camera_changed", camera=name, source=camera.shown))
            state.wanted = camera
        return state

    def set_nodes(self, nodes: Sequence[Node]) -> None:
        """Set the machines that are alive."""
        alive = {node.id: node for node in nodes}
        for node in nodes:
            if node.id not in self._nodes:
                _log.info(LogEvent("node_joined", node=node.name, cores=node.resources.cpus))
        for id_, node in self._nodes.items():
            if id_ not in alive:
                _log.warning(LogEvent("node_lost", node=node.name))
        self._nodes = alive

    def on_report(self, assignment: Assignment, report: Report) -> None:
        """Take note of a process's answer."""
        state = self._current(assignment)
        if state is None:
            return
        now = self._clock()
        before, state.report, state.answered_at = state.report, report, now
        state.node = state.node or self._nodes.get(report.node)
        self._doubts.pop(report.node, None)
        if (report.state, report.fault) != (before.state, before.fault):
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
        if state.phase in _UNANSWERED:
            state.enter(Phase.RUNNING, now)
            state.error = state.error if state.restarts else None
        if state.phase is Phase.RUNNING and report.state is SourceState.RUNNING:
            state.settled = True
            if now - state.since >= _SETTLED:
                state.backoff.reset()

    def on_exit(self, assignment: Assignment, report: Report) -> None:
        """Take note of the last report of a process that has ended in good order."""
        state = self._current(assignment)
        if state is None:
            return
        if state.phase is Phase.ENDING:
            state.vacate(Phase.WAITING, self._clock())
            return
        self.on_report(assignment, report)
        if report.state is SourceState.FAILED:
            # A missing file may exist on another machine.
            state.error = state.located(f"{report.reason}")
        state.assignment = state.node = None
        state.enter(Phase.OVER, self._clock())

    def on_lost(self, assignment: Assignment, reason: str) -> None:
        """Take note of a process that is gone or has never started."""
        state = self._current(assignment)
        if state is None:
            return
        now = self._clock()
        if state.phase is Phase.ENDING:
            state.vacate(Phase.WAITING, now)
            return
        # The whole machine may be dead. If it is not, its other processes will answer.
        if state.node:
            self._doubts[state.node.id] = now
        state.restarts += 1
        state.error = state.located(reason)
        delay = state.backoff.wait()
        # One that has worked is started again at once.
        state.retry_at = now if state.settled else now + delay
        state.settled = False
        state.vacate(Phase.RETRYING, now)
        _log.warning(LogEvent("camera_lost", camera=assignment.name, error=state.error))

    def orders(self) -> list[Order]:
        """Return what has to be done now; to be called every second."""
        now, taken = self._clock(), self.taken()
        self._credit_pause(now)
        orders: list[Order] = []
        for state in self._cameras.values():
            if state.assignment:
                if state.phase in _UNANSWERED:
                    self._check_room(state, taken, now)
                orders += self._check(state, state.assignment, now)
        for name, state in [*self._cameras.items()]:
            if state.assignment:
                continue
            if state.wanted is None:
                del self._cameras[name]
            else:
                orders += self._start(state, state.wanted, now)
        return orders

    def _credit_pause(self, now: float) -> None:
        """Leave the time in which this process was suspended out of every process's silence."""
        pause = now - self._last_orders - POLL_INTERVAL
        self._last_orders = now
        if pause > POLL_INTERVAL:
            for state in self._cameras.values():
                state.answered_at = min(state.answered_at + pause, now)

    def _check(self, state: CameraState, assignment: Assignment, now: float) -> Iterator[Order]:
        """Check a camera that has a process."""
        lost = self._loss(state, now)
        if lost:
            yield Kill(assignment)
            self.on_lost(assignment, lost)
        elif state.wanted == assignment.camera or state.phase is Phase.ENDING:
            return
        elif state.phase in _UNANSWERED:
            yield Kill(assignment)
            state.vacate(Phase.WAITING, now)
        else:
            yield Stop(assignment, "no longer wanted" if state.wanted is None else "to be changed")
            state.enter(Phase.ENDING, now)

    def _check_room(
        self, state: CameraState, taken: defaultdict[str, Resources], now: float
    ) -> None:
        """Distinguish a process that comes up from one that waits in Ray's queue."""
        needs = state.needs
        room = any(node.resources.fits(taken[node.id], needs) for node in self.nodes)
        if room and state.phase is Phase.WAITING:
            state.enter(Phase.STARTING, now)
        elif not room and state.phase is Phase.STARTING:
            state.enter(Phase.WAITING, now)
            state.error = state.error or _no_room(needs)
            _log.warning(
                LogEvent("camera_waiting", camera=state.camera.name, reason=_no_room(needs))
            )

    def _loss(self, state: CameraState, now: float) -> str | None:
        """Return why a process has to be given up, if it has to be."""
        if state.node and state.node.id not in self._nodes:
            return "its machine is gone"
        if state.phase is Phase.STARTING and now - state.since > _START_TIMEOUT:
            return f"did not start for {_START_TIMEOUT:g} s"
        if state.phase is Phase.ENDING and now - state.since > _END_TIMEOUT:
            return f"did not end for {_END_TIMEOUT:g} s"
        if state.phase is Phase.RUNNING and now - state.answered_at > SILENCE:
            return f"silent for {SILENCE:g} s"
        return None

    def _start(self, state: CameraState, wanted: Camera, now: float) -> Iterator[Order]:
        """Start a process of a camera that has none, unless it has to wait or is over."""
        if wanted != state.camera:
            state.camera, state.error = wanted, None
            state.backoff.reset()
            state.vacate(Phase.WAITING, now)
        if state.phase is Phase.OVER or (state.phase is Phase.RETRYING and now < state.retry_at):
            return
        state.last_epoch = max(state.last_epoch + 1, math.floor(self._unix()))
        state.assignment = Assignment(wanted, state.last_epoch, self._to_avoid(wanted, now))
        state.enter(Phase.STARTING, now)
        _log.info(LogEvent("camera_starting", camera=wanted.name))
        yield Start(state.assignment)

    def _to_avoid(self, camera: Camera, now: float) -> tuple[str, ...]:
        # Machines with a GPU are better left to the cameras that need one.
        return tuple(
            node.id
            for node in self.nodes
            if now - self._doubts.get(node.id, -math.inf) < _DOUBT
            or (node.resources.gpus and not camera.gpus)
        )

    def _current(self, assignment: Assignment) -> CameraState | None:
        """Return the camera's state, or None if the process is not its current one."""
        state = self._cameras.get(assignment.name)
        return state if state and state.assignment is assignment else None


def _no_room(needs: Resources) -> str:
    gpus = f" and {needs.gpus:g} GPUs" if needs.gpus else ""
    return f"no machine has room: it takes {needs.cpus:g} of a machine's cores{gpus}"
