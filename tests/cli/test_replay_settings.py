from pathlib import Path

import pytest
from typer.testing import CliRunner

from dancetype.cli import app
from dancetype.engine.errors import ExpectedError
from tests.engine.recordings import header, walk


def error(*words: str | Path) -> ExpectedError:
    found = CliRunner().invoke(app, ["replay", "--no-serve", *map(str, words)]).exception
    assert isinstance(found, ExpectedError)
    return found


@pytest.fixture
def take(tmp_path: Path) -> Path:
    walk(header()).save(tmp_path / "take.npz")
    return tmp_path / "take.npz"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--speed", "inf"], "speed: takes 0 or more, not inf"),
        (["--speed", "0", "--loop"], "loop: it would flood"),
        (["--people", "7"], "people: "),
        (["--homeassistant"], "homeassistant: "),
    ],
    ids=str,
)
def test_wrong_use_is_an_error_of_code_2(take: Path, words: list[str], reason: str) -> None:
    found = error(take, *words)
    assert found.exit_code == 2
    assert str(found).startswith(reason)


def test_a_folder_without_takes_is_an_error(tmp_path: Path) -> None:
    assert str(error(tmp_path)) == f"{tmp_path}: no recordings (.npz) in it"


def test_a_file_that_is_no_take_is_an_error_before_anything_is_played(
    take: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.npz").write_bytes(take.read_bytes()[:-100])
    assert "other.npz: not a recording: " in str(error(tmp_path))


@pytest.mark.parametrize("speed", ["-1", "nan", "fast"])
def test_a_speed_that_is_none_is_wrong_use(take: Path, speed: str) -> None:
    assert CliRunner().invoke(app, ["replay", str(take), "--speed", speed]).exit_code == 2
