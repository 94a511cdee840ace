from typing import Any

from tests.examples.script import load_example

subscriber = load_example("subscriber")
mqtt_subscriber = load_example("mqtt_subscriber")


def prediction(name: str | None, source: str = "stage") -> dict[str, Any]:
    return {"type": "prediction", "source": source, "name": name, "status": name or "not_sure"}


def source_state(state: str) -> dict[str, Any]:
    return {"type": "source", "source": "stage", "state": state}


def printed_lines(*messages: tuple[float, dict[str, Any]]) -> list[str]:
    tracker = subscriber.ChangeTracker()
    lines = []
    for now, message in messages:
        lines += [*tracker.check_stale(now), *tracker.update(message, now)]
    return lines


def test_change_is_printed_once_except_for_the_first_message_after_connecting() -> None:
    assert printed_lines(
        (0.0, prediction("house")),
        (0.2, prediction("krump")),
        (0.4, prediction("krump")),
        (0.6, prediction(None)),
    ) == ["stage: krump", "stage: not_sure"]


def test_source_without_predictions_is_reported_while_heartbeats_arrive() -> None:
    heartbeat = {"type": "heartbeat"}
    assert printed_lines(
        (0.0, prediction("house")),
        (0.2, prediction("house")),
        (1.6, heartbeat),
        (2.0, heartbeat),
        (3.0, heartbeat),
        (3.2, prediction("house")),
    ) == ["stage: house", "stage: no new prediction", "stage: house"]


def test_state_of_a_source_that_is_not_running_is_printed() -> None:
    assert printed_lines(
        (0.0, prediction("house")),
        (0.2, source_state("reconnecting")),
        (9.0, {"type": "heartbeat"}),
        (9.1, source_state("running")),
    ) == ["stage: reconnecting"]


def test_retained_genre_of_a_run_that_has_ended_is_not_printed() -> None:
    tracker = mqtt_subscriber.ChangeTracker()
    assert tracker.update("dancetype/stage%2Fleft/status", "offline") == "stage/left: not running"
    assert tracker.update("dancetype/stage%2Fleft/genre", "house") is None
    running = tracker.update("dancetype/stage%2Fleft/status", '{"type": "source"}')
    assert running == "stage/left: house"
    assert tracker.update("dancetype/stage%2Fleft/genre", "house") is None
    assert tracker.update("dancetype/stage%2Fleft/genre", "") == "stage/left: not running"
