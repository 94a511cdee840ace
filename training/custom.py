"""Training on the user's own clips: videos by genre in, a tested checkpoint out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from zlib import crc32

from rich.box import SIMPLE
from rich.table import Table

from dancetype.engine.contract import CREDIT
from dancetype.engine.errors import FileError, printable
from dancetype.engine.genres import CODES, GENRES, plain
from dancetype.engine.media.track import NOT_DANCING, Track, read_tracks
from dancetype.engine.progress import console, progress_bar
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.data import aist
from dancetype.training.data.clips import ClipFile, ClipFolder, read_clips
from dancetype.training.data.extract import extract_tracks, find_pose_model
from dancetype.training.data.holdout import CustomClip, HoldOut, hold_out, seconds_of
from dancetype.training.data.splits import find_split
from dancetype.training.evaluate import Evaluation, evaluate_tracks
from dancetype.training.recipe import Recipe
from dancetype.training.train import CHECKPOINT, Trainer, check_genres, fit, other_run

TRACKS: Final = "tracks"
"""Folder for the tracks of the clips, in the folder of a run."""

_CUSTOM_CREDIT: Final = "Trained on clips of one's own"


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
    """Extract tracks of clips, train into a folder as `run_training` does, and test.

    Tracks are kept for the next run. An interrupted training is continued if its clips are still
    the same.

    Args:
        recipe: Recipe with random windows.
        clips: Folder of `GENRE[/DANCER]/FILE`.
        out: Folder of the run.
        data: AIST++ folder to train on as well.
        split: Split of `data` to train on.
        validation: Split of `data` to validate on.
        tracks: Folders of tracks to train on as well.
        pose_model: MediaPipe's pose model; the one in the cache if None.
        jobs: Number of processes that extract tracks.
        test: False to train on all clips.

    Returns:
        The checkpoint with its figures, and the evaluation that they are from, if any.

    Raises:
        ExpectedError: The clips or the data cannot be used.
    """
    if recipe.sampling.windows != "random":
        raise FileError(f"recipe {recipe.name} learns from no clips: it draws no random windows")
    folder = read_clips(clips)
    genres = dict(folder.genres) if data is None else GENRES | dict(folder.genres)
    _check_genres(clips, genres)
    own = _usable(clips, folder, out / TRACKS, recipe, pose_model=pose_model, jobs=jobs)
    needed = recipe.window.seconds
    _check_material(own, folder.genres, needed, also=() if data is None else CODES)
    held = hold_out(own, needed=needed) if test else HoldOut(own)
    console.print(_table(own, held, folder))
    for line in _remarks(held, genres, test=test):
        console.print(line)

    sequences: list[aist.AistSequence] = []
    watched: list[aist.AistSequence] = []
    learn = None
    name = f"{len(held.learned)} clips of {clips.resolve().name} ({_mark(held, genres)})"
    if data is not None:
        learn = find_split(data, split)
        watch = find_split(data, validation)
        sequences, watched = (aist.read_sequences(data, s.sequences) for s in (learn, watch))
        name = f"{split}, {name}"
    filmed = [[part for clip in held.learned for part in clip.parts]]
    for more in tracks:
        kept = _others(more, genres, held, None if learn is None else learn.sequences)
        filmed.append(kept)
        name += f", {len(kept)} tracks of {more.name}"

    trainer = Trainer(
        recipe,
        sequences,
        watched,
        split=name,
        tracks=tuple(filmed),
        validation_tracks=[clip.track for clip in held.tested],
        genres=genres,
        resume=_resumed(out, recipe, name),
    )
    checkpoint = trainer.checkpoint
    checkpoint.credit = _CUSTOM_CREDIT if data is None else f"{CREDIT}, and on clips of one's own"
    fit(trainer, out, title=f"{recipe.name}, trained on {name}")
    # The clips held out are too few to fit a temperature on, and are needed for the test.
    checkpoint.temperature = recipe.temperature
    evaluation = None
    if held.tested:
        tested = [clip.track for clip in held.tested]
        evaluation = evaluate_tracks(CheckpointClassifier(checkpoint), tested)
        checkpoint.figures = {held.name: evaluation.figures()}
    checkpoint.save(out / CHECKPOINT)
    return checkpoint, evaluation


def _check_genres(clips: Path, genres: Mapping[str, str]) -> None:
    if not genres:
        raise FileError(f"{clips}: holds nobody who dances; add a folder for each of two genres")
    if len(genres) == 1:
        raise FileError(
            f"{clips}: one genre ({', '.join(genres.values())}) cannot be told from others; add a "
            "folder of another"
        )


def _resumed(out: Path, recipe: Recipe, split: str) -> Checkpoint | None:
    """Return the checkpoint to continue from; None if there is none, or one of other clips."""
    if not (out / CHECKPOINT).exists():
        return None
    resume = Checkpoint.load(out / CHECKPOINT)
    if (resume.recipe, resume.split) == (recipe, split):
        return resume
    if resume.credit is None:
        raise other_run(out, resume)
    console.print(f"{out}: something else is learned than before: the training begins anew")
    return None


def _usable(
    clips: Path,
    folder: ClipFolder,
    out: Path,
    recipe: Recipe,
    *,
    pose_model: Path | None,
    jobs: int,
) -> list[CustomClip]:
    """Return the clips that can be learned from; print a line for each that cannot."""
    if folder.others:
        names = ", ".join(path.name for path in folder.others[:3])
        more = len(folder.others) - 3
        rest = f" and {more} more" if more > 0 else ""
        console.print(f"left out, no videos by their endings: {printable(names)}{rest}")
    shortest = recipe.window.min_seconds
    with progress_bar(console) as progress:
        task = progress.add_task("looking at clips", total=len(folder.files))

        def done(file: ClipFile, track: Track | str) -> None:
            reason = track if isinstance(track, str) else _unusable(track, shortest)
            progress.advance(task)
            if reason is not None:
                name = printable(str(file.path.relative_to(clips)))
                progress.console.print(f"left out {name}: {printable(reason)}", soft_wrap=True)

        seen = extract_tracks(
            folder.files, out, model=find_pose_model(pose_model), jobs=jobs, on_done=done
        )
    each = [CustomClip(track, track.stretches(min_seconds=shortest)) for track in seen]
    return [clip for clip in each if clip.parts]


def _unusable(track: Track, shortest: float) -> str | None:
    if track.longest_stretch >= shortest:
        return None
    return f"nobody is in sight for {shortest:g} s on end" if track.poses else "it shows nobody"


def _check_material(
    own: Sequence[CustomClip], genres: Mapping[str, str], needed: float, *, also: Sequence[str]
) -> None:
    for code, name in genres.items():
        seconds = seconds_of(own, code)
        if seconds < needed and code not in also:
            raise FileError(
                f"{name}: {seconds:.1f} s in which somebody is seen, and {needed:g} s are the "
                "least that can be learned from; add clips (a minute or more of each dancer is "
                "better), or remove the folder"
            )


def _table(own: Sequence[CustomClip], held: HoldOut, folder: ClipFolder) -> Table:
    table = Table("genre", "code", box=SIMPLE)
    for column in ("clips", "dancers", "seconds", "held out"):
        table.add_column(column, justify="right")
    names = dict(folder.genres)
    if any(clip.track.genre == NOT_DANCING for clip in own):
        names[NOT_DANCING] = "(not dancing)"
    for code, name in names.items():
        its = [clip for clip in own if clip.track.genre == code]
        tested = [clip for clip in held.tested if clip.track.genre == code]
        dancers = {clip.track.dancer for clip in its} - {""}
        counts = (len(its), len(dancers) or "-", f"{seconds_of(own, code):.0f}", len(tested) or "-")
        table.add_row(name, code, *map(str, counts))
    return table


def _remarks(held: HoldOut, genres: Mapping[str, str], *, test: bool) -> list[str]:
    """Return remarks on how far the figures can be trusted."""
    if not test:
        return ["all clips are learned from: nothing is measured"]
    if not held.tested:
        return [
            "too little to hold anything out: nothing is measured (it takes two dancers, or two "
            "clips, of two genres)"
        ]
    lines = []
    if held.dancers:
        lines.append(f"held out, and nowhere learned from: {printable(', '.join(held.dancers))}")
    if held.shared:
        lines.append(
            f"of {_names(held.shared, genres)} whole clips are held out, whose dancers may be in "
            "clips that are learned from: the figure flatters"
        )
    elif not held.unseen:
        lines.append(
            "clips outside folders of dancers may show those who are held out: the figure may "
            "flatter"
        )
    if held.missing:
        lines.append(f"not measured, for want of clips: {_names(held.missing, genres)}")
    return lines


def _names(codes: Sequence[str], genres: Mapping[str, str]) -> str:
    return ", ".join(genres[code] for code in codes)


def _mark(held: HoldOut, genres: Mapping[str, str]) -> str:
    """Return eight digits that change with the clips trained and tested on."""
    lines = [
        f"{clip.track.name} {clip.track.genre} {clip.track.dancer}"
        for group in (held.learned, held.tested)
        for clip in sorted(group, key=lambda clip: clip.track.name)
    ]
    lines += [f"{len(held.tested)} tested", *map(" ".join, genres.items())]
    return f"{crc32(chr(10).join(lines).encode()):08x}"


def _others(
    folder: Path, genres: Mapping[str, str], held: HoldOut, sequences: Sequence[str] | None
) -> list[Track]:
    """Return other tracks of the genres to learn, without dancers who are held out."""
    tracks = read_tracks(folder)
    check_genres(folder, tracks, {**genres, **GENRES})
    tested = {plain(dancer) for dancer in held.dancers}
    return [
        track
        for track in tracks
        if track.genre in {*genres, NOT_DANCING}
        and plain(track.dancer) not in tested
        and (sequences is None or not track.sequence or track.sequence in sequences)
    ]
