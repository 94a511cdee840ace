"""Factory of sources of all kinds."""

import time
from collections.abc import Callable
from typing import Final

from dancetype.engine.media.sampler import FrameRate
from dancetype.engine.media.transform import Transform
from dancetype.stream.sources.base import DEFAULT_TIMEOUT, Source
from dancetype.stream.sources.file import FileSource
from dancetype.stream.sources.pattern import PatternOptions, PatternSource
from dancetype.stream.sources.transformed import TransformedSource
from dancetype.stream.sources.uri import SourceKind, SourceUri
from dancetype.stream.sources.webcam import WebcamSource

_NO_CHANGE: Final = Transform()


def open_source(
    uri: SourceUri,
    epoch: int = 0,
    *,
    clock: Callable[[], float] = time.monotonic,
    timeout: float = DEFAULT_TIMEOUT,
    fps: FrameRate | None = None,
    transform: Transform = _NO_CHANGE,
) -> Source:
    """Open the source at a URI.

    Args:
        uri: URI of the source.
        epoch: Epoch of the source.
        clock: Monotonic clock in seconds, for the capture times.
        timeout: Seconds to wait for a network camera's response or next packet.
        fps: Maximum number of frames per second to return; all frames if None.
        transform: Changes to each image.

    Raises:
        SourceError: The source cannot be opened.
    """
    source = _open(uri, epoch, clock=clock, timeout=timeout, fps=fps)
    return source if transform == _NO_CHANGE else TransformedSource(source, transform)


def _open(
    uri: SourceUri,
    epoch: int,
    *,
    clock: Callable[[], float],
    timeout: float,
    fps: FrameRate | None,
) -> Source:
    match uri.kind:
        case SourceKind.WEBCAM:
            return WebcamSource(uri.address, epoch=epoch, clock=clock, fps=fps)
        case SourceKind.FILE:
            return FileSource(uri.address, epoch=epoch, start=clock(), fps=fps)
        case SourceKind.TEST:
            options = PatternOptions.parse(uri.address)
            return PatternSource(options, epoch=epoch, clock=clock, fps=fps)
        case SourceKind.NDI:
            from dancetype.stream.sources.ndi import NdiSource

            return NdiSource(uri.address, epoch=epoch, clock=clock, timeout=timeout, fps=fps)
        case _:
            # The import loads FFmpeg, which the other kinds do not need.
            from dancetype.stream.sources.network import NetworkSource

            return NetworkSource(uri, epoch=epoch, clock=clock, timeout=timeout, fps=fps)
