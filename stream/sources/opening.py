"""Opens a source, whichever kind it is."""

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
    """Opens the source that `uri` names.

    Args:
        uri: as `parse_uri` gives it.
        epoch: which start of the source this is; its frames carry it.
        clock: monotonic, in seconds; tells the capture times.
        patience: seconds for which a network camera may keep us waiting.
        fps: how many frames a second to give at most; every one where None.

    Raises:
        SourceError: it cannot be opened.
    """
    match uri.kind:
        case SourceKind.WEBCAM:
            return WebcamSource(int(uri.address), epoch=epoch, clock=clock, fps=fps)
        case SourceKind.RTSP:
            # FFmpeg once more, for those who have such a camera.
            from dancetype.stream.sources.rtsp import RtspSource

            return RtspSource(uri.address, epoch=epoch, clock=clock, patience=patience, fps=fps)
        case SourceKind.FILE:
            return FileSource(uri.address, epoch=epoch, start=clock(), fps=fps)
        case SourceKind.TEST:
            options = PatternOptions.parse(uri.address)
            return PatternSource(options, epoch=epoch, clock=clock, fps=fps)
