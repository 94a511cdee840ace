"""Measure what FFmpeg's decoder options save, and what they change in landmarks and genres.

Each clip is encoded as a camera or a streaming program would send it, in 1280 x 720. The last row
of each stream shows, for comparison, the effect of changing the last bit of one value in 500.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from time import process_time
from typing import Any, Final, Literal

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from benchmarks.clips import list_videos, pose_model
from benchmarks.pages import DOCS, Results
from benchmarks.pose_runtimes import agreement, change_last_bits
from dancetype.engine.media.extraction import extract_track
from dancetype.engine.media.sampler import FrameSampler
from dancetype.engine.media.track import Track
from dancetype.engine.media.video import Video
from dancetype.engine.pose.base import PoseEstimator
from dancetype.engine.pose.opening import open_estimator
from dancetype.stream.system import filter_native_stderr

Codec = Literal["libx264", "libx265"]

PAGE: Final = DOCS / "explanation" / "performance.md"
PART: Final = "decoding"
FPS: Final = 30
POSE_FPS: Final = 15.0
SIZE: Final = (1280, 720)
STREAMS: Final[Mapping[str, tuple[Codec, dict[str, str]]]] = {
    "camera, H.264": (
        "libx264",
        {"preset": "faster", "profile": "high", "crf": "24", "g": "60", "bf": "0"},
    ),
    "streaming program, H.264 with B-frames": (
        "libx264",
        {"preset": "faster", "profile": "high", "crf": "24", "g": "60"},
    ),
    "camera, H.265": (
        "libx265",
        {
            "preset": "superfast",
            "crf": "26",
            "x265-params": "bframes=0:keyint=60:log-level=none",
        },
    ),
}
DEFAULT: Final = "one thread"
NOISE: Final = "changed last bits"
OPTIONS: Final[Mapping[str, dict[str, str]]] = {
    DEFAULT: {},
    "two threads, by frame": {"thread_type": "FRAME"},
    "`skip_loop_filter=noref`": {"skip_loop_filter": "noref"},
    "`skip_loop_filter=all`": {"skip_loop_filter": "all"},
    "`skip_frame=noref`": {"skip_frame": "noref"},
}
_ROUNDS: Final = 3

Images = Iterator[tuple[float, NDArray[np.uint8]]]


def encode(
    clip: Path, path: Path, codec: Codec, options: Mapping[str, str], seconds: float
) -> None:
    """Encode the first frames of a clip, with black bars where its shape differs."""
    width, height = SIZE
    with Video(clip, fps=FPS) as video, av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=Fraction(FPS), options=dict(options))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _, image in islice(video, round(seconds * FPS)):
            scale = min(width / image.shape[1], height / image.shape[0])
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            frame = np.zeros((height, width, 3), np.uint8)
            top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
            frame[top : top + small.shape[0], left : left + small.shape[1]] = small
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        file.mux(stream.encode())


def configure(decoder: VideoCodecContext, options: Mapping[str, str]) -> None:
    """Set the options of a decoder that is not open yet; without `thread_type`, one thread."""
    decoder.thread_type = options.get("thread_type", "SLICE")
    decoder.thread_count = 2 if "thread_type" in options else 1
    decoder.skip_frame = "NONREF" if "skip_frame" in options else "DEFAULT"
    if loop_filter := options.get("skip_loop_filter"):
        decoder.options = {"skip_loop_filter": loop_filter}


def decode(path: Path, options: Mapping[str, str]) -> Images:
    """Yield time and image of the frames that `--pose-fps 15` selects."""
    sampler = FrameSampler(POSE_FPS)
    with av.open(str(path)) as container:
        configure(container.streams.video[0].codec_context, options)
        for frame in container.decode(video=0):
            assert frame.time is not None
            if sampler.accept(frame.time):
                yield frame.time, frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


def cpu_seconds(path: Path, options: Mapping[str, str]) -> tuple[float, int, int]:
    """Return the CPU time of decoding, and the numbers of packets and decoded frames."""
    packets = frames = 0
    start = process_time()
    with av.open(str(path)) as container:
        configure(container.streams.video[0].codec_context, options)
        for packet in container.demux(video=0):
            packets += packet.size > 0
            frames += len(packet.decode())
        return process_time() - start, packets, frames


def nearest(track: Track, times: NDArray[np.float64]) -> Track:
    """Return the frames of a track that are nearest to `times`, as if they were at these times."""
    indices = np.abs(track.times[None] - times[:, None]).argmin(axis=1)
    return replace(
        track,
        times=times,
        world=track.world[indices],
        image=track.image[indices],
        visibility=track.visibility[indices],
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--videos", type=Path, required=True, help="folder of .mp4 clips")
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="length of each clip (default: %(default)s)"
    )


def measure(args: argparse.Namespace) -> Results:
    """Encode all clips, and decode them with all options."""
    clips = list_videos(args.videos)
    rows: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        filter_native_stderr(),
        open_estimator(pose_model()) as estimator,
    ):
        for stream, (codec, codec_options) in STREAMS.items():
            files = [Path(folder) / f"{codec}-{clip.stem}.mkv" for clip in clips]
            for clip, file in zip(clips, files, strict=True):
                encode(clip, file, codec, codec_options, args.seconds)
            rows += _measure_stream(stream, files, estimator)
            for file in files:
                file.unlink()
    return {"rows": rows, "clips": [clip.name for clip in clips], "seconds": args.seconds}


def _measure_stream(
    stream: str, files: list[Path], estimator: PoseEstimator
) -> Iterator[dict[str, Any]]:
    """Yield a row for each option."""
    costs = _measure_costs(files)
    references = [extract_track(decode(file, {}), estimator, name=file.stem) for file in files]
    for option in (*OPTIONS, NOISE):
        print(f"{stream}: {option}")
        compared = []
        for file, reference in zip(files, references, strict=True):
            images = decode(file, OPTIONS.get(option, {}))
            images = change_last_bits(images) if option == NOISE else images
            track = extract_track(images, estimator, name=file.stem)
            track = nearest(track, reference.times)
            compared.append(agreement(file.stem, option, reference, track))
        windows = [row["windows"] for row in compared]
        yield {
            "stream": stream,
            "option": option,
            "cost": costs.get(option),
            "same_windows": np.average([row["genres"] for row in compared], weights=windows),
            "windows": sum(windows),
            "mean_cm": np.mean([row["mean_cm"] for row in compared]),
        }


def _measure_costs(files: list[Path]) -> dict[str, dict[str, float]]:
    """Return the cost of each option: CPU time, also relative, and the share of decoded frames."""
    # In turn, so that other load on the machine affects all options.
    rounds = [
        {
            name: np.sum([cpu_seconds(file, options) for file in files], axis=0)
            for name, options in OPTIONS.items()
        }
        for _ in range(_ROUNDS)
    ]
    best = {name: min(round_[name][0] for round_ in rounds) for name in OPTIONS}
    _, packets, _ = rounds[0][DEFAULT]
    return {
        name: {
            "ms": best[name] / packets * 1e3,
            "ratio": best[name] / best[DEFAULT],
            "frames": rounds[0][name][2] / packets,
        }
        for name in OPTIONS
    }
