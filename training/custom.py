"""Training on custom clips: from videos sorted by genre to a tested checkpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zlib import crc32

from rich.box import SIMPLE
from rich.table import Table

from dancetype.engine.contract import CREDIT
from dancetype.engine.errors import FileError, printable
from dancetype.engine.genres import CODES, GENRES, normalise_name
from dancetype.engine.media.track import NOT_DANCING, Track, read_tracks
from dancetype.engine.progress import console, progress_bar
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.data import aist
from dancetype.training.data.clips import ClipFile, ClipFolder, read_clips
from dancetype.training.data.extract import extract_tracks, find_pose_model
from dancetype.training.data.holdout import CustomClip, HoldOut, hold_out, usable_seconds
from dancetype.training.data.splits import find_split
from dancetype.training.evaluate import Evaluation, evaluate_tracks
from dancetype.training.probabilities import Calibration
from dancetype.training.recipe import Recipe
from dancetype.training.train import CHECKPOINT, check_track_genres, different_run_error, fit
from dancetype.training.trainer import Trainer

TRACKS: Final = "tracks"
"""Subfolder of a run's folder for the tracks of its clips."""

_CUSTOM_CREDIT: Final = "Trained on custom clips"


@dataclass(slots=True)
class _TrainingData:
    """Training and validation data of a run.

    Attributes:
        name: Name of the training data, stored as the split of the checkpoint.
        tracks: Groups of tracks to train on.
        sequences: AIST++ sequences to train on.
        validation: AIST++ sequences to validate on.
    """

    name: str
    tracks: list[list[Track]]
    sequences: list[aist.AistSequence] = field(default_factory=list)
    validation: list[aist.AistSequence] = field(default_factory=list)


def run_custom_training(
    recipe: Recipe,
    *,
    clips: Path,
    out: Path,
    data: Path | None,
    split: str,
    validation: str,
    tracks: Sequence[Path],
    pose_model: Path | None,
    jobs: int,
    test: bool,
) -> tuple[Checkpoint, Evaluation | None]:
    """Extract the tracks of custom clips, train on them as `run_training` does, and test.

    The tracks are kept for the next run. An interrupted training is continued if the recipe and
    the clips have not changed.

    Args:
        recipe: Recipe with random windows.
        clips: Folder of videos as `GENRE[/DANCER]/FILE`.
        out: Folder of the run.
        data: AIST++ folder to train on as well.
        split: Split of `data` to train on.
        validation: Split of `data` to validate on.
        tracks: Folders of tracks to train on as well.
        pose_model: MediaPipe's pose model; None for the one in the cache.
        jobs: Number of processes that extract tracks.
        test: False to train on all clips, without a test.

    Returns:
        The checkpoint with its figures, and the evaluation that they come from, if any.

    Raises:
        ExpectedError: The clips or the data cannot be used.
    """
    if recipe.sampling.windows != "random":
        raise FileError(
            f'recipe {recipe.name}: training on clips needs sampling.windows = "random"; choose '
            "another --recipe"
        )
    folder = read_clips(clips)
    genres = dict(folder.genres) if data is None else GENRES | dict(folder.genres)
    _check_genre_count(clips, genres)
    custom_clips = _extract_clips(
        clips, folder, out / TRACKS, recipe, pose_model=pose_model, jobs=jobs
    )
    required = recipe.window.seconds
    _check_seconds(custom_clips, folder.genres, required, exempt=() if data is None else CODES)
    held_out = hold_out(custom_clips, required_seconds=required) if test else HoldOut(custom_clips)
    console.print(_clip_table(custom_clips, held_out, folder))
    for line in _test_notes(held_out, genres, test=test):
        console.print(line)
    training_data = _collect_training_data(
        clips, held_out, genres, data=data, split=split, validation=validation, tracks=tracks
    )
    checkpoint = _train(recipe, training_data, held_out, genres, out, with_aist=data is not None)
    evaluation = None
    if held_out.test:
        test_tracks = [clip.track for clip in held_out.test]
        evaluation = evaluate_tracks(CheckpointClassifier(checkpoint), test_tracks)
        checkpoint.figures = {held_out.name: evaluation.figures()}
    checkpoint.save(out / CHECKPOINT)
    return checkpoint, evaluation


