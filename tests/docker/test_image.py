"""Build the image in a clean Debian, and run its service with the rights of a container.

This takes minutes, mostly for downloads, so only `make container` runs it.
"""

import asyncio
import json
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

from tests.docker.clean_root import CleanRoot, needs_clean_root
from tests.testbed.rtsp_server import find_free_port

_DOCKERFILE: Final = (Path(__file__).parents[2] / "docker" / "Dockerfile").read_text()
_TOKEN: Final = "a-token-for-a-container"
_TIMEOUT: Final = 60.0
pytestmark = needs_clean_root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanRoot]:
    """Run all build steps in a clean Debian, which is deleted at the end since it takes 1 GB."""
    root = CleanRoot(tmp_path_factory.mktemp("clean") / "root")
    root.build("/src/docker/build-venv", "/src", "/opt/dancetype", "cpu", "full")
    root.build("/src/docker/camera/build", "/opt/camera", "/opt/dancetype")
    root.build("/src/docker/system-packages", "--image")
    root.build("/src/docker/add-user")
    root.build("install", "/src/docker/healthcheck", "/usr/local/bin")
    # The last stage of an image has no sources.
    root.build("rm", "-r", "/src")
    yield root
    shutil.rmtree(root.folder)


@contextmanager
def camera(root: CleanRoot) -> Iterator[str]:
    """Run the camera simulator, and yield its URL."""
    port = str(find_free_port())
    (entry,) = re.findall(r"^ENTRYPOINT (.*rtsp-server.*)$", _DOCKERFILE, re.MULTILINE)
    command = (*json.loads(entry), "-p", port, "-cp", str(find_free_port()))
    process = root.popen(*command, environment={})
    assert process.stdout
    while "listening on" not in (line := process.stdout.readline()):
        assert line, "the camera did not start"
    yield f"rtsp://127.0.0.1:{port}/demo.mp4?play_count=0"
    process.terminate()
    process.communicate(timeout=10)


@contextmanager
def service(root: CleanRoot, environment: dict[str, str]) -> Iterator["Popen[str]"]:
    """Run dancetype, and yield its process when its page is served."""
    (block,) = re.findall(r"^ENV (PATH=(?:.*\\\n)*.*)$", _DOCKERFILE, re.MULTILINE)
    image_environment = dict(
        re.findall(r"([A-Z_]+)=(\S+)", block.replace("$PATH", "/usr/local/bin:/usr/bin"))
    )
    process = root.popen("dancetype", "run", environment={**image_environment, **environment})
    assert process.stdout
    output = ""
    while "page: " not in output:
        line = process.stdout.readline()
        assert line, f"dancetype has ended: {output}"
        output += line
    yield process
    process.kill()
    process.communicate()


async def prediction(port: str) -> dict[str, Any]:
    """Return the first prediction with a person, received over the WebSocket."""
    url = f"ws://127.0.0.1:{port}/ws"
    headers = {"Authorization": f"Bearer {_TOKEN}"}
    async with asyncio.timeout(_TIMEOUT), connect(url, additional_headers=headers) as client:
        async for text in client:
            message: dict[str, Any] = json.loads(text)
            if message.get("status") in ("genre", "not_sure"):
                return message
    raise AssertionError("the service closed the connection")


async def test_image_predicts_without_privileges_and_writes_no_files(
    root: CleanRoot,
) -> None:
    port = str(find_free_port())
    environment = {"DANCETYPE_PORT": port, "DANCETYPE_TOKEN": _TOKEN}

    def health() -> tuple[int, str]:
        process = root.popen("/usr/local/bin/healthcheck", environment=environment)
        output, _ = process.communicate(timeout=_TIMEOUT)
        return process.returncode, output

    assert health() == (1, f"port {port}: [Errno 111] Connection refused\n")
    with camera(root) as url:
        environment["DANCETYPE_SOURCE"] = f"camera={url}"
        with service(root, environment) as process:
            message = await prediction(port)
            assert message["source"] == "camera"
            code, output = health()
            assert code == 0, output
            assert json.loads(output)["status"] == "ready"
            # The folders as the service sees them; all others are read-only.
            inside = Path(f"/proc/{process.pid}/root")
            written = [path for name in ("tmp", "data") for path in (inside / name).rglob("*")]
            # matplotlib, a dependency, writes a list of fonts.
            assert [
                path for path in written if path.is_file() and path.parent.name != "matplotlib"
            ] == []
            status = (inside / "proc" / str(process.pid) / "status").read_text()
            assert re.search(r"^Uid:\t10001\t", status, re.MULTILINE)
            assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
            assert process.returncode == 0, output
    unwanted = "Traceback|Read-only|Permission denied|downloading"
    assert not re.search(unwanted, output), output


def test_image_contains_the_library_for_srt(root: CleanRoot) -> None:
    script = "from dancetype.stream.sources.srt import load_library; load_library()"
    process = root.popen("/opt/dancetype/bin/python", "-c", script, environment={})
    output, _ = process.communicate(timeout=_TIMEOUT)
    assert process.returncode == 0, output


def test_image_contains_no_compiler(root: CleanRoot) -> None:
    found = [
        path
        for name in ("cc", "gcc", "g++", "clang", "make", "ld")
        for path in root.folder.glob(f"usr/*bin/{name}")
    ]
    assert found == []
