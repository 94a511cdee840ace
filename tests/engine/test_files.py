from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dancetype.engine.files import (
    atomic_write,
    open_npz,
    partial_path,
    remove_partial,
    save_npz,
)


def test_file_is_replaced_only_at_end_of_block(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_write(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_keeps_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_write(path):
        pass
    with pytest.raises(TypeError), atomic_write(path) as part:
        part.write_bytes("no bytes")  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


class InUseError(PermissionError):
    winerror = 32


@pytest.mark.parametrize("error", [InUseError(), PermissionError()])
def test_file_that_another_program_reads_on_windows_is_replaced_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: PermissionError
) -> None:
    """Windows refuses to replace an open file; a folder without permission is not retried."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    replace, errors = Path.replace, [error, error]
    delays: list[float] = []

    def replace_closed(part: Path, target: Any) -> Path:
        if errors:
            raise errors.pop()
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", replace_closed)
    monkeypatch.setattr("dancetype.engine.files.time.sleep", delays.append)
    if isinstance(error, InUseError):
        with atomic_write(path) as part:
            part.write_text("new")
        assert (path.read_text(), len(delays)) == ("new", 2)
    else:
        with pytest.raises(PermissionError), atomic_write(path) as part:
            part.write_text("new")
        assert (path.read_text(), delays) == ("old", [])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a" * 255, "missing/a.txt"])
def test_file_that_cannot_be_created_raises_os_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match=r"name too long|No such file"):
        save_npz(tmp_path / name, {"genre": "HO"})


def test_partial_file_of_another_process_is_removed(tmp_path: Path) -> None:
    partial_path(tmp_path / "a.txt").write_text("half")
    remove_partial(tmp_path / "a.txt")
    remove_partial(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_saved_npz_is_read_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_npz(path, {"times": np.arange(3), "genre": "HO"})
    with open_npz(path, max_bytes=10_000) as arrays:
        assert arrays["times"].tolist() == [0, 1, 2]
        assert str(arrays["genre"]) == "HO"


def test_failed_npz_write_keeps_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_npz(path, {"times": np.arange(3)})
    with pytest.raises(TypeError):
        save_npz(path, {"times": lambda: None, 3: 0})  # type: ignore[dict-item]
    assert list(tmp_path.iterdir()) == [path]
    with open_npz(path, max_bytes=10_000) as arrays:
        assert arrays["times"].tolist() == [0, 1, 2]


def test_small_file_that_unpacks_to_large_one_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_npz(path, {"zeros": np.zeros(1_000_000)})
    assert path.stat().st_size < 20_000
    with (
        pytest.raises(ValueError, match="unpacks to 8000"),
        open_npz(path, max_bytes=1_000_000),
    ):
        pass


def test_pickled_entry_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_npz(path, {"object": np.array([Path("x")], dtype=object)})
    with (
        open_npz(path, max_bytes=10_000) as arrays,
        pytest.raises(ValueError, match="allow_pickle"),
    ):
        arrays["object"]
