from pathlib import Path

import pytest
from typer.testing import CliRunner

from dancetype.cli import app
from dancetype.engine.errors import ExpectedError
from tests.engine.recordings import header, record_walk


def replay_error(*arguments: str | Path) -> ExpectedError:
    error = CliRunner().invoke(app, ["replay", "--no-serve", *map(str, arguments)]).exception
    assert isinstance(error, ExpectedError)
    return error


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    record_walk(header()).save(tmp_path / "recording.npz")
    return tmp_path / "recording.npz"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--speed", "inf"], "speed: must be a number of at least 0, not inf"),
        (["--speed", "0", "--loop"], "loop: --speed 0 would flood"),
        (["--people", "7"], "people: "),
        (["--homeassistant"], "homeassistant: "),
    ],
    ids=str,
)
def test_invalid_setting_exits_with_status_2(
    recording: Path, arguments: list[str], reason: str
) -> None:
    error = replay_error(recording, *arguments)
    assert error.exit_code == 2
    assert str(error).startswith(reason)


def test_folder_without_recordings_is_an_error(tmp_path: Path) -> None:
    expected = f"{tmp_path}: this folder contains no recordings (.npz)"
    assert str(replay_error(tmp_path)) == expected


def test_damaged_recording_is_an_error_before_the_replay_starts(
    recording: Path, tmp_path: Path
) -> None:
    (tmp_path / "damaged.npz").write_bytes(recording.read_bytes()[:-100])
    assert "damaged.npz: not a recording: " in str(replay_error(tmp_path))


@pytest.mark.parametrize("speed", ["-1", "nan", "fast"])
def test_invalid_speed_exits_with_status_2(recording: Path, speed: str) -> None:
    assert CliRunner().invoke(app, ["replay", str(recording), "--speed", speed]).exit_code == 2
