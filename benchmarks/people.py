"""Count lost identities of crossing dancers, and measure the cost of several people on a video."""

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
from benchmarks.stage import PATHS, Floats, Scene, create_scene
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
_MAX_DISTANCE: Final = 0.15  # between two detections of one body, as a share of the image width


class NearestTracker:
    """Baseline tracker: each body gets the id of the nearest body at its last position."""

    def __init__(self) -> None:
        self._last_id = 0
        self._last_positions: dict[int, tuple[float, Floats]] = {}

    def update(self, time: float, people: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        """Return the people detected within the last `TRACK_TIMEOUT` seconds."""
        self._last_positions = {
            key: (last_time, hips)
            for key, (last_time, hips) in self._last_positions.items()
            if time - last_time <= TRACK_TIMEOUT
        }
        tracked: dict[int, Landmarks] = {}
        for landmarks in people:
            hips = landmarks.image[[23, 24], :2].mean(axis=0)
            distances = {
                key: float(np.linalg.norm(hips - last_hips))
                for key, (_, last_hips) in self._last_positions.items()
                if key not in tracked
            }
            key = min(distances, key=distances.__getitem__, default=0)
            if distances.get(key, 1.0) > _MAX_DISTANCE:
                self._last_id += 1
                key = self._last_id
            self._last_positions[key] = time, hips
            tracked[key] = landmarks
        return {key: tracked.get(key) for key in self._last_positions}

    def reset(self, reason: str) -> None:
        """Forget all people."""
        self._last_positions = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Identities in one scene.

    Attributes:
        swapped: Whether a dancer ended with an id that another dancer had at the start.
        lost: Number of dancers who ended with a new id.
        ids: Mean number of ids per dancer.
        seconds: Time of the tracker per frame.
    """

    swapped: bool
    lost: int
    ids: float
    seconds: float


def track_scene(scene: Scene, dancers: int, tracker: Tracker) -> Outcome:
    """Track all dancers through a scene."""
    ids_by_dancer: list[list[tuple[float, int]]] = [[] for _ in range(dancers)]
    durations: list[float] = []
    track = timer(durations, tracker.update)
    for time, frame in zip(scene.times.tolist(), scene.frames, strict=True):
        dancer_of = {id(detection.landmarks): detection.dancer for detection in frame}
        tracked = track(time, [detection.landmarks for detection in frame])
        for key, landmarks in tracked.items():
            dancer = None if landmarks is None else dancer_of[id(landmarks)]
            if dancer is not None:
                ids_by_dancer[dancer].append((time, key))
    end = float(scene.times[-1])
    before = [
        mode([key for time, key in ids if time < scene.quiet] or [0]) for ids in ids_by_dancer
    ]
    after = [mode([key for time, key in ids if time > end - 1.5] or [0]) for ids in ids_by_dancer]
    # Ignore dancers who were not detected at the start or at the end (id 0).
    changed = [new for old, new in zip(before, after, strict=True) if old and new not in (0, old)]
    return Outcome(
        swapped=any(key in before for key in changed),
        lost=sum(key not in before for key in changed),
        ids=float(np.mean([len({key for _, key in ids}) for ids in ids_by_dancer])),
        seconds=sum(durations) / len(scene.frames),
    )


def crossings(data: Path, scenes: int) -> list[dict[str, Any]]:
    """Return the rows of the table, by scene and by frame rate, of both trackers."""
    dances = _read_dances(data)
    outcomes: dict[tuple[int, str, float], list[list[Outcome]]] = {}
    for rate, path, speed in product(RATES, PATHS, SPEEDS):
        # The seed does not depend on rate and speed, so all have the same dancers and positions.
        rng = np.random.default_rng([7, PATHS.index(path)])
        count = 3 if path == "three" else 2
        by_scene = outcomes[rate, path, speed] = []
        for _ in range(scenes):
            names = rng.choice(sorted(dances), count, replace=False)
            chosen = [dances[name][rng.integers(len(dances[name]))] for name in names]
            scene_rng = np.random.default_rng(rng.integers(2**32))
            scene = create_scene(chosen, path, speed, rate, scene_rng)
            trackers: list[Tracker] = [NearestTracker(), DancerTracker(count + 1)]
            by_scene.append([track_scene(scene, count, tracker) for tracker in trackers])
    rows = [
        _row(f"{path}, {speed} m/s", outcomes[RATES[0], path, speed])
        for path, speed in product(PATHS, SPEEDS)
    ]
    for rate in sorted(RATES):
        same_rate = [
            scene for key, by_scene in outcomes.items() if key[0] == rate for scene in by_scene
        ]
        rows.append(_row(f"**all, {rate} frames per second**", same_rate))
    return rows


def _read_dances(data: Path) -> dict[str, list[Array]]:
    """Return the joints of some sequences of each dancer."""
    names_by_dancer = defaultdict(list)
    for name in sequence_names(data):
        names_by_dancer[SequenceName.parse(name).dancer].append(name)
    return {
        dancer: [
            sequence.joints
            for sequence in read_sequences(
                data, names[:: max(len(names) // _SEQUENCES_PER_DANCER, 1)], on_drop=print
            )
        ]
        for dancer, names in names_by_dancer.items()
    }


def _row(name: str, scenes: Sequence[Sequence[Outcome]]) -> dict[str, Any]:
    """Return the mean figures of each tracker over several scenes."""
    means = [
        {
            figure: np.mean([getattr(outcome, figure) for outcome in outcomes])
            for figure in Outcome.__slots__
        }
        for outcomes in zip(*scenes, strict=True)
    ]
    return {"name": name, "means": means}


@dataclass(slots=True)
class Cost:
    """Cost and results of detecting a number of people in a video.

    Attributes:
        wall: Seconds of pose estimation in each frame.
        cpu: CPU seconds of pose estimation in each frame.
        found: Number of people in each frame.
        tracking: Seconds of tracking in each frame.
        spans: Times of the first and last detection of each id.
    """

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    found: list[int] = field(default_factory=list)
    tracking: list[float] = field(default_factory=list)
    spans: dict[int, tuple[float, float]] = field(default_factory=dict)

    def process(
        self,
        image: NDArray[np.uint8],
        time: float,
        estimator: PoseEstimator,
        tracker: Tracker,
    ) -> None:
        """Detect and track the people in one frame."""
        detect = timer(self.wall, timer(self.cpu, estimator.people, clock=process_time))
        people = detect(image, time)
        self.found.append(len(people))
        for key, landmarks in timer(self.tracking, tracker.update)(time, people).items():
            if landmarks is not None:
                self.spans[key] = (self.spans.get(key, (time, time))[0], time)


def video_costs(video: Path, max_people: int, frames: int) -> list[Cost]:
    """Measure the detection of 1 to `max_people` people in one video, alternating in each frame."""
    counts = range(1, max_people + 1)
    costs = [Cost() for _ in counts]
    model = pose_model()
    with Video(video) as reader, ExitStack() as stack:
        estimators = [stack.enter_context(open_estimator(model, people=count)) for count in counts]
        trackers: list[Tracker] = [
            SingleTracker() if count == 1 else DancerTracker(count) for count in counts
        ]
        for time, image in islice(reader, frames):
            for estimator, tracker, cost in zip(estimators, trackers, costs, strict=True):
                cost.process(image, time, estimator, tracker)
    return costs


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="AIST++ folder")
    parser.add_argument(
        "--video", type=Path, action="append", default=[], help="video of several people"
    )
    parser.add_argument(
        "--most", type=int, default=4, help="largest number of people (default: %(default)s)"
    )
    parser.add_argument(
        "--scenes",
        type=int,
        default=24,
        help="scenes for each path, speed and rate (default: %(default)s)",
    )
    parser.add_argument(
        "--frames",
        type=int,
        default=2000,
        help="largest number of frames of each video (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> None:
    """Print the tables of docs/explanation/tracking.md."""
    if args.data is None and not args.video:
        raise ExpectedError("nothing to measure: use --data AIST, --video FILE or both")
    crossing_rows = crossings(args.data, args.scenes) if args.data else []
    with filter_native_stderr():
        videos = [
            {"name": video.stem, "costs": video_costs(video, args.most, args.frames)}
            for video in args.video
        ]
    print(render("people", {"crossings": crossing_rows, "videos": videos}))
