"""How a source is written: `0`, `rtsp://...`, a file's path, `test:`."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from stream.sources.base import SourceError

_WEBCAM: Final = re.compile(r"(?:webcam:|/dev/video)?(\d{1,3})", re.ASCII)
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_USER: Final = re.compile(r"(?<=://)[^/?#]*@")
_SECRET: Final = re.compile(r"(?<=[?&])((?:user|login|pass|pwd|token|key|auth)[^=&]*=)[^&#]*", re.I)
_FORMS: Final = "a source is 0 (a webcam), rtsp://..., a video file or test:"


class SourceKind(StrEnum):
    """The four kinds of sources."""

    WEBCAM = "webcam"
    RTSP = "rtsp"
    FILE = "file"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class SourceUri:
    """A source as a user wrote it, understood. Its text shows no credentials.

    Attributes:
        kind: which source this is.
        address: of a webcam its number, of a file its path, of a test pattern its options, of
            RTSP the whole URL.
    """

    kind: SourceKind
    address: str

    def __str__(self) -> str:
        """As it may be logged."""
        return self.address if self.kind is SourceKind.FILE else masked(self.address)

    def __repr__(self) -> str:
        return f"SourceUri({self.kind.value}, {str(self)!r})"

    @property
    def short_name(self) -> str:
        """What to call the source where the user gave it no name."""
        match self.kind:
            case SourceKind.WEBCAM:
                name = f"webcam-{self.address}"
            case SourceKind.RTSP:
                name = urlsplit(self.address).hostname or "rtsp"
            case SourceKind.FILE:
                name = Path(self.address).stem
            case SourceKind.TEST:
                name = "test"
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or self.kind.value


def parse_uri(text: str) -> SourceUri:
    """Understands a source as a user wrote it.

    Raises:
        SourceError: it is none of the four kinds, or lacks what its kind needs.
    """
    if webcam := _WEBCAM.fullmatch(text):
        return SourceUri(SourceKind.WEBCAM, str(int(webcam[1])))
    if text.startswith("webcam:"):
        raise SourceError(f"{text}: a webcam has a number, such as webcam:0")
    if text.startswith("test:"):
        return SourceUri(SourceKind.TEST, text.removeprefix("test:"))
    if scheme := _SCHEME.match(text):
        if scheme[1].lower() not in ("rtsp", "rtsps"):
            raise SourceError(f"{masked(text)}: {scheme[1]}:// is not supported; {_FORMS}")
        return SourceUri(SourceKind.RTSP, _checked_url(text))
    if not text or "\0" in text:
        raise SourceError(f"{text!r} names no source; {_FORMS}")
    return SourceUri(SourceKind.FILE, text)


def masked(url: str) -> str:
    """`url` without user, password and the like, for logs and messages."""
    return _SECRET.sub(r"\1***", _USER.sub("***@", url))


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        raise SourceError(f"{masked(url)}: not an address; write rtsp://host[:port]/path")
    return url
