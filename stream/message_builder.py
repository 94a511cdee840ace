"""Builds the outgoing messages of a source from its events."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dancetype.engine.landmarks import Landmarks, coco_image, coco_visibility
from dancetype.engine.recognizer import DancerPrediction, Prediction
from dancetype.stream.clock import Clock
from dancetype.stream.messages import (
    DancerAnswer,
    FrameCounts,
    ImageSize,
    Joint,
    Latency,
    Message,
    PredictionMessage,
    PredictionTimes,
    SourceMessage,
    SourceTimes,
)
from dancetype.stream.pipeline import Event, Predicted
from dancetype.stream.sources.base import SourceState, StateChanged


class MessageBuilder:
    """Numbers and times the messages of one source, and keeps its last state.

    Args:
        source: Name of the source.
        genres: Names of the K genres by code, in the classifier's order.
        clock: Clock of the run.
        first_epoch: Epoch of the source's first start.

    Attributes:
        failed: Whether the source is unavailable or has failed for good.
    """

    def __init__(
        self, source: str, *, genres: Mapping[str, str], clock: Clock, first_epoch: int = 0
    ) -> None:
        self._source = source
        self._genres = genres
        self._clock = clock
        self._first_epoch = first_epoch
        self._seq = 0
        self._last = StateChanged(SourceState.CONNECTING, epoch=0)
        self.failed = False

    @property
    def over(self) -> bool:
        """Whether the source has sent its last message."""
        return self._last.final

    def build(self, event: Event) -> Message:
        """Build the message for an event that is sent now."""
        sent = self._clock.monotonic()
        header: dict[str, Any] = {
            "source": self._source,
            "epoch": self._first_epoch + event.epoch,
            "seq": self._seq,
        }
        self._seq += 1
        if isinstance(event, Predicted):
            return self._prediction(event, header, sent)
        self._last = event
        if event.state in (SourceState.RUNNING, SourceState.FAILED, SourceState.RECONNECTING):
            self.failed = event.state is not SourceState.RUNNING
        return SourceMessage(
            **header,
            state=event.state,
            reason=event.reason,
            fault=event.fault,
            times=SourceTimes(sent=self._clock.unix(sent)),
        )

    def stopped(self, reason: str) -> Message:
        """Build the last message of a source that is stopped from outside."""
        return self.build(StateChanged(SourceState.ENDED, self._last.epoch, reason, final=True))

    def _prediction(
        self, event: Predicted, header: Mapping[str, Any], sent: float
    ) -> PredictionMessage:
        prediction, unix = event.prediction, self._clock.unix
        captured, posed, dropped = event.frame_counts
        width, height = event.image_size
        return PredictionMessage(
            **header,
            **_answer(prediction, self._genres),
            dancers=tuple(
                DancerAnswer(
                    id=dancer.id,
                    **_answer(dancer, self._genres),
                    joints=None if dancer.landmarks is None else _joints(dancer.landmarks),
                )
                for dancer in prediction.dancers
            ),
            times=PredictionTimes(
                capture=unix(event.capture),
                pose=unix(event.posed),
                window_end=unix(prediction.window_end),
                sent=unix(sent),
            ),
            latency=Latency(
                capture=event.taken - event.capture,
                pose=event.posed - event.taken,
                classify=prediction.classify_seconds,
                send=sent - event.predicted,
            ),
            frames=FrameCounts(captured=captured, posed=posed, dropped=dropped),
            fps=event.fps,
            image=ImageSize(width=width, height=height),
        )


def _joints(landmarks: Landmarks) -> tuple[Joint, ...]:
    joints = np.column_stack([coco_image(landmarks.image), coco_visibility(landmarks.visibility)])
    rounded = np.round(joints.astype(np.float64), 4).tolist()
    return tuple((x, y, visibility) for x, y, visibility in rounded)


def _answer(prediction: Prediction | DancerPrediction, genres: Mapping[str, str]) -> dict[str, Any]:
    estimate = prediction.estimate
    return {
        "status": estimate.status,
        "genre": estimate.genre,
        "name": None if estimate.genre is None else genres[estimate.genre],
        "confidence": _probability(estimate.confidence),
        "probabilities": {
            code: _probability(value)
            for code, value in zip(genres, estimate.probabilities, strict=True)
        },
        "window": prediction.window_seconds,
    }


def _probability(value: float) -> float:
    """Return `value` as a Python float from 0 to 1; float32 sums may be a hair over 1."""
    return min(max(float(value), 0.0), 1.0)
