import json

from hypothesis import example, given
from hypothesis import strategies as st

from dancetype.engine.errors import SinkError
from dancetype.stream.web.access import Access, make_access
from dancetype.stream.web.subscription import CloseClient, read_request, requested_sources
from tests.fuzz.fuzzing import changed, fuzzed, only, texts, values

HELLO = {"type": "hello", "token": "t" * 20, "sources": ["stage-left", "stage-right"]}
SUBSCRIBE = {"type": "subscribe", "sources": ["stage-left"]}


def read(text: str) -> None:
    with only("what clients say", CloseClient):
        request = read_request(text)
        assert len(request.sources or ()) <= 64


@fuzzed
@given(texts | values.map(json.dumps))
@example("[" * 100_000)
@example('{"type":' * 10_000)
def test_whatever_a_client_says_is_read_or_shuts_it_out(text: str) -> None:
    read(text)


@fuzzed
@given((changed(HELLO) | changed(SUBSCRIBE)).map(json.dumps))
def test_a_changed_request_is_read_or_shuts_it_out(text: str) -> None:
    read(text)


@fuzzed
@given(texts | st.lists(texts).map(lambda names: "&".join(f"source={name}" for name in names)))
@example("source=a&" * 200)
def test_the_query_of_an_address_is_read_or_refused(query: str) -> None:
    with only("query of the address", ValueError):
        assert len(requested_sources(query)) <= 64


headers = st.none() | texts | texts.map(lambda text: f"http://{text}")


@fuzzed
@given(headers, headers, st.sampled_from([None, "t" * 20]), st.lists(texts, max_size=2))
def test_headers_are_let_in_or_not(
    first: str | None, second: str | None, token: str | None, origins: list[str]
) -> None:
    with only("headers"):
        access = Access(token, origins)
        assert access.authorises(first) in (True, False)
        assert access.allows_host(first) in (True, False)
        assert access.allows_origin(first, second) in (True, False)
        assert not access.is_valid_token(first or "")


@fuzzed
@given(texts, st.none() | texts, st.booleans(), st.lists(texts, max_size=3))
def test_settings_of_the_way_in_are_taken_or_refused(
    host: str, token: str | None, insecure: bool, origins: list[str]
) -> None:
    with only("way in", SinkError):
        make_access(host, token, insecure, origins)
