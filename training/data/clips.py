"""Reader of a folder of clips sorted by genre: `DIR/GENRE[/DANCER]/FILE`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dancetype.engine.errors import FileError
from dancetype.engine.genres import (
    GENRES,
    MAX_NAME_LENGTH,
    find_aist_code,
    generate_codes,
    is_genre_name,
    normalise_name,
)
from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.media.video import VIDEO_SUFFIXES
from dancetype.engine.rolling import Status

_IDLE_NAMES: Final = {normalise_name(NOT_DANCING), "not dancing"}
_RESERVED_NAMES: Final = {normalise_name(status) for status in Status}


@dataclass(frozen=True, slots=True)
class ClipFile:
    """Video in a folder of clips.

    Attributes:
        path: Path of the video.
        genre: Genre code, or `NOT_DANCING`.
        dancer: Name of the dancer's folder, or "". Different spellings of a name are unified.
    """

    path: Path
    genre: str
    dancer: str


@dataclass(frozen=True, slots=True)
class ClipFolder:
    """Content of a folder of clips.

    Attributes:
        genres: Code and name of each genre: AIST's genres in AIST's order, then others by name.
        files: Videos, sorted by genre, dancer and name.
        other_files: Files without a video file extension.
    """

    genres: Mapping[str, str]
    files: list[ClipFile]
    other_files: list[Path]


def read_clips(folder: Path) -> ClipFolder:
    """Find the videos in a folder, and the genre and dancer of each.

    The first level of folders is the genre: the code or name of an AIST genre in any spelling,
    "none" or "not dancing" for `NOT_DANCING`, or the name of a new genre. Hidden files are ignored.

    Raises:
        FileError: There is no genre folder, a genre has no video, or a name is invalid.
    """
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise FileError(f"{folder}: cannot be read: {error.strerror}") from error
    genre_folders = [path for path in entries if path.is_dir()]
    if not genre_folders:
        raise FileError(
            f"{folder}: contains no folders; put the clips of each genre into a folder, such as "
            f"{folder / 'salsa'}/one.mp4"
        )
    codes = _assign_codes([path.name for path in genre_folders])
    files: list[ClipFile] = []
    dancers: dict[str, str] = {}
    other_files = [path for path in entries if not path.is_dir()]
    for genre_folder in genre_folders:
        paths = [p for p in sorted(genre_folder.rglob("*")) if _is_visible_file(p, genre_folder)]
        videos = [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES]
        if not videos:
            suffixes = " ".join(sorted(VIDEO_SUFFIXES))
            raise FileError(
                f"{genre_folder}: contains no video file ({suffixes}); add some, or remove the "
                "folder"
            )
        other_files += [path for path in paths if path not in videos]
        code = codes[normalise_name(genre_folder.name)]
        for path in videos:
            parts = path.relative_to(genre_folder).parts
            dancer = parts[0] if len(parts) > 1 else ""
            # Ann and ann are the same dancer.
            files.append(ClipFile(path, code, dancers.setdefault(normalise_name(dancer), dancer)))
    # If several folders belong to one genre, the first folder names it.
    new_genres = {
        code: _display_name(path.name)
        for path in genre_folders[::-1]
        if (code := codes[normalise_name(path.name)]) not in GENRES and code != NOT_DANCING
    }
    genres = {code: name for code, name in GENRES.items() if code in codes.values()}
    genres |= dict(sorted(new_genres.items(), key=lambda item: normalise_name(item[1])))
    return ClipFolder(genres, files, other_files)


def _assign_codes(names: list[str]) -> dict[str, str]:
    """Return the code of each genre by the normalised name of its folder."""
    codes = {
        normalise_name(name): NOT_DANCING
        if normalise_name(name) in _IDLE_NAMES
        else find_aist_code(name)
        for name in names
    }
    new_names = [name for name, code in codes.items() if code is None]
    for name in names:
        if normalise_name(name) in new_names and not is_genre_name(_display_name(name)):
            raise FileError(
                f"{name}: the name of a genre must have 1 to {MAX_NAME_LENGTH} letters or digits; "
                "rename the folder"
            )
        if normalise_name(name) in _RESERVED_NAMES:
            raise FileError(f"{name}: reserved for a status of dancetype; rename the folder")
    new_codes = generate_codes(new_names)
    return {name: new_codes[name] if code is None else code for name, code in codes.items()}


def _display_name(name: str) -> str:
    return " ".join(name.replace("_", " ").split())


def _is_visible_file(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.is_file()
