"""Every connection made and every file written by a whole run, as the kernel sees them."""

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
# Libraries that phone home do so some seconds after their start.
LASTING: Final = 15.0

_INTERNET: Final = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)')
_OPENED: Final = re.compile(r'(?:open|openat|openat2|creat)\((?:AT_FDCWD, )?"([^"]*)", .*?(O_\S+)?')
_WRITING: Final = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|creat\(")
_MOVED: Final = re.compile(r"^\d+ +(?:rename|link|symlink|mknod)")
_PICTURES: Final = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"ftyp", b"\x00\x00\x00\x01\x67")


def addresses(trace: list[str]) -> set[str]:
    """Wherever anything was sent, as `host:port`, or as the kernel told it."""
    named = [line for line in trace if "sa_family=" in line]
    return {
        f"{found[2]}:{found[1]}" if (found := _INTERNET.search(line)) else line for line in named
    }


def written(trace: list[str]) -> set[Path]:
    """The files that were opened for writing."""
    return {
        Path(found[1])
        for line in trace
        if _WRITING.search(line) and (found := _OPENED.search(line)) and "ENOENT" not in line
    }


def shows_a_picture(data: bytes) -> bool:
    if not data:
        return False
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return image is not None or any(start in data for start in _PICTURES)


async def test_a_run_talks_to_nobody_but_its_camera_and_its_broker_and_writes_no_picture(
    camera: RtspServer,
    pose_model: Path,
    free_port: int,
    tmp_path: Path,
    figure: Figure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert STRACE, "this test needs strace: apt-get install strace"
    # What a user's environment may forbid is to be forbidden without it, too.
    for name in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    home, out, trace = tmp_path / "home", tmp_path / "out", tmp_path / "trace"
    home.mkdir()
    out.mkdir()
    environment = {
        "HOME": str(home),
        "DANCETYPE_CACHE": str(cache_folder()),
        "PYTHONDONTWRITEBYTECODE": "1",
        # Python's `find_library`, where it finds a compiler, has it write files.
        "PATH": str(home),
    }
    words = (
        *(
            "--source",
            f"cam={looping_url('show.mp4', camera.port)}",
            "--source",
            "drawn=test:?fps=5",
        ),
        *("--mqtt", f"mqtt://{HOST}:{free_port}"),
    )
    tracer = (STRACE, "-f", "--seccomp-bpf", "-s", "4096", "-o", str(trace), "-e", CALLS)

    def run() -> Command:
        with Command(*words, folder=out, environment=environment, prefix=tracer) as command:
            with connect(f"ws://{command.address}/ws") as client:
                command.get("/")
                command.get("/metrics")
                command.wait_for(is_prediction, within=60)
                end = command.messages[-1].times.sent + LASTING
                command.wait_for(lambda message: message.times.sent > end, within=60)
                assert client.recv()
            assert command.listening_addresses == {command.address}
            command.stop()
        return command

    async with mosquitto(free_port, tmp_path), subscriber(free_port) as ear:
        command = await asyncio.to_thread(run)
        assert (await next_message(ear, "dancetype/cam/prediction")).payload
    assert command.exit_code == 0
    lines = trace.read_text(errors="replace").splitlines()

    allowed = {f"{HOST}:{camera.port}", f"{HOST}:{free_port}"}
    # glibc asks for a cache of names on this machine, which none of these has.
    reached = {each for each in addresses(lines) if "/nscd/" not in each}
    assert reached == allowed

    messages = out / "messages.jsonl"
    files = written(lines) - {Path("/dev/null")}
    caches = {file for file in files if home in file.parents}
    assert files - caches == {messages}
    assert not [line for line in lines if _MOVED.match(line) and str(home) not in line]
    left = [file for file in (*home.rglob("*"), *out.iterdir()) if file.is_file()]
    assert not [file for file in left if shows_a_picture(file.read_bytes())]
    # Nothing came and went unseen but empty locks.
    assert {file for file in caches if not file.name.endswith("-lock")} <= set(left)
    figure(
        "privacy",
        f"connections: to the camera and the broker alone; files written: {messages.name}"
        + "".join(f", {file.name}" for file in sorted(caches & set(left))),
    )


def test_a_picture_is_known_for_one() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    for kind in (".png", ".jpg", ".bmp"):
        assert shows_a_picture(cv2.imencode(kind, image)[1].tobytes())
    assert not shows_a_picture(b'{"version":1}\n')
    assert not shows_a_picture(b"")


def test_connections_and_writing_are_found_in_a_trace() -> None:
    trace = [
        '7 connect(8, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.53")})',
        '7 connect(8, {sa_family=AF_UNIX, sun_path="/run/x"}, 110) = 0',
        '7 openat(AT_FDCWD, "/a", O_RDONLY|O_CLOEXEC) = 3',
        '7 openat(AT_FDCWD, "/b.png", O_WRONLY|O_CREAT|O_TRUNC, 0666 <unfinished ...>',
        '7 creat("/c.png", 0666) = 3',
    ]
    assert addresses(trace) == {"10.0.0.53:53", trace[1]}
    assert written(trace) == {Path("/b.png"), Path("/c.png")}
