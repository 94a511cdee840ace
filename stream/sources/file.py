"""Video files as a source: every frame, at the times the file gives them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dancetype.engine.errors import Fault, FileError, MissingFileError, SourceError
from dancetype.engine.media.video import Video
from dancetype.stream.sources.base import Frame


class FileSource:
    """A video file.

    The first frame has the capture time `start`, in seconds. `open_source` describes the other
    parameters.

    Raises:
        SourceError: The file does not exist, or has no video that can be read.
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
        with _as_source_errors():
            self._video = Video(path, fps=fps)
        self._epoch = epoch
        self._start = start

    @property
    def frames(self) -> int | None:
        """Number of frames by the file's header, which may be a few off, if it has it."""
        return self._video.frames

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end."""
        with _as_source_errors():
            read = self._video.read()
        if read is None:
            return None
        time, image = read
        return Frame(image, self._start + time, self._video.position - 1, self._epoch)

    def close(self) -> None:
        """Close the file."""
        self._video.close()


@contextmanager
def _as_source_errors() -> Iterator[None]:
    try:
        yield
    except MissingFileError as error:
        raise SourceError(str(error), Fault.NOT_FOUND) from error
    except FileError as error:
        raise SourceError(str(error), Fault.CODEC) from error
