"""Versions of FFmpeg that PyAV and OpenCV contain, and their known vulnerabilities."""

import re
from typing import Final

import av

from dancetype.engine.media.opencv import cv2

Version = tuple[int, ...]

# Vulnerabilities that files and streams can reach, with the first version of libavcodec without.
_FIXED_IN: Final[dict[str, Version]] = {
    "CVE-2026-40962": (62, 28, 100),
    "CVE-2026-8461": (62, 28, 102),
    "CVE-2026-70628 to CVE-2026-70632": (63,),
}


def libavcodec_versions() -> dict[str, Version]:
    """Return the version of libavcodec in each package that contains FFmpeg."""
    versions: dict[str, Version] = {"av": av.library_versions["libavcodec"]}
    # Builds without FFmpeg have no such line.
    if found := re.search(r"avcodec:\s+YES \(([\d.]+)\)", cv2.getBuildInformation()):
        versions["opencv"] = tuple(map(int, found[1].split(".")))
    return versions


def known_vulnerabilities(libavcodec: Version) -> list[str]:
    """Return the known vulnerabilities of a version of libavcodec."""
    return [name for name, fixed in _FIXED_IN.items() if libavcodec < fixed]
