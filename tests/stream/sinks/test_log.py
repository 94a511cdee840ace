import ast
import asyncio
import json
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
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
from tests.messages import make_body, make_prediction, make_source_message

DANCETYPE_LOG = logging.getLogger("dancetype.stream.somewhere")
LIBRARY_LOG = logging.getLogger("websockets.server")
PASSWORD = "s3cr3t"
ROOT = Path(__file__).parents[3]


class Stderr(StringIO):
    """Replacement for stderr."""

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


ConfigureLog = Callable[..., Stderr]


@pytest.fixture
def configure_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[ConfigureLog]:
    """Return a function that replaces stderr and configures logging for the test."""
    loggers = [logging.getLogger(name) for name in (None, "dancetype")]
    levels = [logger.level for logger in loggers]

    def configure_for_test(*, terminal: bool = False, level: int = logging.INFO) -> Stderr:
        stream = Stderr(terminal=terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("NO_COLOR", "1")
        configure(level=level)
        return stream

    yield configure_for_test
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in logging.getLogger().handlers[:]:
        if type(handler).__module__ == "dancetype.stream.sinks.log":
            logging.getLogger().removeHandler(handler)
    logging.captureWarnings(False)


async def log_messages(*messages: PredictionMessage | SourceMessage) -> None:
    state = RunState(Clock(lambda: 0.0, 0.0))
    async with SinkFanOut([state, LogSink(state)]) as sinks:
        for message in messages:
            await sinks.send(message)


def test_record_is_a_json_line_with_level_logger_and_time(configure_log: ConfigureLog) -> None:
    stderr = configure_log()
    DANCETYPE_LOG.info("%d frames\nand more", 3)
    [record] = stderr.records
    time = datetime.fromisoformat(record.pop("timestamp"))
    assert time.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)
    assert record == {
        "event": "3 frames\nand more",
        "level": "info",
        "logger": "dancetype.stream.somewhere",
    }


def test_sideways_body_is_logged_once(configure_log: ConfigureLog) -> None:
    stderr = configure_log()
    asyncio.run(log_messages(*(make_body(index / 4, 90) for index in range(100))))
    [record] = stderr.records
    assert (record["event"], record["level"]) == ("body_not_upright", "warning")
    assert record["hint"].startswith("the body is sideways; turn the image clockwise by 270")


def test_record_on_a_terminal_is_a_readable_line(configure_log: ConfigureLog) -> None:
    terminal = configure_log(terminal=True)
    DANCETYPE_LOG.warning("no answer")
    [line] = terminal.lines
    assert "warning" in line
    assert "no answer" in line
    assert not line.startswith("{")


def test_terminal_shows_logger_names_of_libraries_only(configure_log: ConfigureLog) -> None:
    terminal = configure_log(terminal=True)
    DANCETYPE_LOG.warning("of dancetype")
    LIBRARY_LOG.warning("of a library")
    assert ["[" + LIBRARY_LOG.name in line for line in terminal.lines] == [False, True]
    assert DANCETYPE_LOG.name not in terminal.getvalue()


def test_libraries_are_logged_from_warning_on(configure_log: ConfigureLog) -> None:
    stderr = configure_log()
    LIBRARY_LOG.info("connection open")
    LIBRARY_LOG.warning("handshake failed")
    logging.getLogger("asyncio").error("Task exception was never retrieved")
    assert [record["logger"] for record in stderr.records] == ["websockets.server", "asyncio"]


def test_python_warnings_are_logged(configure_log: ConfigureLog) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        stderr = configure_log()
        warnings.warn("deprecated", stacklevel=1)
    [record] = stderr.records
    assert "deprecated" in record["event"]
    assert record["level"] == "warning"


@pytest.mark.parametrize(("level", "lines"), [(logging.DEBUG, 1), (logging.INFO, 0)])
def test_dancetype_is_logged_from_the_configured_level(
    configure_log: ConfigureLog, level: int, lines: int
) -> None:
    stderr = configure_log(level=level)
    DANCETYPE_LOG.debug("detail")
    assert len(stderr.lines) == lines


def test_fields_attached_by_libraries_are_left_out(configure_log: ConfigureLog) -> None:
    stderr = configure_log()
    LIBRARY_LOG.warning("odd", extra={"websocket": object()})
    assert set(stderr.records[0]) == {"event", "level", "logger", "timestamp"}


def test_configuring_twice_logs_once_and_keeps_other_handlers(configure_log: ConfigureLog) -> None:
    stderr = configure_log()
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    configure()
    DANCETYPE_LOG.info("once")
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
        (f"http://cam/?token={PASSWORD}&x=1: gone", "http://cam/?token=***&x=*** gone"),
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
def test_only_credentials_are_masked(text: str, masked: str) -> None:
    assert masked_text(text) == masked
    assert masked_text(masked) == masked


@pytest.mark.parametrize("piece", ["://", ":", "@", "key", "token=", "://a:b@", "authorization:"])
def test_masking_of_a_long_text_is_fast(piece: str) -> None:
    start = process_time()
    masked_text(piece * 20_000)
    assert process_time() - start < 1


@pytest.mark.parametrize("terminal", [False, True])
def test_credentials_are_masked_in_text_fields_and_tracebacks(
    configure_log: ConfigureLog, terminal: bool
) -> None:
    out = configure_log(terminal=terminal)
    url = f"rtsp://ann:{PASSWORD}@cam/live"
    try:
        try:
            raise OSError(f"cannot open {url}")
        except OSError as error:
            raise ValueError(f"nothing from {url}") from error
    except ValueError:
        DANCETYPE_LOG.exception(LogEvent(f"gave up on {url}", reason=f"{url} is gone"))
    text = out.getvalue()
    assert text.count("***@cam/live") == 4
    assert PASSWORD not in text
    assert "Traceback" in text


