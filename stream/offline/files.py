"""Files that `classify` and `label` read and write."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from dancetype.engine.errors import FileError, SettingsError, printable
from dancetype.engine.files import atomic_write
from dancetype.engine.media.video import VIDEO_SUFFIXES, Video

_WILDCARDS: Final = frozenset("*?[")
_MAX_SORTED: Final = 1000  # clips that are opened to sort them


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file, or a name for which no file was found.

    Attributes:
        file: Path of the file, or the name as the user wrote it.
        fault: Reason why no file was found, in one line; "" if there is a file.
    """

    file: Path
    fault: str = ""


def find_clips(names: Iterable[Path]) -> list[Clip]:
    """Find the clips for names on the command line, in this order and without duplicates.

    A folder is replaced by all videos in it and its subfolders, sorted, without hidden ones. A
    pattern (`clips/*.mp4`; `**` matches any number of folders) is replaced by the videos that match
    it, unless a file has exactly this name. Any other name is a file, even if it does not exist.
    """
    clips: dict[Path, Clip] = {}
    for name in names:
        for clip in _expand(name):
            clips.setdefault(clip.file.absolute(), clip)
    return list(clips.values())


def longest_first(files: Sequence[Path]) -> list[Path]:
    """Return clips in the order in which several processes finish them soonest.

    That is by falling number of frames (Graham, "Bounds on Multiprocessing Timing Anomalies",
    1969), so that no long clip is left to a single process at the end. Among thousands of clips,
    the last one hardly matters, so their files are not opened and the order stays the same.
    """
    return list(files) if len(files) > _MAX_SORTED else sorted(files, key=_length, reverse=True)


def _length(path: Path) -> int:
    """Return the number of frames according to a file; 0 if unknown."""
    # The name may be too long, or the file damaged: analysing it will report the error.
    with suppress(OSError, RuntimeError, FileError):
        # A named pipe can be read only once.
        if path.expanduser().is_file():
            with Video(path) as video:
                return video.frames or 0
    return 0


def _expand(name: Path) -> Iterator[Clip]:
    try:
        path = name.expanduser()
        is_folder, exists = path.is_dir(), path.exists()
    # The name is too long, or its ~user is unknown; opening the file will report the error.
    except (OSError, RuntimeError):
        is_folder, exists, path = False, True, name
    if is_folder:
        yield from _find_in_folder(name, path)
    elif exists or not _WILDCARDS & set(str(path)):
        yield Clip(name)
    else:
        # Unlike Path.glob, this function accepts absolute patterns and skips hidden files.
        matches = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207
        videos = [path for path in matches if _is_video(path) and path.is_file()]
        yield from map(Clip, videos)
        if not videos:
            yield _missing(name, "no such file, and no video matches it as a pattern")


def _find_in_folder(name: Path, path: Path) -> Iterator[Clip]:
    errors: list[OSError] = []
    videos: list[Path] = []
    for folder, subfolders, files in os.walk(path, onerror=errors.append):
        # os.walk skips subfolders that are removed from this list.
        subfolders[:] = [subfolder for subfolder in subfolders if not subfolder.startswith(".")]
        videos += [Path(folder, file) for file in files if not file.startswith(".")]
    videos = sorted(filter(_is_video, videos))
    yield from map(Clip, videos)
    for error in errors:
        yield _missing(Path(error.filename), f"cannot read this folder: {error.strerror}")
    if not videos and not errors:
        yield _missing(name, "no video in this folder; name files with other suffixes explicitly")


def _missing(name: Path, reason: str) -> Clip:
    return Clip(name, printable(f"{name}: {reason}"))


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def output_paths(
    option: str, value: str | None, clips: Sequence[Path], suffix: str
) -> dict[Path, Path]:
    """Return the file to write for each clip, as `output_groups` does for a single suffix."""
    groups = output_groups(option, value, clips, [suffix])
    return {clip: files[0] for clip, files in groups.items()}


def output_groups(
    option: str, value: str | None, clips: Sequence[Path], suffixes: Sequence[str]
) -> dict[Path, tuple[Path, ...]]:
    """Return the files to write for each clip, and create their folder if it is missing.

    Args:
        option: Command-line option, for errors.
        value: Value of the option: a file with one of the suffixes, a folder that exists or ends
            with a slash, or None for no files. A folder gets a file with each suffix; files are
            named after their clips, and numbered if two clips have the same name.
        clips: Clips to write files for.
        suffixes: Suffixes of the files, such as ".png".

    Raises:
        SettingsError: The files cannot be written, or would replace a clip or an entry that is not
            a regular file.
    """
    if value is None or not clips:
        return {}
    try:
        path = Path(value).expanduser()
        groups = _candidate_files(path, value, clips, suffixes)
        for file in chain(*groups):
            _check_overwrite(file, clips)
    # The name is too long, a part of it is not a folder, or its ~user is unknown.
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"{option}: {value} cannot be written: {reason}") from error
    except ValueError as error:
        raise SettingsError(f"{option}: {error}") from error
    return dict(zip(clips, groups, strict=True))


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file that replaces `path` if no exception is raised.

    Raises:
        FileError: The file cannot be written.
    """
    try:
        with atomic_write(path) as part:
            yield part
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error


def _candidate_files(
    path: Path, value: str, clips: Sequence[Path], suffixes: Sequence[str]
) -> list[tuple[Path, ...]]:
    if not value:
        raise ValueError("the value is empty; name a file or a folder")
    if value.endswith((os.sep, os.altsep or os.sep)) or path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        groups = [
            tuple(path / f"{name}{suffix}" for suffix in suffixes) for name in _unique_names(clips)
        ]
    elif len(clips) > 1:
        raise ValueError(f"{len(clips)} clips need a folder, not a file: write {value}/")
    elif path.suffix.lower() not in suffixes:
        names = ", ".join(f"*{suffix}" for suffix in suffixes)
        raise ValueError(f"{value} is neither named {names} nor a folder")
    elif not path.parent.is_dir():
        raise ValueError(f"folder {path.parent} does not exist")
    else:
        groups = [(path,)]
    folder = groups[0][0].parent
    if not os.access(folder, os.W_OK):
        raise ValueError(f"no permission to write to folder {folder}")
    return groups


def _unique_names(clips: Sequence[Path]) -> list[str]:
    # Some file systems ignore case.
    stems = {clip.stem.casefold() for clip in clips}
    used: set[str] = set()
    names = []
    for clip in clips:
        number, name = 1, clip.stem
        while name.casefold() in (stems | used if number > 1 else used):
            number += 1
            name = f"{clip.stem}-{number}"
        used.add(name.casefold())
        names.append(name)
    return names


def _check_overwrite(file: Path, clips: Sequence[Path]) -> None:
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise ValueError(f"{file} exists and is not a regular file; choose another name")
    for clip in clips:
        # A clip that does not exist cannot be overwritten.
        with suppress(OSError, RuntimeError):
            if clip.expanduser().samefile(file):
                raise ValueError(f"{file} is a clip and would be overwritten; choose another name")
