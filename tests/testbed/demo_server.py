"""The real `dancetype demo` and a browser, for tests of its pages."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from playwright.sync_api import Browser, sync_playwright

from tests.testbed.rtsp_server import find_free_port

TOKEN: Final = "a-token-for-the-pages"
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_CHECKOUT: Final = Path(__file__).parents[2]


class DemoServer:
    """`dancetype demo` as a subprocess, which can be restarted on the same port.

    Args:
        arguments: Arguments after `demo --port PORT`.
        command: Another command, such as `replay`.
    """

    def __init__(self, *arguments: str | Path, command: str = "demo") -> None:
        port = find_free_port()
        self.host = f"127.0.0.1:{port}"
        # A lower priority than that of the browser keeps the pages responsive on a small machine.
        self._command_line = [
            *("nice", "-n", "5", sys.executable, "-m", "dancetype", command, "--port", str(port)),
            *map(str, arguments),
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()

    def url(self, path: str, **parameters: str) -> str:
        """Return the URL of a page, with the token and further parameters."""
        parameters = {"token": TOKEN, **parameters}
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"http://{self.host}{path}?{query}"

    def start(self) -> None:
        """Start the process and wait until it listens."""
        self._process = subprocess.Popen(
            self._command_line,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_CHECKOUT,
            text=True,
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert re.search(r"page: http://", line), line

    def stop(self) -> None:
        """Stop the process with SIGTERM and wait for its end."""
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=20)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Suspend the process, with its connections open, while this is entered."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


def find_chromium() -> str | None:
    """Return the path of the Chromium that is installed on the system, or None."""
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Start the Chromium that is installed on the system, without a window.

    Args:
        arguments: Further command-line arguments.
    """
    path = find_chromium()
    assert path, "these tests need a browser: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            # The sandbox does not work for root, and containers have little shared memory.
            executable_path=path,
            args=["--no-sandbox", "--disable-dev-shm-usage", *arguments],
        )
        yield browser
        browser.close()


def camera_arguments(clip: Path) -> tuple[str, ...]:
    """Return arguments that give Chromium a camera, which plays a Motion JPEG file in a loop."""
    return (
        "--use-fake-device-for-media-stream",
        # Allow the camera without a question.
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={clip}",
    )
