"""Where there is room for a camera."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

# Shares of cores are summed as floats.
_TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Room:
    """Cores and GPUs: what a machine has, or what a camera takes."""

    cpus: float = 0.0
    gpus: float = 0.0

    def less(self, taken: "Room") -> "Room":
        """What is left after `taken`."""
        return Room(self.cpus - taken.cpus, self.gpus - taken.gpus)

    def holds(self, wanted: "Room") -> bool:
        """Whether there is enough for `wanted`."""
        left = self.less(wanted)
        return left.cpus >= -_TOLERANCE and left.gpus >= -_TOLERANCE


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster.

    Attributes:
        id: Ray's, new each time a machine joins.
        name: its address, for people.
        room: what it has.
    """

    id: str
    name: str
    room: Room


def total(rooms: Iterable[Room]) -> Room:
    """What all of them take, or have, together."""
    taken = list(rooms)
    return Room(sum(room.cpus for room in taken), sum(room.gpus for room in taken))


def choose(
    nodes: Collection[Node],
    taken: Mapping[str, Room],
    wanted: Room,
    *,
    doubtful: Collection[str] = (),
) -> Node | None:
    """The machine with the most cores left; None where none has enough.

    Args:
        nodes: there are.
        taken: by a node's id, by cameras that are there already.
        wanted: by the camera.
        doubtful: ids of nodes that may be dead, taken only where no other has room.
    """
    left = {node.id: node.room.less(taken.get(node.id, Room())) for node in nodes}
    roomy = [node for node in nodes if left[node.id].holds(wanted)]
    # A camera without a GPU had better leave those machines to the ones that need them.
    return min(
        roomy,
        key=lambda node: (
            node.id in doubtful,
            not wanted.gpus and node.room.gpus > 0,
            -left[node.id].cpus,
            node.name,
            node.id,
        ),
        default=None,
    )
