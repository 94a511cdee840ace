import json
from http import HTTPStatus
from typing import Any

from dancetype.stream.fleet.report import Report
from dancetype.stream.fleet.status_page import StatusPage
from dancetype.stream.messages import SourceState
from tests.stream.fleet.test_supervisor import ONE, Stage, cameras

RUNNING = Report(
    state=SourceState.RUNNING,
    word="house",
    confidence=0.9,
    fps=10.0,
    latency=0.08,
    captured=30,
    posed=20,
    dropped=10,
    predictions=7,
    connected=True,
    cpu_seconds=4.5,
    version="1.0",
)


def a_page(stage: Stage, *, error: str | None = None, version: str = "1.0") -> StatusPage:
    return StatusPage(stage.supervisor, error=lambda: error, version=version)


def a_stage() -> Stage:
    """One camera that runs, and one that waits for a place."""
    stage = Stage(ONE)
    stage.want(cameras("a", cpus=2) | cameras("b", source="rtsp://user:secret@10.0.0.9/"))
    stage.step()
    stage.answer("a", RUNNING)
    stage.supervisor.orders()
    return stage


def status(shown: StatusPage) -> dict[str, Any]:
    page = shown.status(True)
    assert page.status is HTTPStatus.OK
    found: dict[str, Any] = json.loads(page.body)
    return found


def test_the_status_tells_of_cameras_and_machines_and_of_no_password() -> None:
    shown = a_page(a_stage(), error="cameras.toml: not TOML")
    found = status(shown)
    one, two = found["cameras"]["a"], found["cameras"]["b"]
    assert (one["state"], one["live"], one["node"], one["genre"]) == (
        "running",
        True,
        "10.0.0.1",
        "house",
    )
    assert (two["state"], two["live"], two["node"]) == ("waiting for a place", False, None)
    assert two["error"] == "no machine has room: it takes 1 of a machine's cores"
    assert found["nodes"] == [
        {"name": "10.0.0.1", "cpus": 2, "cpus_taken": 2, "gpus": 0, "gpus_taken": 0}
    ]
    assert found["error"] == "cameras.toml: not TOML"
    assert b"secret" not in shown.status(True).body


def test_a_machine_with_another_version_is_told() -> None:
    assert status(a_page(a_stage(), version="2.0"))["cameras"]["a"]["error"] == (
        "runs dancetype 1.0, not 2.0"
    )


def test_the_last_words_of_a_source_in_trouble_are_its_error() -> None:
    stage = a_stage()
    reason = "rtsp://user:secret@10.0.0.9/: refused"
    lost = Report(state=SourceState.RECONNECTING, reason=reason, version="1.0")
    stage.answer("a", lost)
    error = status(a_page(stage))["cameras"]["a"]["error"]
    assert "refused" in error
    assert "secret" not in error


def test_without_the_token_nothing_is_told_but_whether_it_is_ready() -> None:
    shown = a_page(a_stage())
    assert shown.status(False).status is HTTPStatus.UNAUTHORIZED
    assert shown.metrics(False).status is HTTPStatus.UNAUTHORIZED
    ready = shown.ready(False)
    assert (ready.status, json.loads(ready.body)) == (HTTPStatus.OK, {"status": "ready"})


def test_a_fleet_is_ready_while_a_camera_gives_frames() -> None:
    stage = a_stage()
    stage.supervisor.on_lost(stage.gone("a"), "its process died")
    page = a_page(stage).ready(True)
    assert page.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert json.loads(page.body)["cameras"] == {
        "to be started again": 1,
        "waiting for a place": 1,
    }


def test_metrics_have_each_camera_and_machine() -> None:
    text = a_page(a_stage()).metrics(True).body.decode()
    for line in (
        'dancetype_fleet_camera_live{camera="a"} 1.0',
        'dancetype_fleet_camera_live{camera="b"} 0.0',
        'dancetype_fleet_camera_frames_posed_total{camera="a"} 20.0',
        'dancetype_fleet_camera_latency_seconds{camera="a"} 0.08',
        'dancetype_fleet_cameras{state="waiting for a place"} 1.0',
        'dancetype_fleet_node_cpus_taken{node="10.0.0.1/1"} 2.0',
        "dancetype_fleet_file_broken 0.0",
    ):
        assert f"{line}\n" in text
    assert 'latency_seconds{camera="b"}' not in text
