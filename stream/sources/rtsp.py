"""Network cameras that speak RTSP."""

import errno
import socket
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.engine.media.sampler import FrameSampler
from dancetype.stream.sources.base import PATIENCE, Frame
from dancetype.stream.sources.uri import masked

# Time-outs in units of the time for one answer: for all of the handshake, and for a packet, which
# a camera may otherwise send byte by byte.
_OPEN_TIMEOUT: Final = 2
_READ_TIMEOUT: Final = 1.2
_PORT: Final = 554

_OPTIONS: Final = {
    # UDP loses parts of pictures, and firewalls block it.
    "rtsp_transport": "tcp",
    "allowed_media_types": "video",
    # FFmpeg would analyze the first seconds of the video; the camera's description is enough.
    "analyzeduration": str(int(1e6)),
    "fpsprobesize": "0",
}

_CHECK: Final = "check that the camera is on, and its address"


class RtspSource:
    """A network camera, read over TCP; `open_source` describes the parameters.

    Raises:
        SourceUnavailableError: The camera does not answer, or sends nothing now.
        SourceError: The camera refuses the user or password, or its video cannot be decoded.
    """

    live = True

    def __init__(
        self,
        url: str,
        *,
        epoch: int,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
        fps: float | None = None,
    ) -> None:
        self._name = masked(url)
        self._epoch = epoch
        self._clock = clock
        self._patience = patience
        self._sampler = FrameSampler(fps)
        self._index = -1
        # Shared, since a frame's own would be set up for each frame.
        self._colours = VideoReformatter()
        self._container = self._opened(url)
        self._frames = self._decoded()

    def read(self) -> Frame:
        """Return the next frame."""
        start = self._clock()
        try:
            return next(self._frames)
        except StopIteration:
            raise SourceUnavailableError(
                f"{self._name}: the stream has ended or broken off", Fault.ENDED
            ) from None
        except av.error.FFmpegError as error:
            raise self._explained(error, self._clock() - start) from None

    def close(self) -> None:
        """Close the connection."""
        self._frames.close()
        self._container.close()

    def _opened(self, url: str) -> InputContainer:
        self._find_host(url)
        start = self._clock()
        options = _OPTIONS | {"timeout": str(int(self._patience * 1e6))}
        timeouts = (_OPEN_TIMEOUT * self._patience, _READ_TIMEOUT * self._patience)
        try:
            container = av.open(url, options=options, timeout=timeouts)
        # FFmpeg's error contains the URL with the password, so it must not be chained.
        except av.error.FFmpegError as error:
            raise self._explained(error, self._clock() - start) from None
        if not container.streams.video or not container.streams.video[0].codec_context:
            container.close()
            raise SourceError(f"{self._name}: sends no video that can be decoded", Fault.CODEC)
        return container

    def _find_host(self, url: str) -> None:
        # FFmpeg reports an unknown host like any other error.
        parts = urlsplit(url)
        try:
            socket.getaddrinfo(parts.hostname, parts.port or _PORT, type=socket.SOCK_STREAM)
        except OSError as error:
            raise SourceUnavailableError(
                f"{self._name}: no machine by this name: {error.strerror}", Fault.NOT_FOUND
            ) from None

    def _decoded(self) -> Generator[Frame]:
        """Yield the wanted frames, each with the time of its last packet."""
        for packet in self._container.demux(video=0):
            came = self._clock()
            # A damaged packet spoils one picture, not the stream.
            with suppress(av.error.InvalidDataError):
                for picture in packet.decode():
                    self._index += 1
                    if self._sampler.accept(came):
                        image = self._colours.reformat(picture, format="bgr24").to_ndarray()
                        yield Frame(
                            image.astype(np.uint8, copy=False), came, self._index, self._epoch
                        )

    def _explained(self, error: av.error.FFmpegError, seconds: float) -> SourceError:
        """Return the error to raise, without credentials, for one that took `seconds`."""
        match error:
            case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
                return SourceError(
                    f"{self._name}: refuses the user or the password; not tried again, as many "
                    "cameras lock out who tries too often",
                    Fault.AUTHENTICATION,
                )
            case av.error.HTTPNotFoundError():
                what, fault = "the camera has no such path", Fault.NOT_FOUND
            case av.error.ConnectionRefusedError():
                what, fault = f"refused; {_CHECK} and port", Fault.REFUSED
            case av.error.DecoderNotFoundError():
                return SourceError(f"{self._name}: sends a video of unknown form", Fault.CODEC)
            case _ if seconds >= self._patience or _timed_out(error):
                what, fault = f"no answer within {seconds:.0f} s; {_CHECK}", Fault.TIMED_OUT
            # The peer closed the connection within an answer, or does not speak RTSP.
            case av.error.InvalidDataError() | av.error.EOFError() | ConnectionError():
                what, fault = "hung up, or is no RTSP camera", Fault.ENDED
            case _:
                what, fault = str(error.strerror), Fault.OTHER
        return SourceUnavailableError(f"{self._name}: {what}", fault)


def _timed_out(error: av.error.FFmpegError) -> bool:
    # FFmpeg reports a missing answer in several ways.
    return isinstance(error, av.error.TimeoutError | av.error.ExitError) or error.errno in (
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
    )
