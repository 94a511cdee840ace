"""Measures how fast it is, beside a plain loop, and writes a part of docs/performance.md.

Usage: python -m benchmarks.performance [--videos FOLDER] [--quick] [--out docs/performance.md]

Takes ten minutes; with --quick, which looks at one file for a few seconds, two. All programs run
one after the other on this machine, which should have nothing else to do. Without a folder of
videos the sample clip is what they look at.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.marked import ROOT, write_part
from benchmarks.performance.machine import machine, repeated, size_of, stream_of
from benchmarks.performance.page import goals_table
from benchmarks.performance.tables import Found, goals, tables
from benchmarks.performance.trials import (
    RUNTIMES,
    Pace,
    beside,
    cameras,
    classifying,
    parts,
    start,
    thinned,
)
from dancetype.engine.defaults import DEFAULT_RUNTIME
from dancetype.engine.errors import ExpectedError
from dancetype.stream.assets import POSE_MODELS, SAMPLE_CLIP, cache_folder, fetch
from tests.testbed.rtsp_server import RtspServer, endless

PAGE: Final = ROOT / "docs" / "performance.md"
ACCURACY: Final = ROOT / "docs" / "accuracy.md"
_QUICK: Final = Pace(seconds=3.0, rounds=1, starts=1, calls=500, stream=False)
# A file has to last for as long as a program looks at it.
_LONGEST: Final = 60.0
_CAMERA: Final = "RTSP, 1280 x 720, 30/s"

_console: Final = Console(stderr=True)


def measure(clips: Sequence[Path], folder: Path, pace: Pace) -> Found:
    """Measures everything, with the last of the clips where one is enough."""
    pose_model = fetch(POSE_MODELS["full"], cache_folder(), say=_console.print)
    found = Found()
    _say("the genre model")
    found.genre_model = classifying(pace)
    sources: dict[str, str | Path] = {
        f"{clip.name}, {size_of(clip)}": repeated(clip, folder, seconds=_LONGEST) for clip in clips
    }
    clip = list(sources.values())[-1]
    with RtspServer(folder) as server:
        if pace.stream:
            sources[_CAMERA] = endless(stream_of(clips[-1], folder), server.port)
        for name, source in sources.items():
            _say(name)
            found.beside[name] = beside(source, pose_model, pace)
            found.parts[name] = {runtime: parts(source, runtime, pace) for runtime in RUNTIMES}
        _say("15 poses a second")
        for name, source in list(sources.items())[-2:]:
            found.thinned[name] = thinned(source, DEFAULT_RUNTIME, pace)
    _say("starts")
    found.starts = {runtime: start(clip, runtime, pace) for runtime in RUNTIMES}
    for load in cameras(clip, DEFAULT_RUNTIME, pace):
        _say(f"{load.cameras} cameras on {load.cores} cores: {load.late_ms:.0f} ms")
        found.loads.append(load)
    return found


def part(found: Found, said: str) -> str:
    """What the page holds of it; `said` tells when and where."""
    goal_table = goals_table(goals(found, ACCURACY.read_text(encoding="utf-8")), said)
    return "\n\n".join(table.text() for table in (goal_table, *tables(found)))


def _say(what: str) -> None:
    _console.print(what, highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=Path, help="folder of real clips")
    parser.add_argument("--quick", action="store_true", help="one round, a few seconds each")
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args()
    # Before anything of ours keeps the machine busy.
    said = machine()
    pace = _QUICK if args.quick else Pace()
    try:
        if args.videos:
            clips = sorted(args.videos.glob("*.mp4"))
        else:
            clips = [fetch(SAMPLE_CLIP, cache_folder(), say=_console.print)]
        if not clips:
            raise ExpectedError(f"{args.videos}: no .mp4 in this folder")
        with tempfile.TemporaryDirectory() as folder:
            found = measure(clips[-1:] if args.quick else clips, Path(folder), pace)
        write_part(args.out, "live", part(found, said))
    except (ExpectedError, OSError) as error:
        sys.exit(f"error: {error}")
    _console.print(f"written: {args.out}")


if __name__ == "__main__":
    main()
