"""The unit for systemd, and a real run that reports to a service manager."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from dancetype.stream.messages import SourceState
from tests.testbed.command import START_TIMEOUT, Command
from tests.testbed.fault_proxy import HOST
from tests.testbed.rtsp_server import find_free_port
from tests.testbed.service_manager import ServiceManager

UNIT: Final = Path(__file__).parents[2] / "examples" / "systemd" / "dancetype.service"
# Score of `systemd-analyze security`, from 0 to 10; below 2 is "OK".
MAX_EXPOSURE: Final = 1.7


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a command that exists on this machine."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace("/opt/dancetype/bin/dancetype", "/bin/true"))
    return path


def analyze(*arguments: str | Path) -> str:
    """Return the output of `systemd-analyze`."""
    result = subprocess.run(("systemd-analyze", *arguments), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def test_systemd_accepts_each_line_of_the_unit(unit: Path) -> None:
    assert analyze("verify", unit) == ""


def test_exposure_of_the_unit_is_low(unit: Path) -> None:
    # Not exact, since newer versions of systemd check more.
    table = analyze("security", "--offline=true", "--no-pager", unit)
    (score,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", table)
    assert float(score) <= MAX_EXPOSURE, table


def test_run_reports_readiness_status_and_frames_to_the_service_manager(
    pose_model: Path, tmp_path: Path
) -> None:
    with ServiceManager(str(tmp_path / "notify")) as manager:
        environment = {**manager.environment, "WATCHDOG_USEC": "1000000"}
        options = ("--source", "stage=test:")
        with Command(*options, folder=tmp_path, environment=environment) as command:
            # Clients can connect as soon as the service is ready.
            assert manager.receive(START_TIMEOUT)[0] == "READY=1"
            assert '"status"' in command.get("/healthz")
            manager.receive_until("STATUS=stage: running", within=30)
            manager.receive_until("WATCHDOG=1", within=30)
            command.stop()
            lines = manager.receive_until("STOPPING=1", within=5)
            assert lines[-2:] == ["STOPPING=1", "STATUS=stopping"]
            assert command.exit_code == 0


def test_watchdog_is_not_fed_without_frames(pose_model: Path, tmp_path: Path) -> None:
    with ServiceManager(str(tmp_path / "notify")) as manager:
        environment = {**manager.environment, "WATCHDOG_USEC": "100000"}
        source = f"cam=rtsp://{HOST}:{find_free_port()}/live"
        with Command("--source", source, folder=tmp_path, environment=environment) as command:
            manager.receive_until("STATUS=cam: reconnecting (refused)", within=START_TIMEOUT)
            last = len(command.messages)
            for _ in range(3):
                command.wait_for_state(SourceState.RECONNECTING, within=20, after=last)
                last = len(command.messages)
            assert manager.received() == []
