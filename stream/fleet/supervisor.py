"""Decides which camera runs where, without touching anything: orders go out, news comes in."""

import logging
import math
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dancetype.stream.capture.backoff import Backoff
from dancetype.stream.fleet.cameras import Camera
from dancetype.stream.fleet.placing import Node, Room, choose, total
from dancetype.stream.fleet.report import Ending, Farewell, Report
from dancetype.stream.messages import SourceState

_log = logging.getLogger(__name__)

BEAT: Final = 1.0
"""Seconds from one question to a process to the next."""
SILENCE: Final = 4.0
"""Seconds without an answer after which a camera is started elsewhere."""
# For a process to come up; a machine may have to load everything from its disk for the first time.
_START_PATIENCE: Final = 60.0
# For one to end in good order.
_END_PATIENCE: Final = 5.0
# For which a machine that has lost a process is rather left alone.
_DOUBT: Final = 30.0
# One that has run for so long has done well: its next failure is a new one.
_SETTLED: Final = 30.0


class Phase(StrEnum):
    """What the fleet is doing about a camera."""

    WAITING = "waiting for a place"
    """No machine has room for it."""
    STARTING = "starting"
    """Its process comes up."""
    RUNNING = "running"
    """Its process answers; what its source does is another matter."""
    ENDING = "ending"
    """Its process is to end."""
    RETRYING = "to be started again"
    """Its process was lost, and the next has to wait for a moment."""
    OVER = "over"
    """Its source has ended or was given up, and nothing is left to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """One process of a camera, and no other one of it.

    Attributes:
        camera: that it is for.
        node: where it is.
        epoch: its first one; tells it from the camera's other processes.
    """

    camera: Camera
    node: Node
    epoch: int

    @property
    def name(self) -> str:
        """The camera's."""
        return self.camera.name


@dataclass(frozen=True, slots=True)
class Start:
    """Start a process, and ask it each second."""

    placement: Placement


@dataclass(frozen=True, slots=True)
class Stop:
    """Have a process end in good order."""

    placement: Placement
    reason: str


@dataclass(frozen=True, slots=True)
class Kill:
    """End a process whatever it does, and ask it no more."""

    placement: Placement


Order = Start | Stop | Kill


@dataclass(frozen=True, slots=True)
class View:
    """How a camera stands, for people and programs.

    Attributes:
        camera: which one.
        phase: what the fleet does about it.
        since: seconds that this has been so.
        node: where it is, or None.
        epoch: first one of its process, or None.
        report: what its process said last.
        restarts: how often its process was lost.
        error: why, the last time; or why it waits.
    """

    camera: Camera
    phase: Phase
    since: float
    node: Node | None
    epoch: int | None
    report: Report
    restarts: int
    error: str | None

    @property
    def state(self) -> str:
        """One word for it: its source's where it runs, else the fleet's."""
        if self.phase in (Phase.RUNNING, Phase.OVER) and self.report.state:
            return self.report.state.value
        return self.phase.value

    @property
    def live(self) -> bool:
        """Whether it gives frames."""
        return self.phase is Phase.RUNNING and self.report.state is SourceState.RUNNING


class _Post:
    """What is known of one camera."""

    def __init__(self, camera: Camera, backoff: Backoff, now: float) -> None:
        self.camera: Camera = camera
        self.wanted: Camera | None = camera
        self.backoff = backoff
        self.phase = Phase.WAITING
        self.since = now
        self.placement: Placement | None = None
        self.heard = now
        self.last_epoch = -1
        self.retry_at = now
        self.settled = False
        self.report = Report()
        self.restarts = 0
        self.error: str | None = None

    def turn(self, phase: Phase, now: float) -> None:
        self.phase, self.since = phase, now


