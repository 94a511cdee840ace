"""Health checks for process supervisors and load balancers: `/healthz` and `/readyz`."""

from http import HTTPStatus
from typing import Any

from dancetype.stream.run_state import MAX_FRAME_AGE, RunState
from dancetype.stream.web.pages import Page, json_page


class Health:
    """Health of the process, and of its sources.

    Only authorised requests receive the names and states of the sources.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state

    def live(self, authorised: bool) -> Page:
        """Report that the process responds; a restart would not repair other failures."""
        body: dict[str, Any] = {"status": "ok"}
        if authorised:
            sources = self._state.sources.items()
            body["sources"] = {name: run.state.state for name, run in sources if run.state}
        return json_page(HTTPStatus.OK, body)

    def ready(self, authorised: bool) -> Page:
        """Report whether at least one source delivered a recent frame; if not, with status 503."""
        ready, ages = self._state.has_recent_frame, self._state.frame_ages
        body: dict[str, Any] = {"status": "ready" if ready else "not_ready"}
        if not ready:
            body["reason"] = f"no source has had a frame in the last {MAX_FRAME_AGE:g} s"
        if authorised:
            body["sources"] = {
                name: {
                    "state": run.state and run.state.state,
                    "since": run.since,
                    "fault": run.state and run.state.fault,
                    "reason": run.state and run.state.reason,
                    "frame_age": None if (age := ages[name]) is None else round(age, 3),
                }
                for name, run in self._state.sources.items()
            }
        return json_page(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, body)
