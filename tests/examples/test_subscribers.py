from typing import Any

from tests.examples.script import load_example

subscriber = load_example("subscriber")
mqtt_subscriber = load_example("mqtt_subscriber")


def a_prediction(name: str | None, source: str = "stage") -> dict[str, Any]:
    return {"type": "prediction", "source": source, "name": name, "status": name or "not_sure"}


def a_state(state: str) -> dict[str, Any]:
    return {"type": "source", "source": "stage", "state": state}


def said(*messages: tuple[float, dict[str, Any]]) -> list[str]:
    show = subscriber.Show()
    lines = []
    for now, message in messages:
        lines += [*show.wait(now), *show.take(message, now)]
    return lines


def test_a_change_is_said_once_and_the_first_message_after_connecting_not_at_all() -> None:
    assert said(
        (0.0, a_prediction("house")),
        (0.2, a_prediction("krump")),
        (0.4, a_prediction("krump")),
        (0.6, a_prediction(None)),
    ) == ["stage: krump", "stage: not_sure"]


def test_a_source_that_is_silent_while_the_heart_beats_has_nothing_new() -> None:
    heartbeat = {"type": "heartbeat"}
    assert said(
        (0.0, a_prediction("house")),
        (0.2, a_prediction("house")),
        (1.6, heartbeat),
        (2.0, heartbeat),
        (3.0, heartbeat),
        (3.2, a_prediction("house")),
    ) == ["stage: house", "stage: nothing new", "stage: house"]


def test_a_source_that_does_not_run_is_in_the_state_it_says() -> None:
    assert said(
        (0.0, a_prediction("house")),
        (0.2, a_state("reconnecting")),
        (9.0, {"type": "heartbeat"}),
        (9.1, a_state("running")),
    ) == ["stage: reconnecting"]


def test_the_last_genre_of_a_run_that_died_is_not_believed() -> None:
    show = mqtt_subscriber.Show()
    assert show.take("dancetype/stage%2Fleft/status", "offline") == "stage/left: away"
    assert show.take("dancetype/stage%2Fleft/genre", "house") is None
    assert show.take("dancetype/stage%2Fleft/status", '{"type": "source"}') == "stage/left: house"
    assert show.take("dancetype/stage%2Fleft/genre", "house") is None
    assert show.take("dancetype/stage%2Fleft/genre", "") == "stage/left: away"
