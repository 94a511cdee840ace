"""A real RTSP server with endless streams, and a camera that rejects every login."""

import random
import socket
import socketserver
import subprocess
import sys
from contextlib import closing, suppress
from fractions import Fraction
from pathlib import Path
from threading import Thread
from typing import Final, Self

import av
import cv2
import numpy as np

from dancetype.stream.sources.file import FileSource

HOST: Final = "127.0.0.1"


def find_free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a free port of 127.0.0.1, which other programs will hardly take before it is used.

    Ray's workers use ports up to 19999, and systems assign ports from 32768 on.

    Args:
        kind: `SOCK_STREAM` for TCP, `SOCK_DGRAM` for UDP.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_768), 100):
        with socket.socket(type=kind) as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise OSError("no port is free")


def write_stream(
    clip: Path, path: Path, *, width: int, height: int, fps: int = 10, seconds: float = 7.0
) -> None:
    """Write a clip of 30 frames a second as an IP camera would send it: smaller, in H.264."""
    with closing(FileSource(clip)) as source:
        images = [frame.image for frame in iter(source.read, None) if frame]
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=Fraction(fps), options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        for image in images[: int(30 * seconds) : 30 // fps]:
            small = cv2.resize(image, (width, height)).astype(np.uint8)
            file.mux(video.encode(av.VideoFrame.from_ndarray(small, format="bgr24")))
        file.mux(video.encode())


class RtspServer:
    """RTSP server that streams the videos of a folder in real time, each client from the start.

    Args:
        folder: Folder with the videos.

    Attributes:
        folder: Folder with the videos.
        port: Port on 127.0.0.1.
    """

    def __init__(self, folder: Path) -> None:
        self.port = find_free_port()
        self.folder = folder

    def __enter__(self) -> Self:
        command = [
            *(str(Path(sys.executable).with_name("rtsp-server")), "-d", str(self.folder)),
            *("-H", HOST, "-p", str(self.port), "-cp", str(find_free_port())),
        ]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        while "listening on" not in (line := self._process.stdout.readline()):
            assert line, "the RTSP server did not start"
        # A full pipe would block the server.
        self._drain = Thread(target=self._process.stdout.read, daemon=True)
        self._drain.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._drain.join(10)


def looping_url(name: str, port: int) -> str:
    """Return the URL at which `RtspServer` streams a video in an endless loop."""
    return f"rtsp://{HOST}:{port}/{name}/play_count_0"


class AnsweringCamera:
    """RTSP server that gives the same answer to every request.

    Args:
        status: Status of the answer, such as `404 Not Found`.
        header: Header line of the answer; `{port}` stands for the port of the server.

    Attributes:
        requests: Number of requests so far.
        login_attempts: Number of requests with a username and password.
    """

    def __init__(self, status: str, header: str) -> None:
        self.requests = 0
        self.login_attempts = 0
        camera = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                lines: list[str] = []
                for line in self.rfile:
                    lines.append(line.decode().strip())
                    if not lines[-1]:
                        camera._count(lines)
                        self.wfile.write(camera._answer(lines, status, header))
                        lines = []

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server((HOST, 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """Port on 127.0.0.1."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _count(self, lines: list[str]) -> None:
        self.requests += 1
        self.login_attempts += any(line.startswith("Authorization:") for line in lines)

    def _answer(self, request: list[str], status: str, header: str) -> bytes:
        sequence = next((line for line in request if line.startswith("CSeq:")), "CSeq: 0")
        answer = (f"RTSP/1.0 {status}", sequence, header.replace("{port}", str(self.port)), "", "")
        return "\r\n".join(answer).encode()


class RejectingCamera(AnsweringCamera):
    """RTSP server that rejects every username and password.

    Args:
        scheme: Authentication scheme, `Basic` or `Digest`.
    """

    def __init__(self, scheme: str) -> None:
        challenge = f'{scheme} realm="stage", nonce="0123456789abcdef"'
        super().__init__("401 Unauthorized", f"WWW-Authenticate: {challenge}")
