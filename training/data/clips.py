"""Reads a folder of clips by genre: `DIR/GENRE[/DANCER]/FILE`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dancetype.engine.errors import FileError
from dancetype.engine.genres import GENRES, LONGEST_NAME, is_name, made_codes, plain, understood
from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.media.video import VIDEO_SUFFIXES
from dancetype.engine.rolling import Status

_IDLE: Final = {plain(NOT_DANCING), "not dancing"}
_ANSWERS: Final = {plain(status) for status in Status}


@dataclass(frozen=True, slots=True)
class ClipFile:
    """One video in a folder of clips.

    Attributes:
        path: of the file.
        genre: code, or `NOT_DANCING`.
        dancer: name of the folder within the genre's, spelled alike in all of them, or "" where
            there is none.
    """

    path: Path
    genre: str
    dancer: str


@dataclass(frozen=True, slots=True)
class ClipFolder:
    """What lies in a folder of clips.

    Attributes:
        genres: code and name of each that is danced: AIST's first, in their order, then by name.
        files: the videos, by genre, dancer and name.
        others: files that are no videos by their ending.
    """

    genres: Mapping[str, str]
    files: list[ClipFile]
    others: list[Path] = field(default_factory=list)


def read_clips(folder: Path) -> ClipFolder:
    """Finds the videos of a folder, and what is danced in each by whom.

    A genre of AIST goes by its code or name in any spelling, `NOT_DANCING` by "none" or "not
    dancing"; any other name makes a new genre. Hidden files are passed over.

    Raises:
        FileError: no genres in it, one without a video, or a name that no genre can have.
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
        found = [path for path in sorted(genre.rglob("*")) if _is_open_file(path, genre)]
        videos = [path for path in found if path.suffix.lower() in VIDEO_SUFFIXES]
        if not videos:
            suffixes = " ".join(sorted(VIDEO_SUFFIXES))
            raise FileError(
                f"{genre}: no video in it, going by their endings ({suffixes}); put "
                "some there, or remove the folder"
            )
        others += [path for path in found if path not in videos]
        code = codes[plain(genre.name)]
        for path in videos:
            dancer = _dancer(path.relative_to(genre))
            # Ann and ann must not be tested on one another.
            files.append(ClipFile(path, code, dancers.setdefault(plain(dancer), dancer)))
    names = {
        code: _shown(folder.name)
        for folder in folders[::-1]
        if (code := codes[plain(folder.name)]) not in GENRES and code != NOT_DANCING
    }
    genres = {code: name for code, name in GENRES.items() if code in codes.values()}
    genres |= dict(sorted(names.items(), key=lambda pair: plain(pair[1])))
    return ClipFolder(genres, files, others)


def _codes(names: list[str]) -> dict[str, str]:
    """Code of each genre's plain name."""
    codes = {plain(name): _known(name) for name in names}
    own = [name for name, code in codes.items() if code is None]
    for name in names:
        if plain(name) in own and not is_name(_shown(name)):
            raise FileError(
                f"{name}: a genre's name has 1 to {LONGEST_NAME} letters or digits; rename the "
                "folder"
            )
        if plain(name) in _ANSWERS:
            raise FileError(
                f"{name}: is what dancetype says where it can name no genre; rename the folder"
            )
    made = made_codes(own)
    return {name: made[name] if code is None else code for name, code in codes.items()}


def _known(name: str) -> str | None:
    return NOT_DANCING if plain(name) in _IDLE else understood(name)


def _shown(name: str) -> str:
    return " ".join(name.replace("_", " ").split())


def _is_open_file(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.is_file()


def _dancer(path: Path) -> str:
    return path.parts[0] if len(path.parts) > 1 else ""
