import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from dancetype.cli.fleet import _run
from dancetype.stream.fleet.cameras import CamerasFile
from dancetype.stream.settings import load_settings
from tests.testbed.service_manager import ServiceManager


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")
async def test_fleet_reports_the_states_of_its_cameras_to_the_service_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cameras.toml"
    file.write_text('[cameras.left]\nsource = "test:"\n[cameras.right]\nsource = "test:"\n')
    settings = load_settings({"mqtt": "mqtt://127.0.0.1", "port": 0, "seconds": 0.1})
    with ServiceManager(str(tmp_path / "notify")) as manager:
        for name, value in {**manager.environment, "WATCHDOG_USEC": "20000"}.items():
            monkeypatch.setenv(name, value)
        # A cluster without machines, so that no camera starts and the watchdog is not fed.
        cluster = SimpleNamespace(nodes=list, remote=lambda actor: actor)
        await _run(settings, CamerasFile(file, settings), cluster)
        lines = [line for report in manager.received() for line in report]
        assert lines[:2] == ["READY=1", "STATUS=cameras: 2 waiting for a place"]
        assert lines[-2:] == ["STOPPING=1", "STATUS=stopping"]
        assert "WATCHDOG=1" not in lines
