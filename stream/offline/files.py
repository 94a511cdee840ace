"""Files that `classify` and `label` read and write."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dancetype.engine.errors import FileError, SettingsError, printable
from dancetype.engine.files import atomic_write
from dancetype.engine.media.video import VIDEO_SUFFIXES

_MAGIC: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file, or a name that stands for none.

    Attributes:
        file: Path of the file, or the name as the user gave it.
        fault: Reason why there is no file, in one line, or "".
    """

    file: Path
    fault: str = ""


def find_clips(names: Iterable[Path]) -> list[Clip]:
    """Find the clips that a user named, in the order given and each once.

    A folder stands for all videos in it and its subfolders, sorted, without hidden ones. So does a
    pattern (`clips/*.mp4`; `**` matches any folders), unless a file has that very name. Any other
    name stands for a file, whether it exists or not.
    """
    clips: dict[Path, Clip] = {}
    for name in names:
        for clip in _expand(name):
            clips.setdefault(clip.file.absolute(), clip)
    return list(clips.values())


def _expand(name: Path) -> Iterator[Clip]:
    try:
        path = name.expanduser()
        is_folder, exists = path.is_dir(), path.exists()
    # The name is too long, or its ~user unknown; opening it will report that.
    except (OSError, RuntimeError):
        is_folder, exists, path = False, True, name
    if is_folder:
        yield from _in_folder(name, path)
    elif exists or not _MAGIC & set(str(path)):
        yield Clip(name)
    else:
        # Unlike pathlib's, this one takes absolute patterns and skips hidden files.
        matches = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207
        videos = [path for path in matches if _is_video(path) and path.is_file()]
        yield from map(Clip, videos)
        if not videos:
            yield _missing(name, "no such file, and as a pattern it matches no video")


def _in_folder(name: Path, path: Path) -> Iterator[Clip]:
    faults: list[OSError] = []
    videos: list[Path] = []
    for folder, subfolders, files in os.walk(path, onerror=faults.append):
        # os.walk does not enter what is removed from this list.
        subfolders[:] = [each for each in subfolders if not each.startswith(".")]
        videos += [Path(folder, file) for file in files if not file.startswith(".")]
    videos = sorted(filter(_is_video, videos))
    yield from map(Clip, videos)
    for fault in faults:
        yield _missing(Path(fault.filename), f"a folder that cannot be read: {fault.strerror}")
    if not videos and not faults:
        yield _missing(name, "a folder without a video in it; name the files if they are some")


def _missing(name: Path, reason: str) -> Clip:
    return Clip(name, printable(f"{name}: {reason}"))


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def output_paths(
    option: str, given: str | None, clips: Sequence[Path], suffix: str
) -> dict[Path, Path]:
    """Return the file to write for each clip, and make their folder if it is missing.

    Args:
        option: Option that the user gave, for errors.
        given: A file; a folder that exists or ends in a slash, in which files are named after
            their clips, and numbered if two clips have the same name; None for no files.
        clips: Clips to write files for.
        suffix: Suffix of the files, such as ".png".

    Raises:
        SettingsError: They cannot be written, or would replace a clip or something that is no file.
    """
    if given is None or not clips:
        return {}
    try:
        path = Path(given).expanduser()
        files = _files(path, given, clips, suffix)
        for file in files:
            _check(file, clips)
    # The name is too long, part of it no folder, or its ~user unknown.
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"{option}: {given} cannot be written: {reason}") from error
    except ValueError as error:
        raise SettingsError(f"{option}: {error}") from error
    return dict(zip(clips, files, strict=True))


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """Yield a temporary file that becomes `path` if no exception is raised.

    Raises:
        FileError: The file cannot be written.
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
    # Some file systems ignore case.
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
    for clip in clips:
        # A clip that does not exist cannot be lost.
        with suppress(OSError, RuntimeError):
            if clip.expanduser().samefile(file):
                raise ValueError(f"{file} is a clip itself and would be lost; take another")
