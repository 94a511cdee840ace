"""Reader of video files: every frame, upright, with square pixels and rising times."""

import math
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Final, Self

import av
from av.container import InputContainer
from av.stream import Disposition

from dancetype.engine.cores import available_cores
from dancetype.engine.errors import FileError, MissingFileError
from dancetype.engine.media.images import Image, ImageConverter, apply
from dancetype.engine.media.sampler import FrameRate, FrameSampler
from dancetype.engine.media.transform import Transform

_CONTAINERS: Final = "3gp asf avi flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts webm wmv"
VIDEO_SUFFIXES: Final = frozenset(f".{name}" for name in _CONTAINERS.split())
"""Suffixes of video files, in lower case."""

ANY_METADATA: Final[dict[str, Any]] = (
    {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
)
"""Arguments of `av.open` for titles in any encoding, which PyAV accepts from version 19 on."""

# A playlist, or a reference in a file, must not open a connection.
_OPTIONS: Final = {"protocol_whitelist": "file"}
_MAX_READ_ERRORS: Final = 100  # consecutive ones, after which the rest of a file is given up
_MAX_THREADS: Final = 4  # more need memory, but decoding is faster than pose estimation
_PIXELS_PER_THREAD: Final = 1e8  # per second; a core of a PC decodes at least three times as many

_NO_CHANGE: Final = Transform()

# Seconds between frames.
_DEFAULT_STEP: Final = 1 / 30
_MIN_STEP: Final = 1e-6  # shorter ones are rounding errors
_MAX_STEP: Final = 86_400.0  # longer ones are errors in the file, not pauses
_JUMP: Final = 1.0  # back in time; less is an error in the order of frames


def open_video(path: Path) -> InputContainer:
    """Open a file for its video and sound.

    Raises:
        av.FFmpegError: The file cannot be opened.
        OSError: The same, for faults of the file system.
    """
    # FFmpeg cannot mistake an absolute path for a protocol, such as `concat:`.
    name, options = str(path.resolve()), dict(_OPTIONS)
    container: InputContainer = av.open(name, "r", options=options, **ANY_METADATA)
    return container


def find_video_stream(container: InputContainer) -> av.VideoStream | None:
    """Return the video track that a player would show, or None if no track can be decoded.

    That is a track marked as default, else the largest one. Cover art is not a video.
    """
    hidden = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent
    tracks = [
        track
        for track in container.streams.video
        if track.codec_context is not None and not track.disposition & hidden
    ]
    return max(
        tracks,
        # The first of equal tracks.
        key=lambda track: (
            bool(track.disposition & Disposition.default),
            track.codec_context.width * track.codec_context.height,
        ),
        default=None,
    )


def realtime_threads(stream: av.VideoStream) -> int:
    """Return the number of threads that decoding a stream in real time needs.

    More threads need more memory, and up to a fifth more CPU time.
    """
    rate = float(stream.average_rate or 0)
    pixels = stream.codec_context.width * stream.codec_context.height
    # The rate of a network stream may be unknown.
    needed = math.ceil(pixels * (rate if 1 <= rate <= 240 else 30) / _PIXELS_PER_THREAD)
    return min(max(needed, 1), _MAX_THREADS)


def is_jump(step: float) -> bool:
    """Return whether times jump by `step` seconds, as where two recordings were joined."""
    return not -_JUMP <= step <= _MAX_STEP


class FrameTimes:
    """Rising frame times of a file: presentation times since the first frame.

    In some files times are missing, repeat or run backwards. The times of such frames follow the
    previous one at the frame rate, until the times in the file are ahead again. Where the times
    jump, as between two recordings that were joined, they continue from there.

    Args:
        fps: Frames per second according to the file; ignored if implausible.
    """

    def __init__(self, fps: float) -> None:
        self.step = 1 / fps if 1 / 60 <= fps <= 1000 else _DEFAULT_STEP
        self._first: float | None = None
        self._last = 0.0

    def next(self, stored: float) -> float:
        """Return the time of the next frame in seconds, 0 for the first.

        Args:
            stored: Time in seconds according to the file; any number, including NaN.
        """
        if self._first is None:
            self._first = stored if math.isfinite(stored) else 0.0
            return 0.0
        step = stored - self._first - self._last
        # NaN compares false.
        self._last += step if _MIN_STEP < step <= _MAX_STEP else self.step
        if math.isfinite(step) and is_jump(step):
            self._first += step - self.step
        return self._last


class Video:
    """A video file, read from its start.

    Args:
        path: Path of the file, or of a named pipe.
        fps: Maximum number of frames per second; all frames if None. Frames that are skipped are
            not converted to images.
        transform: Changes to each image.
        threads: Maximum number of decoding threads; one per core if 0.
        realtime: Whether to use only as many of them as decoding in real time needs, since more
            need more memory.

    Raises:
        MissingFileError: The file does not exist.
        FileError: The file has no video that can be read.

    Attributes:
        position: Number of frames passed so far, including skipped ones.
        start: Time of the first frame on the clock of the file's tracks, in seconds.
        delay: Time in seconds at which a player, which begins with the first track, shows the first
            frame. It is more than 0 if the sound starts first.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: FrameRate | None = None,
        transform: Transform = _NO_CHANGE,
        threads: int = 0,
        realtime: bool = False,
    ) -> None:
        self._path = _existing_file(path)
        try:
            self._container = open_video(self._path)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise FileError(f"{path}: {self._explain_failure(error)}") from None
        stream = find_video_stream(self._container)
        if stream is None:
            self._container.close()
            raise FileError(f"{path}: {self._explain_failure()}")
        self._stream = stream
        stream.thread_type = "AUTO"
        self._rate = float(stream.average_rate or stream.base_rate or 0)
        needed = realtime_threads(stream) if realtime else _MAX_THREADS
        stream.thread_count = min(threads or available_cores(), needed)
        self._converter = ImageConverter(stream)
        self._transform = transform
        self._times = FrameTimes(self._rate)
        self._sampler = FrameSampler(fps)
        self._frames = self._decode()
        self._empty = True
        self._bad_packets = self._bad_frames = 0
        self.position = 0
        self.start = self.delay = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[float, Image]]:
        return iter(self.read, None)

    @property
    def frames(self) -> int | None:
        """Number of frames according to the file, which may be a few off; None if unknown."""
        seconds = (self._container.duration or 0) / av.time_base
        return self._stream.frames or int(seconds * self._rate) or None

    @property
    def damaged(self) -> int:
        """Number of damaged packets so far; their frames are missing, or contain errors."""
        # FFmpeg may notice the damage in a packet, in the frame decoded from it, or in both.
        return max(self._bad_packets, self._bad_frames)

    def read(self) -> tuple[float, Image] | None:
        """Return the next frame, or None at the end.

        Returns:
            Time in seconds, 0 for the file's first frame, and image (H, W, 3) BGR.

        Raises:
            FileError: No frame in the file can be decoded, or the part of the image to use lies
                outside of it.
        """
        timed_picture = self.read_deferred()
        if timed_picture is None:
            return None
        time, picture = timed_picture
        try:
            return time, apply(self._transform, picture())
        except ValueError as error:
            raise FileError(f"{self._path}: {error}") from None

    def read_deferred(self) -> tuple[float, Callable[[], Image]] | None:
        """Do the same, but return a function that converts the image, without changes to it."""
        for frame in self._frames:
            stored = math.nan if frame.time is None else frame.time
            time = self._times.next(stored)
            if self.position == 0 and math.isfinite(stored):
                self.start = stored
                if (origin := self._container.start_time) is not None:
                    self.delay = max(stored - origin / av.time_base, 0.0)
            self.position += 1
            if self._sampler.accept(time):
                self._empty = False
                return time, self._converter.defer(frame)
        if self._empty:
            raise FileError(f"{self._path}: no frame in it can be decoded; is it damaged?")
        return None

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
        self._container.close()

    def _decode(self) -> Generator[av.VideoFrame]:
        """Yield all frames that can be decoded."""
        errors = 0
        while errors <= _MAX_READ_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    errors = 0
                    self._bad_packets += packet.is_corrupt
                    yield from self._decode_packet(packet)
            # The next packet may be readable.
            except av.FFmpegError:
                self._bad_packets += errors == 0
                errors += 1
            else:
                return
        yield from self._decode_packet(None)

    def _decode_packet(self, packet: "av.Packet[av.VideoStream] | None") -> list[av.VideoFrame]:
        """Return the frames that a packet completes, or the last frames for None."""
        try:
            frames = self._stream.decode(packet)
        except av.FFmpegError:
            self._bad_packets += 1
            return []
        self._bad_frames += sum(frame.is_corrupt for frame in frames)
        return frames

    def _explain_failure(self, error: Exception | None = None) -> str:
        if isinstance(error, PermissionError | av.error.PermissionError):
            return f"cannot be read: {error.strerror}"
        if self._path.is_file() and not self._path.stat().st_size:
            return "the file is empty"
        return "no video that can be read; it may be damaged, cut short, or contain sound only"


def _existing_file(path: str | Path) -> Path:
    try:
        file = Path(path).expanduser()
        is_folder, exists = file.is_dir(), file.is_file() or file.is_fifo()
    # The name is too long, a folder is not accessible, or `~user` names an unknown user.
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MissingFileError(f"{path}: cannot be opened: {reason}") from error
    if is_folder:
        raise MissingFileError(f"{path}: is a folder; name a video file in it")
    if not exists:
        raise MissingFileError(f"{path}: no such file")
    return file
