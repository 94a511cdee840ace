from dancetype.engine.errors import Fault
from dancetype.stream.fleet.report import Notes, Report
from dancetype.stream.messages import FrameCounts, PredictionMessage, SourceState
from tests.testbed.mosquitto import a_prediction, a_state


def prediction(epoch: int, *, captured: int, posed: int) -> PredictionMessage:
    frames = FrameCounts(captured=captured, posed=posed, dropped=captured - posed)
    return a_prediction(1).model_copy(update={"epoch": epoch, "frames": frames})


async def test_before_anything_is_said_there_is_nothing_to_report() -> None:
    assert Notes(lambda: 0.0).report() == Report()


async def test_frames_are_counted_over_all_epochs() -> None:
    notes = Notes(lambda: 0.0)
    for message in (
        prediction(7, captured=10, posed=8),
        prediction(7, captured=15, posed=12),
        prediction(8, captured=3, posed=3),
    ):
        await notes.send(message, "")
    report = notes.report()
    assert (report.captured, report.posed, report.dropped, report.predictions) == (18, 15, 3, 3)
    assert (report.word, report.confidence) == ("house", 0.9)


async def test_a_source_that_stands_still_has_no_genre_and_says_why() -> None:
    notes = Notes(lambda: 0.0)
    await notes.send(a_state(), "")
    await notes.send(a_prediction(1), "")
    assert notes.report().word == "house"
    lost = a_state(SourceState.RECONNECTING)
    await notes.send(lost.model_copy(update={"fault": Fault.REFUSED, "reason": "closed"}), "")
    report = notes.report()
    assert (report.state, report.fault, report.reason) == ("reconnecting", "refused", "closed")
    assert (report.word, report.fps) == (None, 0.0)


async def test_latency_is_that_of_the_last_minute() -> None:
    now = 0.0
    notes = Notes(lambda: now)
    await notes.send(a_prediction(1), "")
    latency = notes.report().latency
    assert latency is not None
    assert abs(latency - 0.07) < 1e-6
    now = 61.0
    assert notes.report().latency is None
