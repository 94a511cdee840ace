"""The real `dancetype demo` for tests that look at its pages, and the browser they look with."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import onnx
from onnx import numpy_helper
from playwright.sync_api import Browser, sync_playwright

import dancetype.engine
from dancetype.engine.genres import CODES
from tests.testbed.rtsp_server import a_free_port

TOKEN: Final = "a-token-for-the-pages"
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_SHIPPED: Final = Path(dancetype.engine.__file__).with_name("models") / "live.onnx"
_CHECKOUT: Final = Path(__file__).parents[2]


class ServedDemo:
    """A demo that runs while this is entered; it may be stopped and started again on its port.

    Args:
        words: of the command.
    """

    def __init__(self, *words: str | Path) -> None:
        self.host = f"127.0.0.1:{a_free_port()}"
        self._line = [
            # The browser before the poses, so that a small machine still shows what pages can do.
            *(
                "nice",
                "-n",
                "5",
                sys.executable,
                "-m",
                "dancetype",
                "demo",
                "--port",
                self.host.partition(":")[2],
            ),
            *map(str, words),
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()

    def url(self, path: str, **asked: str) -> str:
        """The address of a page; a token goes with it."""
        query = "&".join(f"{name}={value}" for name, value in {"token": TOKEN, **asked}.items())
        return f"http://{self.host}{path}?{query}"

    def start(self) -> None:
        """Starts it, and waits until it listens."""
        self._process = subprocess.Popen(
            self._line,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_CHECKOUT,
            text=True,
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert re.search(r"page: http://", line), line

    def stop(self) -> None:
        """Ends it as a person would."""
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=20)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It stands still, with its connections open, while this is entered."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium that the system has."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    assert path, "these tests need a browser: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            # Root has no sandbox, and containers have little shared memory.
            executable_path=path,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        yield browser
        browser.close()


def sure_of(genre: str, file: Path) -> Path:
    """Writes the shipped model, made sure that everything is `genre`."""
    model = onnx.load(_SHIPPED)
    (bias,) = (each for each in model.graph.initializer if each.name.endswith("head.bias"))
    values = numpy_helper.to_array(bias).copy()
    values[CODES.index(genre)] += 10
    bias.CopyFrom(numpy_helper.from_array(values, bias.name))
    onnx.save(model, file)
    return file
