"""Frames of an opened network stream, at the times at which they were captured."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from threading import Condition, Thread
from typing import Final, TypeAlias

import av
import av.error

from dancetype.engine.media.images import ImageConverter
from dancetype.engine.media.sampler import FrameRate, FrameSampler
from dancetype.stream.sources.base import Frame
from dancetype.stream.sources.playout import PlayoutClock

_MAX_DELAY: Final = 1.0
# Seconds of packets that may wait, and their number; more are left to the network, which then slows
# down.
_MAX_BACKLOG: Final = _MAX_DELAY + 0.5
_MAX_PACKETS: Final = 300

_Packet: TypeAlias = "av.Packet[av.VideoStream]"
_TimedPacket: TypeAlias = tuple[float, _Packet]


class StreamFrames:
    """Frames of a video stream; a thread receives its packets, since frames may be held back.

    Args:
        packets: Packets of the stream; they are received on a thread.
        stream: Video stream.
        epoch: Epoch of the source.
        clock: Monotonic clock in seconds, for the capture times.
        fps: Maximum number of frames per second to return; all frames if None.
        sleep: Function that waits for some seconds.
    """

    def __init__(
        self,
        packets: Iterable[_Packet],
        stream: av.VideoStream,
        *,
        epoch: int,
        clock: Callable[[], float],
        fps: FrameRate | None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._received = packets
        self._epoch = epoch
        self._clock = clock
        self._sleep = sleep
        self._playout = PlayoutClock(max_delay=_MAX_DELAY)
        self._sampler = FrameSampler(fps)
        self._converter = ImageConverter(stream)
        self._index = -1
        self._pictures: deque[tuple[float, av.VideoFrame]] = deque()
        self._changed = Condition()
        self._packets: deque[_TimedPacket] = deque()
        self._ended = self._closed = False
        self._error: Exception | None = None
        self._thread = Thread(target=self._receive, name="receive", daemon=True)
        self._thread.start()

    def read(self) -> Frame | None:
        """Wait for the next frame and return it; return None at the end of the stream.

        Raises:
            Exception: Any error of the packets' iterator.
        """
        while (timed_picture := self._next_picture()) is not None:
            arrival, picture = timed_picture
            self._index += 1
            playout = self._playout.next(picture.time, arrival)
            if not self._sampler.accept(playout.capture):
                continue
            if (early := playout.due - self._clock()) > 0:
                self._sleep(early)
            image = self._converter.defer(picture)
            bursty = self._playout.bursty
            return Frame(image, playout.capture, self._index, self._epoch, bursty=bursty)
        return None

    def close(self) -> None:
        """Receive no more packets; wait for the next one, after which the stream can be closed."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        # Break reference cycles, which would keep the decoder and its threads alive.
        self._received = ()
        self._error = None

    def _next_picture(self) -> tuple[float, av.VideoFrame] | None:
        """Return the next picture and the arrival time of its last packet."""
        while not self._pictures:
            timed_packet = self._next_packet()
            if timed_packet is None:
                return None
            arrival, packet = timed_packet
            # A damaged packet must not end the stream.
            with suppress(av.error.InvalidDataError):
                self._pictures.extend((arrival, picture) for picture in packet.decode())
        return self._pictures.popleft()

    def _next_packet(self) -> _TimedPacket | None:
        with self._changed:
            self._changed.wait_for(lambda: self._packets or self._ended)
            if self._packets:
                packet = self._packets.popleft()
                self._changed.notify_all()
                return packet
            if self._error is not None:
                raise self._error
            return None

    def _receive(self) -> None:
        """Receive packets until the stream ends or is closed; runs on a thread."""
        try:
            for packet in self._received:
                arrival = self._clock()
                with self._changed:
                    self._changed.wait_for(partial(self._has_room, arrival))
                    if self._closed:
                        return
                    self._packets.append((arrival, packet))
                    self._changed.notify_all()
        except Exception as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _has_room(self, now: float) -> bool:
        if self._closed or not self._packets:
            return True
        backlog = now - self._packets[0][0]
        return backlog <= _MAX_BACKLOG and len(self._packets) < _MAX_PACKETS
