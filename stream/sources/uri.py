"""Source URIs: `0`, `rtsp://...`, the path of a file, `test:`."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dancetype.engine.errors import SourceError

_WEBCAM: Final = re.compile(r"(?:webcam:|/dev/video)?(\d{1,3})", re.ASCII)
_SCHEME: Final = re.compile(r"\s*([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# An RTSP URL with a missing slash, or after an invalid name.
_MALFORMED_RTSP: Final = re.compile(r"(?<!\w)rtsps?:", re.IGNORECASE)
# A password may contain unencoded / ? or #, so the match extends to the last @.
_USER: Final = re.compile(r"(?<=://)(?:[^/?#]*:.*|[^/?#]*)(?=@)", re.DOTALL)
# Many cameras expect credentials in the path, as in /user=admin_password=12345_channel=1.
_SECRET: Final = re.compile(
    r"(?:user|login|pass|pwd|token|key|auth|secret|cred)[^?&/=]*=([^&]*)", re.IGNORECASE
)
_FORMS: Final = "a source is a webcam number such as 0, rtsp://..., a video file or test:"


class SourceKind(StrEnum):
    """Kind of a source."""

    WEBCAM = "webcam"
    RTSP = "rtsp"
    FILE = "file"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class SourceUri:
    """Parsed source URI; `str()` and `repr()` mask credentials.

    Attributes:
        kind: Kind of the source.
        address: Webcam number, URL, path of a file, or options of a test pattern.
    """

    kind: SourceKind
    address: str

    def __str__(self) -> str:
        return self.address if self.kind is SourceKind.FILE else mask_credentials(self.address)

    def __repr__(self) -> str:
        return f"SourceUri({self.kind.value}, {str(self)!r})"

    @property
    def short_name(self) -> str:
        """Default name of the source."""
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
    """Parse a source URI.

    Raises:
        SourceError: The text is not a valid source URI.
    """
    if webcam := _WEBCAM.fullmatch(text):
        return SourceUri(SourceKind.WEBCAM, str(int(webcam[1])))
    if text.startswith("webcam:"):
        raise SourceError(f"{text}: invalid webcam number; write webcam:0, for example")
    if text.startswith("test:"):
        return SourceUri(SourceKind.TEST, text.removeprefix("test:"))
    if scheme := _SCHEME.match(text):
        if scheme[1].lower() not in ("rtsp", "rtsps"):
            raise SourceError(
                f"{mask_credentials(text)}: {scheme[1]}:// is not supported; {_FORMS}"
            )
        return SourceUri(SourceKind.RTSP, _check_url(text.strip()))
    if _MALFORMED_RTSP.search(text):
        # The message omits the text, which may contain a password anywhere.
        raise SourceError(
            "invalid RTSP URL; write rtsp://host[:port]/path, or NAME=rtsp://... with letters, "
            "digits, '_', '.' and '-' in the name"
        )
    if not text or "\0" in text:
        raise SourceError(f"{text!r} is not a source; {_FORMS}")
    return SourceUri(SourceKind.FILE, text)


def mask_credentials(url: str) -> str:
    """Return `url` with credentials replaced by `***`, for logs and messages."""
    spans = [match.span() for match in _USER.finditer(url)]
    # Spans may overlap, so all are found before any is replaced.
    spans += [match.span(1) for match in _SECRET.finditer(url)]
    masked, end = "", 0
    for start, stop in sorted(spans):
        if start > end or not masked:
            masked += f"{url[end:start]}***"
        end = max(end, stop)
    return masked + url[end:]


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        # `parts.port` raises a ValueError if it is not a number.
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise SourceError(f"{mask_credentials(url)}: invalid URL; write rtsp://host[:port]/path")
    return url
