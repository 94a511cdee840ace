from contextlib import suppress
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.outlets.base import OutletError
from stream.outlets.mqtt import Broker, MqttOutlet, parse_broker, retry_delays, topic_level


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://host", Broker("host", 1883)),
        ("mqtt://host:1999/", Broker("host", 1999)),
        ("mqtts://host", Broker("host", 8883, tls=True)),
        ("mqtt://user@host", Broker("host", 1883, user="user")),
        ("mqtt://user:p%40ss%2Fword@host", Broker("host", 1883, user="user", password="p@ss/word")),
        ("mqtt://[::1]:1883", Broker("::1", 1883)),
    ],
)
def test_a_broker_is_read_from_its_url(url: str, broker: Broker) -> None:
    assert parse_broker(url) == broker


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host:1883",
        "http://host",
        "mqtt://",
        "mqtt://host/topic",
        "mqtt://host?x=1",
        "mqtt://host:port",
        "mqtt://host:99999",
        "mqtt://host..name",
        "mqtt://[::1",
    ],
)
def test_what_is_no_broker_url_is_refused_with_the_right_form(url: str) -> None:
    with pytest.raises(OutletError, match="mqtt://user:password@host:port"):
        MqttOutlet(url)


@given(st.text())
def test_reading_any_url_raises_only_the_documented_error(text: str) -> None:
    for url in (text, f"mqtt://{text}", f"mqtt://user:{text}@host"):
        with suppress(OutletError):
            parse_broker(url)


@pytest.mark.parametrize("password", ["s3cr/t", "s3cr#t", "s3cr?t", "s3cr:t@[", "12345/6"])
def test_a_password_that_breaks_the_url_is_not_in_the_error(password: str) -> None:
    with pytest.raises(OutletError) as caught:
        parse_broker(f"mqtt://user:{password}@host:x")
    assert password[:4] not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_broker_does_not_show_its_password() -> None:
    broker = parse_broker("mqtt://user:s3cret@host")
    assert "s3cret" not in f"{broker} {broker!r}"


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("stage-left", "stage-left"),
        ("Bühne 2", "Bühne 2"),
        ("a/b", "a%2Fb"),
        ("+#", "%2B%23"),
        ("100%", "100%25"),
        ("a\x00b\n", "a%00b%0A"),
    ],
)
def test_a_source_name_becomes_one_topic_level(name: str, level: str) -> None:
    assert topic_level(name) == level


@given(st.text(), st.text())
def test_different_names_never_share_a_topic(one: str, other: str) -> None:
    assert (topic_level(one) == topic_level(other)) is (one == other)


def test_retries_slow_down_to_a_limit() -> None:
    assert list(islice(retry_delays(lambda: 1.0), 6)) == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_retries_are_spread() -> None:
    assert list(islice(retry_delays(lambda: 0.0), 3)) == [0.25, 0.5, 1.0]
