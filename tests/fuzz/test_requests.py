import json

from hypothesis import example, given
from hypothesis import strategies as st

from dancetype.engine.errors import SinkError
from dancetype.stream.web.access import Access, make_access
from dancetype.stream.web.subscription import CloseClient, read_request, requested_sources
from tests.fuzz.fuzzing import changed_documents, check_parser, fuzz_test, texts, values

HELLO = {"type": "hello", "token": "t" * 20, "sources": ["stage-left", "stage-right"]}
SUBSCRIBE = {"type": "subscribe", "sources": ["stage-left"]}


def parse(text: str) -> None:
    with check_parser("client requests", CloseClient):
        request = read_request(text)
        assert len(request.sources or ()) <= 64


@fuzz_test
@given(texts | values.map(json.dumps))
@example("[" * 100_000)
@example('{"type":' * 10_000)
def test_any_text_of_client_is_parsed_or_closes_connection(text: str) -> None:
    parse(text)


@fuzz_test
@given((changed_documents(HELLO) | changed_documents(SUBSCRIBE)).map(json.dumps))
def test_changed_request_is_parsed_or_closes_connection(text: str) -> None:
    parse(text)


@fuzz_test
@given(texts | st.lists(texts).map(lambda names: "&".join(f"source={name}" for name in names)))
@example("source=a&" * 200)
def test_any_url_query_is_parsed_or_rejected(query: str) -> None:
    with check_parser("URL queries", ValueError):
        assert len(requested_sources(query)) <= 64


headers = st.none() | texts | texts.map(lambda text: f"http://{text}")


@fuzz_test
@given(headers, headers, st.sampled_from([None, "t" * 20]), st.lists(texts, max_size=2))
def test_any_headers_are_accepted_or_rejected(
    first: str | None, second: str | None, token: str | None, origins: list[str]
) -> None:
    with check_parser("headers"):
        access = Access(token, origins)
        assert access.authorises(first) in (True, False)
        assert access.allows_host(first) in (True, False)
        assert access.allows_origin(first, second) in (True, False)
        assert not access.is_valid_token(first or "")


@fuzz_test
@given(texts, st.none() | texts, st.booleans(), st.lists(texts, max_size=3))
def test_any_access_settings_are_accepted_or_rejected(
    host: str, token: str | None, insecure: bool, origins: list[str]
) -> None:
    with check_parser("access settings", SinkError):
        make_access(host, token, insecure, origins)
