from contextlib import closing
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from dancetype.engine.errors import SourceError
from dancetype.stream.sources.names import check_name, file_part
from dancetype.stream.sources.pattern import PatternOptions, PatternSource
from dancetype.stream.sources.redaction import mask_urls
from dancetype.stream.sources.uri import SourceKind, parse_uri
from tests.fuzz.fuzzing import check_parser, fuzz_test, texts

SECRET = "5ecret"

secrets = st.tuples(texts, texts).map(lambda parts: SECRET.join(parts))
schemes = st.sampled_from(
    ["rtsp://", "rtsps://", "RTSP://", " rtsp://", "rtsp:/", "a b rtsp://", "http://", "srt://"]
)
keys = st.sampled_from(["password", "pw", "psw", "p", "u", "token", "api_key", "streamid", "x.y"])
hosts = st.sampled_from(["cam", "cam:554", "192.168.1.2", "[::1]:80"])
# Unencoded passwords in URLs. An & would end the parameter; a second @ is part of the password.
in_userinfo = st.tuples(
    schemes, st.text("abc.%", max_size=3), secrets, hosts, st.text("/ab.?=", max_size=8)
).map(lambda parts: f"{parts[0]}{parts[1]}:{parts[2]}@{parts[3]}/{parts[4]}")
in_query = st.tuples(
    schemes, hosts, st.sampled_from("/?"), keys, secrets.map(lambda text: text.replace("&", ""))
).map(lambda parts: f"{parts[0]}{parts[1]}/live{parts[2]}x=1&{parts[3]}={parts[4]}&channel=1")
in_path = st.tuples(schemes, hosts, secrets.map(lambda text: text.replace("&", ""))).map(
    lambda parts: f"{parts[0]}{parts[1]}/user=admin_password={parts[2]}_channel=1"
)


@fuzz_test
@given(
    texts
    | st.tuples(st.sampled_from(["rtsp://", "http://", "webcam:", "test:"]), texts).map("".join)
)
@example("webcam:\n\x1b[2J")
@example("rtsp://[")
@example("rtsp://\uff03")
def test_any_source_uri_is_parsed_or_rejected(text: str) -> None:
    with check_parser("source URIs", SourceError):
        uri = parse_uri(text)
        assert check_name(uri.short_name) == uri.short_name
        assert len(uri.short_name) <= 64
        if uri.kind is SourceKind.WEBCAM and uri.address.isdecimal():
            assert int(uri.address) < 1000


@fuzz_test
@given(in_userinfo | in_query | in_path)
@example(f"rtsp://me:pa/{SECRET}@cam/")
@example(f"rtsp://me:12/{SECRET}@cam/")
@example(f"stage left=rtsp://me:{SECRET}@cam/")
@example(f"rtsp://cam/user=admin_password={SECRET}_channel=1_stream=0.sdp?real_stream")
@example(f"rtsp://cam/?access_token={SECRET}")
@example(f"http://me:{SECRET}@cam/")
def test_password_is_never_shown(text: str) -> None:
    with check_parser("source URIs", SourceError, secret=SECRET):
        uri = parse_uri(text)
        assert SECRET not in f"{uri} {uri!r} {uri.short_name}"
    if not any(char.isspace() or char in "\"'<>" for char in text.strip()) and "://" in text:
        assert SECRET not in mask_urls(f"error in {text}")


@fuzz_test
@given(st.text(min_size=1, max_size=100), st.text(min_size=1, max_size=100))
def test_any_name_becomes_part_of_a_file_name(name: str, other: str) -> None:
    with check_parser("source names", SourceError):
        parts = [file_part(check_name(text)) for text in (name, other)]
        assert not set("".join(parts)) & set('/\\:*?"<>|\0')
        assert all(len(part.encode()) <= 100 and part not in (".", "..") for part in parts)
        assert (parts[0] == parts[1]) is (check_name(name) == check_name(other))


@fuzz_test
@given(secrets, hosts)
def test_encoded_password_is_in_address_but_never_shown(secret: str, host: str) -> None:
    encoded = quote(secret.encode(errors="replace"), safe="")
    with check_parser("source URIs"):
        uri = parse_uri(f"rtsp://me:{encoded}@{host}/live")
        assert encoded in uri.address
        assert str(uri) == f"rtsp://***@{host}/live"


numbers = st.floats().map(repr) | st.integers().map(str) | st.sampled_from(["1e-320", "1e400"])


@fuzz_test
@given(texts | st.tuples(numbers, numbers).map(lambda pair: "?fps={}&seconds={}".format(*pair)))
@example("?fps=1e-320")
@example("?fps=1\n")
def test_any_pattern_options_are_parsed_or_rejected(text: str) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        # Range that `time.sleep` accepts.
        assert 0 <= seconds < 1e9
        now[0] += seconds

    with check_parser("test patterns", SourceError):
        options = PatternOptions.parse(text)
        with closing(PatternSource(options, clock=lambda: now[0], sleep=sleep)) as source:
            for _ in range(2):
                source.read()
