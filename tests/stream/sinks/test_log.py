import asyncio
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from time import process_time
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live

from dancetype.engine.errors import Fault
from dancetype.engine.log_event import LogEvent
from dancetype.engine.rolling import Status
from dancetype.stream.clock import Clock
from dancetype.stream.messages import PredictionMessage, SourceMessage, SourceState
from dancetype.stream.run_state import RunState
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.log import LogSink, configure, masked_text
from tests.messages import changed, predicted

OURS = logging.getLogger("dancetype.stream.somewhere")
LIBRARY = logging.getLogger("websockets.server")
PASSWORD = "s3cr3t"


class Stderr(StringIO):
    """What stands in for stderr."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


Hear = Callable[..., Stderr]


@pytest.fixture
def hear(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hear]:
    """Puts something else in the place of stderr and configures logging, until the test's end."""
    loggers = [logging.getLogger(name) for name in (None, "dancetype")]
    levels = [logger.level for logger in loggers]

    def start(*, terminal: bool = False, level: int = logging.INFO) -> Stderr:
        stream = Stderr(terminal=terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("NO_COLOR", "1")
        configure(level=level)
        return stream

    yield start
    for logger, before in zip(loggers, levels, strict=True):
        logger.setLevel(before)
    for handler in logging.getLogger().handlers[:]:
        if type(handler).__module__ == "dancetype.stream.sinks.log":
            logging.getLogger().removeHandler(handler)
    logging.captureWarnings(False)


async def say(*messages: PredictionMessage | SourceMessage) -> None:
    state = RunState(Clock(lambda: 0.0, 0.0))
    async with SinkFanOut([state, LogSink(state)]) as sinks:
        for message in messages:
            await sinks.send(message)


def test_a_record_is_a_line_of_json_with_level_logger_and_time(hear: Hear) -> None:
    stderr = hear()
    OURS.info("%d frames\nand more", 3)
    [record] = stderr.records
    when = datetime.fromisoformat(record.pop("timestamp"))
    assert when.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - when) < timedelta(minutes=1)
    assert record == {
        "event": "3 frames\nand more",
        "level": "info",
        "logger": "dancetype.stream.somewhere",
    }


def test_on_a_terminal_a_record_is_a_line_for_people(hear: Hear) -> None:
    terminal = hear(terminal=True)
    OURS.warning("no answer")
    [line] = terminal.lines
    assert "warning" in line
    assert "no answer" in line
    assert not line.startswith("{")


def test_on_a_terminal_libraries_are_named_and_our_own_modules_are_not(hear: Hear) -> None:
    terminal = hear(terminal=True)
    OURS.warning("ours")
    LIBRARY.warning("theirs")
    assert ["[" + LIBRARY.name in line for line in terminal.lines] == [False, True]
    assert OURS.name not in terminal.getvalue()


def test_libraries_are_heard_in_the_same_form_from_warnings_on(hear: Hear) -> None:
    stderr = hear()
    LIBRARY.info("connection open")
    LIBRARY.warning("handshake failed")
    logging.getLogger("asyncio").error("Task exception was never retrieved")
    assert [record["logger"] for record in stderr.records] == ["websockets.server", "asyncio"]


def test_warnings_of_python_are_records_too(hear: Hear) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        stderr = hear()
        warnings.warn("old hat", stacklevel=1)
    [record] = stderr.records
    assert "old hat" in record["event"]
    assert record["level"] == "warning"


@pytest.mark.parametrize(("level", "heard"), [(logging.DEBUG, 1), (logging.INFO, 0)])
def test_our_own_packages_are_heard_from_the_level_asked_for(
    hear: Hear, level: int, heard: int
) -> None:
    stderr = hear(level=level)
    OURS.debug("detail")
    assert len(stderr.lines) == heard


def test_what_a_library_attaches_to_its_records_is_left_out(hear: Hear) -> None:
    stderr = hear()
    LIBRARY.warning("odd", extra={"websocket": object()})
    assert set(stderr.records[0]) == {"event", "level", "logger", "timestamp"}


def test_configuring_twice_says_things_once_and_leaves_others_handlers(hear: Hear) -> None:
    stderr = hear()
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    configure()
    OURS.info("once")
    assert len(stderr.lines) == 1
    assert other in logging.getLogger().handlers


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"rtsp://ann:{PASSWORD}@cam/1: refused", "rtsp://***@cam/1: refused"),
        (f"'mqtt://ann:{PASSWORD}@host' and more", "'mqtt://***@host' and more"),
        (f"rtsp://ann:p@{PASSWORD}@cam", "rtsp://***@cam"),
        (f"rtsp://ann:p/{PASSWORD}@cam", "rtsp://***@cam"),
        (f"{PASSWORD}://", f"{PASSWORD}://"),
        (f"http://cam/?token={PASSWORD}&x=1: gone", "http://cam/?token=***&x=1: gone"),
        (f"GET /ws?access_token={PASSWORD} 403", "GET /ws?access_token=*** 403"),
        (f"Client(user='ann', password='{PASSWORD}')", "Client(user='***', password='***')"),
        (f'{{"type": "hello", "token": "{PASSWORD}"}}', '{"type": "hello", "token": "***"}'),
        (f"Authorization: Bearer {PASSWORD}", "Authorization: Bearer ***"),
        (f"{{'Authorization': 'Basic {PASSWORD}'}}", "{'Authorization': 'Basic ***'}"),
        ("http://cam/@home is fine", "http://cam/@home is fine"),
        ("no token: set DANCETYPE_TOKEN", "no token: set DANCETYPE_TOKEN"),
        ("mail ann@example.org", "mail ann@example.org"),
    ],
)
def test_what_looks_like_credentials_is_masked_and_the_rest_is_not(text: str, masked: str) -> None:
    assert masked_text(text) == masked
    assert masked_text(masked) == masked


