"""Reader of a folder of clips by genre: `DIR/GENRE[/DANCER]/FILE`."""

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

_IDLE: Final = {normalise_name(NOT_DANCING), "not dancing"}
_ANSWERS: Final = {normalise_name(status) for status in Status}


@dataclass(frozen=True, slots=True)
class ClipFile:
    """One video in a folder of clips.

    Attributes:
        genre: Code, or `NOT_DANCING`.
        dancer: Name of the folder within the genre's, spelled alike in all of them, or "".
    """

    path: Path
    genre: str
    dancer: str


@dataclass(frozen=True, slots=True)
class ClipFolder:
    """Content of a folder of clips.

    Attributes:
        genres: Code and name of each genre: AIST's first, in their order, then by name.
        files: Videos, by genre, dancer and name.
        others: Files that are no videos by their ending.
    """

    genres: Mapping[str, str]
    files: list[ClipFile]
    others: list[Path]


def read_clips(folder: Path) -> ClipFolder:
    """Find the videos of a folder, and the genre and dancer of each.

    A genre of AIST is given by its code or name in any spelling, `NOT_DANCING` by "none" or "not
    dancing"; any other name is a new genre. Hidden files are ignored.

    Raises:
        FileError: There are no genres, one has no video, or a name that no genre can have.
    """
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise FileError(f"{folder}: cannot be read: {error.strerror}") from error
    folders = [path for path in inside if path.is_dir()]
    if not folders:
        raise FileError(
            f"{folder}: no folders in it; put the clips of each genre into one, such as "
            f"{folder / 'salsa'}/one.mp4"
        )
    codes = _codes([path.name for path in folders])
    files: list[ClipFile] = []
    dancers: dict[str, str] = {}
    others = [path for path in inside if not path.is_dir()]
    for genre in folders:
        found = [path for path in sorted(genre.rglob("*")) if _is_visible_file(path, genre)]
        videos = [path for path in found if path.suffix.lower() in VIDEO_SUFFIXES]
        if not videos:
            suffixes = " ".join(sorted(VIDEO_SUFFIXES))
            raise FileError(
                f"{genre}: no video in it, going by their endings ({suffixes}); put "
                "some there, or remove the folder"
            )
        others += [path for path in found if path not in videos]
        code = codes[normalise_name(genre.name)]
        for path in videos:
            inner = path.relative_to(genre).parts
            dancer = inner[0] if len(inner) > 1 else ""
            # Ann and ann are the same dancer.
            files.append(ClipFile(path, code, dancers.setdefault(normalise_name(dancer), dancer)))
    names = {
        code: _shown(folder.name)
        for folder in folders[::-1]
        if (code := codes[normalise_name(folder.name)]) not in GENRES and code != NOT_DANCING
    }
    genres = {code: name for code, name in GENRES.items() if code in codes.values()}
    genres |= dict(sorted(names.items(), key=lambda pair: normalise_name(pair[1])))
    return ClipFolder(genres, files, others)


def _codes(names: list[str]) -> dict[str, str]:
    """Return the code of each genre's normalised name."""
    codes = {
        normalise_name(name): NOT_DANCING if normalise_name(name) in _IDLE else find_aist_code(name)
        for name in names
    }
    own = [name for name, code in codes.items() if code is None]
    for name in names:
        if normalise_name(name) in own and not is_genre_name(_shown(name)):
            raise FileError(
                f"{name}: a genre's name has 1 to {MAX_NAME_LENGTH} letters or digits; rename the "
                "folder"
            )
        if normalise_name(name) in _ANSWERS:
            raise FileError(
                f"{name}: is what dancetype says where it can name no genre; rename the folder"
            )
    made = generate_codes(own)
    return {name: made[name] if code is None else code for name, code in codes.items()}


def _shown(name: str) -> str:
    return " ".join(name.replace("_", " ").split())


def _is_visible_file(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.is_file()
