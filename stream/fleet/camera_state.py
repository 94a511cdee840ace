"""State of one camera of a fleet."""

from dataclasses import dataclass, field
from enum import StrEnum

from dancetype.stream.capture.backoff import Backoff
from dancetype.stream.fleet.cameras import Assignment, Camera
from dancetype.stream.fleet.cluster import Node, Resources
from dancetype.stream.fleet.report import Report


class Phase(StrEnum):
    """Phase in the life cycle of a camera's process.

    The values are published in `/status` and as a label of metrics, so they never change.
    """

    WAITING = "waiting for a place"
    """There is no process yet, or no machine has enough free resources for it."""
    STARTING = "starting"
    """The process has not answered yet."""
    RUNNING = "running"
    """The process answers; its source may be in any state."""
    ENDING = "ending"
    """The process was asked to stop."""
    RETRYING = "to be started again"
    """The process was lost, and the next one starts after a delay."""
    OVER = "over"
    """The source has ended or failed permanently."""


@dataclass(slots=True, eq=False)
class CameraState:
    """State of a camera. Only the supervisor changes it.

    Attributes:
        camera: Configuration of the current process.
        configured: Configuration in the cameras file; None if the camera was removed.
        backoff: Delays between restarts.
        since: Time at which the phase began.
        phase: Phase of the process.
        assignment: Current process, or None.
        node: Machine of the process; None before its first answer.
        report: Last answer of the process.
        answered_at: Time of the last answer.
        last_epoch: First epoch of the newest process.
        retry_at: Time of the next start while retrying.
        has_run: Whether the source has been running in the current process.
        restarts: Number of lost processes.
        error: Reason for the last loss, or for waiting.
    """

    camera: Camera
    configured: Camera | None
    backoff: Backoff
    since: float
    phase: Phase = Phase.WAITING
    assignment: Assignment | None = None
    node: Node | None = None
    report: Report = field(default_factory=Report)
    answered_at: float = 0.0
    last_epoch: int = -1
    retry_at: float = 0.0
    has_run: bool = False
    restarts: int = 0
    error: str | None = None

    @property
    def state(self) -> str:
        """State of the source if its process is running, else the phase."""
        if self.phase in (Phase.RUNNING, Phase.OVER) and self.report.state:
            return self.report.state.value
        return self.phase.value

    @property
    def live(self) -> bool:
        """Whether the camera delivers frames."""
        state = self.report.state
        return self.phase is Phase.RUNNING and state is not None and state.delivers

    @property
    def resources(self) -> Resources:
        """Cores and GPUs to reserve."""
        return Resources(self.camera.cpus, self.camera.gpus)

    def enter(self, phase: Phase, now: float) -> None:
        """Begin a phase."""
        self.phase, self.since = phase, now

    def clear_process(self, phase: Phase, now: float) -> None:
        """Begin a phase without a process."""
        self.assignment = self.node = None
        self.report = Report()
        self.enter(phase, now)

    def with_node_name(self, text: str) -> str:
        """Return `text` with the name of the machine, if that is known."""
        return f"{text} (on {self.node.name})" if self.node else text
