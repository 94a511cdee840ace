"""Counts how often dancers who cross lose their ids, and times several people on a real video.

Usage: python -m benchmarks.people [--data AIST] [--video FILE] [--scenes 24] [--frames 2000]
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.stage import PATHS, Floats, Scene, scene
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.base import PoseEstimator
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.skeleton import Array
from dancetype.engine.tracker import MEMORY, DancerTracker, SingleTracker, Tracker
from dancetype.stream.assets import POSE_MODELS, cache_folder, fetch
from dancetype.stream.system import filter_native_stderr
from dancetype.training.data.aist import SequenceName, read_sequences, sequence_names

RATES: Final = (30, 15, 60)
SPEEDS: Final = (0.5, 1.0, 2.0)

_EACH: Final = 2  # sequences of each dancer
_NEAR: Final = 0.15  # of the image's width, within which the nearest is taken for the same


class Nearest:
    """What there would be without a follower: each body is whoever was nearest to it last."""

    def __init__(self) -> None:
        self._last_id = 0
        self._places: dict[int, tuple[float, Floats]] = {}

    def update(self, time: float, people: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        """Everybody seen within the last second and a half."""
        self._places = {k: place for k, place in self._places.items() if time - place[0] <= MEMORY}
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
        """Forgets everybody."""
        del reason
        self._places = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the ids in one scene.

    Attributes:
        swapped: somebody ended with an id that somebody else had at the start.
        lost: how many ended with an id that nobody had.
        ids: how many ids a dancer had, mean.
        seconds: that following took, a frame.
    """

    swapped: bool
    lost: int
    ids: float
    seconds: float


def outcome(filmed: Scene, dancers: int, following: Tracker) -> Outcome:
    """Follows everybody through a scene."""
    given: list[list[tuple[float, int]]] = [[] for _ in range(dancers)]
    spent = 0.0
    for time, frame in zip(filmed.times.tolist(), filmed.frames, strict=True):
        start = perf_counter()
        followed = following.update(time, [sighting.landmarks for sighting in frame])
        spent += perf_counter() - start
        owner = {id(sighting.landmarks): sighting.owner for sighting in frame}
        for key, landmarks in followed.items():
            dancer = None if landmarks is None else owner[id(landmarks)]
            if dancer is not None:
                given[dancer].append((time, key))
    end = float(filmed.times[-1])
    before = [_usual(key for time, key in each if time < filmed.quiet) for each in given]
    after = [_usual(key for time, key in each if time > end - 1.5) for each in given]
    # A dancer who was hidden all the time at either end tells nothing.
    changed = [new for old, new in zip(before, after, strict=True) if old and new not in (0, old)]
    return Outcome(
        swapped=any(key in before for key in changed),
        lost=sum(key not in before for key in changed),
        ids=float(np.mean([len({key for _, key in each}) for each in given])),
        seconds=spent / len(filmed.frames),
    )


def _usual(keys: Iterable[int]) -> int:
    """The commonest, or 0 of none."""
    counts = Counter(keys)
    return max(counts, key=counts.__getitem__, default=0)


