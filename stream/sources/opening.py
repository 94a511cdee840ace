"""Opens a source, whichever kind it is."""

import time
from collections.abc import Callable

from stream.sources.base import Source
from stream.sources.file import FileSource
from stream.sources.pattern import PatternOptions, PatternSource
from stream.sources.rtsp import PATIENCE, RtspSource
from stream.sources.uri import SourceKind, SourceUri
from stream.sources.webcam import WebcamSource


def open_source(
    uri: SourceUri,
    epoch: int = 0,
    *,
    clock: Callable[[], float] = time.monotonic,
    patience: float = PATIENCE,
) -> Source:
    """Opens the source that `uri` names.

    Args:
        uri: as `parse_uri` gives it.
        epoch: which start of the source this is; its frames carry it.
        clock: monotonic, in seconds; tells the capture times.
        patience: seconds for which a network camera may keep us waiting.

    Raises:
        SourceError: it cannot be opened.
    """
    match uri.kind:
        case SourceKind.WEBCAM:
            return WebcamSource(int(uri.address), epoch=epoch, clock=clock)
        case SourceKind.RTSP:
            return RtspSource(uri.address, epoch=epoch, clock=clock, patience=patience)
        case SourceKind.FILE:
            return FileSource(uri.address, epoch=epoch, start=clock())
        case SourceKind.TEST:
            return PatternSource(PatternOptions.parse(uri.address), epoch=epoch, clock=clock)
