import gc
import time
import weakref

from dancetype.engine.errors import Fault, SourceUnavailableError
from dancetype.stream.capture.frame_slot import FrameSlot
from dancetype.stream.capture.reader import Reader
from dancetype.stream.sources.base import Source


class DisconnectingSource:
    """Source that disconnects immediately."""

    live = True

    def read(self) -> None:
        raise SourceUnavailableError("disconnected", Fault.ENDED)

    def close(self) -> None:
        pass


def test_disconnected_source_is_released_immediately() -> None:
    sources: list[weakref.ref[DisconnectingSource]] = []

    def open_source(epoch: int) -> Source:
        source = DisconnectingSource()
        sources.append(weakref.ref(source))
        return source

    reader = Reader(
        0,
        open_source,
        FrameSlot(),
        on_first_frame=lambda: None,
        wait=lambda seconds: False,
        clock=time.monotonic,
    )
    gc.disable()
    try:
        reader.start()
        reader.join(timeout=5)
        assert not reader.is_alive()
        # A decoder has threads, which end only when it is released.
        assert sources[0]() is None
    finally:
        gc.enable()
    assert isinstance(reader.error, SourceUnavailableError)
    assert reader.error.fault is Fault.ENDED
