"""Folder of `dancetype browser` with a server, and a Chromium with a camera."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from dancetype.stream.assets import DANCE_CLIP
from tests.testbed.browser_pages import make_camera_clip
from tests.testbed.demo_server import camera_arguments, chromium
from tests.testbed.file_server import FileServer

CHECKOUT: Final = Path(__file__).parents[3]
CLIP_SECONDS: Final = 7.0  # of the demo, whose first dance is named in this time


@pytest.fixture(scope="module")
def site(pose_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that the command has written."""
    folder = tmp_path_factory.mktemp("browser") / "site"
    command = [sys.executable, "-m", "dancetype", "browser", "--out", str(folder)]
    subprocess.run(command, check=True, cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[FileServer]:
    with FileServer(site) as served:
        yield served


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Clip of the camera, and the number of its frames."""
    file = tmp_path_factory.mktemp("clip") / "camera.mjpeg"
    return file, make_camera_clip(DANCE_CLIP, file, seconds=CLIP_SECONDS)


@pytest.fixture(scope="module")
def browser(clip: tuple[Path, int]) -> Iterator[Browser]:
    # Names of hosts that do not exist, so that a page is not from this machine.
    hosts = "--host-resolver-rules=MAP *.test 127.0.0.1"
    with chromium(*camera_arguments(clip[0]), hosts) as launched:
        yield launched


@pytest.fixture
def page(browser: Browser, server: FileServer) -> Iterator[Page]:
    """A page that must log no error, and contact only its own server."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    urls: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(f"{message.type}: {message.text}"))
    # Of the context: including those of frames and workers.
    context.on("request", lambda request: urls.append(request.url))
    page.goto(f"http://{server.host}/")
    yield page
    context.close()
    # MediaPipe logs all its messages to the console, with their level in front.
    assert [text for text in errors if re.match(r"(?!error: INFO)(error|Error)", text)] == []
    own = re.compile(rf"http://{re.escape(server.host)}/|(data|blob):|about:blank")
    assert [url for url in urls if not own.match(url)] == []