def _check_genre_count(clips: Path, genres: Mapping[str, str]) -> None:
    if not genres:
        raise FileError(f"{clips}: contains no dance genre; add folders for at least two genres")
    if len(genres) == 1:
        raise FileError(
            f"{clips}: contains only one genre, {', '.join(genres.values())}; add a folder for "
            "another one"
        )


def _extract_clips(
    clips: Path,
    folder: ClipFolder,
    out: Path,
    recipe: Recipe,
    *,
    pose_model: Path | None,
    jobs: int,
) -> list[CustomClip]:
    """Return the clips that can be trained on; print a line for each file that is skipped."""
    if folder.other_files:
        names = ", ".join(path.name for path in folder.other_files[:3])
        unlisted = len(folder.other_files) - 3
        suffix = f" and {unlisted} more" if unlisted > 0 else ""
        console.print(f"skipped files without a video extension: {printable(names)}{suffix}")
    min_seconds = recipe.window.min_seconds
    with progress_bar(console) as progress:
        task = progress.add_task("extracting poses", total=len(folder.files))

        def on_done(file: ClipFile, track: Track | str) -> None:
            reason = track if isinstance(track, str) else _skip_reason(track, min_seconds)
            progress.advance(task)
            if reason is not None:
                name = printable(str(file.path.relative_to(clips)))
                progress.console.print(f"skipped {name}: {printable(reason)}", soft_wrap=True)

        tracks = extract_tracks(
            folder.files, out, model=find_pose_model(pose_model), jobs=jobs, on_done=on_done
        )
    custom_clips = [CustomClip(track, track.segments(min_seconds=min_seconds)) for track in tracks]
    return [clip for clip in custom_clips if clip.segments]


def _skip_reason(track: Track, min_seconds: float) -> str | None:
    if track.longest_segment_seconds >= min_seconds:
        return None
    if not track.poses:
        return "no person was found"
    return f"no person is visible for {min_seconds:g} s without a gap"


def _check_seconds(
    clips: Sequence[CustomClip],
    genres: Mapping[str, str],
    required: float,
    *,
    exempt: Sequence[str],
) -> None:
    """Check that the clips of each genre last `required` seconds, except genres in `exempt`.

    Raises:
        FileError: The clips of a genre are too short in total.
    """
    for code, name in genres.items():
        seconds = usable_seconds(clips, code)
        if seconds < required and code not in exempt:
            raise FileError(
                f"{name}: a person is visible for {seconds:.1f} s, and training needs at least "
                f"{required:g} s; add clips (a minute or more of each dancer is better), or remove "
                "the folder"
            )


def _clip_table(clips: Sequence[CustomClip], held_out: HoldOut, folder: ClipFolder) -> Table:
    table = Table("genre", "code", box=SIMPLE)
    for column in ("clips", "dancers", "seconds", "held out"):
        table.add_column(column, justify="right")
    names = dict(folder.genres)
    if any(clip.track.genre == NOT_DANCING for clip in clips):
        names[NOT_DANCING] = "(not dancing)"
    for code, name in names.items():
        genre_clips = [clip for clip in clips if clip.track.genre == code]
        dancers = {clip.track.dancer for clip in genre_clips} - {""}
        test_count = sum(clip.track.genre == code for clip in held_out.test)
        cells = (
            len(genre_clips),
            len(dancers) or "-",
            f"{usable_seconds(clips, code):.0f}",
            test_count or "-",
        )
        table.add_row(name, code, *map(str, cells))
    return table


def _test_notes(held_out: HoldOut, genres: Mapping[str, str], *, test: bool) -> list[str]:
    """Return notes on the test, and on the reliability of the measured accuracy."""
    if not test:
        return ["training on all clips: nothing is measured"]
    if not held_out.test:
        return [
            "too few clips to hold any out: nothing is measured (a test needs two dancers, or two "
            "clips, of each of two genres)"
        ]
    notes = []
    if held_out.dancers:
        notes.append(f"held out of the training: {printable(', '.join(held_out.dancers))}")
    if held_out.shared_genres:
        notes.append(
            f"{_genre_names(held_out.shared_genres, genres)}: single clips are held out, and their "
            "dancers may appear in the training, so the measured accuracy is optimistic"
        )
    elif not held_out.dancers_are_unseen:
        notes.append(
            "clips outside a dancer's folder may show dancers who are held out, so the measured "
            "accuracy may be optimistic"
        )
    if held_out.untested_genres:
        names = _genre_names(held_out.untested_genres, genres)
        notes.append(f"not measured, because there are too few clips: {names}")
    return notes