class Supervisor:
    """Keeps each camera running in one process.

    Whoever holds one tells it what is wanted, which machines there are and what is heard of
    processes, and carries out what it orders.

    Args:
        clock: monotonic, in seconds.
        unix: seconds since 1970.
        draw: gives numbers from 0 to 1.
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
        self._posts: dict[str, _Post] = {}
        self._nodes: dict[str, Node] = {}
        self._doubts: dict[str, float] = {}
        self._ordered = clock()

    @property
    def nodes(self) -> Collection[Node]:
        """The machines there are."""
        return self._nodes.values()

    @property
    def idle(self) -> bool:
        """Whether no camera has a process."""
        return all(post.placement is None for post in self._posts.values())

    def views(self) -> list[View]:
        """How each camera stands, in the order of the file."""
        now = self._clock()
        return [
            View(
                camera=post.camera,
                phase=post.phase,
                since=now - post.since,
                node=post.placement.node if post.placement else None,
                epoch=post.placement.epoch if post.placement else None,
                report=post.report,
                restarts=post.restarts,
                error=post.error,
            )
            for post in self._posts.values()
        ]

    def taken(self) -> dict[str, Room]:
        """What cameras take of each machine, by its id."""
        by_node: dict[str, list[Room]] = {}
        for post in self._posts.values():
            if post.placement:
                by_node.setdefault(post.placement.node.id, []).append(_room(post.placement.camera))
        return {node: total(rooms) for node, rooms in by_node.items()}

    def want(self, cameras: Mapping[str, Camera]) -> None:
        """These cameras are to run, as they are here, and no others."""
        now = self._clock()
        for name, post in self._posts.items():
            if name not in cameras:
                post.wanted = None
                _log.info("camera %s: no longer wanted", name)
        for name, camera in cameras.items():
            known = self._posts.get(name)
            if known is None:
                backoff = Backoff(self._clock, draw=self._draw)
                self._posts[name] = _Post(camera, backoff, now)
                _log.info("camera %s: new, %s", name, camera.shown)
            else:
                if known.wanted != camera:
                    _log.info("camera %s: changed, %s", name, camera.shown)
                known.wanted = camera
        self._posts = {
            **{name: self._posts[name] for name in cameras},
            **{name: post for name, post in self._posts.items() if name not in cameras},
        }

    def see(self, nodes: Sequence[Node]) -> None:
        """These machines are there now."""
        now = {node.id: node for node in nodes}
        for node in nodes:
            if node.id not in self._nodes:
                _log.info("node %s: there, with %g cores", node.name, node.room.cpus)
        for id_, node in self._nodes.items():
            if id_ not in now:
                _log.warning("node %s: gone", node.name)
        self._nodes = now
        self._doubts = {id_: at for id_, at in self._doubts.items() if id_ in now}

    def hear(self, placement: Placement, report: Report) -> None:
        """A process has answered."""
        post = self._holder(placement)
        if post is None:
            return
        now = self._clock()
        if (report.state, report.fault) != (post.report.state, post.report.fault):
            level = logging.WARNING if report.fault else logging.INFO
            told = f"{report.state}, {report.reason}" if report.reason else report.state
            _log.log(level, "camera %s: %s on %s", placement.name, told, placement.node.name)
        post.heard, post.report = now, report
        self._doubts.pop(placement.node.id, None)
        if post.phase is Phase.STARTING:
            post.turn(Phase.RUNNING, now)
            post.error = None if not post.restarts else post.error
        if post.phase is Phase.RUNNING and report.state is SourceState.RUNNING:
            post.settled = True
            if now - post.since >= _SETTLED:
                post.backoff.reset()

    def end(self, placement: Placement, farewell: Farewell) -> None:
        """A process has come to its end by itself, or as it was told."""
        post = self._holder(placement)
        if post is None:
            return
        if farewell.ending is Ending.ABANDONED:
            self.lose(placement, "it had not been asked for")
        elif post.phase is Phase.ENDING or farewell.ending is Ending.STOPPED:
            self._vacate(post)
        else:
            self.hear(placement, farewell.report)
            if farewell.report.state is SourceState.FAILED:
                # What is missing may be there on another machine.
                post.error = f"{farewell.report.reason} (on {placement.node.name})"
            post.placement = None
            post.turn(Phase.OVER, self._clock())

    def lose(self, placement: Placement, reason: str) -> None:
        """A process is gone, or never came up."""
        post = self._holder(placement)
        if post is None:
            return
        if post.phase is Phase.ENDING:
            self._vacate(post)
            return
        now = self._clock()
        # The whole machine may be dead. If it is not, others there will be heard of.
        self._doubts[placement.node.id] = now
        post.placement = None
        post.report = Report()
        post.restarts += 1
        post.error = f"{reason} (on {placement.node.name})"
        wait = post.backoff.wait()
        # It is to be back soon, and has not failed over and over.
        post.retry_at = now if post.settled else now + wait
        post.settled = False
        post.turn(Phase.RETRYING, now)
        _log.warning("camera %s: lost: %s", placement.name, post.error)

    def orders(self) -> list[Order]:
        """What is to be done now; to be asked for each second."""
        now = self._clock()
        self._forgive(now)
        orders: list[Order] = []
        for post in self._posts.values():
            orders += self._of_running(post, now)
        taken = self.taken()
        for post in [*self._posts.values()]:
            if post.placement is None:
                orders += self._of_resting(post, taken, now)
        return orders

    def _forgive(self, now: float) -> None:
        """Takes the time in which we stood still ourselves off everybody's silence."""
        stood = now - self._ordered - BEAT
        self._ordered = now
        if stood > BEAT:
            for post in self._posts.values():
                post.heard = min(post.heard + stood, now)

    def _of_running(self, post: _Post, now: float) -> Iterator[Order]:
        placement = post.placement
        if placement is None:
            return
        patience = {
            Phase.STARTING: (post.since, _START_PATIENCE),
            Phase.ENDING: (post.since, _END_PATIENCE),
        }.get(post.phase, (post.heard, SILENCE))
        if placement.node.id not in self._nodes:
            yield Kill(placement)
            self.lose(placement, "its machine is gone")
        elif now - patience[0] > patience[1]:
            yield Kill(placement)
            what = "did not start" if post.phase is Phase.STARTING else "silent"
            self.lose(placement, f"{what} for {patience[1]:g} s")
        elif post.wanted != placement.camera and post.phase is not Phase.ENDING:
            yield Stop(placement, "no longer wanted" if post.wanted is None else "to be changed")
            post.turn(Phase.ENDING, now)

    def _of_resting(self, post: _Post, taken: dict[str, Room], now: float) -> Iterator[Order]:
        if post.wanted is None:
            del self._posts[post.camera.name]
            return
        if post.wanted != post.camera:
            post.camera = post.wanted
            post.error = None
            post.backoff.reset()
            post.report = Report()
            post.turn(Phase.WAITING, now)
        if post.phase is Phase.OVER or (post.phase is Phase.RETRYING and now < post.retry_at):
            return
        wanted = _room(post.camera)
        doubtful = {id_ for id_, at in self._doubts.items() if now - at < _DOUBT}
        node = choose(self._nodes.values(), taken, wanted, doubtful=doubtful)
        if node is None:
            if post.phase is not Phase.WAITING or post.error is None:
                post.error = post.error or _no_room(wanted)
                _log.warning("camera %s: waiting: %s", post.camera.name, _no_room(wanted))
                post.turn(Phase.WAITING, now)
            return
        post.last_epoch = max(post.last_epoch + 1, math.floor(self._unix()))
        post.placement = Placement(post.camera, node, post.last_epoch)
        taken[node.id] = total([taken.get(node.id, Room()), wanted])
        post.heard = now
        post.turn(Phase.STARTING, now)
        _log.info("camera %s: starting on %s", post.camera.name, node.name)
        yield Start(post.placement)

    def _vacate(self, post: _Post) -> None:
        post.placement = None
        post.report = Report()
        post.turn(Phase.WAITING, self._clock())

    def _holder(self, placement: Placement) -> _Post | None:
        """The camera whose process this is; None where it has another one by now, or none."""
        post = self._posts.get(placement.name)
        return post if post and post.placement is placement else None


def _room(camera: Camera) -> Room:
    return Room(camera.cpus, camera.gpus)


def _no_room(wanted: Room) -> str:
    gpus = f" and {wanted.gpus:g} GPUs" if wanted.gpus else ""
    return f"no machine has room: it takes {wanted.cpus:g} of a machine's cores{gpus}"
