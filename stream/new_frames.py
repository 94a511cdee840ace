"""Counts a source's frames from one prediction to the next."""

from typing import Final

from dancetype.stream.messages import FrameCounts, PredictionMessage

_NONE: Final = FrameCounts(captured=0, posed=0, dropped=0)


class NewFrames:
    """Of one source. Its messages tell the frames of their epoch, each of which counts from 0."""

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._frames = _NONE

    def of(self, message: PredictionMessage) -> FrameCounts:
        """Frames since the prediction before."""
        before = self._frames if message.epoch == self._epoch else _NONE
        now = message.frames
        self._epoch, self._frames = message.epoch, now
        # A last frame that outlives its epoch finds the counts of the next.
        return FrameCounts(
            captured=max(now.captured - before.captured, 0),
            posed=max(now.posed - before.posed, 0),
            dropped=max(now.dropped - before.dropped, 0),
        )
