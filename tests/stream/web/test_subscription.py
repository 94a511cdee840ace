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
    sources_in,
)

SECRET = "correct-horse-battery"


@pytest.mark.parametrize(
    ("said", "meant"),
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
def test_what_clients_may_say_is_understood(said: dict[str, Any], meant: object) -> None:
    assert read_request(json.dumps(said)) == meant


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
        ('{"type": "subscribe", "source": "left"}', 4400, "takes sources"),
        ('{"type": "subscribe", "sources": "left"}', 4400, "sources"),
        ('{"type": "subscribe", "sources": [1]}', 4400, "sources"),
        ('{"type": "subscribe", "sources": [""]}', 4400, "sources"),
        (json.dumps({"type": "subscribe", "sources": ["x" * 101]}), 4400, "sources"),
        (json.dumps({"type": "subscribe", "sources": [*map(str, range(65))]}), 4400, "sources"),
        ('{"type": "hello", "token": 5}', 4400, "token"),
    ],
)
def test_anything_else_is_told_from_it_by_code_and_reason(text: str, code: int, part: str) -> None:
    with pytest.raises(CloseClient) as shut_out:
        read_request(text)
    assert shut_out.value.code == code
    assert part in shut_out.value.reason


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_nothing_else_is_raised_and_reasons_fit_a_close_frame(text: str) -> None:
    with pytest.raises(CloseClient) as shut_out:
        read_request(text)
    assert len(shut_out.value.reason.encode()) <= 123


@pytest.mark.parametrize(
    "said",
    [
        {"type": SECRET},
        {"type": "hello", "token": SECRET * 50},
        {"type": "hello", SECRET: 1},
        {"type": "hello", "token": {SECRET: SECRET}},
        {"type": "hello", "token": SECRET, "sources": SECRET},
    ],
)
def test_a_reason_repeats_nothing_that_was_said(said: dict[str, Any]) -> None:
    with pytest.raises(CloseClient) as shut_out:
        read_request(json.dumps(said))
    assert SECRET not in str(shut_out.value)


def test_a_hello_shows_its_token_to_nobody() -> None:
    assert SECRET not in repr(Hello(type="hello", token=SECRET))


def test_the_reason_of_a_close_frame_is_cut_to_its_room_between_letters() -> None:
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
def test_sources_are_read_from_the_url(query: str, sources: set[str]) -> None:
    assert sources_in(query) == sources


@pytest.mark.parametrize(
    "query",
    [
        "source=" + "x" * 101,
        "&".join(f"source={number}" for number in range(65)),
        "&".join("source=same" for _ in range(101)),
    ],
)
def test_a_url_that_asks_for_too_much_is_an_error(query: str) -> None:
    with pytest.raises(ValueError, match=r"source|fields"):
        sources_in(query)
