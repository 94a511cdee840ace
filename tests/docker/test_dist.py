"""Build the files of a release as `make dist` does."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.testbed.checkout import CHECKOUT, copy_tracked_files

_VENV: Final = Path(sys.prefix)
_GIT: Final = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org")


def build(repository: Path, out: Path, **variables: str) -> dict[str, bytes]:
    """Return the files of a release by name."""
    subprocess.run(
        (repository / "docker" / "build-dist", _VENV, out),
        check=True,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
    )
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose only commit has the tracked files of the checkout as they are now."""
    folder = tmp_path_factory.mktemp("repository")
    copy_tracked_files(folder)
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Commit")):
        subprocess.run((*_GIT, *command), cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def release(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a release by name."""
    return build(repository, tmp_path_factory.mktemp("dist"))


def content(release: dict[str, bytes], suffix: str) -> bytes:
    """Return the content of the only file with this suffix."""
    (name,) = (name for name in release if name.endswith(suffix))
    return release[name]


def test_two_builds_of_a_commit_are_identical_byte_by_byte(
    release: dict[str, bytes], repository: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    previous = os.umask(0o077)
    try:
        subprocess.run(("git", "clone", "-q", repository, clone), check=True)
        # Files that are not committed.
        (clone / "engine" / "scratch.py").write_text("")
        (clone / "README.md").write_text("changed")
        assert build(clone, tmp_path / "dist", TZ="Asia/Tokyo") == release
    finally:
        os.umask(previous)


def test_release_has_wheel_sdist_components_and_their_hashes(release: dict[str, bytes]) -> None:
    suffixes = sorted(name.rpartition("-")[2].partition(".")[2] for name in release)
    assert len(release) == 4, suffixes
    lines = content(release, "SHA256SUMS").decode().splitlines()
    assert {line.partition("  ")[2]: line.partition("  ")[0] for line in lines} == {
        name: hashlib.sha256(data).hexdigest()
        for name, data in release.items()
        if name != "SHA256SUMS"
    }


def test_sdist_contains_each_module_once_and_builds_the_same_wheel(
    release: dict[str, bytes], repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "sdist.tar.gz").write_bytes(content(release, ".tar.gz"))
    with tarfile.open(tmp_path / "sdist.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"engine/window.py", "dancetype/app.py", "LICENSE", "pyproject.toml"} <= names
    assert not any(name.startswith("dancetype/engine") for name in names)
    # The wheel of the release is built from the sdist, this one from the checkout.
    epoch = subprocess.run(
        ("git", "log", "-1", "--format=%ct"), cwd=repository, check=True, capture_output=True
    )
    subprocess.run(
        [
            *(_VENV / "bin" / "uv", "build", "--quiet", "--wheel", "--out-dir", tmp_path),
            *("--build-constraint", repository / "constraints.txt", repository),
        ],
        check=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch.stdout.decode().strip()},
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.read_bytes() == content(release, ".whl")
    with ZipFile(wheel) as archive_of_wheel:
        assert "dancetype/engine/window.py" in archive_of_wheel.namelist()


def test_list_of_components_has_all_requirements_with_their_licences(
    release: dict[str, bytes],
) -> None:
    listed: dict[str, Any] = json.loads(content(release, ".cdx.json"))
    errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(
        content(release, ".cdx.json").decode()
    )
    assert errors is None
    product = listed["metadata"]["component"]
    assert product["name"] == "dancetype"
    components = {component["name"].lower(): component for component in listed["components"]}
    assert {"numpy", "onnxruntime", "ai-edge-litert", "pydantic-core"} <= {
        name.replace("_", "-") for name in components
    }
    # The tools of developers are no components of the product.
    assert not {"pytest", "torch", "uv", "dancetype"} & components.keys()
    assert all(component["purl"].startswith("pkg:pypi/") for component in components.values())
    unlicensed = [name for name, item in components.items() if not item.get("licenses")]
    # Its metadata has no licence; it is BSD-3-Clause.
    assert set(unlicensed) <= {"protobuf"}
    assert str(CHECKOUT) not in json.dumps(listed)


def test_existing_files_are_not_overwritten(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "important.txt").write_text("")
    command = (repository / "docker" / "build-dist", _VENV, tmp_path)
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert "is not empty" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["important.txt"]
