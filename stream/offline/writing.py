"""Where films and plots go, and how they get there whole or not at all."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dancetype.engine.errors import FileError, SettingsError


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
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a file beside `path` to write to, which becomes `path` once it is whole.

    Raises:
        FileError: it cannot be written.
    """
    part = _part(path)
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        sweep(path)


def sweep(path: Path) -> None:
    """Takes away what is left of a file whose writing was broken off."""
    # Of a name too long there is nothing, not even nothing to take away.
    with suppress(OSError):
        _part(path).unlink()


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


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
