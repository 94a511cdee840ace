"""Ray's side of a fleet: its machines, and processes on them."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol

from dancetype.engine.errors import WorkerError, first_line
from dancetype.stream.fleet.actor import CameraActor, Charge
from dancetype.stream.fleet.placing import Node, Room
from dancetype.stream.fleet.report import Farewell, Report
from dancetype.stream.fleet.supervisor import Placement


class Process(Protocol):
    """A camera's process."""

    def run(self) -> Awaitable[Farewell]:
        """Runs it; done when it has ended.

        Raises:
            WorkerError: it is gone.
        """
        ...

    def beat(self) -> Awaitable[Report]:
        """Asks how it is doing.

        Raises:
            WorkerError: it is gone.
        """
        ...

    def stop(self, reason: str) -> Awaitable[None]:
        """Has it end in good order, soon."""
        ...

    def kill(self) -> None:
        """Ends it, whatever it does; may take a while."""
        ...


class Yard(Protocol):
    """Machines, and who starts processes on them."""

    def nodes(self) -> list[Node]:
        """The machines that are alive; may take a while."""
        ...

    def start(self, placement: Placement) -> Process:
        """Starts a process, which comes up on its own; may take a while."""
        ...


class RayYard:
    """A Ray cluster.

    Args:
        ray: the module, attached.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._actor = ray.remote(CameraActor)

    def nodes(self) -> list[Node]:
        """The machines that are alive."""
        return [
            Node(
                node["NodeID"],
                node["NodeManagerAddress"],
                Room(node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0)),
            )
            for node in self._ray.nodes()
            if node["Alive"]
        ]

    def start(self, placement: Placement) -> "RayProcess":
        """Starts a process there and nowhere else: where else is for the supervisor to say."""
        camera = placement.camera
        strategy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            placement.node.id, soft=False
        )
        actor = self._actor.options(
            num_cpus=camera.cpus,
            num_gpus=camera.gpus,
            scheduling_strategy=strategy,
            max_restarts=0,
            max_task_retries=0,
        ).remote(Charge(camera, placement.epoch))
        return RayProcess(self._ray, actor)


class RayProcess:
    """An actor of a cluster."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray = ray
        self._actor = actor

    async def run(self) -> Farewell:
        """Runs it; done when it has ended.

        Raises:
            WorkerError: it is gone.
        """
        farewell: Farewell = await self._answer(self._actor.run.remote())
        return farewell

    async def beat(self) -> Report:
        """Asks how it is doing.

        Raises:
            WorkerError: it is gone.
        """
        report: Report = await self._answer(self._actor.beat.remote())
        return report

    async def stop(self, reason: str) -> None:
        """Has it end in good order, soon.

        Raises:
            WorkerError: it is gone.
        """
        await self._answer(self._actor.stop.remote(reason))

    def kill(self) -> None:
        """Ends it, whatever it does."""
        self._ray.kill(self._actor)

    async def _answer(self, reference: Any) -> Any:
        try:
            return await reference
        except asyncio.CancelledError:
            raise
        # What an actor raises comes as its own class or as one of Ray's.
        except Exception as error:
            raise WorkerError(_explained(error)) from error


def _explained(error: Exception) -> str:
    """One line of what Ray tells in many, with a traceback of the actor's."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, Exception):
        return str(cause) or type(cause).__name__
    kind = type(error).__name__
    if "ModuleNotFoundError" in str(error):
        return "dancetype is not installed there: pip install 'dancetype[fleet]' on each machine"
    known = {
        "ActorDiedError": "its process died",
        "ActorUnavailableError": "its process does not answer",
        "ActorUnschedulableError": "its machine is gone",
        "ActorPlacementGroupRemoved": "its machine is gone",
        "OutOfMemoryError": "its machine ran out of memory",
        "RaySystemError": "Ray fails",
    }
    return known.get(kind, first_line(error))
