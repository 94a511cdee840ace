import gc
import time
import weakref

from dancetype.engine.errors import Fault, SourceUnavailableError
from dancetype.stream.capture.frame_slot import FrameSlot
from dancetype.stream.capture.reader import Reader
from dancetype.stream.sources.base import Source


class Broken:
    """A source that breaks off at once."""

    live = True

    def read(self) -> None:
        raise SourceUnavailableError("broken off", Fault.ENDED)

    def close(self) -> None:
        pass


def test_a_source_that_broke_off_is_let_go_of_at_once() -> None:
    sources: list[weakref.ref[Broken]] = []

    def open_source(epoch: int) -> Source:
        source = Broken()
        sources.append(weakref.ref(source))
        return source

    reader = Reader(
        0,
        open_source,
        FrameSlot(),
        on_first=lambda: None,
        wait=lambda seconds: False,
        clock=time.monotonic,
    )
    gc.disable()
    try:
        reader.start()
        reader.join(timeout=5)
        assert not reader.is_alive()
        # A decoder has threads of its own, which end with it.
        assert sources[0]() is None
    finally:
        gc.enable()
    assert isinstance(reader.error, SourceUnavailableError)
    assert reader.error.fault is Fault.ENDED
