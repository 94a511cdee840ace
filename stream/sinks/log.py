"""Log records: text on a terminal, JSON lines elsewhere, and never with credentials."""

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, Final

import structlog
from structlog.typing import Processor

from dancetype.engine.errors import printable
from dancetype.engine.log_event import LogEvent
from dancetype.stream.messages import Message, SourceMessage, SourceState
from dancetype.stream.run_state import RunState
from dancetype.stream.sink import Sink
from dancetype.stream.sources.redaction import mask_urls

_log = logging.getLogger(__name__)

_PACKAGE: Final = "dancetype"
_LEVELS: Final = {
    SourceState.BURSTY: logging.WARNING,
    SourceState.STALLED: logging.WARNING,
    SourceState.RECONNECTING: logging.WARNING,
    SourceState.FAILED: logging.ERROR,
}
_WORD: Final = re.compile(r"\S+")
_SECRET: Final = re.compile(
    r"""(authorization["']?\s?[:=]\s?["']?(?:basic\s|bearer\s)?
    |bearer\s
    |(?:token|pass|pwd|secret|auth|key|user|login)\w{0,20}(?:["']?\s?=|["']\s?:)\s?["']?)
    [^\s&#"',;]+""",
    re.IGNORECASE | re.VERBOSE,
)


def configure(*, level: int = logging.INFO) -> None:
    """Send the records of all loggers to stderr, those of libraries from WARNING on."""
    terminal = _is_terminal()
    handler = _StderrHandler(terminal=terminal)
    handler.setFormatter(_formatter(terminal=terminal))
    root = logging.getLogger()
    root.handlers = [
        *(other for other in root.handlers if not isinstance(other, _StderrHandler)),
        handler,
    ]
    root.setLevel(logging.WARNING)
    logging.getLogger(_PACKAGE).setLevel(level)
    logging.captureWarnings(True)


def masked_text(text: str) -> str:
    """Mask URLs except for their allowed parts, and what looks like credentials: `token=...`.

    This is a second line of defence, so it masks too much rather than too little.
    """
    return _SECRET.sub(r"\1***", _WORD.sub(_masked_word, mask_urls(text)))


class LogSink(Sink):
    """Sink that logs each change of a source's state.

    Repeated attempts to reconnect and changes of genre are logged at DEBUG.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state

    async def send(self, message: Message, text: str) -> None:
        """Log the state in a source message, or a change in a prediction."""
        run = self._state.sources[message.source]
        changed = run.changed
        fields: dict[str, object] = {"source": message.source, "epoch": message.epoch}
        if isinstance(message, SourceMessage):
            fields |= {"state": message.state, "fault": message.fault, "reason": message.reason}
            level = _LEVELS.get(message.state, logging.INFO) if changed else logging.DEBUG
            _log.log(level, LogEvent("source_state_changed", **fields))
            return
        if run.hint_changed and run.orientation.hint:
            _log.warning(
                LogEvent("body_not_upright", source=message.source, hint=run.orientation.hint)
            )
        if changed:
            fields |= {"status": message.status, "genre": message.genre}
            _log.debug(LogEvent("prediction_changed", **fields))


class _StderrHandler(logging.Handler):
    """Handler that writes to the current `sys.stderr`.

    A live table on the terminal replaces `sys.stderr`, to print records above itself. If stderr is
    not a terminal, records have to bypass the table.
    """

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        # Stderr may be closed, which must not affect the code that logs.
        with suppress(Exception):
            stream = sys.stderr
            if not self._terminal:
                stream = getattr(stream, "rich_proxied_file", stream)
            stream.write(self.format(record) + "\n")
            stream.flush()


def _is_terminal() -> bool:
    with suppress(AttributeError, OSError, ValueError):
        return sys.stderr.isatty()
    return False


def _formatter(*, terminal: bool) -> logging.Formatter:
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _event_fields,
    ]
    output: list[Processor]
    if terminal:
        shared.append(structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False))
        output = [
            _for_terminal,
            structlog.dev.ConsoleRenderer(
                0,  # No padding, so that a line with a source's state fits on a terminal.
                colors="NO_COLOR" not in os.environ,
                # structlog's default shows the values of variables.
                exception_formatter=structlog.dev.plain_traceback,
                sort_keys=False,
            ),
        ]
    else:
        shared.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
        output = [structlog.processors.JSONRenderer()]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _without_credentials,
            *output,
        ],
    )


def _event_fields(
    logger: object, method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    # Other attributes of records are left out: libraries attach whole connections to theirs.
    event = fields["_record"].msg
    if isinstance(event, LogEvent):
        fields.update(event.fields, event=event.name)
    return fields


def _without_credentials(
    logger: object, method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {
        name: masked_text(value) if isinstance(value, str) else value
        for name, value in fields.items()
    }


def _for_terminal(
    logger: object, method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    printed = {
        # The value may contain control characters sent by a camera.
        name: printable(value, keep="\n") if isinstance(value, str) else value
        for name, value in fields.items()
        if value is not None
    }
    if str(printed.get("logger")).partition(".")[0] == _PACKAGE:
        del printed["logger"]  # The module is of no use to a user.
    return printed


def _masked_word(word: re.Match[str]) -> str:
    prefix, separator, address = word[0].partition("://")
    credentials, _, host = address.rpartition("@")
    # A slash before the at sign is part of a path, or of a password that was not encoded.
    if not credentials or ("/" in credentials and ":" not in credentials):
        return word[0]
    return f"{prefix}{separator}***@{host}"
