import pytest

from dancetype.stream.sources.redaction import mask_urls, shown_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://cam:554/live/1", "rtsp://cam:554/live/1"),
        ("rtsp://me:pass@cam/live", "rtsp://***@cam/live"),
        ("rtsp://me:p@ss@cam/live", "rtsp://***@cam/live"),
        ("rtsp://[::1]:554/live", "rtsp://[::1]:554/live"),
        ("rtsp://cam/live?user=me&pw=pass&x=1", "rtsp://cam/live?user=***&pw=***&x=***"),
        ("https://cdn/a.m3u8?Policy=abc#frag", "https://cdn/a.m3u8?Policy=***"),
        ("http://cam/video?5ecret", "http://cam/video?***"),
        ("srt://cam:9000?streamid=#!::u=me,p=x", "srt://cam:9000?streamid=***"),
        ("rtsp://cam/a@b", "rtsp://cam/a@b"),
        ("rtsp://me:p/s?s#@cam/live", "rtsp://***@cam/live"),
        ("rtsp://me:p/s@cam/live?t=a@b", "rtsp://***"),
        ("rtsp://me:12/ab@cam/live", "rtsp://***"),
        ("rtsp://cam:1/?pass=@secret&x=1", "rtsp://***"),
        ("rtsp://me:secret", "rtsp://***"),
        ("rtsp://cam/user=me_password=a_b_channel=1", "rtsp://cam/user=***"),
        ("rtsp://cam/user=me_password=a?b/c=d", "rtsp://cam/user=***"),
        ("http://proxy/rtsp://me:pass@cam/", "http://***"),
    ],
)
def test_shown_url_consists_of_scheme_host_port_path_and_parameter_names(
    url: str, shown: str
) -> None:
    assert shown_url(url) == shown
    assert shown_url(shown) == shown


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("opening rtsp://me:pw@cam/1: failed", "opening rtsp://***@cam/1: failed"),
        ("('http://cam/?p=Hunter2', 3)", "('http://cam/?p=***', 3)"),
        ("see http://cam/?p=Hunter2.", "see http://cam/?p=***"),
        ("see http://cam/help.", "see http://cam/help."),
        ("no URL here", "no URL here"),
    ],
)
def test_urls_in_a_text_are_masked(text: str, masked: str) -> None:
    assert mask_urls(text) == masked
