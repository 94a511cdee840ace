"""Network cameras that support RTSP."""

import errno
import socket
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import av
import av.error
from av.container import InputContainer

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.engine.media.video import ANY_METADATA, find_video_stream
from dancetype.stream.sources.base import DEFAULT_TIMEOUT, Frame
from dancetype.stream.sources.stream_frames import StreamFrames
from dancetype.stream.sources.uri import mask_credentials

# Time-outs of the whole handshake and of a whole packet, as multiples of the time-out of one
# response, which alone would not catch a camera that sends a packet byte by byte.
_OPEN_TIMEOUT_FACTOR: Final = 2
_READ_TIMEOUT_FACTOR: Final = 1.2
_PORT: Final = 554

_OPTIONS: Final = {
    # UDP loses parts of images, and firewalls block it.
    "rtsp_transport": "tcp",
    "allowed_media_types": "video",
    # By default FFmpeg analyzes the first seconds of the video; the camera's description suffices.
    "analyzeduration": str(int(1e6)),
    "fpsprobesize": "0",
}

_ADVICE: Final = "check that the camera is on, and its address"


class RtspSource:
    """Network camera, read over TCP.

    Args:
        url: URL of the camera, with credentials if it needs any.
        epoch: Epoch of the source.
        clock: Monotonic clock in seconds, for the capture times.
        timeout: Seconds to wait for a response or the next packet.
        fps: Maximum number of frames per second to return; all frames if None.

    Raises:
        SourceUnavailableError: The camera does not respond, or sends nothing at the moment.
        SourceError: The camera rejects the credentials, or its video cannot be decoded.
    """

    live = True

    def __init__(
        self,
        url: str,
        *,
        epoch: int,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = DEFAULT_TIMEOUT,
        fps: float | None = None,
    ) -> None:
        self._name = mask_credentials(url)
        self._clock = clock
        self._timeout = timeout
        self._container, stream = self._open(url)
        packets = self._container.demux(stream)
        self._frames = StreamFrames(packets, stream, epoch=epoch, clock=clock, fps=fps)

    def read(self) -> Frame:
        """Return the next frame."""
        start = self._clock()
        try:
            frame = self._frames.read()
        except av.error.FFmpegError as error:
            raise self._source_error(error, self._clock() - start) from None
        if frame is None:
            raise SourceUnavailableError(f"{self._name}: the stream has ended", Fault.ENDED)
        return frame

    def close(self) -> None:
        """Close the connection."""
        self._frames.close()
        self._container.close()

    def _open(self, url: str) -> tuple[InputContainer, av.VideoStream]:
        self._check_host(url)
        start = self._clock()
        options = _OPTIONS | {"timeout": str(int(self._timeout * 1e6))}
        timeouts = (_OPEN_TIMEOUT_FACTOR * self._timeout, _READ_TIMEOUT_FACTOR * self._timeout)
        try:
            container = av.open(url, options=options, timeout=timeouts, **ANY_METADATA)
        # FFmpeg's error contains the URL with the password, so it must not be chained.
        except av.error.FFmpegError as error:
            raise self._source_error(error, self._clock() - start) from None
        stream = find_video_stream(container)
        if stream is None:
            container.close()
            raise SourceError(
                f"{self._name}: sends no video that can be decoded; set the camera to H.264",
                Fault.CODEC,
            )
        return container, stream

    def _check_host(self, url: str) -> None:
        # FFmpeg does not distinguish an unknown host from other errors.
        parts = urlsplit(url)
        try:
            socket.getaddrinfo(parts.hostname, parts.port or _PORT, type=socket.SOCK_STREAM)
        except OSError as error:
            raise SourceUnavailableError(
                f"{self._name}: unknown host: {error.strerror}; check the address", Fault.NOT_FOUND
            ) from None

    def _source_error(self, error: av.error.FFmpegError, seconds: float) -> SourceError:
        """Return the `SourceError` for an FFmpeg error after `seconds`, without credentials."""
        match error:
            case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
                return SourceError(
                    f"{self._name}: the camera rejects the user name or password; not retrying, "
                    "since many cameras lock an account after failed logins",
                    Fault.AUTHENTICATION,
                )
            case av.error.HTTPNotFoundError():
                reason, fault = "the camera has no such path; check the URL", Fault.NOT_FOUND
            case av.error.ConnectionRefusedError():
                reason, fault = f"connection refused; {_ADVICE} and port", Fault.REFUSED
            case av.error.DecoderNotFoundError():
                return SourceError(
                    f"{self._name}: unsupported video format; set the camera to H.264", Fault.CODEC
                )
            case _ if seconds >= self._timeout or _timed_out(error):
                reason, fault = f"no response within {seconds:.0f} s; {_ADVICE}", Fault.TIMED_OUT
            # The peer closed the connection within a response, or does not support RTSP.
            case av.error.InvalidDataError() | av.error.EOFError() | ConnectionError():
                reason, fault = "connection closed, or not an RTSP camera", Fault.ENDED
            case _:
                reason, fault = str(error.strerror), Fault.OTHER
        return SourceUnavailableError(f"{self._name}: {reason}", fault)


def _timed_out(error: av.error.FFmpegError) -> bool:
    # FFmpeg reports a missing response in several ways.
    return isinstance(error, av.error.TimeoutError | av.error.ExitError) or error.errno in (
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
    )
