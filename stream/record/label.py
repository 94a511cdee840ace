"""What a user says of a recording: what is danced, and by whom."""

import re
from dataclasses import dataclass
from typing import Final, Self

from dancetype.engine.errors import SettingsError
from dancetype.engine.genres import GENRES, plain, understood
from dancetype.engine.media.track import NOT_DANCING

_MOST: Final = 64
# Of 255 that a name has on most disks; a letter may take four, and the source takes some too.
_MOST_BYTES: Final = 120


@dataclass(frozen=True, slots=True)
class Label:
    """What is said of a track.

    Attributes:
        genre: code, or `NOT_DANCING`.
        dancer: name.
    """

    genre: str
    dancer: str

    @classmethod
    def parse(cls, genre: str, dancer: str) -> Self:
        """Understands what a user wrote: a genre by code or name, in small letters or big.

        Raises:
            SettingsError: there is no such genre, or that is no name.
        """
        dancer = " ".join(dancer.split())
        if not (re.search(r"\w", dancer) and dancer.isprintable() and len(dancer) <= _MOST):
            raise SettingsError(f"dancer: takes a name of 1 to {_MOST} letters or digits")
        return cls(_genre(genre), dancer)

    def file_name(self, source: str) -> str:
        """Of the track of a source by that name."""
        dancer = re.sub(r"[^\w.-]+", "-", self.dancer).strip("-.")
        dancer = dancer.encode()[:_MOST_BYTES].decode(errors="ignore")
        return f"{source}-{self.genre}-{dancer}.npz"


def _genre(text: str) -> str:
    code = NOT_DANCING if plain(text) == NOT_DANCING else understood(text)
    if code is None:
        known = ", ".join(f"{code} ({name})" for code, name in GENRES.items())
        raise SettingsError(
            f"genre: {text!r} is none; there are {known}, and {NOT_DANCING} (not dancing)"
        )
    return code
