"""Opening a source of any kind."""

import time
from collections.abc import Callable

from dancetype.stream.sources.base import PATIENCE, Source
from dancetype.stream.sources.file import FileSource
from dancetype.stream.sources.pattern import PatternOptions, PatternSource
from dancetype.stream.sources.uri import SourceKind, SourceUri
from dancetype.stream.sources.webcam import WebcamSource


def open_source(
    uri: SourceUri,
    epoch: int = 0,
    *,
    clock: Callable[[], float] = time.monotonic,
    patience: float = PATIENCE,
    fps: float | None = None,
) -> Source:
    """Open the source that `uri` names.

    Args:
        uri: URI of the source.
        epoch: Epoch of the source.
        clock: Monotonic clock in seconds, which gives the capture times.
        patience: Seconds that a network camera may take for one answer or its next packet.
        fps: Largest number of frames per second to return; all frames if None.

    Raises:
        SourceError: The source cannot be opened.
    """
    match uri.kind:
        case SourceKind.WEBCAM:
            return WebcamSource(int(uri.address), epoch=epoch, clock=clock, fps=fps)
        case SourceKind.RTSP:
            # Loads FFmpeg, which the other kinds do not need.
            from dancetype.stream.sources.rtsp import RtspSource

            return RtspSource(uri.address, epoch=epoch, clock=clock, patience=patience, fps=fps)
        case SourceKind.FILE:
            return FileSource(uri.address, epoch=epoch, start=clock(), fps=fps)
        case SourceKind.TEST:
            options = PatternOptions.parse(uri.address)
            return PatternSource(options, epoch=epoch, clock=clock, fps=fps)
