import pytest

from dancetype.engine.errors import Fault
from dancetype.engine.rolling import Status
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message, SourceState
from dancetype.stream.run_state import SILENT, RunState, SourceRun
from tests.messages import make_prediction, make_source_message

HOUSE = make_prediction(genre="HO")
RUNNING = make_source_message(SourceState.RUNNING)
LOST = make_source_message(SourceState.RECONNECTING, fault=Fault.REFUSED)


def run_of(*messages: Message) -> SourceRun:
    run = SourceRun()
    for message in messages:
        run.update(message)
    return run


async def test_each_source_has_a_state_in_the_order_of_first_messages() -> None:
    state = RunState(Clock(lambda: 5.0, 1000.0))
    for message in (
        make_source_message(source="left"),
        make_prediction("right"),
        make_prediction("left"),
    ):
        await state.send(message, "")
    assert list(state.sources) == ["left", "right"]
    assert state.sources["right"].state is None
    assert state.sources["left"].running
    assert state.now == 1005.0


@pytest.mark.parametrize(
    ("before", "message", "is_change"),
    [
        ([], RUNNING, True),
        ([RUNNING], RUNNING, False),
        ([RUNNING, HOUSE], make_source_message(SourceState.RUNNING, epoch=1), False),
        ([LOST], make_source_message(SourceState.RECONNECTING, fault=Fault.TIMED_OUT), True),
        (
            [LOST],
            make_source_message(SourceState.RECONNECTING, fault=Fault.REFUSED, reason="again"),
            False,
        ),
        ([RUNNING], HOUSE, True),
        ([HOUSE], make_prediction(genre="HO", confidence=0.1), False),
        ([HOUSE, RUNNING], HOUSE, False),
        ([HOUSE], make_prediction(genre="WA"), True),
        ([make_prediction()], make_prediction(status=Status.NOT_SURE), True),
    ],
)
def test_message_is_a_change_if_state_fault_status_or_genre_differs(
    before: list[Message], message: Message, is_change: bool
) -> None:
    run = run_of(*before, message)
    assert run.changed is is_change
    assert (run.previous, run.latest) == (before[-1] if before else None, message)


def test_prediction_is_current_until_the_source_stops_delivering_frames() -> None:
    assert run_of(RUNNING, HOUSE).current == HOUSE
    for lost in (
        run_of(RUNNING, HOUSE, LOST),
        run_of(RUNNING, HOUSE, LOST, RUNNING),
    ):
        assert (lost.current, lost.prediction) == (None, HOUSE)
    assert run_of(LOST, HOUSE).current == HOUSE


def test_bursty_source_counts_as_running_and_keeps_its_prediction() -> None:
    run = run_of(LOST, make_source_message(SourceState.BURSTY), HOUSE)
    assert run.running
    assert run.reconnects == 1
    run.update(make_source_message(SourceState.BURSTY))
    assert run.current == HOUSE


def test_frame_counts_add_up_over_epochs_and_never_decrease() -> None:
    frames = [(0, (10, 8, 1)), (0, (20, 15, 4)), (1, (3, 3, 0)), (1, (0, 4, 0))]
    run = run_of(*(make_prediction(epoch=epoch, frames=counts) for epoch, counts in frames))
    assert tuple(run.frames.model_dump().values()) == (23, 19, 4)


def test_outdated_entries_are_dropped_and_silence_is_added_to_the_history() -> None:
    run = run_of(
        make_prediction(genre="HO", capture=1000.0), make_prediction(genre="WA", capture=1001.0)
    )
    run.advance(1060.5)
    assert [latency.sent for latency in run.latencies] == [1001.0]
    assert [change.status for change in run.history] == ["genre", "genre", SILENT]
    run.advance(1601.5)
    assert [(change.at, change.genre) for change in run.history] == [(1001.0, "WA"), (1002.5, None)]
