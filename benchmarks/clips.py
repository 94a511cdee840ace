"""Models and clips for benchmarks."""

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
    """Return the demo's clip, downloaded into the cache if necessary."""
    return fetch(SAMPLE_CLIP, cache_folder(), report=print)


def pose_model() -> Path:
    """Return the full pose model, downloaded into the cache if necessary."""
    return fetch(POSE_MODELS["full"], cache_folder(), report=print)


def add_copies_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a benchmark that uses several copies of each clip in a folder."""
    parser.add_argument(
        "--videos", type=Path, help="folder of .mp4 clips (default: the sample clip)"
    )
    parser.add_argument(
        "--copies", type=int, default=4, help="copies of each clip (default: %(default)s)"
    )


def list_videos(folder: Path) -> list[Path]:
    """Return the videos of a folder.

    Raises:
        ExpectedError: There are none.
    """
    videos = sorted(folder.glob("*.mp4"))
    if not videos:
        raise ExpectedError(f"{folder}: no .mp4 in this folder")
    return videos


def copy_clips(videos: Path | None, copies: int, folder: Path) -> list[str]:
    """Copy the videos of a folder to another several times; return the names of the videos.

    If `videos` is None, the sample clip is copied.
    """
    paths = list_videos(videos) if videos else [sample_clip()]
    for path in paths:
        for number in range(copies):
            shutil.copy(path, folder / f"{number}-{path.name}")
    return [path.name for path in paths]


def repeat_clip(clip: Path, folder: Path, *, seconds: float) -> Path:
    """Write a video that repeats a clip for at least `seconds`, without re-encoding it."""
    out, playlist = folder / f"{clip.stem}.mp4", folder / f"{clip.stem}.txt"
    with av.open(str(clip)) as single:
        source = single.streams.video[0]
        assert source.duration is not None
        assert source.time_base is not None
        length = float(source.duration * source.time_base)
    # Without the duration, a longer audio track would cause gaps in the video.
    entry = f"file '{clip.resolve()}'\nduration {length}\n"
    playlist.write_text(entry * math.ceil(seconds / length), encoding="utf-8")
    with (
        av.open(str(playlist), format="concat", options={"safe": "0"}) as reader,
        av.open(str(out), "w") as writer,
    ):
        source = reader.streams.video[0]
        video = writer.add_stream_from_template(source)
        for packet in reader.demux(source):
            if packet.dts is not None:
                packet.stream = video
                writer.mux(packet)
    return out


def camera_clip(clip: Path, folder: Path) -> Path:
    """Write a clip as a camera would send it: 1280 x 720, 30 frames per second, H.264."""
    path = folder / "camera.mp4"
    write_stream(clip, path, width=1280, height=720, fps=30, seconds=20)
    return path


def describe_video(clip: Path) -> str:
    """Return width, height and frame rate of a video, such as "640 x 360, 30/s"."""
    with closing(av.open(str(clip))) as reader:
        video = reader.streams.video[0]
        return f"{video.width} x {video.height}, {float(video.average_rate or 0):.0f}/s"
