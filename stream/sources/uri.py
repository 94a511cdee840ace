"""Source URIs: `0`, `rtsp://...`, the path of a file or device, `test:`."""

import os
import re
import stat
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from dancetype.engine.errors import SourceError
from dancetype.stream.sources.names import derive_name
from dancetype.stream.sources.redaction import contains_url, shown_url

_WEBCAM: Final = re.compile(r"(?:webcam:|/dev/video)?(\d{1,3})", re.ASCII)
# One letter is a drive of Windows.
_SCHEME: Final = re.compile(r"\s*([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_FILE_SCHEMES: Final = ("file:///", "file://localhost/")
_FORMS: Final = (
    "a source is a webcam number such as 0, webcam:NAME, a URL (rtsp, http, rtmp, srt or udp), "
    "ndi:NAME, a video file or test:"
)


class SourceKind(StrEnum):
    """Kind of a source."""

    WEBCAM = "webcam"
    RTSP = "rtsp"
    HTTP = "http"
    RTMP = "rtmp"
    SRT = "srt"
    UDP = "udp"
    NDI = "ndi"
    PIPE = "pipe"
    FILE = "file"
    TEST = "test"


_KINDS: Final = {
    "rtsp": SourceKind.RTSP,
    "rtsps": SourceKind.RTSP,
    "http": SourceKind.HTTP,
    "https": SourceKind.HTTP,
    "rtmp": SourceKind.RTMP,
    "rtmps": SourceKind.RTMP,
    "srt": SourceKind.SRT,
    "udp": SourceKind.UDP,
}
# Kinds whose URL needs a port, because there is no standard one.
_WITH_PORT: Final = (SourceKind.SRT, SourceKind.UDP)


@dataclass(frozen=True, slots=True)
class SourceUri:
    """Parsed source URI; `str()` and `repr()` mask credentials.

    Attributes:
        kind: Kind of the source.
        address: Number or device of a webcam, or `webcam:` and its name; URL; path of a file or
            pipe; name of an NDI source; or options of a test pattern.
    """

    kind: SourceKind
    address: str

    def __str__(self) -> str:
        return shown_url(self.address) if self.kind in _KINDS.values() else self.address

    def __repr__(self) -> str:
        return f"SourceUri({self.kind.value}, {str(self)!r})"

    @property
    def short_name(self) -> str:
        """Default name of the source."""
        match self.kind:
            case SourceKind.WEBCAM if self.address.isdecimal():
                name = f"webcam-{self.address}"
            case SourceKind.WEBCAM if self.address.startswith("webcam:"):
                name = self.address.removeprefix("webcam:")
            case SourceKind.WEBCAM | SourceKind.FILE | SourceKind.PIPE:
                name = Path(self.address).stem
            case SourceKind.TEST:
                name = "test"
            case SourceKind.NDI:
                name = self.address
            case _:
                name = urlsplit(self.address).hostname or ""
        return derive_name(name) or self.kind.value


def parse_uri(text: str) -> SourceUri:
    """Parse a source URI; paths are classified by what exists there.

    Raises:
        SourceError: The text is not a valid source URI.
    """
    if webcam := _WEBCAM.fullmatch(text):
        return SourceUri(SourceKind.WEBCAM, str(int(webcam[1])))
    if text.startswith("webcam:"):
        return _parse_webcam(text.removeprefix("webcam:").strip())
    if text.startswith("test:"):
        return SourceUri(SourceKind.TEST, text.removeprefix("test:"))
    if text.startswith("ndi:"):
        return _parse_ndi(text.removeprefix("ndi:").strip())
    if text.startswith(_FILE_SCHEMES):
        # This removes the slash before a drive of Windows.
        return parse_path(url2pathname(urlsplit(text).path))
    if scheme := _SCHEME.match(text):
        return _parse_url(text.strip(), scheme[1].lower())
    return parse_path(text)


def is_uri(text: str) -> bool:
    """Return whether a text starts like a URI or names an existing file, whatever follows."""
    return bool(
        _SCHEME.match(text)
        or text.startswith(("webcam:", "test:", "ndi:"))
        or (contains_url(text.partition("=")[0]))
        or os.path.lexists(text.partition("\0")[0])
    )


def _parse_webcam(name: str) -> SourceUri:
    if not name.strip("-0123456789") or contains_url(name) or not name.isprintable():
        raise SourceError(
            "webcam: needs the number or name of a camera; write webcam:0 or webcam:NAME"
        )
    return SourceUri(SourceKind.WEBCAM, f"webcam:{name}")


def _parse_ndi(name: str) -> SourceUri:
    if not name or contains_url(name) or not name.isprintable():
        raise SourceError("ndi: needs the name of a source; write ndi:MACHINE (SOURCE)")
    return SourceUri(SourceKind.NDI, name)


def _parse_url(url: str, scheme: str) -> SourceUri:
    kind = _KINDS.get(scheme)
    if kind is None:
        raise SourceError(f"{shown_url(url)}: {scheme}:// is not supported; {_FORMS}")
    port = ":port" if kind in _WITH_PORT else "[:port]"
    try:
        parts = urlsplit(url)
        # `parts.port` raises a ValueError if it is not a number.
        # Without a host, SRT and UDP listen on all addresses.
        valid = bool(parts.port if kind in _WITH_PORT else parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise SourceError(
            f"{shown_url(url)}: invalid URL; write {scheme}://host{port}/path, and @ : / # ? % in "
            "a user name or password as %40 %3A %2F %23 %3F %25"
        )
    return SourceUri(kind, url)


def parse_path(text: str) -> SourceUri:
    """Return the source at a path, classified by what is there.

    Raises:
        SourceError: The path is empty, a URL, or names something that contains no video.
    """
    try:
        path = str(Path(text).expanduser())
        mode = Path(path).stat().st_mode
    # It does not exist, a folder is not accessible, or `~user` names an unknown user. The source
    # reports why, once it is opened.
    except (OSError, ValueError, RuntimeError):
        path, mode = text, 0
    if not mode and contains_url(text):
        # The message omits the text, which may contain a password anywhere.
        raise SourceError(
            "invalid URL; write rtsp://host[:port]/path, or NAME=rtsp://... with a name before the "
            "first '='"
        )
    if not text or "\0" in text:
        raise SourceError(f"{text!r} is not a source; {_FORMS}")
    # A camera that is not there may be plugged in later.
    if stat.S_ISCHR(mode) or (not mode and os.path.realpath(path).startswith("/dev/")):
        return SourceUri(SourceKind.WEBCAM, path)
    if stat.S_ISFIFO(mode):
        if sys.platform == "win32":
            raise SourceError(
                f"{text}: named pipes are not supported on Windows; send the video to udp:// or srt://"
            )
        return SourceUri(SourceKind.PIPE, path)
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        kind = "a disk" if stat.S_ISBLK(mode) else "a socket"
        raise SourceError(f"{text}: is {kind}, which contains no video; {_FORMS}")
    return SourceUri(SourceKind.FILE, text)
