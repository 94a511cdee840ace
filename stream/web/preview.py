"""Small live pictures of the sources, made on request."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.opencv import cv2
from dancetype.stream.sources.base import Frame
from dancetype.stream.web.pages import Page, Route, unauthorised

_WIDEST: Final = 640
_QUALITY: Final = 70
_FRESH: Final = 3.0
_NOTHING: Final = Page(HTTPStatus.NO_CONTENT, "image/jpeg", b"")
_UNAUTHORISED: Final = unauthorised("pictures are")


class Preview:
    """Keeps the newest frame of each source, in memory only."""

    def __init__(self, sources: Collection[str], *, clock: Callable[[], float]) -> None:
        self._windows = {source: _Window(clock) for source in sources}

    @property
    def routes(self) -> Mapping[str, Route]:
        """The pictures, at `/preview/NAME`."""
        return {f"/preview/{source}": window.page for source, window in self._windows.items()}

    def observers(self, source: str) -> Sequence["_Window"]:
        """Return the observers of the frames of a source."""
        return [self._windows[source]]


class _Window:
    """Newest frame of one source; frames and requests come on different threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._frame: Frame | None = None
        self._received = 0.0
        self._encoded: tuple[Frame, bytes] | None = None
        self._encoding = asyncio.Lock()

    def on_frame(self, frame: Frame, people: Sequence[Landmarks]) -> None:
        """Keep `frame` in place of the one before."""
        # Not the time of capture, which lies further and further back if poses of a file are slow.
        self._frame, self._received = frame, self._clock()

    async def page(self, authorised: bool) -> Page:
        """Return the newest frame as JPEG, or status 204 if there is none of the last seconds."""
        if not authorised:
            return _UNAUTHORISED
        frame = self._frame
        if frame is None or self._clock() - self._received > _FRESH:
            self._frame = None
            return _NOTHING
        # Requests for the same frame share its JPEG.
        async with self._encoding:
            if self._encoded is None or self._encoded[0] is not frame:
                self._encoded = (frame, await asyncio.to_thread(_jpeg, frame))
            return Page(HTTPStatus.OK, "image/jpeg", self._encoded[1])


def _jpeg(frame: Frame) -> bytes:
    height, width = frame.image.shape[:2]
    scale = min(_WIDEST / width, 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])
