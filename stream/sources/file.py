"""Video files as a source: every frame, at the times the file gives them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dancetype.engine.errors import Fault, FileError, MissingFileError, SourceError
from dancetype.engine.media.video import Video
from dancetype.stream.sources.base import Frame


class FileSource:
    """A video file.

    Args:
        path: of the file.
        epoch: which start of the source this is.
        start: time of the first frame in seconds.
        fps: Frames per second to give at most; all frames if None.

    Raises:
        SourceError: no such file, or not one with a video that can be read.
    """

    live = False

    def __init__(
        self,
        path: str | Path,
        *,
        epoch: int = 0,
        start: float = 0.0,
        fps: float | None = None,
    ) -> None:
        with _told_as_source():
            self._video = Video(path, fps=fps)
        self._epoch = epoch
        self._start = start

    @property
    def frames(self) -> int | None:
        """How many frames the file says it has, if it does; it may be a few off."""
        return self._video.frames

    def read(self) -> Frame | None:
        """The next frame, or None at the end.

        Raises:
            SourceError: the file has no frame at all.
        """
        with _told_as_source():
            read = self._video.read()
        if read is None:
            return None
        time, image = read
        return Frame(image, self._start + time, self._video.position - 1, self._epoch)

    def close(self) -> None:
        """Closes the file."""
        self._video.close()


@contextmanager
def _told_as_source() -> Iterator[None]:
    try:
        yield
    except MissingFileError as error:
        raise SourceError(str(error), Fault.NOT_FOUND) from error
    except FileError as error:
        raise SourceError(str(error), Fault.CODEC) from error
