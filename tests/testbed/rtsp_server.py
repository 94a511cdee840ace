"""A real RTSP server whose streams never end, and a camera that lets nobody in."""

import socket
import socketserver
import subprocess
import sys
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from threading import Thread
from typing import Final, Self

import av
import cv2
import numpy as np

from dancetype.stream.sources.file import FileSource

HOST: Final = "127.0.0.1"


def a_free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def write_stream(
    clip: Path, path: Path, *, width: int, height: int, fps: int = 10, seconds: float = 7.0
) -> None:
    """Writes a clip (of 30 frames a second) as small cameras send it: in H.264."""
    with closing(FileSource(clip)) as source:
        frames = [frame.image for frame in iter(source.read, None) if frame]
    wanted = frames[: int(30 * seconds) : 30 // fps]
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=Fraction(fps), options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        for image in wanted:
            small = cv2.resize(image, (width, height)).astype(np.uint8)
            file.mux(video.encode(av.VideoFrame.from_ndarray(small, format="bgr24")))
        file.mux(video.encode())


class RtspServer:
    """Serves the videos of a folder at their own pace, each time from the beginning.

    Args:
        folder: of the videos.

    Attributes:
        folder: of the videos.
        port: where it listens on 127.0.0.1.
    """

    def __init__(self, folder: Path) -> None:
        self.port = a_free_port()
        self.folder = folder

    def __enter__(self) -> Self:
        command = [
            *(str(Path(sys.executable).with_name("rtsp-server")), "-d", str(self.folder)),
            *("-H", HOST, "-p", str(self.port), "-cp", str(a_free_port())),
        ]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        while "listening on" not in (line := self._process.stdout.readline()):
            assert line, "the RTSP server did not start"
        # A full pipe would hold it up.
        self._drain = Thread(target=self._process.stdout.read, daemon=True)
        self._drain.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._drain.join(10)


def endless(name: str, port: int) -> str:
    """The address of a video that is served over and over."""
    return f"rtsp://{HOST}:{port}/{name}/play_count_0"


class Doorkeeper:
    """A camera that refuses every user and password, by one `scheme` or the other.

    Args:
        scheme: `Basic` or `Digest`.

    Attributes:
        requests: how often it was asked for anything.
        logins: how often with a user and a password.
    """

    def __init__(self, scheme: str) -> None:
        self.requests = 0
        self.logins = 0
        keeper = self
        challenge = f'{scheme} realm="stage", nonce="0123456789abcdef"'

        class Refusing(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                lines: list[str] = []
                for line in self.rfile:
                    lines.append(line.decode().strip())
                    if not lines[-1]:
                        keeper._count(lines)
                        self.wfile.write(_unauthorized(lines, challenge))
                        lines = []

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server((HOST, 0), Refusing)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _count(self, lines: list[str]) -> None:
        self.requests += 1
        self.logins += any(line.startswith("Authorization:") for line in lines)


def _unauthorized(lines: list[str], challenge: str) -> bytes:
    number = next((line for line in lines if line.startswith("CSeq:")), "CSeq: 0")
    answer = ("RTSP/1.0 401 Unauthorized", number, f"WWW-Authenticate: {challenge}", "", "")
    return "\r\n".join(answer).encode()
