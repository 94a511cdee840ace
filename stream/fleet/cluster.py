"""Machines of a Ray cluster, and the camera processes on them."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from dancetype.engine.errors import WorkerError, first_line
from dancetype.stream.fleet.actor import CameraActor, LoadCamera
from dancetype.stream.fleet.cameras import Assignment
from dancetype.stream.fleet.report import Report
from dancetype.stream.ray_cluster import NOT_INSTALLED

_NODE_ID: Final = "ray.io/node-id"
# Sums of fractional cores have rounding errors.
_TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Resources:
    """Cores and GPUs of a machine, or reserved for cameras."""

    cpus: float = 0.0
    gpus: float = 0.0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(self.cpus + other.cpus, self.gpus + other.gpus)

    def can_fit(self, reserved: "Resources", requested: "Resources") -> bool:
        """Return whether `requested` is available in addition to `reserved`."""
        return (
            self.cpus - reserved.cpus - requested.cpus >= -_TOLERANCE
            and self.gpus - reserved.gpus - requested.gpus >= -_TOLERANCE
        )


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster. Ray assigns a new `id` each time it joins."""

    id: str
    name: str
    resources: Resources


class RayCluster:
    """Ray cluster, which chooses the machine of each process. All methods may block.

    Args:
        ray: The module `ray`, attached to a cluster.
        load_camera: Function that loads the models and creates the pipeline of a camera.
    """

    def __init__(self, ray: Any, load_camera: LoadCamera) -> None:
        self._ray = ray
        self._load_camera = load_camera
        self._actor = ray.remote(CameraActor)

    def nodes(self) -> list[Node]:
        """Return the machines that are alive."""
        return [
            Node(
                node["NodeID"],
                node["NodeManagerAddress"],
                Resources(node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0)),
            )
            for node in self._ray.nodes()
            if node["Alive"]
        ]

    def start(self, assignment: Assignment) -> "RayProcess":
        """Start a process on a machine that Ray chooses, once enough resources are free."""
        options: dict[str, Any] = {
            "num_cpus": assignment.camera.cpus,
            "num_gpus": assignment.camera.gpus,
            "scheduling_strategy": "SPREAD",
            # The docstring of supervisor.py explains why Ray must not restart the process.
            "max_restarts": 0,
        }
        if assignment.avoid:
            options["label_selector"] = {_NODE_ID: f"!in({','.join(assignment.avoid)})"}
            options["fallback_strategy"] = [{"label_selector": {}}]
        actor = self._actor.options(**options).remote(assignment, self._load_camera)
        return RayProcess(self._ray, actor)


class RayProcess:
    """Process of a camera, which is a Ray actor.

    The coroutines raise `WorkerError` if the process is gone.
    """

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray = ray
        self._actor = actor

    async def run(self) -> Report:
        """Run the camera to its end, and return the last report."""
        report: Report = await self._result(self._actor.run.remote())
        return report

    async def poll(self) -> Report:
        """Renew the lease and return the current report."""
        report: Report = await self._result(self._actor.poll.remote())
        return report

    async def stop(self, reason: str) -> None:
        """Stop the run in the process."""
        await self._result(self._actor.stop.remote(reason))

    def kill(self) -> None:
        """Kill the process; may block."""
        self._ray.kill(self._actor)

    async def _result(self, reference: Any) -> Any:
        try:
            return await reference
        except asyncio.CancelledError:
            raise
        # The actor's errors arrive as their original class or as one of Ray's.
        except Exception as error:
            raise WorkerError(_describe_error(error)) from error


def _describe_error(error: Exception) -> str:
    """Describe an error in one line; the texts of Ray contain the actor's traceback."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, Exception):
        return str(cause) or type(cause).__name__
    if "ModuleNotFoundError" in str(error):
        return NOT_INSTALLED
    texts = {
        "ActorDiedError": "its process died",
        "ActorUnavailableError": "its process does not answer",
        "ActorUnschedulableError": "its machine left the cluster",
        "ActorPlacementGroupRemoved": "its machine left the cluster",
        "OutOfMemoryError": "its machine ran out of memory",
        "RaySystemError": "Ray failed",
    }
    return texts.get(type(error).__name__, first_line(error))
