import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dancetype.cli import app
from dancetype.engine.errors import FileError, SettingsError
from dancetype.engine.media.track import NOT_DANCING, read_track
from tests.cli.test_export import folder_with_track


def relabel(folder: Path, genre: str) -> None:
    """Add a copy of the track in a folder with another genre."""
    track = read_track(folder / "random.npz")
    object.__setattr__(track, "genre", genre)
    track.save(folder / f"{genre}.npz")


def test_live_evaluation_prints_figures_of_each_track_as_json(tmp_path: Path) -> None:
    folder = folder_with_track(tmp_path / "tracks")
    relabel(folder, NOT_DANCING)

    result = CliRunner().invoke(app, ["evaluate", "--tracks", str(folder), "--live", "--json"])

    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["about"].startswith("the shipped model")
    assert [(row["name"], row["genre"]) for row in figures["clips"]] == [
        ("none", "none"),
        ("random", "HO"),
    ]
    assert (figures["dance"]["clips"], figures["no_dance"]["clips"]) == (1, 1)
    assert set(figures["dance"]) == set(figures["no_dance"])


def test_live_evaluation_refuses_genres_that_the_model_does_not_know(tmp_path: Path) -> None:
    folder = folder_with_track(tmp_path / "tracks")
    relabel(folder, "SALSA")

    result = CliRunner().invoke(app, ["evaluate", "--tracks", str(folder), "--live"])

    assert isinstance(result.exception, FileError)
    assert "does not know: SALSA" in str(result.exception)


@pytest.mark.parametrize("option", ["--data", "--confusion"])
def test_live_evaluation_is_for_tracks_and_has_no_confusion(tmp_path: Path, option: str) -> None:
    arguments = ["evaluate", "--live", option, str(tmp_path)]
    if option != "--data":
        arguments += ["--tracks", str(tmp_path)]

    result = CliRunner().invoke(app, arguments)

    assert isinstance(result.exception, SettingsError)
    assert "--live" in str(result.exception)
