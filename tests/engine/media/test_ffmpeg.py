import sys

import av
import cv2
import pytest

from dancetype.engine.media.ffmpeg import Version, known_vulnerabilities, libavcodec_versions

# The last PyAV for Python 3.11 contains FFmpeg 8.1.2. SECURITY.md states what that means.
ONLY_IN_PYTHON_3_12 = ["CVE-2026-70628 to CVE-2026-70632"]


@pytest.mark.parametrize("package", ["av", "opencv"])
def test_embedded_ffmpeg_has_no_known_vulnerability(package: str) -> None:
    vulnerabilities = known_vulnerabilities(libavcodec_versions()[package])
    accepted = ONLY_IN_PYTHON_3_12 if package == "av" and sys.version_info < (3, 12) else []
    assert [name for name in vulnerabilities if name not in accepted] == []


def test_versions_are_those_of_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "library_versions", {"libavcodec": (61, 3, 100)})
    information = "  Video I/O:\n    FFMPEG:   YES\n      avcodec:    YES (60.31.102)\n"
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: information)
    assert libavcodec_versions() == {"av": (61, 3, 100), "opencv": (60, 31, 102)}
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "    FFMPEG:   NO\n")
    assert libavcodec_versions() == {"av": (61, 3, 100)}


@pytest.mark.parametrize(
    ("version", "count"),
    [((60, 31, 102), 3), ((62, 28, 100), 2), ((62, 28, 102), 1), ((63, 1, 100), 0), ((64, 0), 0)],
)
def test_older_versions_have_known_vulnerabilities(version: Version, count: int) -> None:
    assert len(known_vulnerabilities(version)) == count
