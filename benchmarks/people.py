"""Count how often dancers who cross lose their ids, and time several people on a real video."""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path
from statistics import mode
from time import process_time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import pose_model
from benchmarks.pages import render
from benchmarks.stage import PATHS, Floats, Scene, scene
from benchmarks.timer import timer
from dancetype.engine.errors import ExpectedError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.video import Video
from dancetype.engine.pose.base import PoseEstimator
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.skeleton import Array
from dancetype.engine.tracker import TRACK_TIMEOUT, DancerTracker, SingleTracker, Tracker
from dancetype.stream.system import filter_native_stderr
from dancetype.training.data.aist import SequenceName, read_sequences, sequence_names

RATES: Final = (30, 15, 60)
SPEEDS: Final = (0.5, 1.0, 2.0)

_SEQUENCES_PER_DANCER: Final = 2
_NEAR: Final = 0.15  # of the image's width: the largest distance to the same body


class Nearest:
    """Baseline without a tracker: each body has the id of the last body nearest to it."""

    def __init__(self) -> None:
        self._last_id = 0
        self._places: dict[int, tuple[float, Floats]] = {}

    def update(self, time: float, people: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        """Return the people found within the last `TRACK_TIMEOUT` seconds."""
        self._places = {
            k: place for k, place in self._places.items() if time - place[0] <= TRACK_TIMEOUT
        }
        found: dict[int, Landmarks] = {}
        for landmarks in people:
            hips = landmarks.image[[23, 24], :2].mean(axis=0)
            away = {
                key: float(np.linalg.norm(hips - place))
                for key, (_, place) in self._places.items()
                if key not in found
            }
            key = min(away, key=away.__getitem__, default=0)
            if away.get(key, 1.0) > _NEAR:
                self._last_id += 1
                key = self._last_id
            self._places[key] = time, hips
            found[key] = landmarks
        return {key: found.get(key) for key in self._places}

    def reset(self, reason: str) -> None:
        """Forget all people."""
        self._places = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Ids in one scene."""

    swapped: bool  # whether a dancer ended with an id that another had at the start
    lost: int  # dancers who ended with a new id
    ids: float  # of a dancer on average
    seconds: float  # that tracking took per frame


def outcome(filmed: Scene, dancers: int, tracker: Tracker) -> Outcome:
    """Track all dancers through a scene."""
    given: list[list[tuple[float, int]]] = [[] for _ in range(dancers)]
    spent: list[float] = []
    track = timer(spent, tracker.update)
    for time, frame in zip(filmed.times.tolist(), filmed.frames, strict=True):
        owner = {id(sighting.landmarks): sighting.owner for sighting in frame}
        tracked = track(time, [sighting.landmarks for sighting in frame])
        for key, landmarks in tracked.items():
            dancer = None if landmarks is None else owner[id(landmarks)]
            if dancer is not None:
                given[dancer].append((time, key))
    end = float(filmed.times[-1])
    before = [mode([key for time, key in each if time < filmed.quiet] or [0]) for each in given]
    after = [mode([key for time, key in each if time > end - 1.5] or [0]) for each in given]
    # A dancer who was hidden all the time at either end does not count.
    changed = [new for old, new in zip(before, after, strict=True) if old and new not in (0, old)]
    return Outcome(
        swapped=any(key in before for key in changed),
        lost=sum(key not in before for key in changed),
        ids=float(np.mean([len({key for _, key in each}) for each in given])),
        seconds=sum(spent) / len(filmed.frames),
    )


def crossings(data: Path, scenes: int) -> list[dict[str, Any]]:
    """Return the rows of ids by scene and by frame rate, without and with a tracker."""
    dances = _dances(data)
    everything: dict[tuple[int, str, float], list[list[Outcome]]] = {}
    for rate, path, speed in product(RATES, PATHS, SPEEDS):
        # The same dancers in the same places at each rate and speed.
        rng = np.random.default_rng([7, PATHS.index(path)])
        many = 3 if path == "three" else 2
        results = everything[rate, path, speed] = []
        for _ in range(scenes):
            names = rng.choice(sorted(dances), many, replace=False)
            chosen = [dances[name][rng.integers(len(dances[name]))] for name in names]
            filmed = scene(chosen, path, speed, rate, np.random.default_rng(rng.integers(2**32)))
            trackers: list[Tracker] = [Nearest(), DancerTracker(many + 1)]
            results.append([outcome(filmed, many, each) for each in trackers])
    rows = [
        _row(f"{path}, {speed} m/s", everything[RATES[0], path, speed])
        for path, speed in product(PATHS, SPEEDS)
    ]
    for rate in sorted(RATES):
        all_of_it = [each for key, some in everything.items() if key[0] == rate for each in some]
        rows.append(_row(f"**all, {rate} frames a second**", all_of_it))
    return rows


def _dances(data: Path) -> dict[str, list[Array]]:
    names = defaultdict(list)
    for name in sequence_names(data):
        names[SequenceName.parse(name).dancer].append(name)
    return {
        dancer: [
            sequence.joints
            for sequence in read_sequences(
                data, some[:: max(len(some) // _SEQUENCES_PER_DANCER, 1)], on_drop=print
            )
        ]
        for dancer, some in names.items()
    }


def _row(name: str, results: Sequence[Sequence[Outcome]]) -> dict[str, Any]:
    means = [
        {each: np.mean([getattr(o, each) for o in outcomes]) for each in Outcome.__slots__}
        for outcomes in zip(*results, strict=True)
    ]
    return {"name": name, "means": means}


@dataclass(slots=True)
class Cost:
    """Cost and yield of looking for a number of people in a video, by frame."""

    wall: list[float] = field(default_factory=list)  # seconds
    cpu: list[float] = field(default_factory=list)  # seconds
    found: list[int] = field(default_factory=list)
    tracking: list[float] = field(default_factory=list)  # seconds
    spans: dict[int, tuple[float, float]] = field(default_factory=dict)  # of each id

    def look(
        self,
        image: NDArray[np.uint8],
        time: float,
        estimator: PoseEstimator,
        tracker: Tracker,
    ) -> None:
        """Look for people in one frame."""
        find = timer(self.wall, timer(self.cpu, estimator.people, clock=process_time))
        found = find(image, time)
        self.found.append(len(found))
        for key, landmarks in timer(self.tracking, tracker.update)(time, found).items():
            if landmarks is not None:
                self.spans[key] = (self.spans.get(key, (time, time))[0], time)


def video_costs(video: Path, most: int, frames: int) -> list[Cost]:
    """Look for 1 to `most` people in one video, frame by frame in turns."""
    costs = [Cost() for _ in range(most)]
    model = pose_model()
    with Video(video) as reader, ExitStack() as stack:
        estimators = [stack.enter_context(open_estimator(model, people=n + 1)) for n in range(most)]
        trackers: list[Tracker] = [SingleTracker(), *(DancerTracker(n + 1) for n in range(1, most))]
        for time, image in islice(reader, frames):
            for estimator, tracker, cost in zip(estimators, trackers, costs, strict=True):
                cost.look(image, time, estimator, tracker)
    return costs


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="AIST++ folder")
    parser.add_argument("--video", type=Path, action="append", default=[], help="of several people")
    parser.add_argument("--most", type=int, default=4, help="people to look for at most")
    parser.add_argument("--scenes", type=int, default=24, help="of each path, speed and rate")
    parser.add_argument("--frames", type=int, default=2000, help="of each video at most")


def run(args: argparse.Namespace) -> None:
    """Print the tables of docs/explanation/tracking.md."""
    if args.data is None and not args.video:
        raise ExpectedError("nothing to look at: give --data AIST, --video FILE, or both")
    crossing = crossings(args.data, args.scenes) if args.data else []
    with filter_native_stderr():
        videos = [
            {"name": video.stem, "costs": video_costs(video, args.most, args.frames)}
            for video in args.video
        ]
    print(render("people", {"crossings": crossing, "videos": videos}))
