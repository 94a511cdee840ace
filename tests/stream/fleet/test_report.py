from dancetype.engine.errors import Fault
from dancetype.stream.clock import Clock
from dancetype.stream.fleet.report import Report, make_report
from dancetype.stream.messages import Message, SourceState
from dancetype.stream.run_state import RunState
from tests.messages import make_prediction, make_source_message

CLOCK = Clock(lambda: 0.0, 1000.0)


async def report(*messages: Message, now: float = 1000.0) -> Report:
    state = RunState(CLOCK)
    for message in messages:
        await state.send(message, "")
    return make_report(state.sources.get("stage"), now)


async def test_report_is_empty_before_the_first_message() -> None:
    assert await report() == Report()


async def test_frames_are_counted_over_all_epochs() -> None:
    result = await report(
        make_prediction(epoch=7, frames=(10, 8, 2)),
        make_prediction(epoch=7, frames=(15, 12, 3)),
        make_prediction(epoch=8, frames=(3, 3, 0), genre="HO"),
    )
    assert (result.captured, result.posed, result.dropped, result.predictions) == (18, 15, 3, 3)
    assert (result.genre_or_status, result.confidence) == ("house", 0.9)


async def test_report_of_a_lost_source_has_a_reason_and_no_genre() -> None:
    running: list[Message] = [make_source_message(), make_prediction(genre="HO")]
    assert (await report(*running)).genre_or_status == "house"
    lost = make_source_message(SourceState.RECONNECTING, fault=Fault.REFUSED, reason="closed")
    result = await report(*running, lost)
    assert (result.state, result.fault, result.reason) == ("reconnecting", "refused", "closed")
    assert (result.genre_or_status, result.fps) == (None, 0.0)


async def test_latency_covers_the_last_minute() -> None:
    message = make_prediction(latency=0.07)
    latency = (await report(message)).latency
    assert latency is not None
    assert abs(latency - 0.07) < 1e-6
    assert (await report(message, now=1061.1)).latency is None
