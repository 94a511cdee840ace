"""Measure the pages of `dancetype browser` in Chromium, whose camera plays clips.

Poses per second depend on what else the machine does; the agreement hardly does, since Python
classifies the frames that the page has processed.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.clips import pose_model, sample_clip
from benchmarks.pages import DOCS
from dancetype.engine.classifier import Classifier
from dancetype.engine.recognizer import Prediction
from dancetype.stream.system import filter_native_stderr
from dancetype.stream.web.browser.build import build_pages
from tests.testbed.browser_pages import (
    CameraRun,
    classify_camera,
    make_camera_clip,
    python_predictions,
)
from tests.testbed.demo_server import camera_arguments, chromium
from tests.testbed.file_server import FileServer

PAGE: Final = DOCS / "guides" / "browser.md"
PART: Final = "measured"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", type=Path, nargs="*", help="clips (default: the sample clip)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=60,
        help="maximum duration of a clip (default: %(default)s)",
    )


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the results of each clip."""
    with tempfile.TemporaryDirectory() as folder, filter_native_stderr():
        site = Path(folder) / "site"
        build_pages(site, genre_model=None, pose_model=pose_model(), report=print)
        videos = args.videos or [sample_clip()]
        clips = [_measure_clip(video, site, args.seconds) for video in videos]
    return {"clips": clips}


def _measure_clip(video: Path, site: Path, seconds: float) -> dict[str, Any]:
    clip = site / "camera.mjpeg"
    frames = make_camera_clip(video, clip, seconds=seconds)
    with FileServer(site) as server, chromium(*camera_arguments(clip)) as browser:
        page = browser.new_page()
        page.goto(f"http://{server.host}/")
        version = browser.version
        result = classify_camera(page, frames=frames)
    numbers = [frame["number"] for frame in result.frames]
    classifier = Classifier(device="cpu")
    same = python_predictions(clip, numbers, pose_model(), classifier)
    every = python_predictions(clip, range(numbers[-1] + 1), pose_model(), classifier)
    return {
        "video": video.name,
        "browser": version,
        "delegate": result.delegate,
        "hops": len(result.hops),
        "poses_per_second": len(result.frames) / result.seconds,
        "frame_ms": _median(frame["milliseconds"] for frame in result.frames),
        "pose_ms": _median(1000 * frame["poseSeconds"] for frame in result.frames),
        "genre_ms": _median(1000 * hop["prediction"]["latency"]["classify"] for hop in result.hops),
        "same_frames": _agreement(result, same),
        "every_frame": _agreement(result, every),
    }


def _median(values: Any) -> float:
    return float(np.median(list(values)))


def _agreement(result: CameraRun, expected: Mapping[int, Prediction]) -> float:
    """Return the share of hops with the status and genre of Python's latest prediction."""
    return float(np.mean([_agrees(hop, expected) for hop in result.hops]))


def _agrees(hop: Mapping[str, Any], expected: Mapping[int, Prediction]) -> bool:
    latest: Sequence[int] = [number for number in expected if number <= hop["number"]]
    prediction, message = expected[max(latest)], hop["prediction"]
    return (prediction.status, prediction.genre) == (message["status"], message["genre"])
