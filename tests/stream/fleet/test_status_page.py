import json
from http import HTTPStatus
from typing import Any

from dancetype.stream.fleet.report import Report
from dancetype.stream.fleet.status_page import StatusPage
from dancetype.stream.messages import SourceState
from tests.stream.fleet.test_supervisor import ONE, SimulatedCluster, cameras

RUNNING = Report(
    state=SourceState.RUNNING,
    genre_or_status="house",
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


def status_page(
    cluster: SimulatedCluster, *, error: str | None = None, version: str = "1.0"
) -> StatusPage:
    return StatusPage(cluster.supervisor, error=lambda: error, version=version)


def two_cameras() -> SimulatedCluster:
    """Return a cluster on which camera `a` is running and camera `b` is waiting for resources."""
    cluster = SimulatedCluster(ONE)
    cluster.set_cameras(cameras("a", cpus=2) | cameras("b", source="rtsp://user:secret@10.0.0.9/"))
    cluster.step()
    cluster.answer("a", RUNNING)
    cluster.supervisor.orders()
    return cluster


def status(pages: StatusPage) -> dict[str, Any]:
    page = pages.status(True)
    assert page.status is HTTPStatus.OK
    content: dict[str, Any] = json.loads(page.body)
    return content


def test_status_has_cameras_and_machines_without_passwords() -> None:
    pages = status_page(two_cameras(), error="cameras.toml: not TOML")
    content = status(pages)
    running, waiting = content["cameras"]["a"], content["cameras"]["b"]
    assert (running["state"], running["live"], running["node"], running["genre"]) == (
        "running",
        True,
        "10.0.0.1",
        "house",
    )
    assert (waiting["state"], waiting["live"], waiting["node"]) == (
        "waiting for a place",
        False,
        None,
    )
    assert waiting["error"] == ("no machine has enough free resources: the camera needs cpus = 1")
    assert content["nodes"] == [
        {"name": "10.0.0.1", "cpus": 2, "cpus_taken": 2, "gpus": 0, "gpus_taken": 0}
    ]
    assert content["error"] == "cameras.toml: not TOML"
    assert b"secret" not in pages.status(True).body


def test_summary_counts_the_cameras_in_each_state() -> None:
    assert status_page(SimulatedCluster()).summary == "cameras: none"
    cluster = two_cameras()
    assert status_page(cluster).summary == "cameras: 1 running, 1 waiting for a place"
    assert cluster.supervisor.live
    assert not SimulatedCluster().supervisor.live


def test_different_version_on_a_machine_is_an_error() -> None:
    pages = status_page(two_cameras(), version="2.0")
    assert status(pages)["cameras"]["a"]["error"] == (
        "its machine has dancetype 1.0; install 2.0 there"
    )


def test_reason_of_an_interrupted_source_is_its_error() -> None:
    cluster = two_cameras()
    reason = "rtsp://user:secret@10.0.0.9/: refused"
    lost = Report(state=SourceState.RECONNECTING, reason=reason, version="1.0")
    cluster.answer("a", lost)
    error = status(status_page(cluster))["cameras"]["a"]["error"]
    assert "refused" in error
    assert "secret" not in error


def test_unauthorised_request_gets_only_the_readiness() -> None:
    pages = status_page(two_cameras())
    assert pages.status(False).status is HTTPStatus.UNAUTHORIZED
    assert pages.metrics(False).status is HTTPStatus.UNAUTHORIZED
    ready = pages.ready(False)
    assert (ready.status, json.loads(ready.body)) == (HTTPStatus.OK, {"status": "ready"})


def test_fleet_is_not_ready_if_no_camera_delivers_frames() -> None:
    cluster = two_cameras()
    cluster.supervisor.on_lost(cluster.remove("a"), "its process died")
    page = status_page(cluster).ready(True)
    assert page.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert json.loads(page.body)["cameras"] == {
        "to be started again": 1,
        "waiting for a place": 1,
    }


def test_metrics_have_each_camera_and_machine() -> None:
    text = status_page(two_cameras()).metrics(True).body.decode()
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