def _genre_names(codes: Sequence[str], genres: Mapping[str, str]) -> str:
    return ", ".join(genres[code] for code in codes)


def _collect_training_data(
    clips: Path,
    held_out: HoldOut,
    genres: Mapping[str, str],
    *,
    data: Path | None,
    split: str,
    validation: str,
    tracks: Sequence[Path],
) -> _TrainingData:
    name = (
        f"{len(held_out.train)} clips of {clips.resolve().name} ({_fingerprint(held_out, genres)})"
    )
    segments = [segment for clip in held_out.train for segment in clip.segments]
    training_data = _TrainingData(name, [segments])
    train_sequences = None
    if data is not None:
        train_sequences = find_split(data, split).sequences
        validation_sequences = find_split(data, validation).sequences
        training_data.sequences = aist.read_sequences(data, train_sequences)
        training_data.validation = aist.read_sequences(data, validation_sequences)
        training_data.name = f"{split}, {training_data.name}"
    for folder in tracks:
        group = _read_extra_tracks(folder, genres, held_out, train_sequences)
        training_data.tracks.append(group)
        training_data.name += f", {len(group)} tracks of {folder.name}"
    return training_data


def _fingerprint(held_out: HoldOut, genres: Mapping[str, str]) -> str:
    """Return eight hexadecimal digits that change with the clips trained and tested on."""
    lines = [
        f"{clip.track.name} {clip.track.genre} {clip.track.dancer}"
        for group in (held_out.train, held_out.test)
        for clip in sorted(group, key=lambda clip: clip.track.name)
    ]
    lines += [f"{len(held_out.test)} tested", *map(" ".join, genres.items())]
    return f"{crc32(chr(10).join(lines).encode()):08x}"


def _read_extra_tracks(
    folder: Path, genres: Mapping[str, str], held_out: HoldOut, sequences: Sequence[str] | None
) -> list[Track]:
    """Return the tracks in a folder that can be trained on.

    Args:
        folder: Folder of tracks.
        genres: Code and name of each genre of the model.
        held_out: Hold-out set whose dancers are excluded.
        sequences: Names of the AIST++ sequences of the training split; None for all.
    """
    tracks = read_tracks(folder)
    check_track_genres(folder, tracks, {**genres, **GENRES})
    test_dancers = {normalise_name(dancer) for dancer in held_out.dancers}
    return [
        track
        for track in tracks
        if track.genre in {*genres, NOT_DANCING}
        and normalise_name(track.dancer) not in test_dancers
        and (sequences is None or not track.sequence or track.sequence in sequences)
    ]


def _train(
    recipe: Recipe,
    training_data: _TrainingData,
    held_out: HoldOut,
    genres: Mapping[str, str],
    out: Path,
    *,
    with_aist: bool,
) -> Checkpoint:
    trainer = Trainer(
        recipe,
        training_data.sequences,
        training_data.validation,
        split=training_data.name,
        tracks=tuple(training_data.tracks),
        validation_tracks=[clip.track for clip in held_out.test],
        genres=genres,
        resume=_find_resumable(out, recipe, training_data.name),
    )
    checkpoint = trainer.checkpoint
    checkpoint.credit = f"{CREDIT}, and on custom clips" if with_aist else _CUSTOM_CREDIT
    fit(trainer, out, title=f"{recipe.name}, trained on {training_data.name}")
    # The held-out clips are too few to fit a temperature on, and are needed for the test.
    checkpoint.calibration = Calibration(recipe.temperature)
    return checkpoint


def _find_resumable(out: Path, recipe: Recipe, split: str) -> Checkpoint | None:
    """Return the checkpoint to continue from, or None if there is none of this recipe and data.

    Raises:
        FileError: The folder contains a run on AIST++ alone.
    """
    if not (out / CHECKPOINT).exists():
        return None
    checkpoint = Checkpoint.load(out / CHECKPOINT)
    if (checkpoint.recipe, checkpoint.split) == (recipe, split):
        return checkpoint
    if checkpoint.credit is None:
        raise different_run_error(out, checkpoint)
    console.print(
        f"{out}: the recipe or the clips differ from those of the last run; training starts again"
    )
    return None
