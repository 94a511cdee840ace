"""The machine in words, and what the programs are shown."""

import os
import platform
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import psutil

from benchmarks.marked import conditions
from tests.testbed.rtsp_server import write_stream

_FLAGS: Final = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp")
_FLAG_LINES: Final = ("flags", "features")
_CPU: Final = Path("/proc/cpuinfo")


def machine() -> str:
    """Day, commit and machine, as a sentence."""
    memory = psutil.virtual_memory().total / 1e9
    vectors = ", ".join(_vectors()) or "none known"
    return (
        f"Measured on {conditions()}; vector instructions: {vectors}; {memory:.0f} GB of memory; "
        f"{platform.system()}; Python {platform.python_version()}. Before it began, "
        f"{os.getloadavg()[0]:.1f} other programs were computing on average."
    )


def _vectors() -> list[str]:
    lines = _CPU.read_text(encoding="utf-8").splitlines() if _CPU.exists() else []
    flags = {
        flag for line in lines if line.lower().startswith(_FLAG_LINES) for flag in line.split()
    }
    return [flag for flag in _FLAGS if flag in flags]


def repeated(clip: Path, folder: Path, *, seconds: float) -> Path:
    """The clip over and over in one file, not encoded anew, of `seconds` at least."""
    out = folder / f"{clip.stem}.mp4"
    with av.open(str(out), "w") as written:
        video = None
        shift = 0
        length = Fraction(0)
        while length < seconds:
            with av.open(str(clip)) as read:
                source = read.streams.video[0]
                video = video or written.add_stream_from_template(source)
                end = 0
                for packet in read.demux(source):
                    if packet.dts is None or packet.pts is None or packet.duration is None:
                        continue
                    end = max(end, packet.pts + packet.duration)
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = video
                    written.mux(packet)
                assert source.time_base is not None
                shift += end
                length = shift * source.time_base
    return out


def stream_of(clip: Path, folder: Path) -> str:
    """Writes a clip as a 720p camera sends it at 30 frames a second; its name in the folder."""
    name = "camera.mp4"
    write_stream(clip, folder / name, width=1280, height=720, fps=30, seconds=20)
    return name


def size_of(clip: Path) -> str:
    """Width, height and frames a second of a video."""
    with closing(av.open(str(clip))) as read:
        video = read.streams.video[0]
        return f"{video.width} x {video.height}, {float(video.average_rate or 0):.0f}/s"
