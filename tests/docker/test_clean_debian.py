"""Run the wheel with uvx and pipx, and as a service of systemd, in a clean Debian.

This takes minutes, mostly for downloads, so only `make container` runs it.
"""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.docker.clean_root import Boot, CleanRoot, needs_clean_root
from tests.testbed.rtsp_server import find_free_port

_CHECKOUT: Final = Path(__file__).parents[2]
_DEMO: Final = ("dancetype", "demo", "--seconds", "6", "--port", "0")
_UNIT: Final = "etc/systemd/system/dancetype.service"
_TIMEOUT: Final = 90.0
pytestmark = needs_clean_root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanRoot]:
    """A clean Debian with uv, pipx and the wheel, but without dancetype and its libraries."""
    root = CleanRoot(tmp_path_factory.mktemp("clean") / "root")
    out = root.folder / "wheel"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run((uv, "build", "--quiet", "--wheel", "--out-dir", out, _CHECKOUT), check=True)
    root.build("python3", "-m", "venv", "/opt/tools")
    root.build("/opt/tools/bin/pip", "install", "--quiet", "uv", "pipx")
    yield root
    shutil.rmtree(root.folder)


@pytest.fixture(scope="module")
def wheel(root: CleanRoot) -> str:
    """Path of the wheel in the root."""
    (wheel,) = (root.folder / "wheel").glob("*.whl")
    return f"/wheel/{wheel.name}"


@pytest.fixture(scope="module")
def complete_root(root: CleanRoot, wheel: str) -> CleanRoot:
    """The root with the system libraries that the first attempt names."""
    result = root.run("/opt/tools/bin/uvx", "--from", wheel, *_DEMO)
    assert result.returncode == 1, result.stdout
    message = result.stdout.splitlines()[-1]
    advice = re.fullmatch(
        r"error: lib\S+: cannot open shared object file: .*; on Debian and Ubuntu: "
        r"apt-get install ([\w. -]+)",
        message,
    )
    assert advice, result.stdout
    root.build("apt-get", "install", "-qq", "-y", "--no-install-recommends", *advice[1].split())
    return root


@pytest.mark.parametrize("tool", ["uvx --from", "pipx run --spec"])
def test_one_command_runs_the_demo_after_the_named_libraries_are_installed(
    complete_root: CleanRoot, wheel: str, tool: str
) -> None:
    name, *options = tool.split()
    result = complete_root.run(f"/opt/tools/bin/{name}", *options, wheel, *_DEMO)
    assert result.returncode == 0, result.stdout
    assert "demo: running" in result.stdout
    assert "Traceback" not in result.stdout


@pytest.fixture(scope="module")
def port() -> int:
    """Port of the service, which shares the network of this machine."""
    return find_free_port()


@pytest.fixture(scope="module")
def system(complete_root: CleanRoot, wheel: str, port: int) -> Iterator[Boot]:
    """The system with the service installed as the guide describes, but not started."""
    root = complete_root
    root.build("apt-get", "install", "-qq", "-y", "--no-install-recommends", "systemd")
    root.build("/opt/tools/bin/uv", "venv", "--quiet", "/opt/dancetype")
    uv_install = ("uv", "pip", "install", "--quiet", "--python", "/opt/dancetype/bin/python")
    root.build(*("env", "PATH=/opt/tools/bin:/usr/bin"), *uv_install, wheel)
    # The service has neither proxies nor certificates of this machine.
    root.build(
        *("env", "DANCETYPE_CACHE=/var/cache/dancetype", "/opt/dancetype/bin/dancetype"),
        *("models", "pull"),
    )
    settings = root.folder / "etc" / "dancetype"
    (settings / "credentials").mkdir(parents=True, mode=0o700)
    (settings / "dancetype.toml").write_text(f'port = {port}\n[source]\nstage = "test:"\n')
    (settings / "credentials" / "token").write_text("a-token-in-a-credential\n")
    for file in (settings / "dancetype.toml", settings / "credentials" / "token"):
        file.chmod(0o600)
    shutil.copy(_CHECKOUT / "examples" / "systemd" / "dancetype.service", root.folder / _UNIT)
    # Settings of the kernel are those of this machine.
    (root.folder / "etc/systemd/system/systemd-sysctl.service").symlink_to("/dev/null")
    with root.booted() as boot:
        _wait_until(lambda: _is_up(boot))
        yield boot


def _is_up(boot: Boot) -> bool:
    return _output(boot, "systemctl", "is-system-running").strip() in ("running", "degraded")


def _output(boot: Boot, *command: str) -> str:
    """Return the output of a command that may fail."""
    try:
        return boot.run(*command)
    except (subprocess.CalledProcessError, IndexError) as error:
        return str(getattr(error, "stdout", ""))


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _property(boot: Boot, name: str) -> str:
    return boot.run("systemctl", "show", "--value", "--property", name, "dancetype").strip()


def _override(boot: Boot, *lines: str) -> None:
    """Change the service for a test, as `systemctl edit` does."""
    text = "\n".join(("[Service]", "RestartSec=100ms", *lines))
    folder = "/run/systemd/system/dancetype.service.d"
    boot.run("sh", "-c", f"mkdir -p {folder}; echo '{text}' >{folder}/test.conf")
    boot.run("systemctl", "daemon-reload")


def test_service_starts_confined_and_reports_its_state(system: Boot, port: int) -> None:
    system.run("systemctl", "start", "dancetype")
    journal = ("journalctl", "--no-pager", "--output", "cat", "--unit", "dancetype")
    _wait_until(lambda: _property(system, "StatusText") == "stage: running")
    _wait_until(lambda: _property(system, "WatchdogTimestampMonotonic") != "0")
    script = (
        "from urllib.request import Request, urlopen\n"
        f"url = 'http://127.0.0.1:{port}/status'\n"
        "headers = {'Authorization': 'Bearer a-token-in-a-credential'}\n"
        "print(urlopen(Request(url, headers=headers)).status)"
    )
    assert system.run("python3", "-c", script) == "200\n"
    process = system.run("cat", f"/proc/{_property(system, 'MainPID')}/status")
    assert re.search(r"^CapEff:\t0+$", process, re.MULTILINE)
    assert re.search(r"^Seccomp:\t2$", process, re.MULTILINE)
    assert not re.search(r"^Uid:\t0\t", process, re.MULTILINE)
    system.run("systemctl", "stop", "dancetype")
    assert _property(system, "Result") == "success"
    log = system.run(*journal)
    assert not re.search("Traceback|Permission denied|Operation not permitted|Read-only", log), log


def test_watchdog_restarts_a_service_without_frames(system: Boot, port: int) -> None:
    _override(system, "WatchdogSec=2s", "Environment=DANCETYPE_SOURCE=cam=rtsp://127.0.0.1:9/x")
    system.run("systemctl", "start", "dancetype")
    _wait_until(lambda: _property(system, "NRestarts") != "0")
    system.run("systemctl", "stop", "dancetype")
    log = system.run("journalctl", "--no-pager", "--unit", "dancetype")
    assert "Watchdog timeout" in log
    assert "Failed with result 'watchdog'" in log


def test_invalid_setting_is_reported_once_and_not_retried(system: Boot) -> None:
    _override(system, "Environment=DANCETYPE_PORT=99999")
    assert "failed" in _output(system, "systemctl", "start", "dancetype")
    assert _property(system, "ExecMainStatus") == "2"
    assert _property(system, "ActiveState") == "failed"
    assert _property(system, "NRestarts") == "0"
