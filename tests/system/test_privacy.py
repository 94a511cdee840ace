"""All connections and file writes of a run, traced by strace."""

import asyncio
import re
import shutil
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pytest
from websockets.sync.client import connect

from dancetype.stream.assets import cache_folder
from tests.system.conftest import Figure
from tests.testbed.command import Command, is_prediction
from tests.testbed.mosquitto import mosquitto, next_message, subscriber
from tests.testbed.rtsp_server import HOST, RtspServer, looping_url

STRACE: Final = shutil.which("strace")
CALLS: Final = (
    "connect,sendto,sendmsg,sendmmsg,open,openat,openat2,creat,rename,renameat,renameat2,link,"
    "linkat,symlink,symlinkat,mknod,mknodat"
)
# Libraries that report usage do so some seconds after their start.
OBSERVED_SECONDS: Final = 15.0

_INTERNET: Final = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)')
_OPENED: Final = re.compile(r'(?:open|openat|openat2|creat)\((?:AT_FDCWD, )?"([^"]*)", .*?(O_\S+)?')
_WRITING: Final = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|creat\(")
_RENAMED: Final = re.compile(r"^\d+ +(?:rename|link|symlink|mknod)")
_IMAGE_SIGNATURES: Final = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"ftyp", b"\x00\x00\x00\x01\x67")


def contacted_addresses(trace: list[str]) -> set[str]:
    """Return `host:port` of all destinations, or the line of strace if it has none."""
    named = [line for line in trace if "sa_family=" in line]
    return {
        f"{found[2]}:{found[1]}" if (found := _INTERNET.search(line)) else line for line in named
    }


def written_files(trace: list[str]) -> set[Path]:
    """Return the files that were opened for writing."""
    return {
        Path(found[1])
        for line in trace
        if _WRITING.search(line) and (found := _OPENED.search(line)) and "ENOENT" not in line
    }


def is_image(data: bytes) -> bool:
    if not data:
        return False
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return image is not None or any(start in data for start in _IMAGE_SIGNATURES)


async def test_run_contacts_only_camera_and_broker_and_writes_no_image(
    camera: RtspServer,
    pose_model: Path,
    free_port: int,
    tmp_path: Path,
    figure: Figure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert STRACE, "this test needs strace: apt-get install strace"
    # These variables must not be needed to keep libraries from reporting usage.
    for name in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    home, out, trace = tmp_path / "home", tmp_path / "out", tmp_path / "trace"
    home.mkdir()
    out.mkdir()
    environment = {
        "HOME": str(home),
        "DANCETYPE_CACHE": str(cache_folder()),
        "PYTHONDONTWRITEBYTECODE": "1",
        # Python's `find_library` makes a compiler write files if there is one on the path.
        "PATH": str(home),
    }
    options = (
        *(
            "--source",
            f"cam={looping_url('show.mp4', camera.port)}",
            "--source",
            "drawn=test:?fps=5",
        ),
        *("--mqtt", f"mqtt://{HOST}:{free_port}"),
    )
    strace_command = (STRACE, "-f", "--seccomp-bpf", "-s", "4096", "-o", str(trace), "-e", CALLS)

    def run() -> Command:
        with Command(
            *options, folder=out, environment=environment, prefix=strace_command
        ) as command:
            with connect(f"ws://{command.address}/ws") as websocket:
                command.get("/")
                command.get("/metrics")
                command.wait_for(is_prediction, within=60)
                end = command.messages[-1].times.sent + OBSERVED_SECONDS
                command.wait_for(lambda message: message.times.sent > end, within=60)
                assert websocket.recv()
            assert command.listening_addresses == {command.address}
            command.stop()
        return command

    async with mosquitto(free_port, tmp_path), subscriber(free_port) as client:
        command = await asyncio.to_thread(run)
        assert (await next_message(client, "dancetype/cam/prediction")).payload
    assert command.exit_code == 0
    lines = trace.read_text(errors="replace").splitlines()

    allowed = {f"{HOST}:{camera.port}", f"{HOST}:{free_port}"}
    # glibc looks for a local name service cache, which is not installed here.
    contacted = {address for address in contacted_addresses(lines) if "/nscd/" not in address}
    assert contacted == allowed

    messages = out / "messages.jsonl"
    files = written_files(lines) - {Path("/dev/null")}
    caches = {file for file in files if home in file.parents}
    assert files - caches == {messages}
    assert not [line for line in lines if _RENAMED.match(line) and str(home) not in line]
    remaining = [file for file in (*home.rglob("*"), *out.iterdir()) if file.is_file()]
    assert not [file for file in remaining if is_image(file.read_bytes())]
    # Only empty lock files were written and deleted again.
    assert {file for file in caches if not file.name.endswith("-lock")} <= set(remaining)
    figure(
        "privacy",
        f"connections: only to the camera and the broker; files written: {messages.name}"
        + "".join(f", {file.name}" for file in sorted(caches & set(remaining))),
    )


def test_images_are_recognised() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    for kind in (".png", ".jpg", ".bmp"):
        assert is_image(cv2.imencode(kind, image)[1].tobytes())
    assert not is_image(b'{"version":1}\n')
    assert not is_image(b"")


def test_connections_and_written_files_are_found_in_a_trace() -> None:
    trace = [
        '7 connect(8, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.53")})',
        '7 connect(8, {sa_family=AF_UNIX, sun_path="/run/x"}, 110) = 0',
        '7 openat(AT_FDCWD, "/a", O_RDONLY|O_CLOEXEC) = 3',
        '7 openat(AT_FDCWD, "/b.png", O_WRONLY|O_CREAT|O_TRUNC, 0666 <unfinished ...>',
        '7 creat("/c.png", 0666) = 3',
    ]
    assert contacted_addresses(trace) == {"10.0.0.53:53", trace[1]}
    assert written_files(trace) == {Path("/b.png"), Path("/c.png")}
