"""Answers for programs that restart processes and route traffic: `/healthz` and `/readyz`."""

from http import HTTPStatus
from typing import Any, Final

from dancetype.stream.run_state import RunState
from dancetype.stream.web.pages import Page, document

_FRESH: Final = 10.0


class Health:
    """Answers whether the process is alive and whether its sources give frames.

    Only authorised requests learn of the sources and their states.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state

    def live(self, authorised: bool) -> Page:
        """Answer that the process responds, which is all that a restart could repair."""
        body: dict[str, Any] = {"status": "ok"}
        if authorised:
            sources = self._state.sources.items()
            body["sources"] = {name: run.state.state for name, run in sources if run.state}
        return document(HTTPStatus.OK, body)

    def ready(self, authorised: bool) -> Page:
        """Answer whether at least one source has had a fresh frame; if not, with status 503."""
        now, sources = self._state.now, self._state.sources
        ages = {
            name: now - run.prediction.times.capture if run.prediction else None
            for name, run in sources.items()
        }
        ready = any(age is not None and age <= _FRESH for age in ages.values())
        body: dict[str, Any] = {"status": "ready" if ready else "not_ready"}
        if not ready:
            body["reason"] = f"no source has had a frame in the last {_FRESH:g} s"
        if authorised:
            body["sources"] = {
                name: {
                    "state": run.state and run.state.state,
                    "since": run.since,
                    "fault": run.state and run.state.fault,
                    "reason": run.state and run.state.reason,
                    "frame_age": None if (age := ages[name]) is None else round(age, 3),
                }
                for name, run in sources.items()
            }
        return document(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, body)
