from dancetype.engine.errors import Fault
from dancetype.stream.fleet.report import Report, ReportSink
from dancetype.stream.messages import FrameCounts, PredictionMessage, SourceState
from tests.system.mosquitto import a_prediction, a_state


def prediction(epoch: int, *, captured: int, posed: int) -> PredictionMessage:
    frames = FrameCounts(captured=captured, posed=posed, dropped=captured - posed)
    return a_prediction(1).model_copy(update={"epoch": epoch, "frames": frames})


async def test_before_anything_is_said_there_is_nothing_to_report() -> None:
    assert ReportSink(lambda: 0.0).report() == Report()


async def test_frames_are_counted_over_all_epochs() -> None:
    sink = ReportSink(lambda: 0.0)
    for message in (
        prediction(7, captured=10, posed=8),
        prediction(7, captured=15, posed=12),
        prediction(8, captured=3, posed=3),
    ):
        await sink.send(message, "")
    report = sink.report()
    assert (report.captured, report.posed, report.dropped, report.predictions) == (18, 15, 3, 3)
    assert (report.word, report.confidence) == ("house", 0.9)


async def test_a_source_that_stands_still_has_no_genre_and_says_why() -> None:
    sink = ReportSink(lambda: 0.0)
    await sink.send(a_state(), "")
    await sink.send(a_prediction(1), "")
    assert sink.report().word == "house"
    lost = a_state(SourceState.RECONNECTING)
    await sink.send(lost.model_copy(update={"fault": Fault.REFUSED, "reason": "closed"}), "")
    report = sink.report()
    assert (report.state, report.fault, report.reason) == ("reconnecting", "refused", "closed")
    assert (report.word, report.fps) == (None, 0.0)


async def test_latency_is_that_of_the_last_minute() -> None:
    now = 0.0
    sink = ReportSink(lambda: now)
    await sink.send(a_prediction(1), "")
    latency = sink.report().latency
    assert latency is not None
    assert abs(latency - 0.07) < 1e-6
    now = 61.0
    assert sink.report().latency is None
