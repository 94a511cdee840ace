"""Measure how fast the product is, beside a plain loop.

Takes ten minutes; with --quick, which looks at one file for a few seconds, two. All programs run
one after the other on this machine, which should have nothing else to do. Without a folder of
videos they look at the sample clip.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.clips import camera_clip, pose_model, repeated, sample_clip, size_of, videos_in
from benchmarks.pages import DOCS, Results
from benchmarks.performance import trials
from benchmarks.performance.goals import goals
from benchmarks.performance.trials import RUNTIMES, Pace
from dancetype.engine.defaults import DEFAULT_RUNTIME
from tests.testbed.rtsp_server import RtspServer, looping_url

PAGE: Final = DOCS / "explanation" / "performance.md"
PART: Final = "live"
_QUICK: Final = Pace(seconds=3.0, rounds=1, starts=1, calls=500, stream=False)
_LONGEST: Final = 60.0  # seconds for which a program reads one file
_CAMERA: Final = "RTSP, 1280 x 720, 30/s"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--videos", type=Path, help="folder of real clips")
    parser.add_argument("--quick", action="store_true", help="one round, a few seconds each")


def measure(args: argparse.Namespace) -> Results:
    """Measure everything."""
    clips = videos_in(args.videos) if args.videos else [sample_clip()]
    pace = _QUICK if args.quick else Pace()
    with tempfile.TemporaryDirectory() as folder:
        return _measure(clips[-1:] if args.quick else clips, Path(folder), pace)


def _measure(clips: Sequence[Path], folder: Path, pace: Pace) -> dict[str, Any]:
    # With the last clip if one is enough.
    print("the genre model")
    genre_model = trials.classifying(pace)
    sources: dict[str, str | Path] = {
        f"{clip.name}, {size_of(clip)}": repeated(clip, folder, seconds=_LONGEST) for clip in clips
    }
    clip = list(sources.values())[-1]
    beside, parts, thinned = {}, {}, {}
    with RtspServer(folder) as server:
        if pace.stream:
            sources[_CAMERA] = looping_url(camera_clip(clips[-1], folder).name, server.port)
        for name, source in sources.items():
            print(name)
            beside[name] = trials.beside(source, pose_model(), pace)
            parts[name] = {runtime: trials.parts(source, runtime, pace) for runtime in RUNTIMES}
        print("15 poses a second")
        for name, source in list(sources.items())[-2:]:
            thinned[name] = trials.thinned(source, DEFAULT_RUNTIME, pace)
    print("starts")
    starts = {runtime: trials.start(clip, runtime, pace) for runtime in RUNTIMES}
    loads = []
    for load in trials.cameras(clip, DEFAULT_RUNTIME, pace):
        print(f"{load.cameras} cameras on {load.cores} cores: {load.late_ms:.0f} ms")
        loads.append(load)
    return {
        "genre_model": genre_model,
        "beside": beside,
        "parts": parts,
        "thinned": thinned,
        "starts": starts,
        "loads": loads,
    }


def page_values(results: Results) -> dict[str, Any]:
    """Add the goals to the results."""
    accuracy = (DOCS / "explanation" / "accuracy.md").read_text(encoding="utf-8")
    return {
        **results,
        "goals": goals(results, accuracy),
        "plain": trials.PLAIN,
        "runtime": DEFAULT_RUNTIME,
        "camera_fps": trials.CAMERA_FPS,
        "late_ms": trials.LATE_MS,
    }
