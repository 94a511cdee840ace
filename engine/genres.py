"""The ten genres of the AIST Dance Video Database, and the order in which models list them."""

from typing import Final

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
"""Genre code -> name, as in Tsuchida et al., "AIST Dance Video Database", ISMIR 2019."""

CODES: Final[tuple[str, ...]] = tuple(GENRES)
