from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.files import open_npz, save_npz


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_npz(path, {"times": np.arange(3), "genre": "HO"})
    with open_npz(path, most_bytes=10_000) as arrays:
        assert arrays["times"].tolist() == [0, 1, 2]
        assert str(arrays["genre"]) == "HO"


def test_what_cannot_be_written_leaves_the_file_of_before_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_npz(path, {"times": np.arange(3)})
    with pytest.raises(TypeError):
        save_npz(path, {"times": lambda: None, 3: 0})  # type: ignore[dict-item]
    assert list(tmp_path.iterdir()) == [path]
    with open_npz(path, most_bytes=10_000) as arrays:
        assert arrays["times"].tolist() == [0, 1, 2]


def test_a_small_file_that_unpacks_to_a_large_one_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_npz(path, {"zeros": np.zeros(1_000_000)})
    assert path.stat().st_size < 20_000
    with (
        pytest.raises(ValueError, match="unpacks to 8000"),
        open_npz(path, most_bytes=1_000_000),
    ):
        pass


def test_nothing_that_is_pickled_is_run(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_npz(path, {"thing": np.array([Path("x")], dtype=object)})
    with (
        open_npz(path, most_bytes=10_000) as arrays,
        pytest.raises(ValueError, match="allow_pickle"),
    ):
        arrays["thing"]
