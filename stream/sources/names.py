"""Names of sources, given by the user or derived from URIs."""

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Container
from typing import Final
from urllib.parse import quote

from dancetype.engine.errors import SourceError
from dancetype.stream.sources.redaction import contains_url

MAX_NAME_LENGTH: Final = 100
"""Maximum number of characters in the name of a source, in all messages and recordings."""

_MAX_DERIVED_LENGTH: Final = 64
# Most file systems allow 255 bytes per name. Recordings add a time, a number and a dancer.
_MAX_FILE_BYTES: Final = 80
# Characters that separate folders, or that Windows reserves.
_NOT_IN_FILE_NAMES: Final = frozenset('/\\:*?"<>|%')


def check_name(name: str) -> str:
    """Return a name in composed Unicode form (NFC) and without surrounding spaces.

    A name may contain any printable characters; sinks encode those that are reserved in topics,
    addresses and paths.

    Raises:
        SourceError: The name is empty, too long, not printable, or contains a URL.
    """
    if contains_url(name):
        # A password may be part of it, so the error omits it.
        raise SourceError("a name before '=' contains a URL; write NAME=URI")
    # Equal names may be encoded differently, depending on the keyboard and the file system.
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        raise SourceError("the name before '=' is empty; write NAME=URI, or the URI without '='")
    if len(name) > MAX_NAME_LENGTH:
        raise SourceError(
            f"name {name[:20]!r}... has {len(name)} characters; use at most {MAX_NAME_LENGTH}"
        )
    if not name.isprintable():
        raise SourceError(f"name {name!r} contains a character that cannot be printed; remove it")
    return name


def derive_name(text: str) -> str:
    """Return a short name of letters, digits and `_.-` from the text that describes a source.

    The result is empty if no character can be used.
    """
    characters = (
        # Vowels of many scripts are marks, which `isalnum` excludes.
        char if char.isalnum() or char in "_." or unicodedata.category(char)[0] == "M" else "-"
        for char in unicodedata.normalize("NFC", text)
    )
    words = re.sub(r"-+", "-", "".join(characters))
    return words.strip("-.")[:_MAX_DERIVED_LENGTH].rstrip("-.")


def unused_name(base: str, used: Container[str]) -> str:
    """Return `base`, or `base-2`, `base-3` and so on if it is used."""
    numbered = (f"{base}-{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain([base], numbered) if name not in used)


def file_part(name: str) -> str:
    """Return `name` as part of a file name, with reserved characters percent-encoded.

    A long name is cut, and ends with a hash so that the parts of two names differ.
    """
    part = "".join(quote(char, safe="") if char in _NOT_IN_FILE_NAMES else char for char in name)
    if part.startswith("."):
        part = f"%2E{part[1:]}"
    if len(part.encode()) <= _MAX_FILE_BYTES:
        return part
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{part.encode()[:_MAX_FILE_BYTES].decode(errors='ignore')}-{digest}"
