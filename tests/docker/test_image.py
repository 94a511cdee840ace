"""The image's steps in a clean Debian, and its service locked in as a container is.

This takes minutes, most of them downloads: `make container` runs it, and `make test` does not.
"""

import asyncio
import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

import pytest
from websockets.asyncio.client import connect

from tests.docker.clean_root import CleanRoot, why_not
from tests.testbed.rtsp_server import find_free_port

_DOCKERFILE: Final = (Path(__file__).parents[2] / "docker" / "Dockerfile").read_text()
_TOKEN: Final = "a-token-for-a-container"
_WITHIN: Final = 60.0
_REASON: Final = (
    why_not() if "DANCETYPE_CONTAINER" in os.environ else "takes minutes: make container"
)

pytestmark = pytest.mark.skipif(_REASON is not None, reason=str(_REASON))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanRoot]:
    """A clean Debian after all the steps of an image; a gigabyte, so it does not stay."""
    made = CleanRoot(tmp_path_factory.mktemp("clean") / "root")
    made.build("/src/docker/build-venv", "/src", "/opt/dancetype", "cpu", "full")
    made.build("/src/docker/camera/build", "/opt/camera", "/opt/dancetype")
    made.build("/src/docker/system-packages")
    made.build("/src/docker/add-user")
    made.build("install", "/src/docker/healthcheck", "/usr/local/bin")
    # The last stage of an image has no sources.
    made.build("rm", "-r", "/src")
    yield made
    shutil.rmtree(made.folder)


@contextmanager
def camera(root: CleanRoot) -> Iterator[str]:
    """The stand-in for a camera, and its address."""
    port = str(find_free_port())
    (entry,) = re.findall(r"^ENTRYPOINT (.*rtsp-server.*)$", _DOCKERFILE, re.MULTILINE)
    words = (*json.loads(entry), "-p", port, "-cp", str(find_free_port()))
    process = root.popen(*words, environment={})
    assert process.stdout
    while "listening on" not in (line := process.stdout.readline()):
        assert line, "the camera did not start"
    yield f"rtsp://127.0.0.1:{port}/demo.mp4?play_count=0"
    process.terminate()
    process.communicate(timeout=10)


@contextmanager
def service(root: CleanRoot, environment: dict[str, str]) -> Iterator["Popen[str]"]:
    """dancetype, from when it has said where its page is."""
    (block,) = re.findall(r"^ENV (PATH=(?:.*\\\n)*.*)$", _DOCKERFILE, re.MULTILINE)
    own = dict(re.findall(r"([A-Z_]+)=(\S+)", block.replace("$PATH", "/usr/local/bin:/usr/bin")))
    process = root.popen("dancetype", "run", environment={**own, **environment})
    assert process.stdout
    said = ""
    while "page: " not in said:
        line = process.stdout.readline()
        assert line, f"it has ended: {said}"
        said += line
    yield process
    process.kill()
    process.communicate()


async def prediction(port: str) -> dict[str, Any]:
    """The first of somebody seen, by a WebSocket."""
    address = f"ws://127.0.0.1:{port}/ws"
    login = {"Authorization": f"Bearer {_TOKEN}"}
    async with asyncio.timeout(_WITHIN), connect(address, additional_headers=login) as client:
        async for text in client:
            message: dict[str, Any] = json.loads(text)
            if message.get("status") in ("genre", "not_sure"):
                return message
    raise AssertionError("the service went away")


async def test_an_image_predicts_without_rights_and_writes_nothing_of_its_own(
    root: CleanRoot,
) -> None:
    port = str(find_free_port())
    environment = {"DANCETYPE_PORT": port, "DANCETYPE_TOKEN": _TOKEN}

    def health() -> tuple[int, str]:
        checked = root.popen("/usr/local/bin/healthcheck", environment=environment)
        said, _ = checked.communicate(timeout=_WITHIN)
        return checked.returncode, said

    assert health() == (1, f"port {port}: [Errno 111] Connection refused\n")
    with camera(root) as address:
        environment["DANCETYPE_SOURCE"] = f"camera={address}"
        with service(root, environment) as process:
            message = await prediction(port)
            assert message["source"] == "camera"
            code, said = health()
            assert code == 0, said
            assert json.loads(said)["status"] == "ready"
            # As the service sees them; all else is read-only for it.
            inside = Path(f"/proc/{process.pid}/root")
            written = [path for name in ("tmp", "data") for path in (inside / name).rglob("*")]
            # MediaPipe brings matplotlib along, which keeps a list of fonts.
            assert [
                path for path in written if path.is_file() and path.parent.name != "matplotlib"
            ] == []
            status = (inside / "proc" / str(process.pid) / "status").read_text()
            assert re.search(r"^Uid:\t10001\t", status, re.MULTILINE)
            assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=20)
            assert process.returncode == 0, said
    assert not re.search("Traceback|Read-only|Permission denied|downloading", said), said


def test_an_image_has_no_compiler(root: CleanRoot) -> None:
    found = [
        path
        for name in ("cc", "gcc", "g++", "clang", "make", "ld")
        for path in root.folder.glob(f"usr/*bin/{name}")
    ]
    assert found == []
