"""Training on custom clips, with synthetic tracks in place of MediaPipe's."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES, GENRES
from dancetype.engine.media.track import Track
from dancetype.training import custom
from dancetype.training import train as train_module
from dancetype.training.checkpoint import Checkpoint
from dancetype.training.custom import run_custom_training
from dancetype.training.data.clips import ClipFile
from dancetype.training.evaluate import Evaluation, Evaluator
from dancetype.training.recipe import Recipe
from dancetype.training.train import run_training

SPEEDS = {"HO": 3.0, "SALSA": 9.0, "TANGO": 15.0}

Train = Callable[..., tuple[Checkpoint, Evaluation | None]]


def make_track(file: ClipFile, *, seconds: float = 6.0) -> Track:
    """Return the track of a person who sways at a speed that depends on the genre."""
    rng = np.random.default_rng(list(str(file.path).encode()))
    times = np.arange(round(seconds * 25)) / 25
    rest_pose = np.random.default_rng(0).uniform(-0.8, 0.8, (33, 3)) + rng.normal(0, 0.03, (33, 3))
    sway = np.sin(SPEEDS[file.genre] * times[:, None, None] + 9 * rest_pose + rng.uniform(0, 6))
    world = (rest_pose + 0.2 * sway).astype(np.float32)
    name = "-".join(file.path.parts[-3:])
    return Track(name, file.genre, times, world, world, world[..., 0], file.dancer)


@pytest.fixture
def train(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Function that trains on the clips in `tmp_path / "clips"` for a few steps.

    The size of a file in bytes is its length in seconds.
    """

    def extract_tracks(files: list[ClipFile], out: Path, *, on_done: Any, **_: Any) -> list[Track]:
        out.mkdir(parents=True, exist_ok=True)
        tracks = [make_track(file, seconds=file.path.stat().st_size) for file in files]
        for file, track in zip(files, tracks, strict=True):
            on_done(file, track)
        return tracks

    monkeypatch.setattr(custom, "extract_tracks", extract_tracks)
    monkeypatch.setattr(custom, "find_pose_model", lambda path: path)
    # Plotting takes longer than the training.
    monkeypatch.setattr(train_module, "save_curves", lambda *_, **__: None)
    optimiser = recipe.optimiser.model_copy(update={"epochs": 1, "steps_per_epoch": 3})

    def train(**changes: Any) -> tuple[Checkpoint, Evaluation | None]:
        arguments: dict[str, Any] = {
            "recipe": recipe.model_copy(update={"optimiser": optimiser}),
            "clips": tmp_path / "clips",
            "out": tmp_path / "run",
            "data": None,
            "split": "dancers:d01,d04",
            "validation": "dancers:d05",
            "tracks": [],
            "pose_model": None,
            "jobs": 1,
            "test": True,
        }
        return run_custom_training(**arguments | changes)

    return train


def create_clips(folder: Path, *names: str, seconds: int = 6) -> None:
    for name in names:
        path = folder / "clips" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(seconds))


