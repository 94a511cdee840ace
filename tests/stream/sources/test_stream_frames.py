import gc
import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest

from dancetype.engine.media.video import find_video_stream
from dancetype.stream.sources.stream_frames import StreamFrames
from tests.testbed.videos import coloured_frames, noisy_frames, write_video


def open_frames(path: Path, *, clock: Callable[[], float] = time.monotonic) -> StreamFrames:
    container = av.open(str(path))
    stream = find_video_stream(container)
    assert stream is not None
    packets = container.demux(stream)
    return StreamFrames(packets, stream, epoch=2, clock=clock, fps=None)


def test_frames_are_read_to_the_end_of_the_stream(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts", coloured_frames(20), np.arange(20) / 25)
    frames = open_frames(path)
    images = list(iter(frames.read, None))
    assert [frame.index for frame in images if frame] == list(range(20))
    assert {frame.epoch for frame in images if frame} == {2}
    assert frames.read() is None
    frames.close()


def test_stream_with_a_full_backlog_can_be_closed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts", coloured_frames(200), np.arange(200) / 25)
    # Each look at the clock takes a second, so the backlog is full after two packets.
    seconds = itertools.count()
    frames = open_frames(path, clock=lambda: float(next(seconds)))
    assert frames.read() is not None
    frames.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "receive"]


def test_closed_stream_is_freed_with_its_decoder(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts", coloured_frames(5), np.arange(5) / 25)

    class Source:
        """Owner of the stream whose packets refer to it, as those of a network source do."""

        def __init__(self) -> None:
            self.container = av.open(str(path))
            stream = self.container.streams.video[0]
            self.frames = StreamFrames(
                self.packets(), stream, epoch=0, clock=time.monotonic, fps=None
            )

        def packets(self) -> Iterator["av.Packet[av.VideoStream]"]:
            yield from self.container.demux(self.container.streams.video[0])
            raise ConnectionResetError("gone")

    source = Source()
    owner = weakref.ref(source)
    for _ in range(5):
        assert source.frames.read()
    with suppress(ConnectionResetError):
        source.frames.read()
    gc.disable()
    try:
        source.frames.close()
        del source
        assert owner() is None
    finally:
        gc.enable()


def test_error_of_the_stream_is_raised_after_its_last_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts", coloured_frames(20), np.arange(20) / 25)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]

        def packets() -> Iterator["av.Packet[av.VideoStream]"]:
            yield from container.demux(stream)
            raise ConnectionResetError("gone")

        frames = StreamFrames(packets(), stream, epoch=0, clock=time.monotonic, fps=None)
        assert [frames.read() is not None for _ in range(20)] == [True] * 20
        with pytest.raises(ConnectionResetError, match="gone"):
            frames.read()
        frames.close()


def test_damaged_packet_does_not_end_the_stream(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts", noisy_frames(20), np.arange(20) / 25)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 3000] = bytes(3000)
    path.write_bytes(content)
    frames = open_frames(path)
    assert len(list(iter(frames.read, None))) > 10
    frames.close()
