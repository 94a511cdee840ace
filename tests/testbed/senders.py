"""Senders of live video over each protocol: FFmpeg, and a web server for playlists."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final, Self

from tests.testbed.rtsp_server import HOST

_STOP_TIMEOUT: Final = 5.0


class Sender:
    """Process that sends a stream.

    Args:
        command: Command line of the process.
        environment: Variables to add to the environment of this process.
    """

    def __init__(
        self, command: Sequence[str], *, environment: dict[str, str] | None = None
    ) -> None:
        self._command = command
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start to send, from the start of the video."""
        self._process = subprocess.Popen(
            self._command, stderr=subprocess.DEVNULL, env=self._environment
        )

    def freeze(self) -> None:
        """Stop sending, without closing the connection."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue after `freeze`."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the process as a crash would."""
        if self._process:
            self._process.kill()
            self._process.wait(_STOP_TIMEOUT)
            self._process = None


def ffmpeg_sender(video: Path, *arguments: str | Path) -> Sender:
    """Return a sender of a video in real time, again and again.

    Args:
        video: Video with H.264.
        arguments: Arguments of FFmpeg for the output; `-c copy` is the default codec.
    """
    program = shutil.which("ffmpeg")
    assert program, "ffmpeg is not installed; run docker/system-packages --test"
    source = ("-re", "-stream_loop", "-1", "-i", str(video))
    options = ("-an", "-c", "copy", *map(str, arguments))
    return Sender([program, "-v", "error", "-nostdin", "-y", *source, *options])


class PlaylistServer:
    """Web server for a folder with a playlist and its segments, and their requests.

    Args:
        folder: Folder to serve.
        respond: Function that answers a request and returns True, or returns False for a file.

    Attributes:
        requests: Times and paths of all requests.
    """

    def __init__(
        self,
        folder: Path,
        respond: Callable[[SimpleHTTPRequestHandler], bool] = lambda handler: False,
    ) -> None:
        self.requests: list[tuple[float, str]] = []
        server = self

        class Handler(SimpleHTTPRequestHandler):
            def log_request(self, code: object = "-", size: object = "-") -> None:
                """Print nothing."""

            def do_GET(self) -> None:
                server.requests.append((time.monotonic(), self.path))
                if not respond(self):
                    super().do_GET()

        self._server = ThreadingHTTPServer((HOST, 0), partial(Handler, directory=str(folder)))
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """URL of the folder."""
        return f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_STOP_TIMEOUT)
