"""Webcams of the three operating systems, as their drivers and OpenCV report them."""

import sys
from collections.abc import Iterator
from typing import Any

import cv2
import cv2_enumerate_cameras
import numpy as np
import pytest
from cv2_enumerate_cameras import CameraInfo

from dancetype.cli import doctor
from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.stream.sources.uri import parse_uri
from dancetype.stream.sources.webcam import WebcamSource, list_webcams

BACKENDS = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}
CAMERAS = {0: "Integrated Camera", 1: "HD Pro Webcam  C920", 2: "OBS Virtual Camera"}


class FakeCapture:
    """OpenCV's reader; only camera 1 can be opened."""

    opened: tuple[Any, ...] = ()

    def __init__(self, *arguments: Any) -> None:
        FakeCapture.opened = arguments

    def isOpened(self) -> bool:  # noqa: N802
        return bool(self.opened[0] == 1)

    def set(self, *arguments: Any) -> None:
        del arguments

    def grab(self) -> bool:
        return True

    def retrieve(self) -> tuple[bool, Any]:
        return True, np.zeros((4, 4, 3), np.uint8)

    def release(self) -> None:
        pass


@pytest.fixture(params=BACKENDS)
def platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An operating system with three cameras."""
    cameras = dict(CAMERAS)

    def enumerate_cameras(backend: int) -> list[CameraInfo]:
        assert backend == BACKENDS[request.param]
        return [CameraInfo(i, name, None, None, None, backend) for i, name in cameras.items()]

    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(cv2_enumerate_cameras, "enumerate_cameras", enumerate_cameras)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", request.param)
        yield request.param


def open_webcam(device: str, epoch: int = 0) -> WebcamSource:
    return WebcamSource(device, epoch=epoch, clock=lambda: 0.0)


@pytest.mark.parametrize("name", ["HD Pro Webcam C920", "hd pro webcam c920", "c920"])
def test_webcam_is_found_by_its_name(platform: str, name: str) -> None:
    open_webcam(parse_uri(f"webcam:{name}").address)
    assert FakeCapture.opened == (1, BACKENDS[platform])


def test_unknown_name_of_a_webcam_is_reported(platform: str) -> None:
    with pytest.raises(SourceError, match=r"no webcam named 'brio'.*dancetype doctor") as caught:
        open_webcam("webcam:brio")
    assert not isinstance(caught.value, SourceUnavailableError)
    with pytest.raises(SourceUnavailableError) as caught:
        open_webcam("webcam:brio", epoch=1)
    assert caught.value.fault is Fault.NOT_FOUND


def test_ambiguous_name_of_a_webcam_lists_the_candidates(platform: str) -> None:
    with pytest.raises(SourceError, match=r"0 \(Integrated Camera\), 2 \(OBS Virtual Camera\)"):
        open_webcam("webcam:camera")


@pytest.mark.parametrize("platform", ["win32", "darwin"], indirect=True)
def test_fault_of_a_webcam_names_what_to_check_on_the_system(platform: str) -> None:
    with pytest.raises(SourceError, match=r"Privacy & .*ecurity > Camera") as caught:
        open_webcam("0")
    assert caught.value.fault is Fault.REFUSED
    with pytest.raises(SourceError, match="no webcam 7 on this machine") as caught:
        open_webcam("7")
    assert caught.value.fault is Fault.NOT_FOUND


def test_doctor_lists_the_names_of_the_webcams(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor._check_webcams().found == "--source 1 (HD Pro Webcam C920)"
    monkeypatch.setattr(FakeCapture, "isOpened", lambda self: False)
    finding = doctor._check_webcams()
    assert finding.found.startswith("no frames from 0 (Integrated Camera), 1 (HD Pro Webcam C920)")
    assert "no other program uses it" in finding.advice


def test_failure_of_the_system_to_list_webcams_is_no_error(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(backend: int) -> None:
        raise RuntimeError("COM failed")

    monkeypatch.setattr(cv2_enumerate_cameras, "enumerate_cameras", fail)
    assert list_webcams() == []


def test_short_name_of_a_webcam_is_derived_from_its_name() -> None:
    assert parse_uri("webcam:HD Pro Webcam C920").short_name == "HD-Pro-Webcam-C920"
