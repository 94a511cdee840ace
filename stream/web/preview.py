"""Small live images of the sources, encoded on request."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.opencv import cv2
from dancetype.stream.sources.base import Frame
from dancetype.stream.web.pages import UNAUTHORISED, Page, Route

_MAX_WIDTH: Final = 640
_JPEG_QUALITY: Final = 70
_MAX_AGE: Final = 3.0
_NO_IMAGE: Final = Page(HTTPStatus.NO_CONTENT, "image/jpeg", b"")


class Preview:
    """Newest frame of each source, served as JPEG and kept in memory only."""

    def __init__(self, sources: Collection[str], *, clock: Callable[[], float]) -> None:
        self._latest = {source: _LatestFrame(clock) for source in sources}

    @property
    def routes(self) -> Mapping[str, Route]:
        """Routes of the images: `/preview/SOURCE`."""
        return {f"/preview/{source}": latest.page for source, latest in self._latest.items()}

    def observers(self, source: str) -> Sequence["_LatestFrame"]:
        """Return the observers that must receive the frames of a source."""
        return [self._latest[source]]


class _LatestFrame:
    """Newest frame of one source. Frames and requests come from different threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._frame: Frame | None = None
        self._received = 0.0
        self._encoded: tuple[Frame, bytes] | None = None
        self._encoding = asyncio.Lock()

    def on_frame(self, frame: Frame, people: Sequence[Landmarks]) -> None:
        """Replace the previous frame."""
        # Not the capture time, which falls behind if pose estimation is slower than a file plays.
        self._frame, self._received = frame, self._clock()

    async def page(self, authorised: bool) -> Page:
        """Return the newest frame as JPEG, or status 204 if there is no recent one."""
        if not authorised:
            return UNAUTHORISED
        frame = self._frame
        if frame is None or self._clock() - self._received > _MAX_AGE:
            self._frame = None
            return _NO_IMAGE
        # Concurrent requests for the same frame share one JPEG.
        async with self._encoding:
            if self._encoded is None or self._encoded[0] is not frame:
                self._encoded = (frame, await asyncio.to_thread(_jpeg, frame))
            return Page(HTTPStatus.OK, "image/jpeg", self._encoded[1])


def _jpeg(frame: Frame) -> bytes:
    height, width = frame.image.shape[:2]
    scale = min(_MAX_WIDTH / width, 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1])
