"""Which video files a user means by the names of files, folders and patterns."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dancetype.engine.errors import printable
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
