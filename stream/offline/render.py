"""Annotated copy of a clip with the dancer's skeleton and the predictions."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Final, Literal, Self, TypeAlias

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.container import InputContainer
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from dancetype.engine.media.opencv import cv2
from dancetype.engine.media.video import Video, find_video_stream, is_jump, open_video
from dancetype.stream.offline.analysis import ClipAnalysis, latest_indices
from dancetype.stream.offline.overlay import Overlay, Picture

_SoundPacket: TypeAlias = "av.Packet[av.AudioStream]"
_Codec = Literal["libx264", "mpeg4"]

# Codecs in order of preference, with options for speed and quality.
_CODECS: Final[dict[_Codec, dict[str, str]]] = {
    "libx264": {"preset": "superfast", "crf": "21"},
    "mpeg4": {"qmin": "2", "qmax": "6"},
}
# Fine enough for all usual frame times to within 0.01 ms, and close to MPEG-4's limit.
_TICK: Final = Fraction(1, 60_000)


def _packets(
    container: InputContainer, sound: av.AudioStream, start: float
) -> Iterator[tuple[float, _SoundPacket]]:
    """Yield the sound packets, each with its time in seconds since the first frame at `start`.

    Where the times jump, they continue from there, as those of the frames do.
    """
    shift = end = 0
    last: int | None = None
    try:
        for packet in container.demux(sound):
            if packet.dts is None or packet.pts is None:
                continue
            if last is None:
                shift = round(start / packet.time_base)
            elif is_jump(float((packet.dts - shift - last) * packet.time_base)):
                shift = packet.dts - end
            packet.pts -= shift
            packet.dts -= shift
            # MP4 needs rising times.
            if last is None or packet.dts > last:
                last, end = packet.dts, packet.dts + max(packet.duration or 1, 1)
                yield float(packet.dts * packet.time_base), packet
    # A damaged part ends the sound, as it ends the frames; everything before it is kept.
    except av.FFmpegError:
        return


class VideoWriter:
    """An MP4 file that is written frame by frame; a context manager.

    Args:
        path: Path of the file.
        width: Width of the frames in pixels; an odd one is padded.
        height: Height of the frames in pixels; an odd one is padded.
        rate: Approximate number of frames per second.
        original: Clip to copy the sound and the colour properties from.
        start: Time of the first frame in the original, in seconds.
        threads: Number of encoding threads; one per core if 0.

    Attributes:
        unsupported_codec: Codec of the sound if MP4 does not support it, else None.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        *,
        rate: float,
        original: InputContainer,
        start: float,
        threads: int,
    ) -> None:
        with _as_os_errors():
            self._container = av.open(str(path), "w", format="mp4")
        codec = _available_codec()
        self._stream = self._container.add_stream(
            codec, rate=Fraction(rate).limit_denominator(1001), options=dict(_CODECS[codec])
        )
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base = _TICK
        context.thread_count = threads
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        self._reformatter = VideoReformatter()
        self.unsupported_codec: str | None = None
        self._packets: Iterator[tuple[float, _SoundPacket]] = iter(())
        self._copy_properties(original, start)
        self._next_packet = next(self._packets, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        """Close the file; unless there was an exception, write buffered frames and sound first."""
        with _as_os_errors(), self._container:
            if kind is None:
                self._container.mux(self._stream.encode())
                self._copy_sound(until=math.inf)

    def write(self, image: Picture, time: float, duration: float) -> None:
        """Write a frame.

        Args:
            image: (H, W, 3) BGR frame.
            time: Seconds since the first frame; increases with each frame.
            duration: Seconds for which the frame is shown.

        Raises:
            OSError: The frame cannot be written.
        """
        picture = av.VideoFrame.from_numpy_buffer(_pad_to_even(image), format="bgr24")
        frame = self._reformatter.reformat(
            picture, format="yuv420p", dst_colorspace=Colorspace.ITU709
        )
        frame.pts, frame.time_base = round(time / _TICK), _TICK
        frame.duration = round((time + duration) / _TICK) - frame.pts
        with _as_os_errors():
            self._copy_sound(until=time)
            self._container.mux(self._stream.encode(frame))

    def _copy_properties(self, original: InputContainer, start: float) -> None:
        if video := find_video_stream(original):
            context = self._stream.codec_context
            context.color_primaries = int(video.codec_context.color_primaries)
            context.color_trc = int(video.codec_context.color_trc)
        for sound in original.streams.audio[:1]:
            if _mp4_supports(sound):
                self._sound = self._container.add_stream_from_template(sound)
                self._packets = _packets(original, sound, start)
            else:
                self.unsupported_codec = sound.codec_context.name

    def _copy_sound(self, *, until: float) -> None:
        while self._next_packet and self._next_packet[0] <= until:
            packet = self._next_packet[1]
            packet.stream = self._sound
            self._container.mux(packet)
            self._next_packet = next(self._packets, None)


def render_overlay(
    clip: Path,
    analysis: ClipAnalysis,
    names: Mapping[str, str],
    path: Path,
    *,
    on_frame: Callable[[int, int], None],
    open_clip: Callable[[Path], Video] = Video,
    threads: int = 0,
) -> str | None:
    """Write an annotated copy of a clip with the analysed frames at their times, and the sound.

    Each frame shows the latest prediction of a live run.

    Args:
        clip: Video file.
        analysis: Analysis of this clip.
        names: Genre names by code, in the classifier's order.
        path: Path of the MP4 file.
        on_frame: Called with the number of frames done and the total.
        open_clip: Function that opened the clip for its analysis.
        threads: Number of encoding threads; one per core if 0.

    Returns:
        Codec of the clip's sound if the copy lacks it because MP4 does not support it, else None.

    Raises:
        FileError: The clip can no longer be read.
        OSError: The file cannot be written.
    """
    track = analysis.track
    durations = _durations(track.times)
    current = latest_indices(analysis.predictions, track.times)
    with ExitStack() as stack:
        video = stack.enter_context(open_clip(clip))
        original = stack.enter_context(open_video(clip.expanduser()))
        writer: VideoWriter | None = None
        # A damaged file may yield fewer frames this time.
        for row, (_, frame) in zip(range(len(track.times)), video, strict=False):
            image = np.ascontiguousarray(frame)
            if writer is None:
                height, width = image.shape[:2]
                rate = min(max(1 / float(np.median(durations)), 1), 1000)
                writer = stack.enter_context(
                    VideoWriter(
                        path,
                        width,
                        height,
                        rate=rate,
                        original=original,
                        start=video.start,
                        threads=threads,
                    )
                )
                overlay = Overlay(width, height, names, track.image)
            # The frame size may change within a file.
            if image.shape[:2] != (height, width):
                image = cv2.resize(image, (width, height)).astype(np.uint8, copy=False)
            prediction = analysis.predictions[current[row]]
            overlay.draw(image, track.image[row], track.visibility[row], prediction)
            writer.write(image, float(track.times[row]), float(durations[row]))
            on_frame(row + 1, len(track.times))
    return None if writer is None else writer.unsupported_codec


def _durations(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the seconds for which each frame is shown; for the last one, the median."""
    steps = np.diff(times)
    return np.append(steps, np.median(steps) if len(steps) else 1 / 30)


def _pad_to_even(image: Picture) -> Picture:
    """Pad an image to an even width and height, since H.264 stores colours at half resolution."""
    height, width = image.shape[:2]
    if height % 2 == width % 2 == 0:
        return image
    border = (0, height % 2, 0, width % 2)
    return cv2.copyMakeBorder(image, *border, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def _mp4_supports(sound: av.AudioStream) -> bool:
    # Support depends on more than the codec: MP4 allows only some sample rates of MP3.
    try:
        with av.open(BytesIO(), "w", format="mp4") as container:
            container.add_stream_from_template(sound)
            container.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _available_codec() -> _Codec:
    for name in _CODECS:
        try:
            av.Codec(name, "w")
        except UnknownCodecError:
            continue
        return name
    raise OSError(f"FFmpeg was built without the encoders {', '.join(_CODECS)}")


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """Convert errors of FFmpeg to OSError."""
    try:
        yield
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror) from error
