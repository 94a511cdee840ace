"""HTTP server for the files of a folder."""

import functools
import http.server
from pathlib import Path
from threading import Thread
from typing import Any, Self


class FileServer:
    """HTTP server for the files of a folder; it sends no header but the type of a file.

    Attributes:
        port: Port that it listens on.
        host: Host name and port.
    """

    def __init__(self, folder: Path) -> None:
        handler = functools.partial(_Handler, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self._server.server_port
        self.host = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Keep the output of the tests short."""
