"""Video files with properties that OpenCV's writer does not offer."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_TICK = Fraction(1, 1000)


def coloured_frames(count: int, *, size: tuple[int, int] = (64, 48)) -> list[Image]:
    """Return ever brighter frames with a red top left corner, as `make_video` writes them."""
    width, height = size
    frames = []
    for index in range(count):
        image = np.full((height, width, 3), 10 + 200 * index // count, np.uint8)
        image[: height // 2, : width // 2] = (0, 0, 255)
        frames.append(image)
    return frames


def noisy_frames(count: int, *, size: tuple[int, int] = (160, 120)) -> list[Image]:
    """Return frames of noise, whose packets are large enough to damage."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (*size[::-1], 3), np.uint8) for _ in range(count)]


def write_video(
    path: Path,
    images: Sequence[Image],
    times: Iterable[float],
    *,
    codec: str = "libx264",
    pixel_aspect: Fraction | None = None,
    rotation: int = 0,
    mirrored: bool = False,
) -> Path:
    """Write a video.

    Args:
        path: Path of the file; its suffix is that of the container.
        images: (H, W, 3) BGR frames.
        times: Time of each frame in seconds.
        codec: Name of FFmpeg's encoder.
        pixel_aspect: Width of a pixel divided by its height, written to the stream.
        rotation: Counter-clockwise degrees by which a player has to turn the frames.
        mirrored: Whether a player then has to mirror them.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _TICK
        stream.codec_context.gop_size = 10
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation or mirrored:
            stream.set_display_rotation(rotation, hflip=mirrored)
        for image, time in zip(images, times, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = round(time / _TICK), _TICK
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def join_tracks(path: Path, clips: Sequence[Path], *, default: int | None = None) -> Path:
    """Write the video tracks of several clips to one file.

    Args:
        path: Path of the file.
        clips: Clips with one track each.
        default: Index of the track marked as default; all of them if None.
    """
    with ExitStack() as stack:
        container = stack.enter_context(av.open(str(path), "w"))
        inputs = [stack.enter_context(av.open(str(clip))) for clip in clips]
        originals = [original.streams.video[0] for original in inputs]
        # Before the first packet, which writes the header.
        copies = [container.add_stream_from_template(original) for original in originals]
        for index, copy in enumerate(copies):
            copy.disposition = Disposition.default if default in (None, index) else Disposition(0)
        for original, copy in zip(inputs, copies, strict=True):
            for packet in original.demux(original.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = copy
                    container.mux(packet)
    return path


def add_sound(clip: Path, path: Path, *, video_start: float) -> Path:
    """Write a copy of a clip with a second of silence, which starts at 0.

    Args:
        clip: Clip with a video track.
        path: Path of the copy.
        video_start: Time in seconds at which the video starts.
    """
    with av.open(str(clip)) as original, av.open(str(path), "w") as container:
        track = original.streams.video[0]
        video = container.add_stream_from_template(track)
        sound = container.add_stream("aac", rate=48_000)
        assert isinstance(sound, av.AudioStream)
        silence = av.AudioFrame(format="fltp", layout="mono", samples=48_000)
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        silence.sample_rate, silence.pts = 48_000, 0
        container.mux([*sound.encode(silence), *sound.encode()])
        for packet in original.demux(track):
            if packet.dts is not None and packet.pts is not None:
                shift = round(video_start / packet.time_base) - (track.start_time or 0)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = video
                container.mux(packet)
    return path
