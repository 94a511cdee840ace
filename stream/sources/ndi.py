"""NDI sources of the local network, through the library cyndilib (the extra `ndi`)."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.engine.media.sampler import FrameRate, FrameSampler
from dancetype.stream.sources.base import DEFAULT_TIMEOUT, Frame

if TYPE_CHECKING:
    from cyndilib.finder import Finder, Source

_POLL_SECONDS: Final = 0.005
_CHANNELS: Final = 4  # blue, green, red and one that is not used


class NdiSource:
    """NDI source, read at full resolution.

    Args:
        name: Name of the source as other programs list it, such as `STUDIO (Camera 1)`, or only the
            part in parentheses.
        epoch: Epoch of the source.
        clock: Monotonic clock in seconds, for the capture times.
        timeout: Seconds to wait for the source and for the next frame.
        fps: Maximum number of frames per second to return; all frames if None.

    Raises:
        SourceUnavailableError: There is no such source, or it sends nothing at the moment.
        SourceError: The library is not installed.
    """

    live = True

    def __init__(
        self,
        name: str,
        *,
        epoch: int,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = DEFAULT_TIMEOUT,
        fps: FrameRate | None = None,
    ) -> None:
        try:
            from cyndilib.finder import Finder
            from cyndilib.receiver import Receiver
            from cyndilib.video_frame import VideoFrameSync
            from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat
        except ImportError as error:
            raise SourceError(
                f"ndi:{name}: the library cyndilib is not installed; run pip install "
                '"dancetype[ndi]"'
            ) from error
        self._name = name
        self._epoch = epoch
        self._clock = clock
        self._timeout = timeout
        self._sampler = FrameSampler(fps)
        self._index = -1
        self._last: float | None = None
        self._video = VideoFrameSync()
        self._finder = Finder()
        self._finder.open()
        try:
            source = self._find(self._finder)
        except BaseException:
            self._finder.close()
            raise
        self._receiver = Receiver(
            color_format=RecvColorFormat.BGRX_BGRA, bandwidth=RecvBandwidth.highest
        )
        self._receiver.frame_sync.set_video_frame(self._video)
        self._receiver.set_source(source)

    def read(self) -> Frame:
        """Return the next frame."""
        start = self._clock()
        while True:
            self._receiver.frame_sync.capture_video()
            # The same frame is returned until there is a newer one.
            sent = self._video.get_timestamp_posix()
            now = self._clock()
            if min(self._video.xres, self._video.yres) > 0 and sent != self._last:
                self._last = sent
                self._index += 1
                if self._sampler.accept(now):
                    return Frame(self._image(), now, self._index, self._epoch)
            elif self._last is not None and not self._receiver.is_connected():
                raise SourceUnavailableError(f"ndi:{self._name}: the source has ended", Fault.ENDED)
            elif now - start > self._timeout:
                raise SourceUnavailableError(
                    f"ndi:{self._name}: no frame within {now - start:.0f} s; check that it sends",
                    Fault.TIMED_OUT,
                )
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        self._receiver.disconnect()
        self._finder.close()

    def _find(self, finder: "Finder") -> "Source":
        end = self._clock() + self._timeout
        while (remaining := end - self._clock()) > 0:
            finder.wait_for_sources(remaining)
            for source in finder.iter_sources():
                wanted = self._name.casefold()
                if wanted in (source.name.casefold(), source.stream_name.casefold()):
                    return source
        found = ", ".join(sorted(finder.get_source_names())) or "none"
        raise SourceUnavailableError(
            f"ndi:{self._name}: no such source in this network; found: {found}", Fault.NOT_FOUND
        )

    def _image(self) -> "np.typing.NDArray[np.uint8]":
        """Return a copy of the current frame (H, W, 3), BGR."""
        width, height = self._video.xres, self._video.yres
        # Rows are padded.
        rows = np.array(self._video).reshape(height, self._video.get_line_stride())
        pixels = rows[:, : width * _CHANNELS].reshape(height, width, _CHANNELS)
        return np.ascontiguousarray(pixels[:, :, :3])