@pytest.mark.parametrize("piece", ["://", ":", "@", "key", "token=", "://a:b@", "authorization:"])
def test_no_text_from_outside_keeps_the_masking_busy(piece: str) -> None:
    before = process_time()
    masked_text(piece * 20_000)
    assert process_time() - before < 1


@pytest.mark.parametrize("terminal", [False, True])
def test_no_credentials_get_out_by_text_field_or_traceback(hear: Hear, terminal: bool) -> None:
    out = hear(terminal=terminal)
    url = f"rtsp://ann:{PASSWORD}@cam/live"
    try:
        try:
            raise OSError(f"cannot open {url}")
        except OSError as error:
            raise ValueError(f"nothing from {url}") from error
    except ValueError:
        OURS.exception(LogEvent(f"gave up on {url}", reason=f"{url} is gone"))
    text = out.getvalue()
    assert text.count("***@cam/live") == 4
    assert PASSWORD not in text
    assert "Traceback" in text


def test_a_text_from_outside_cannot_steer_the_terminal(hear: Hear) -> None:
    terminal = hear(terminal=True)
    OURS.warning(LogEvent("camera says \x1b[2J\r\x07hello", reason="\x1b]0;title\x07"))
    assert not set("\x1b\r\x07") & set(terminal.getvalue())
    assert "hello" in terminal.getvalue()


def test_records_go_to_what_stderr_is_at_that_moment(
    hear: Hear, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = hear()
    OURS.info("first")
    later = Stderr()
    monkeypatch.setattr(sys, "stderr", later)
    OURS.info("second")
    assert [len(stderr.lines), len(later.lines)] == [1, 1]


def test_a_table_on_the_terminal_shows_records_above_itself(hear: Hear) -> None:
    terminal = hear(terminal=True)
    shown = StringIO()
    with Live("the table", console=Console(file=shown, force_terminal=True), auto_refresh=False):
        OURS.warning("above")
    assert "above" in shown.getvalue()
    assert "above" not in terminal.getvalue()


def test_a_table_on_the_terminal_gets_none_of_the_json_that_goes_to_a_file(hear: Hear) -> None:
    stderr = hear()
    shown = StringIO()
    with Live("the table", console=Console(file=shown, force_terminal=True), auto_refresh=False):
        OURS.warning("to the file")
    assert [record["event"] for record in stderr.records] == ["to the file"]
    assert "to the file" not in shown.getvalue()


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full", "2> >(exit)"])
async def test_a_stderr_that_takes_nothing_is_nothing_to_whoever_logs(stderr: str) -> None:
    code = """
import logging, sys
from dancetype.stream.run_state import RunState
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.log import configure
sys.stdin.readline()
configure()
for number in range(3):
    logging.getLogger("dancetype.stream").warning("x" * 9000)
    logging.getLogger("dancetype.stream").warning("%d", "no number")
print("still here")
"""
    child = await asyncio.create_subprocess_exec(
        *("bash", "-c", f'exec "$0" -c "$1" {stderr}', sys.executable, code),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await child.communicate(b"go\n")
    assert said == b"still here\n"
    assert child.returncode == 0


@pytest.mark.parametrize(
    ("state", "level"),
    [
        (SourceState.CONNECTING, "info"),
        (SourceState.RUNNING, "info"),
        (SourceState.STALLED, "warning"),
        (SourceState.RECONNECTING, "warning"),
        (SourceState.ENDED, "info"),
        (SourceState.FAILED, "error"),
    ],
)
async def test_each_state_of_a_source_is_one_record(
    hear: Hear, state: SourceState, level: str
) -> None:
    stderr = hear()
    await say(changed(state, fault=Fault.TIMED_OUT, reason="no frame for 2 s", epoch=4))
    [record] = stderr.records
    assert record.pop("timestamp")
    assert record == {
        "event": "source_state_changed",
        "level": level,
        "logger": "dancetype.stream.sinks.log",
        "source": "stage",
        "state": state.value,
        "fault": "timed_out",
        "epoch": 4,
        "reason": "no frame for 2 s",
    }


async def test_on_a_terminal_a_state_is_told_with_what_is_known_of_it(hear: Hear) -> None:
    terminal = hear(terminal=True)
    await say(changed(SourceState.RUNNING))
    [line] = terminal.lines
    assert line.endswith("] source_state_changed source=stage epoch=0 state=running")
    assert len(line) < 80


async def test_tries_in_vain_are_told_once_until_something_else_is_wrong(hear: Hear) -> None:
    stderr = hear()
    await say(
        changed(SourceState.RECONNECTING, fault=Fault.REFUSED, reason="again in 1 s"),
        changed(SourceState.RECONNECTING, fault=Fault.REFUSED, reason="again in 2 s"),
        changed(SourceState.RECONNECTING, "hall", fault=Fault.REFUSED),
        changed(SourceState.RECONNECTING, fault=Fault.TIMED_OUT),
    )
    assert [(record["source"], record["fault"]) for record in stderr.records] == [
        ("stage", "refused"),
        ("hall", "refused"),
        ("stage", "timed_out"),
    ]


async def test_predictions_are_no_news(hear: Hear) -> None:
    stderr = hear()
    await say(predicted(), predicted(status=Status.GENRE, genre="HO"))
    assert not stderr.lines


async def test_a_change_of_genre_is_told_to_whoever_looks_for_faults(hear: Hear) -> None:
    stderr = hear(level=logging.DEBUG)
    house = predicted(status=Status.GENRE, genre="HO")
    await say(predicted(), house, house, predicted())
    assert [(record["status"], record["genre"]) for record in stderr.records] == [
        ("no_person", None),
        ("genre", "HO"),
        ("no_person", None),
    ]