def crossings(data: Path, scenes: int) -> str:
    """A table of what becomes of ids, with and without a follower."""
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
            following: list[Tracker] = [Nearest(), DancerTracker(many + 1)]
            results.append([outcome(filmed, many, each) for each in following])
    lines = [
        "| scene | nearest: swapped | new ids | ids a dancer | follower: swapped | new ids "
        "| ids a dancer | ms a frame |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for path, speed in product(PATHS, SPEEDS):
        lines.append(_row(f"{path}, {speed} m/s", everything[RATES[0], path, speed]))
    for rate in sorted(RATES):
        all_of_it = [each for key, some in everything.items() if key[0] == rate for each in some]
        lines.append(_row(f"**all, {rate} frames a second**", all_of_it))
    return "\n".join(lines)


def _dances(data: Path) -> dict[str, list[Array]]:
    names = defaultdict(list)
    for name in sequence_names(data):
        names[SequenceName.parse(name).dancer].append(name)
    return {
        dancer: [
            sequence.joints
            for sequence in read_sequences(data, some[:: max(len(some) // _EACH, 1)], on_drop=print)
        ]
        for dancer, some in names.items()
    }


def _row(what: str, results: Sequence[Sequence[Outcome]]) -> str:
    cells = [what]
    for outcomes in zip(*results, strict=True):
        cells += [
            f"{100 * np.mean([each.swapped for each in outcomes]):.0f} %",
            f"{np.mean([each.lost for each in outcomes]):.2f}",
            f"{np.mean([each.ids for each in outcomes]):.2f}",
        ]
    return f"| {' | '.join(cells)} | {1e3 * np.mean([each[-1].seconds for each in results]):.2f} |"


@dataclass(slots=True)
class Cost:
    """What one number of people costs and yields on a video."""

    wall: list[float]
    cpu: list[float]
    found: list[int]
    following: list[float]
    spans: dict[int, tuple[float, float]]


def video_costs(video: Path, most: int, frames: int) -> str:
    """A table of one video for 1 to `most` people, frame by frame in turns."""
    model = fetch(POSE_MODELS["full"], cache_folder(), say=print)
    costs = [Cost([], [], [], [], {}) for _ in range(most)]
    reader = cv2.VideoCapture(str(video))
    rate = reader.get(cv2.CAP_PROP_FPS)
    with ExitStack() as stack:
        estimators = [stack.enter_context(open_estimator(model, people=n + 1)) for n in range(most)]
        everyone: list[Tracker] = [SingleTracker(), *(DancerTracker(n + 1) for n in range(1, most))]
        for index in range(frames):
            ok, image = reader.read()
            if not ok:
                break
            for estimator, following, cost in zip(estimators, everyone, costs, strict=True):
                _look(image.astype(np.uint8, copy=False), index / rate, estimator, following, cost)
    lines = [
        f"| {video.stem}, people | wall ms a frame | CPU ms a frame | times one | found a frame "
        "| follower ms a frame | ids | seconds each |",
        "|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for n, cost in enumerate(costs):
        lived = ", ".join(f"{end - start:.1f}" for start, end in cost.spans.values())
        lines.append(
            f"| {n + 1} | {1e3 * np.mean(cost.wall):.1f} | {1e3 * np.mean(cost.cpu):.1f} "
            f"| {np.sum(cost.cpu) / np.sum(costs[0].cpu):.2f} | {np.mean(cost.found):.2f} "
            f"| {1e3 * np.mean(cost.following):.2f} | {len(cost.spans)} | {lived} |"
        )
    return "\n".join(lines)


def _look(
    image: NDArray[np.uint8],
    time: float,
    estimator: PoseEstimator,
    following: Tracker,
    cost: Cost,
) -> None:
    wall, cpu = perf_counter(), process_time()
    seen = estimator.people(image, time)
    cost.wall.append(perf_counter() - wall)
    cost.cpu.append(process_time() - cpu)
    start = perf_counter()
    followed = following.update(time, seen)
    cost.following.append(perf_counter() - start)
    cost.found.append(len(seen))
    for key, landmarks in followed.items():
        if landmarks is not None:
            cost.spans[key] = (cost.spans.get(key, (time, time))[0], time)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="AIST++ folder")
    parser.add_argument("--video", type=Path, action="append", default=[], help="of several people")
    parser.add_argument("--most", type=int, default=4, help="people to look for at most")
    parser.add_argument("--scenes", type=int, default=24, help="of each path, speed and rate")
    parser.add_argument("--frames", type=int, default=2000, help="of each video at most")
    args = parser.parse_args()
    if args.data is None and not args.video:
        parser.error("say what to look at: --data AIST, --video FILE, or both")
    if args.data is not None:
        print(crossings(args.data, args.scenes), flush=True)
    for video in args.video:
        with filter_native_stderr():
            table = video_costs(video, args.most, args.frames)
        print(f"\n{table}", flush=True)


if __name__ == "__main__":
    main()
