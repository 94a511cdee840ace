import pytest

from dancetype.engine.errors import SourceError
from dancetype.stream.sources.uri import SourceKind, SourceUri, mask_credentials, parse_uri


@pytest.mark.parametrize(
    ("text", "kind", "address"),
    [
        ("0", SourceKind.WEBCAM, "0"),
        ("webcam:1", SourceKind.WEBCAM, "1"),
        ("/dev/video2", SourceKind.WEBCAM, "2"),
        ("rtsp://cam/live", SourceKind.RTSP, "rtsp://cam/live"),
        ("rtsps://cam:322/live", SourceKind.RTSP, "rtsps://cam:322/live"),
        (" rtsp://cam/live ", SourceKind.RTSP, "rtsp://cam/live"),
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
    ["", "http://cam/live", "webcam:front", "rtsp://", "rtsp:///live", "rtsp://cam:x/", "a\0b"],
)
def test_invalid_source_uri_is_rejected_with_the_valid_forms(text: str) -> None:
    with pytest.raises(SourceError, match=r"rtsp://|webcam:0"):
        parse_uri(text)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("rtsp://me:pass@cam/live", "rtsp://***@cam/live"),
        ("rtsp://me:p@ss@cam/live", "rtsp://***@cam/live"),
        ("rtsp://cam/live?user=me&password=pass&x=1", "rtsp://cam/live?user=***&password=***&x=1"),
        ("rtsp://cam/a@b", "rtsp://cam/a@b"),
        ("rtsp://me:p/s?s#@cam/live", "rtsp://***@cam/live"),
        ("rtsp://cam/?api_key=k&Secret=s", "rtsp://cam/?api_key=***&Secret=***"),
        ("rtsp://cam/user=me_password=a_b_channel=1", "rtsp://cam/user=***"),
        ("rtsp://cam:1/?pass=@secret&x=1", "rtsp://***&x=1"),
    ],
)
def test_credentials_are_masked(url: str, masked: str) -> None:
    assert mask_credentials(url) == masked


@pytest.mark.parametrize("text", ["rtsp://me:secret@cam/live", "rtsp://cam/?token=secret"])
def test_texts_of_a_source_uri_mask_credentials(text: str) -> None:
    uri = parse_uri(text)
    assert "secret" not in f"{uri} {uri!r} {uri.short_name}"


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://me:secret@cam:x/",
        "http://me:secret@cam/",
        "rtsp:/me:secret@cam/",
        "rtsp:me:secret@cam/",
        "stage left=rtsp://me:secret@cam/",
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
        ("/videos/\u821e.mp4", "file"),
        ("test:?fps=5", "test"),
    ],
)
def test_default_name_describes_the_source(text: str, name: str) -> None:
    assert parse_uri(text).short_name == name
