"""Files that `classify` and `label` read and write."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dancetype.engine.errors import FileError, SettingsError, printable
from dancetype.engine.files import atomic_write
from dancetype.engine.media.video import VIDEO_SUFFIXES

_MAGIC: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file to look at, or a name behind which there is none.

    Attributes:
        file: the file, or the name as the user gave it.
        fault: why there is nothing to look at, in one line; "" where there is.
    """

    file: Path
    fault: str = ""


def find_clips(words: Iterable[Path]) -> list[Clip]:
    """Finds the clips that are meant, in the order given and each once.

    A folder stands for all files in it and in its folders whose names end as those of videos do,
    sorted; hidden ones are left out. So does a pattern (`clips/*.mp4`; `**` is any folders), unless
    a file has that very name. Any other name is taken for a file, whether there is one or not.

    Args:
        words: names of files and folders, and patterns.
    """
    clips: dict[Path, Clip] = {}
    for word in words:
        for clip in _meant(word):
            clips.setdefault(clip.file.absolute(), clip)
    return list(clips.values())


def _meant(word: Path) -> Iterator[Clip]:
    try:
        path = word.expanduser()
        folder, there = path.is_dir(), path.exists()
    # A name too long, or ~somebody who is not known; whoever opens it says so.
    except (OSError, RuntimeError):
        folder, there, path = False, True, word
    if folder:
        yield from _in_folder(word, path)
    elif there or not _MAGIC & set(str(path)):
        yield Clip(word)
    else:
        # Unlike that of pathlib it takes any path, and leaves out what is hidden.
        matches = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207
        videos = [path for path in matches if _is_video(path) and path.is_file()]
        yield from map(Clip, videos)
        if not videos:
            yield _missing(word, "no such file, and as a pattern it matches no video")


def _in_folder(word: Path, path: Path) -> Iterator[Clip]:
    faults: list[OSError] = []
    videos: list[Path] = []
    for folder, inner, files in os.walk(path, onerror=faults.append):
        # What is taken out of this list, os.walk does not go into.
        inner[:] = [each for each in inner if not _hidden(each)]
        videos += [Path(folder, file) for file in files if not _hidden(file)]
    videos = sorted(filter(_is_video, videos))
    yield from map(Clip, videos)
    for fault in faults:
        yield _missing(Path(fault.filename), f"a folder that cannot be read: {fault.strerror}")
    if not videos and not faults:
        yield _missing(word, "a folder without a video in it; name the files if they are some")


def _missing(word: Path, reason: str) -> Clip:
    return Clip(word, printable(f"{word}: {reason}"))


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _hidden(name: str) -> bool:
    return name.startswith(".")


def places(option: str, given: str | None, clips: Sequence[Path], suffix: str) -> dict[Path, Path]:
    """Decides which file is made of each clip, and makes the folder where one is asked for.

    Args:
        option: for errors, such as "--plot".
        given: a file; or a folder, one that is there or whose name ends in a slash; None for none.
            In a folder a file is named after its clip, and numbered where two clips have one name.
        clips: the clips.
        suffix: what the files' names end in, such as ".png".

    Returns:
        File by clip; empty where none is wanted.

    Raises:
        SettingsError: it cannot be done, or a clip or something that is no file would be lost.
    """
    if given is None or not clips:
        return {}
    try:
        path = Path(given).expanduser()
        files = _files(path, given, clips, suffix)
        for file in files:
            _check(file, clips)
    # Of a folder that is none, a name too long, or ~somebody who is not known.
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"{option}: {given} cannot be written: {reason}") from error
    except ValueError as error:
        raise SettingsError(f"{option}: {error}") from error
    return dict(zip(clips, files, strict=True))


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """Yield a temporary file that becomes `path` once it is whole.

    Raises:
        FileError: It cannot be written.
    """
    try:
        with atomic_write(path) as part:
            yield part
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error


def _files(path: Path, given: str, clips: Sequence[Path], suffix: str) -> list[Path]:
    if not given:
        raise ValueError("name a file or a folder")
    if given.endswith(os.sep) or path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        files = [path / name for name in _names(clips, suffix)]
    elif len(clips) > 1:
        raise ValueError(f"of {len(clips)} clips it takes a folder: {given}/")
    elif path.suffix.lower() != suffix:
        raise ValueError(f"{given} is not named *{suffix}, nor is it a folder")
    elif not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}")
    else:
        files = [path]
    if not os.access(files[0].parent, os.W_OK):
        raise ValueError(f"{files[0].parent} may not be written to")
    return files


def _names(clips: Sequence[Path], suffix: str) -> list[str]:
    """A name for each clip. Capitals make none of its own: some disks do not tell them apart."""
    stems = {clip.stem.casefold() for clip in clips}
    taken: set[str] = set()
    names = []
    for clip in clips:
        number, name = 1, clip.stem
        while name.casefold() in (stems | taken if number > 1 else taken):
            number += 1
            name = f"{clip.stem}-{number}"
        taken.add(name.casefold())
        names.append(f"{name}{suffix}")
    return names


def _check(file: Path, clips: Sequence[Path]) -> None:
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise ValueError(f"{file} is there already and no plain file; take another")
    if any(_same(clip, file) for clip in clips):
        raise ValueError(f"{file} is a clip itself and would be lost; take another")


def _same(clip: Path, file: Path) -> bool:
    try:
        return clip.expanduser().samefile(file)
    # A clip that is not there is not lost.
    except (OSError, RuntimeError):
        return False
