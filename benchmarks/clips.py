"""Models and clips that benchmarks measure with."""

import argparse
import math
import shutil
from contextlib import closing
from pathlib import Path

import av

from dancetype.engine.errors import ExpectedError
from dancetype.stream.assets import POSE_MODELS, SAMPLE_CLIP, cache_folder, fetch
from tests.testbed.rtsp_server import write_stream


def sample_clip() -> Path:
    """Return the demo's clip, from the cache or fetched into it."""
    return fetch(SAMPLE_CLIP, cache_folder(), report=print)


def pose_model() -> Path:
    """Return the full pose model, from the cache or fetched into it."""
    return fetch(POSE_MODELS["full"], cache_folder(), report=print)


def add_copies_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a benchmark that takes several copies of each clip of a folder."""
    parser.add_argument("--videos", type=Path, required=True, help="folder of clips")
    parser.add_argument("--copies", type=int, default=4, help="copies of each clip")


def videos_in(folder: Path) -> list[Path]:
    """Return the videos of a folder.

    Raises:
        ExpectedError: There are none.
    """
    found = sorted(folder.glob("*.mp4"))
    if not found:
        raise ExpectedError(f"{folder}: no .mp4 in this folder")
    return found


def copy_clips(videos: Path, copies: int, folder: Path) -> list[str]:
    """Copy a folder's videos into another, several times each; return the videos' names."""
    found = videos_in(videos)
    for video in found:
        for number in range(copies):
            shutil.copy(video, folder / f"{number}-{video.name}")
    return [video.name for video in found]


def repeated(clip: Path, folder: Path, *, seconds: float) -> Path:
    """Write the clip over and over into one file, without re-encoding, for at least `seconds`."""
    out, playlist = folder / f"{clip.stem}.mp4", folder / f"{clip.stem}.txt"
    with av.open(str(clip)) as once:
        source = once.streams.video[0]
        assert source.duration is not None
        assert source.time_base is not None
        length = float(source.duration * source.time_base)
    # Without the duration, a longer sound track would leave gaps in the picture.
    entry = f"file '{clip.resolve()}'\nduration {length}\n"
    playlist.write_text(entry * math.ceil(seconds / length), encoding="utf-8")
    with (
        av.open(str(playlist), format="concat", options={"safe": "0"}) as read,
        av.open(str(out), "w") as written,
    ):
        source = read.streams.video[0]
        video = written.add_stream_from_template(source)
        for packet in read.demux(source):
            if packet.dts is not None:
                packet.stream = video
                written.mux(packet)
    return out


def camera_clip(clip: Path, folder: Path) -> Path:
    path = folder / "camera.mp4"
    write_stream(clip, path, width=1280, height=720, fps=30, seconds=20)
    return path


def size_of(clip: Path) -> str:
    """Return width, height and frames a second of a video in words."""
    with closing(av.open(str(clip))) as read:
        video = read.streams.video[0]
        return f"{video.width} x {video.height}, {float(video.average_rate or 0):.0f}/s"