def test_training_on_clips_alone_tests_on_unseen_dancers(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_clips(tmp_path, "salsa/ann/1", "salsa/ann/2", "salsa/bo/1", "house/cy/1", "house/di/1")
    checkpoint, evaluation = train()
    contract = checkpoint.contract()
    assert contract.labels == ("HO", "SALSA")
    assert contract.genres["SALSA"] == "salsa"
    assert "AIST" not in contract.credit
    assert contract.licence == "not stated"
    assert evaluation is not None
    test_dancers = {clip.name.split("-")[1] for clip in evaluation.clips}
    assert not test_dancers & set(checkpoint.dancers)
    assert test_dancers | set(checkpoint.dancers) == {"ann", "bo", "cy", "di"}
    assert checkpoint.figures == {
        f"unseen dancers {', '.join(sorted(test_dancers))}": evaluation.figures()
    }
    assert checkpoint.calibration.temperature == checkpoint.recipe.temperature
    saved = Checkpoint.load(tmp_path / "run" / "checkpoint.pt")
    assert saved.contract() == contract
    assert "held out of the training: bo, c" in capsys.readouterr().err


def test_warning_that_accuracy_is_optimistic_without_dancer_names(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_clips(
        tmp_path, *(f"{genre}/{number}" for genre in ("salsa", "tango") for number in range(3))
    )
    checkpoint, evaluation = train()
    assert evaluation is not None
    assert list(checkpoint.figures) == ["unseen clips, of dancers who may be known"]
    assert "accuracy is optimistic" in " ".join(capsys.readouterr().err.split())


def test_nothing_is_measured_with_too_few_clips_or_when_training_on_all(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_clips(tmp_path, "salsa/1", "tango/1")
    checkpoint, evaluation = train()
    assert (evaluation, checkpoint.figures) == (None, {})
    assert "too few clips to hold any out: nothing is measured" in capsys.readouterr().err
    assert np.isnan(checkpoint.history[-1]["validation_loss"])
    create_clips(tmp_path, "salsa/2", "tango/2")
    checkpoint, evaluation = train(test=False)
    assert (evaluation, checkpoint.figures) == (None, {})
    assert "4 clips" in checkpoint.split
    assert "training on all clips: nothing is measured" in capsys.readouterr().err


def test_run_is_resumed_with_same_clips_and_restarted_with_other_clips(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_clips(tmp_path, "salsa/ann/1", "salsa/bo/1", "tango/cy/1", "tango/di/1")
    first, _ = train()
    resumed, _ = train()
    assert resumed.history == first.history
    assert "starts again" not in capsys.readouterr().err
    create_clips(tmp_path, "salsa/ann/2")
    restarted, _ = train()
    assert "training starts again" in " ".join(capsys.readouterr().err.split())
    assert restarted.split != first.split
    assert restarted.history != first.history


def test_run_on_aist_alone_is_not_overwritten(
    train: Train, recipe: Recipe, aist: Path, tmp_path: Path
) -> None:
    short = recipe.with_overrides(seed=None, epochs=1)
    out = tmp_path / "run"
    run_training(short, data=aist, split="dancers:d01", validation="dancers:d05", out=out)
    create_clips(tmp_path, "salsa/1", "tango/1")
    with pytest.raises(FileError, match="choose another folder"):
        train()


def test_clips_add_their_genres_to_those_of_aist(train: Train, aist: Path, tmp_path: Path) -> None:
    create_clips(tmp_path, "salsa/ann/1", "salsa/bo/1", "house/ann/1", "house/bo/1")
    checkpoint, evaluation = train(data=aist)
    contract = checkpoint.contract()
    assert contract.labels == (*CODES, "SALSA")
    assert contract.genres == GENRES | {"SALSA": "salsa"}
    assert {"d01", "d04"} < set(contract.dancers)
    assert contract.split.startswith("dancers:d01,d04, ")
    assert "AIST++" in contract.credit
    assert "custom clips" in contract.credit
    assert evaluation is not None


def test_extra_tracks_of_held_out_dancers_are_excluded(train: Train, tmp_path: Path) -> None:
    create_clips(tmp_path, "salsa/ann/1", "salsa/bo/1", "tango/cy/1", "tango/di/1")
    (name,) = train(test=True)[0].figures
    (tmp_path / "more").mkdir()
    for dancer in ("ann", "bo", "eve"):
        for code in ("SALSA", "HO"):
            file = ClipFile(tmp_path / f"{code}-{dancer}.mp4", code, dancer)
            make_track(file).save(tmp_path / "more" / f"{code}-{dancer}.npz")
    checkpoint, _ = train(tracks=[tmp_path / "more"])
    assert list(checkpoint.figures) == [name]
    # The tracks of other genres are excluded as well.
    assert checkpoint.split.endswith(", 2 tracks of more")
    assert "eve" in checkpoint.dancers


def test_extra_track_of_unknown_genre_is_rejected(train: Train, tmp_path: Path) -> None:
    create_clips(tmp_path, "salsa/1", "house/1")
    (tmp_path / "more").mkdir()
    make_track(ClipFile(tmp_path / "x.mp4", "TANGO", "")).save(tmp_path / "more" / "x.npz")
    with pytest.raises(FileError, match=r"x\.npz: unknown genre 'TANGO'"):
        train(tracks=[tmp_path / "more"])


def test_evaluation_on_tracks_of_custom_genres_ignores_idle_tracks(
    train: Train, tmp_path: Path
) -> None:
    create_clips(tmp_path, "salsa/1", "tango/1")
    train()
    folder = tmp_path / "more"
    folder.mkdir()
    evaluator = Evaluator(tmp_path / "run" / "checkpoint.pt")
    for code in ("none", "SALSA"):
        track = make_track(ClipFile(tmp_path / f"{code}.mp4", "SALSA", ""))
        replace(track, genre=code).save(folder / f"{code}.npz")
    evaluation, title = evaluator.on_tracks(folder)
    assert [clip.name for clip in evaluation.clips] == ["SALSA"]
    assert evaluation.names == {"SALSA": "salsa", "TANGO": "tango"}
    assert "1 landmark tracks" in title
    (folder / "SALSA.npz").unlink()
    with pytest.raises(FileError, match="contains no track of a dance"):
        evaluator.on_tracks(folder)


@pytest.mark.parametrize(
    ("names", "seconds", "message"),
    [
        (["salsa/1"], 6, "contains only one genre, salsa"),
        (["none/1"], 6, "contains no dance genre"),
        (["salsa/1", "tango/1"], 3, r"salsa: a person is visible for 3\.0 s.* at least 4 s"),
    ],
)
def test_too_few_genres_or_seconds_are_rejected(
    train: Train, tmp_path: Path, names: list[str], seconds: int, message: str
) -> None:
    create_clips(tmp_path, *names, seconds=seconds)
    with pytest.raises(FileError, match=message):
        train()


def test_recipe_without_random_windows_is_rejected(
    train: Train, recipe: Recipe, tmp_path: Path
) -> None:
    create_clips(tmp_path, "salsa/1", "tango/1")
    sampling = recipe.sampling.model_copy(update={"windows": "clip"})
    with pytest.raises(FileError, match=r"needs sampling\.windows"):
        train(recipe=recipe.model_copy(update={"sampling": sampling}))
