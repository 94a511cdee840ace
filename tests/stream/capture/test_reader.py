import gc
import time
import weakref
from itertools import pairwise

import numpy as np
import pytest

from dancetype.engine.errors import Fault, SourceUnavailableError
from dancetype.stream.capture.frame_slot import FrameSlot
from dancetype.stream.capture.reader import Reader
from dancetype.stream.sources.base import Frame, Source


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


class SlowFile:
    """File with 25 frames per second, each of which takes `seconds` of virtual time to decode."""

    live = False

    def __init__(self, seconds: float) -> None:
        self.now = 0.0
        self._seconds = seconds
        self._index = 0

    def read(self) -> Frame | None:
        if self._index == 1000:
            return None
        self.now += self._seconds
        self._index += 1
        return Frame(np.zeros((2, 2, 3), np.uint8), self._index / 25, self._index - 1, 0)

    def close(self) -> None:
        pass

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


class RecordingSlot(FrameSlot):
    """Slot that records the frames put into it, and how late they are."""

    def __init__(self, source: SlowFile, *, newest_only: bool) -> None:
        super().__init__(newest_only=newest_only)
        self.frames: list[tuple[float, float]] = []
        self._source = source

    def put(self, frame: Frame, *, replace: bool) -> bool:
        self.frames.append((frame.time, self._source.now - frame.time))
        return True


@pytest.mark.parametrize(
    ("seconds", "newest_only", "max_lateness"),
    [(0.01, True, 0.0), (0.05, True, 0.5), (0.4, True, 0.5), (0.05, False, 10.0)],
)
def test_file_that_cannot_be_decoded_in_real_time_is_paused_if_only_its_newest_frame_counts(
    seconds: float, newest_only: bool, max_lateness: float
) -> None:
    source = SlowFile(seconds)
    slot = RecordingSlot(source, newest_only=newest_only)
    Reader(
        0,
        lambda epoch: source,
        slot,
        on_first_frame=lambda: None,
        wait=source.wait,
        clock=lambda: source.now,
    ).run()
    times, lateness = zip(*slot.frames, strict=True)
    assert len(times) == 1000
    assert all(later - earlier > 0.039 for earlier, later in pairwise(times))
    assert max(lateness) <= max_lateness + 1e-6
    assert (max(lateness) > 9) is not newest_only
