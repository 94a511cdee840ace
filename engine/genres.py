"""The ten genres of the AIST Dance Video Database, and codes for other genres."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import chain
from typing import Final
from zlib import crc32

GENRES: Final[dict[str, str]] = {
    "BR": "break",
    "PO": "pop",
    "LO": "lock",
    "MH": "middle hip-hop",
    "LH": "LA-style hip-hop",
    "HO": "house",
    "WA": "waack",
    "KR": "krump",
    "JS": "street jazz",
    "JB": "ballet jazz",
}
"""Genre codes and names, as in Tsuchida et al., "AIST Dance Video Database", ISMIR 2019."""

CODES: Final[tuple[str, ...]] = tuple(GENRES)

MAX_NAME_LENGTH: Final = 40
"""Maximum number of characters in a genre's name, so that it fits on a screen."""

_CODE: Final = re.compile(r"[A-Z0-9]{1,12}")
_MAX_GENERATED_LENGTH: Final = 8


def is_genre_code(text: str) -> bool:
    """Return whether `text` consists of 1 to 12 characters from A to Z and 0 to 9.

    Codes are used in MQTT topics, in OSC addresses and as JSON keys.
    """
    return _CODE.fullmatch(text) is not None


def is_genre_name(text: str) -> bool:
    """Return whether `text` can be displayed as a genre's name."""
    short = text == text.strip() and len(text) <= MAX_NAME_LENGTH
    return short and text.isprintable() and re.search(r"\w", text) is not None


def normalise_name(name: str) -> str:
    """Return `name` with case, hyphens and underscores normalised, for comparisons."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def find_aist_code(text: str) -> str | None:
    """Return the code of the AIST genre with this code or name in any spelling, or None."""
    codes = {normalise_name(word): code for code, name in GENRES.items() for word in (code, name)}
    return codes.get(normalise_name(text))


def generate_codes(names: Iterable[str]) -> dict[str, str]:
    """Return a code for each genre name, regardless of the order of `names`.

    A code is the name in capitals if that is short, else the initials of its words, or the start
    of a single word: SALSA for salsa, WCS for west coast swing. Codes that would be equal to each
    other or to one of AIST's are numbered in the order of their names.

    Args:
        names: Names that differ after `normalise_name`.
    """
    codes: dict[str, str] = {}
    used = set(CODES)
    for name in sorted(names, key=normalise_name):
        base = _code_from_name(name)
        candidates = chain([base], (f"{base}{number}" for number in range(2, 1000)))
        code = next(candidate for candidate in candidates if candidate not in used)
        used.add(code)
        codes[name] = code
    return codes


def _code_from_name(name: str) -> str:
    without_accents = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[A-Z0-9]+", without_accents.upper())
    if not words:
        # No character of the name is allowed in a code, as in a Japanese name.
        return f"G{crc32(normalise_name(name).encode()) % 10_000:04}"
    code = "".join(words)
    if len(code) > _MAX_GENERATED_LENGTH and len(words) > 1:
        code = "".join(word[0] for word in words)
    return code[:_MAX_GENERATED_LENGTH]
