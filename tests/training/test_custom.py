"""Training on clips of one's own; what MediaPipe would see in them is made up."""

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


def seen(file: ClipFile, *, seconds: float = 6.0) -> Track:
    """Somebody who sways, faster or slower by genre."""
    rng = np.random.default_rng(list(str(file.path).encode()))
    times = np.arange(round(seconds * 25)) / 25
    rest = np.random.default_rng(0).uniform(-0.8, 0.8, (33, 3)) + rng.normal(0, 0.03, (33, 3))
    sway = np.sin(SPEEDS[file.genre] * times[:, None, None] + 9 * rest + rng.uniform(0, 6))
    world = (rest + 0.2 * sway).astype(np.float32)
    name = "-".join(file.path.parts[-3:])
    return Track(name, file.genre, times, world, world, world[..., 0], file.dancer)


@pytest.fixture
def train(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Trains on the clips in `clips`, a few steps."""

    def extract_tracks(files: list[ClipFile], out: Path, *, on_done: Any, **_: Any) -> list[Track]:
        out.mkdir(parents=True, exist_ok=True)
        tracks = [seen(file, seconds=file.path.stat().st_size) for file in files]
        for file, track in zip(files, tracks, strict=True):
            on_done(file, track)
        return tracks

    monkeypatch.setattr(custom, "extract_tracks", extract_tracks)
    monkeypatch.setattr(custom, "find_pose_model", lambda path: path)
    # It takes longer than the training.
    monkeypatch.setattr(train_module, "save_curves", lambda *_, **__: None)
    optimiser = recipe.optimiser.model_copy(update={"epochs": 1, "steps_per_epoch": 3})

    def train(**changes: Any) -> tuple[Checkpoint, Evaluation | None]:
        asked: dict[str, Any] = {
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
        return run_custom_training(**asked | changes)

    return train


def lay(folder: Path, *names: str, seconds: int = 6) -> None:
    for name in names:
        path = folder / "clips" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(seconds))


def test_clips_alone_teach_their_genres_and_are_tested_on_unseen_dancers(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path, "salsa/ann/1", "salsa/ann/2", "salsa/bo/1", "house/cy/1", "house/di/1")
    checkpoint, evaluation = train()
    contract = checkpoint.contract()
    assert contract.labels == ("HO", "SALSA")
    assert contract.genres["SALSA"] == "salsa"
    assert "AIST" not in contract.credit
    assert contract.licence == "not stated"
    assert evaluation is not None
    tested = {clip.name.split("-")[1] for clip in evaluation.clips}
    assert not tested & set(checkpoint.dancers)
    assert tested | set(checkpoint.dancers) == {"ann", "bo", "cy", "di"}
    assert checkpoint.figures == {
        f"unseen dancers {', '.join(sorted(tested))}": evaluation.figures()
    }
    assert checkpoint.temperature == checkpoint.recipe.temperature
    saved = Checkpoint.load(tmp_path / "run" / "checkpoint.pt")
    assert saved.contract() == contract
    assert "nowhere learned from: bo, c" in capsys.readouterr().err


def test_clips_of_nobody_by_name_are_measured_with_a_warning(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path, *(f"{genre}/{number}" for genre in ("salsa", "tango") for number in range(3)))
    checkpoint, evaluation = train()
    assert evaluation is not None
    assert list(checkpoint.figures) == ["unseen clips, of dancers who may be known"]
    assert "the figure flatters" in " ".join(capsys.readouterr().err.split())


def test_where_there_is_too_little_or_all_is_learned_nothing_is_measured(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path, "salsa/1", "tango/1")
    checkpoint, evaluation = train()
    assert (evaluation, checkpoint.figures) == (None, {})
    assert "too little to hold anything out: nothing is measured" in capsys.readouterr().err
    assert np.isnan(checkpoint.history[-1]["validation_loss"])
    lay(tmp_path, "salsa/2", "tango/2")
    checkpoint, evaluation = train(test=False)
    assert (evaluation, checkpoint.figures) == (None, {})
    assert "4 clips" in checkpoint.split
    assert "all clips are learned from: nothing is measured" in capsys.readouterr().err


def test_the_same_clips_go_on_and_others_begin_anew(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path, "salsa/ann/1", "salsa/bo/1", "tango/cy/1", "tango/di/1")
    first, _ = train()
    again, _ = train()
    assert again.history == first.history
    assert "begins anew" not in capsys.readouterr().err
    lay(tmp_path, "salsa/ann/2")
    other, _ = train()
    assert "the training begins anew" in capsys.readouterr().err
    assert other.split != first.split
    assert other.history != first.history


def test_a_run_on_aist_alone_is_not_written_over(
    train: Train, recipe: Recipe, aist: Path, tmp_path: Path
) -> None:
    short = recipe.with_overrides(seed=None, epochs=1)
    out = tmp_path / "run"
    run_training(short, data=aist, split="dancers:d01", validation="dancers:d05", out=out)
    lay(tmp_path, "salsa/1", "tango/1")
    with pytest.raises(FileError, match="choose another folder"):
        train()


def test_beside_aist_the_ten_genres_and_the_new_ones_are_learned(
    train: Train, aist: Path, tmp_path: Path
) -> None:
    lay(tmp_path, "salsa/ann/1", "salsa/bo/1", "house/ann/1", "house/bo/1")
    checkpoint, evaluation = train(data=aist)
    contract = checkpoint.contract()
    assert contract.labels == (*CODES, "SALSA")
    assert contract.genres == GENRES | {"SALSA": "salsa"}
    assert {"d01", "d04"} < set(contract.dancers)
    assert contract.split.startswith("dancers:d01,d04, ")
    assert "AIST++" in contract.credit
    assert "clips of one's own" in contract.credit
    assert evaluation is not None


def test_tracks_of_who_is_held_out_are_left_out_too(train: Train, tmp_path: Path) -> None:
    lay(tmp_path, "salsa/ann/1", "salsa/bo/1", "tango/cy/1", "tango/di/1")
    held = train(test=True)[0].figures
    (name,) = held
    (tmp_path / "more").mkdir()
    for dancer in ("ann", "bo", "eve"):
        for code in ("SALSA", "HO"):
            file = ClipFile(tmp_path / f"{code}-{dancer}.mp4", code, dancer)
            seen(file).save(tmp_path / "more" / f"{code}-{dancer}.npz")
    checkpoint, _ = train(tracks=[tmp_path / "more"])
    assert list(checkpoint.figures) == [name]
    # Of the genres that are learned, and by those who are not tested on.
    assert checkpoint.split.endswith(", 2 tracks of more")
    assert "eve" in checkpoint.dancers


def test_a_track_of_a_genre_that_nobody_learns_is_refused(train: Train, tmp_path: Path) -> None:
    lay(tmp_path, "salsa/1", "house/1")
    (tmp_path / "more").mkdir()
    seen(ClipFile(tmp_path / "x.mp4", "TANGO", "")).save(tmp_path / "more" / "x.npz")
    with pytest.raises(FileError, match=r"x\.npz: 'TANGO' is none of the genres"):
        train(tracks=[tmp_path / "more"])


def test_tracks_of_own_genres_can_be_evaluated_and_idlers_among_them_do_not_count(
    train: Train, tmp_path: Path
) -> None:
    lay(tmp_path, "salsa/1", "tango/1")
    train()
    folder = tmp_path / "more"
    folder.mkdir()
    judge = Evaluator(tmp_path / "run" / "checkpoint.pt")
    for code in ("none", "SALSA"):
        track = seen(ClipFile(tmp_path / f"{code}.mp4", "SALSA", ""))
        replace(track, genre=code).save(folder / f"{code}.npz")
    evaluation, title = judge.on_tracks(folder)
    assert [clip.name for clip in evaluation.clips] == ["SALSA"]
    assert evaluation.names == {"SALSA": "salsa", "TANGO": "tango"}
    assert "1 landmark tracks" in title
    (folder / "SALSA.npz").unlink()
    with pytest.raises(FileError, match="no track in it shows a dance"):
        judge.on_tracks(folder)


@pytest.mark.parametrize(
    ("names", "seconds", "says"),
    [
        (["salsa/1"], 6, "one genre .salsa. cannot be told from others"),
        (["none/1"], 6, "holds nobody who dances"),
        (["salsa/1", "tango/1"], 3, r"salsa: 3\.0 s in which somebody is seen, and 4 s are"),
    ],
)
def test_too_little_to_learn_from_is_told_in_a_line(
    train: Train, tmp_path: Path, names: list[str], seconds: int, says: str
) -> None:
    lay(tmp_path, *names, seconds=seconds)
    with pytest.raises(FileError, match=says):
        train()


def test_a_recipe_that_could_not_learn_from_clips_is_refused(
    train: Train, recipe: Recipe, tmp_path: Path
) -> None:
    lay(tmp_path, "salsa/1", "tango/1")
    sampling = recipe.sampling.model_copy(update={"windows": "clip"})
    with pytest.raises(FileError, match="learns from no clips"):
        train(recipe=recipe.model_copy(update={"sampling": sampling}))
