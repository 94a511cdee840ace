"""Measure the performance of `dancetype run`, and compare it with a plain loop.

Takes about twelve minutes, or three with --quick, which uses one file for a few seconds. The
programs run one after the other on this machine, which should be idle. Without --videos they
process the sample clip.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.clips import (
    camera_clip,
    describe_video,
    list_videos,
    pose_model,
    repeat_clip,
    sample_clip,
)
from benchmarks.pages import DOCS, Results
from benchmarks.performance import trials
from benchmarks.performance.goals import MAX_SLOWDOWN, goals
from benchmarks.performance.trials import RUNTIMES, TrialSettings
from dancetype.engine.defaults import DEFAULT_RUNTIME
from tests.testbed.rtsp_server import RtspServer, looping_url

PAGE: Final = DOCS / "explanation" / "performance.md"
PART: Final = "live"
_QUICK: Final = TrialSettings(seconds=3.0, rounds=1, starts=1, calls=500, stream=False)
_FILE_SECONDS: Final = 60.0  # longer than any trial
_CAMERA: Final = "RTSP, 1280 x 720, 30/s"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--videos", type=Path, help="folder of .mp4 clips")
    parser.add_argument("--quick", action="store_true", help="one round of a few seconds each")


def measure(args: argparse.Namespace) -> Results:
    """Run all trials."""
    clips = list_videos(args.videos) if args.videos else [sample_clip()]
    settings = _QUICK if args.quick else TrialSettings()
    with tempfile.TemporaryDirectory() as folder:
        return _measure(clips[-1:] if args.quick else clips, Path(folder), settings)


def _measure(clips: Sequence[Path], folder: Path, settings: TrialSettings) -> dict[str, Any]:
    print("the genre model")
    genre_model = trials.genre_model_times(settings)
    sources: dict[str, str | Path] = {
        f"{clip.name}, {describe_video(clip)}": repeat_clip(clip, folder, seconds=_FILE_SECONDS)
        for clip in clips
    }
    # Trials that need only one clip use the last one.
    last_clip = list(sources.values())[-1]
    camera = camera_clip(clips[-1], folder)
    comparison, parts, reduced = {}, {}, {}
    with RtspServer(folder) as server:
        if settings.stream:
            sources[_CAMERA] = looping_url(camera.name, server.port)
        for name, source in sources.items():
            print(name)
            comparison[name] = trials.compare_programs(source, pose_model(), settings)
            parts[name] = {
                runtime: trials.cpu_by_part(source, runtime, settings) for runtime in RUNTIMES
            }
        print("15 poses per second")
        for name, source in list(sources.items())[-2:]:
            reduced[name] = trials.compare_pose_rates(source, DEFAULT_RUNTIME, settings)
    print("start times")
    starts = {runtime: trials.start_times(last_clip, runtime, settings) for runtime in RUNTIMES}
    loads = []
    for load in trials.camera_loads(last_clip, DEFAULT_RUNTIME, settings):
        print(f"{load.cameras} cameras on {load.cores} cores: {load.late_ms:.0f} ms")
        loads.append(load)
    most = max((load.cameras for load in loads if load.held and load.cores > 1), default=1)
    print(f"{2 * most} cameras, more than the machine can process")
    overload = trials.overload(last_clip, DEFAULT_RUNTIME, settings, 2 * most)
    print("cameras of 1280 x 720 beside a browser")
    long = folder / "long"
    long.mkdir()
    long_camera = repeat_clip(camera, long, seconds=_FILE_SECONDS)
    overlay = trials.beside_overlay(long_camera, DEFAULT_RUNTIME, settings)
    return {
        "genre_model": genre_model,
        "beside": comparison,
        "parts": parts,
        "thinned": reduced,
        "starts": starts,
        "loads": loads,
        "overload": overload,
        "overlay": overlay,
    }


def page_values(results: Results) -> dict[str, Any]:
    """Add the goals and the constants of the trials to the results."""
    accuracy = (DOCS / "explanation" / "accuracy.md").read_text(encoding="utf-8")
    return {
        **results,
        "goals": goals(results, accuracy),
        "plain": trials.PLAIN_LOOP,
        "runtime": DEFAULT_RUNTIME,
        "camera_fps": trials.CAMERA_FPS,
        "late_ms": trials.MAX_LATENCY_MS,
        "max_slowdown": MAX_SLOWDOWN,
    }