def test_control_characters_are_not_sent_to_the_terminal(configure_log: ConfigureLog) -> None:
    terminal = configure_log(terminal=True)
    DANCETYPE_LOG.warning(LogEvent("camera sent \x1b[2J\r\x07hello", reason="\x1b]0;title\x07"))
    assert not set("\x1b\r\x07") & set(terminal.getvalue())
    assert "hello" in terminal.getvalue()
    assert "title" in terminal.getvalue()


def test_records_are_written_to_the_current_stderr(
    configure_log: ConfigureLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = configure_log()
    DANCETYPE_LOG.info("first")
    later = Stderr()
    monkeypatch.setattr(sys, "stderr", later)
    DANCETYPE_LOG.info("second")
    assert [len(stderr.lines), len(later.lines)] == [1, 1]


def test_records_are_shown_above_a_table_on_the_terminal(configure_log: ConfigureLog) -> None:
    terminal = configure_log(terminal=True)
    table_output = StringIO()
    with Live(
        "the table", console=Console(file=table_output, force_terminal=True), auto_refresh=False
    ):
        DANCETYPE_LOG.warning("above")
    assert "above" in table_output.getvalue()
    assert "above" not in terminal.getvalue()


def test_json_for_a_file_is_not_shown_on_the_terminal(configure_log: ConfigureLog) -> None:
    stderr = configure_log()
    table_output = StringIO()
    with Live(
        "the table", console=Console(file=table_output, force_terminal=True), auto_refresh=False
    ):
        DANCETYPE_LOG.warning("to the file")
    assert [record["event"] for record in stderr.records] == ["to the file"]
    assert "to the file" not in table_output.getvalue()


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full", "2> >(exit)"])
async def test_closed_or_full_stderr_does_not_affect_the_code_that_logs(stderr: str) -> None:
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
    output, _ = await child.communicate(b"start\n")
    assert output == b"still here\n"
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
async def test_each_source_state_is_one_record(
    configure_log: ConfigureLog, state: SourceState, level: str
) -> None:
    stderr = configure_log()
    await log_messages(
        make_source_message(state, fault=Fault.TIMED_OUT, reason="no frame for 2 s", epoch=4)
    )
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


async def test_terminal_shows_a_state_with_its_fields(configure_log: ConfigureLog) -> None:
    terminal = configure_log(terminal=True)
    await log_messages(make_source_message(SourceState.RUNNING))
    [line] = terminal.lines
    assert line.endswith("] source_state_changed source=stage epoch=0 state=running")
    assert len(line) < 80


async def test_repeated_failures_are_logged_once_per_fault(configure_log: ConfigureLog) -> None:
    stderr = configure_log()
    await log_messages(
        make_source_message(SourceState.RECONNECTING, fault=Fault.REFUSED, reason="again in 1 s"),
        make_source_message(SourceState.RECONNECTING, fault=Fault.REFUSED, reason="again in 2 s"),
        make_source_message(SourceState.RECONNECTING, "hall", fault=Fault.REFUSED),
        make_source_message(SourceState.RECONNECTING, fault=Fault.TIMED_OUT),
    )
    assert [(record["source"], record["fault"]) for record in stderr.records] == [
        ("stage", "refused"),
        ("hall", "refused"),
        ("stage", "timed_out"),
    ]


async def test_predictions_are_not_logged(configure_log: ConfigureLog) -> None:
    stderr = configure_log()
    await log_messages(make_prediction(), make_prediction(status=Status.GENRE, genre="HO"))
    assert not stderr.lines


async def test_genre_changes_are_logged_at_debug(configure_log: ConfigureLog) -> None:
    stderr = configure_log(level=logging.DEBUG)
    house = make_prediction(status=Status.GENRE, genre="HO")
    await log_messages(make_prediction(), house, house, make_prediction())
    assert [(record["status"], record["genre"]) for record in stderr.records] == [
        ("no_person", None),
        ("genre", "HO"),
        ("no_person", None),
    ]


def fields_by_event_in_code() -> dict[str, set[str]]:
    """Return the fields that are passed by name, for each event in the sources."""
    events: dict[str, set[str]] = {}
    sources = [path for name in ("engine", "stream") for path in (ROOT / name).rglob("*.py")]
    # Its subfolders are links to the other folders.
    sources += [*(ROOT / "dancetype").glob("*.py"), *(ROOT / "dancetype/cli").glob("*.py")]
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "LogEvent":
                [argument] = node.args
                assert isinstance(argument, ast.Constant), f"{source}: not a literal event name"
                event = str(argument.value)
                fields = {keyword.arg for keyword in node.keywords if keyword.arg}
                events[event] = events.get(event, set()) | fields
    return events


def fields_by_event_in_docs() -> dict[str, set[str]]:
    text = (ROOT / "docs/guides/operations.md").read_text()
    table = text.partition("### Log events\n")[2].partition("\n#")[0]
    rows = [row.split("|")[1:-1] for row in table.splitlines() if row.startswith("| `")]
    names = re.compile(r"`(\w+)`")
    return {
        event: set(names.findall(fields))
        for events, _, fields, _ in rows
        for event in names.findall(events)
    }


def test_docs_list_exactly_the_events_in_the_code() -> None:
    assert set(fields_by_event_in_docs()) == set(fields_by_event_in_code())


def test_docs_list_the_fields_of_each_event() -> None:
    documented = fields_by_event_in_docs()
    for event, fields in fields_by_event_in_code().items():
        # The fields of events about messages are collected in a dictionary.
        if fields:
            assert documented[event] == fields, event
