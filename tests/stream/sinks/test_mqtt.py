import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancetype.engine.errors import SinkError
from dancetype.engine.rolling import Status
from dancetype.stream.messages import SourceState
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.mqtt import GENRE_EXPIRY, GenreTopic, MqttSink, topic_level
from tests.testbed.mosquitto import prediction_message, source_message


class Now:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


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


def test_a_genre_is_said_once_and_then_what_replaces_it() -> None:
    genre = GenreTopic(Now())
    assert genre.update(prediction_message(1))
    assert genre.text == "house"
    assert not genre.update(prediction_message(2))
    assert genre.update(prediction_message(3, genre=None, status=Status.NOT_SURE))
    assert genre.text == "not_sure"


def test_a_genre_that_lasts_is_said_again_before_the_broker_forgets_it() -> None:
    now = Now()
    genre = GenreTopic(now)
    genre.update(prediction_message(1))
    now.seconds += GENRE_EXPIRY / 2 - 1
    assert not genre.update(prediction_message(2))
    now.seconds += 1
    assert genre.update(prediction_message(3))
    assert not genre.update(prediction_message(4))


@pytest.mark.parametrize(
    "state", [state for state in SourceState if state is not SourceState.RUNNING]
)
def test_a_source_that_does_not_run_has_no_genre(state: SourceState) -> None:
    now = Now()
    genre = GenreTopic(now)
    genre.update(prediction_message(1))
    assert genre.update(source_message(state))
    assert genre.text == ""
    now.seconds += GENRE_EXPIRY
    assert not genre.update(source_message(state))
    assert not genre.update(source_message())
    assert genre.update(prediction_message(2))


def test_a_source_that_goes_on_running_keeps_its_genre() -> None:
    genre = GenreTopic(Now())
    genre.update(prediction_message(1))
    assert not genre.update(source_message())
    assert genre.text == "house"


def test_what_is_no_broker_url_is_no_outlet() -> None:
    with pytest.raises(SinkError, match="mqtt://"):
        MqttSink("host:1883")


async def test_links_are_told_by_source_and_none_stands_without_a_broker() -> None:
    outlet = MqttSink("mqtt://127.0.0.1:1")
    async with SinkFanOut([outlet]) as outlets:
        assert all(outlet.links.values())
        await outlets.send(source_message(source="left"))
        await outlets.send(source_message(source="right"))
        assert outlet.links == {"left": False, "right": False}
        assert not all(outlet.links.values())
