import os
import socket
from pathlib import Path

import pytest

from dancetype.engine.errors import SourceError
from dancetype.stream.sources.uri import SourceKind, SourceUri, parse_uri


@pytest.mark.parametrize(
    ("text", "kind", "address"),
    [
        ("0", SourceKind.WEBCAM, "0"),
        ("webcam:1", SourceKind.WEBCAM, "1"),
        ("webcam:HD Pro C920", SourceKind.WEBCAM, "webcam:HD Pro C920"),
        ("/dev/video2", SourceKind.WEBCAM, "2"),
        ("rtsp://cam/live", SourceKind.RTSP, "rtsp://cam/live"),
        ("rtsps://cam:322/live", SourceKind.RTSP, "rtsps://cam:322/live"),
        (" rtsp://cam/live ", SourceKind.RTSP, "rtsp://cam/live"),
        ("http://cam/video.mjpg", SourceKind.HTTP, "http://cam/video.mjpg"),
        ("https://cam/live.m3u8?t=1", SourceKind.HTTP, "https://cam/live.m3u8?t=1"),
        ("rtmp://host/live/stage", SourceKind.RTMP, "rtmp://host/live/stage"),
        ("RTMPS://host/live/stage", SourceKind.RTMP, "RTMPS://host/live/stage"),
        ("srt://host:9000?mode=caller", SourceKind.SRT, "srt://host:9000?mode=caller"),
        ("srt://:9000", SourceKind.SRT, "srt://:9000"),
        ("udp://@239.0.0.1:5004", SourceKind.UDP, "udp://@239.0.0.1:5004"),
        ("ndi:PC (Camera 1)", SourceKind.NDI, "PC (Camera 1)"),
        ("file:///videos/my%20clip.mp4", SourceKind.FILE, "/videos/my clip.mp4"),
        ("/dev/v4l/by-id/usb-gone-index0", SourceKind.WEBCAM, "/dev/v4l/by-id/usb-gone-index0"),
        (r"C:\clips\a.mp4", SourceKind.FILE, r"C:\clips\a.mp4"),
        ("C:/clips/a.mp4", SourceKind.FILE, "C:/clips/a.mp4"),
        (r"\\server\clips\a.mp4", SourceKind.FILE, r"\\server\clips\a.mp4"),
        ("my-rtsp.mp4", SourceKind.FILE, "my-rtsp.mp4"),
        ("test:", SourceKind.TEST, ""),
        ("test:?fps=5", SourceKind.TEST, "?fps=5"),
        ("clip.mp4", SourceKind.FILE, "clip.mp4"),
        ("./0", SourceKind.FILE, "./0"),
        ("20240131", SourceKind.FILE, "20240131"),
    ],
)
def test_each_form_of_source_uri_is_parsed(text: str, kind: SourceKind, address: str) -> None:
    assert parse_uri(text) == SourceUri(kind, address)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "ftp://cam/live",
            "webcam:",
            "webcam:-1",
            "webcam:1000",
            "rtsp://",
            "rtsp:///live",
            "rtsp://cam:x/",
            "a\0b",
        ),
        *("concat:rtsp://a", "subfile://rtsp", "http:///x", "srt://host", "udp://host", "rtmp://"),
        "ndi:",
    ],
)
def test_invalid_source_uri_is_rejected_with_the_valid_forms(text: str) -> None:
    with pytest.raises(SourceError, match=r"rtsp|://host|webcam:0|ndi:MACHINE"):
        parse_uri(text)


@pytest.mark.parametrize("text", ["rtsp://me:secret@cam/live", "rtsp://cam/?token=secret"])
def test_texts_of_a_source_uri_mask_credentials(text: str) -> None:
    uri = parse_uri(text)
    assert "secret" not in f"{uri} {uri!r} {uri.short_name}"


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://me:secret@cam:x/",
        "ftp://me:secret@cam/",
        "concat:rtsp://me:secret@cam/",
        "rtsp:/me:secret\0@cam",
        "rtsp:/me:secret@cam/",
        "rtsp:me:secret@cam/",
        "stage left rtsp://me:secret@cam/",
        "rtsp://me:a/secret@cam/",
    ],
)
def test_error_messages_contain_no_credentials(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_uri(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0", "webcam-0"),
        ("rtsp://me:pass@cam.local:554/live", "cam.local"),
        ("/videos/my dance (1).mp4", "my-dance-1"),
        ("/videos/\u821e\u8e0f.mp4", "\u821e\u8e0f"),
        ("/videos/Bu\u0308hne.mp4", "B\u00fchne"),
        ("/videos/???.mp4", "file"),
        ("udp://@239.0.0.1:5004", "239.0.0.1"),
        ("ndi:PC (Camera 1)", "PC-Camera-1"),
        ("srt://:9000", "srt"),
        ("/dev/v4l/by-id/usb-046d_C920-video-index0", "usb-046d_C920-video-index0"),
        ("test:?fps=5", "test"),
    ],
)
def test_default_name_describes_the_source(text: str, name: str) -> None:
    assert parse_uri(text).short_name == name


def test_default_name_of_a_long_title_is_short_enough_for_messages() -> None:
    name = parse_uri(f"/videos/{'Tanz ' * 60}.mp4").short_name
    assert 1 <= len(name) <= 64
    assert name.startswith("Tanz-Tanz")


def test_path_is_classified_by_what_is_there(tmp_path: Path) -> None:
    video = tmp_path / "take=2.mp4"
    video.touch()
    (tmp_path / "link").symlink_to(video)
    (tmp_path / "camera").symlink_to("/dev/null")
    (tmp_path / "unplugged").symlink_to("/dev/video987")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link to pipe").symlink_to(tmp_path / "pipe")
    kinds = {path.name: parse_uri(str(path)).kind for path in tmp_path.iterdir()}
    assert kinds == {
        "take=2.mp4": SourceKind.FILE,
        "link": SourceKind.FILE,
        "camera": SourceKind.WEBCAM,
        "unplugged": SourceKind.WEBCAM,
        "pipe": SourceKind.PIPE,
        "link to pipe": SourceKind.PIPE,
    }


def test_socket_is_rejected_as_a_path(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(SourceError, match="is a socket, which contains no video"):
            parse_uri(str(tmp_path / "socket"))
