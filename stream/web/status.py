"""State of a run as JSON for the dashboard and the overlay: `/status`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import numpy as np

from dancetype.stream.messages import Latency
from dancetype.stream.run_state import RunState, SourceRun, TimedLatency
from dancetype.stream.web.pages import UNAUTHORISED, Page, json_page


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPage:
    """The page `/status`.

    Attributes:
        program: Version of dancetype.
        model: Training recipe of the genre model.
        provider: onnxruntime provider that runs the model.
        genres: Genre names by code, in the order of the model's outputs.
        preview: Whether camera images are served.
        note: Text about the run for the dashboard, or "".
        state: State of the run.
    """

    program: str
    model: str
    provider: str
    genres: Mapping[str, str]
    preview: bool
    note: str
    state: RunState

    def page(self, authorised: bool) -> Page:
        """Return the status; docs/reference/protocol.md describes the fields."""
        if not authorised:
            return UNAUTHORISED
        state, now = self.state, self.state.now
        connections = state.broker_connections
        return json_page(
            HTTPStatus.OK,
            {
                "version": 1,
                "program": self.program,
                "model": self.model,
                "provider": self.provider,
                "genres": dict(self.genres),
                "preview": self.preview,
                "note": self.note,
                "now": round(now, 3),
                "clients": state.clients() if state.clients else {},
                "mqtt": connections
                and {"connected": connections(), "shared": list(state.shared_sources())},
                "sources": {name: _fields(run, now) for name, run in state.sources.items()},
            },
        )


def _fields(run: SourceRun, now: float) -> dict[str, Any]:
    run.advance(now)
    state, prediction = run.state, run.prediction
    return {
        "state": state and state.state,
        "reason": state and state.reason,
        "fault": state and state.fault,
        "since": run.since,
        "epoch": state.epoch if state else 0,
        "hint": run.orientation.hint,
        "reconnects": run.reconnects,
        "fps": prediction.fps if prediction and run.running else 0.0,
        "frames": prediction and prediction.frames.model_dump(),
        "latency": _percentiles(run.latencies),
        "history": [change._asdict() for change in run.history],
    }


def _percentiles(latencies: Collection[TimedLatency]) -> dict[str, dict[str, float]] | None:
    """Return median and 95th percentile of each latency part and of the total, in seconds."""
    if not latencies:
        return None
    names = list(Latency.model_fields)
    parts = np.array([[getattr(latency.parts, name) for name in names] for latency in latencies])
    columns = np.column_stack([parts, parts.sum(axis=1)])
    p50, p95 = np.percentile(columns, (50, 95), axis=0).round(6).tolist()
    return {
        name: {"p50": median, "p95": percentile}
        for name, median, percentile in zip([*names, "total"], p50, p95, strict=True)
    }
