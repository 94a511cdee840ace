import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancetype.stream.web.subscription import (
    CloseClient,
    Hello,
    Subscribe,
    read_request,
    requested_sources,
)

SECRET = "correct-horse-battery"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "subscribe"}, Subscribe(type="subscribe")),
        (
            {"type": "subscribe", "sources": ["left", "left", "right"]},
            Subscribe(type="subscribe", sources=frozenset({"left", "right"})),
        ),
        ({"type": "hello"}, Hello(type="hello", token=None)),
        (
            {"type": "hello", "token": SECRET, "sources": []},
            Hello(type="hello", token=SECRET, sources=frozenset()),
        ),
    ],
)
def test_valid_requests_are_parsed(fields: dict[str, Any], expected: object) -> None:
    assert read_request(json.dumps(fields)) == expected


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("", 1007, "not JSON"),
        ("hello", 1007, "not JSON"),
        ('{"type": "subscribe"', 1007, "not JSON"),
        ("[" * 4000, 1007, "not JSON"),
        ('"\\ud800"', 1007, "not JSON"),
        ("[]", 4400, '"subscribe"'),
        ("null", 4400, '"subscribe"'),
        ("{}", 4400, '"subscribe"'),
        ('{"type": "prediction"}', 4400, '"subscribe"'),
        ('{"type": ["hello"]}', 4400, '"subscribe"'),
        ('{"type": "subscribe", "source": "left"}', 4400, "takes only sources"),
        ('{"type": "subscribe", "sources": "left"}', 4400, "sources"),
        ('{"type": "subscribe", "sources": [1]}', 4400, "sources"),
        ('{"type": "subscribe", "sources": [""]}', 4400, "sources"),
        (json.dumps({"type": "subscribe", "sources": ["x" * 101]}), 4400, "sources"),
        (json.dumps({"type": "subscribe", "sources": [*map(str, range(65))]}), 4400, "sources"),
        ('{"type": "hello", "token": 5}', 4400, "token"),
    ],
)
def test_invalid_requests_get_close_code_and_reason(text: str, code: int, part: str) -> None:
    with pytest.raises(CloseClient) as closed:
        read_request(text)
    assert closed.value.code == code
    assert part in closed.value.reason


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_any_text_raises_only_close_client_with_reason_of_123_bytes_or_less(text: str) -> None:
    with pytest.raises(CloseClient) as closed:
        read_request(text)
    assert len(closed.value.reason.encode()) <= 123


@pytest.mark.parametrize(
    "fields",
    [
        {"type": SECRET},
        {"type": "hello", "token": SECRET * 50},
        {"type": "hello", SECRET: 1},
        {"type": "hello", "token": {SECRET: SECRET}},
        {"type": "hello", "token": SECRET, "sources": SECRET},
    ],
)
def test_close_reason_does_not_repeat_input(fields: dict[str, Any]) -> None:
    with pytest.raises(CloseClient) as closed:
        read_request(json.dumps(fields))
    assert SECRET not in str(closed.value)


def test_repr_of_hello_does_not_contain_the_token() -> None:
    assert SECRET not in repr(Hello(type="hello", token=SECRET))


def test_close_reason_is_truncated_between_characters() -> None:
    assert CloseClient(4400, "é" * 100).reason == "é" * 61


@pytest.mark.parametrize(
    ("query", "sources"),
    [
        ("", set()),
        ("source=", set()),
        ("other=1", set()),
        ("source=stage-left&source=right&x=1", {"stage-left", "right"}),
        ("source=stage%2Fleft+1", {"stage/left 1"}),
    ],
)
def test_sources_are_read_from_the_query(query: str, sources: set[str]) -> None:
    assert requested_sources(query) == sources


@pytest.mark.parametrize(
    "query",
    [
        "source=" + "x" * 101,
        "&".join(f"source={number}" for number in range(65)),
        "&".join("source=same" for _ in range(101)),
    ],
)
def test_query_beyond_the_limits_raises_error(query: str) -> None:
    with pytest.raises(ValueError, match=r"source|fields"):
        requested_sources(query)
