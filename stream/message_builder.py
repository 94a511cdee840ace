"""Conversion of a source's events to outgoing messages."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dancetype.engine.landmarks import Landmarks, coco_image, coco_visibility
from dancetype.engine.recognizer import DancerPrediction, Prediction
from dancetype.stream.clock import Clock
from dancetype.stream.messages import (
    DancerResult,
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
from dancetype.stream.sources.redaction import mask_urls


class MessageBuilder:
    """Builder of one source's messages, with consecutive numbers and times of sending.

    Args:
        source: Name of the source.
        genres: Names of the K genres by code, in the classifier's order.
        clock: Clock of the run.
        first_epoch: Number to add to the epochs of the events.
        instance: Id of the run.

    Attributes:
        failed: Whether the source is currently unavailable or has failed permanently.
    """

    def __init__(
        self,
        source: str,
        *,
        genres: Mapping[str, str],
        clock: Clock,
        first_epoch: int = 0,
        instance: str | None = None,
    ) -> None:
        self._source = source
        self._genres = genres
        self._clock = clock
        self._first_epoch = first_epoch
        self._instance = instance
        self._seq = 0
        self._last_change = StateChanged(SourceState.CONNECTING, epoch=0)
        self.failed = False

    @property
    def finished(self) -> bool:
        """Whether the last message of the source has been built."""
        return self._last_change.final

    def build(self, event: Event) -> Message:
        """Build the message for an event, with the current time as time of sending."""
        sent = self._clock.monotonic()
        header: dict[str, Any] = {
            "source": self._source,
            "epoch": self._first_epoch + event.epoch,
            "seq": self._seq,
        }
        self._seq += 1
        if isinstance(event, Predicted):
            return self._build_prediction(event, header, sent)
        self._last_change = event
        if event.state.delivers:
            self.failed = False
        elif event.state in (SourceState.FAILED, SourceState.RECONNECTING):
            self.failed = True
        return SourceMessage(
            **header,
            state=event.state,
            reason=event.reason and mask_urls(event.reason),
            fault=event.fault,
            instance=self._instance,
            times=SourceTimes(sent=self._clock.unix(sent)),
        )

    def build_final(self, reason: str) -> Message:
        """Build the last message of a source that was stopped; `reason` says why."""
        epoch = self._last_change.epoch
        return self.build(StateChanged(SourceState.ENDED, epoch, reason, final=True))

    def _build_prediction(
        self, event: Predicted, header: Mapping[str, Any], sent: float
    ) -> PredictionMessage:
        prediction, unix = event.prediction, self._clock.unix
        captured, posed, dropped = event.frame_counts
        width, height = event.image_size
        return PredictionMessage(
            **header,
            **result_fields(prediction, self._genres),
            dancers=tuple(
                DancerResult(
                    id=dancer.id,
                    **result_fields(dancer, self._genres),
                    joints=None if dancer.landmarks is None else _joints(dancer.landmarks),
                )
                for dancer in prediction.dancers
            ),
            times=PredictionTimes(
                capture=unix(event.capture),
                pose=unix(event.pose_ended),
                window_end=unix(prediction.window_end),
                sent=unix(sent),
            ),
            latency=Latency(
                capture=event.pose_started - event.capture,
                pose=event.pose_ended - event.pose_started,
                classify=prediction.classify_seconds,
                send=sent - event.predicted,
            ),
            frames=FrameCounts(captured=captured, posed=posed, dropped=dropped),
            fps=event.fps,
            pose_fps=event.pose_fps,
            image=ImageSize(width=width, height=height),
        )


def _joints(landmarks: Landmarks) -> tuple[Joint, ...]:
    joints = np.column_stack([coco_image(landmarks.image), coco_visibility(landmarks.visibility)])
    rounded = np.round(joints.astype(np.float64), 4).tolist()
    return tuple((x, y, visibility) for x, y, visibility in rounded)


def result_fields(
    prediction: Prediction | DancerPrediction, genres: Mapping[str, str]
) -> dict[str, Any]:
    """Return the fields of a `GenreResult`.

    Args:
        prediction: Prediction for a source or a dancer.
        genres: Names of the K genres by code, in the classifier's order.
    """
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
        "dancing": None if estimate.dancing is None else _probability(estimate.dancing),
        "window": prediction.window_seconds,
    }


def _probability(value: float) -> float:
    """Return `value` as a Python float from 0 to 1; float32 sums may be slightly over 1."""
    return min(max(float(value), 0.0), 1.0)
