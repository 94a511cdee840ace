"""Structured log events."""

from typing import Final


class LogEvent:
    """Message of a log record: a stable identifier with fields.

    It replaces the text: `log.warning(LogEvent("sink_failed", sink="osc"))`. The formatter of
    `dancetype run` writes the fields separately; any other formatter writes `sink_failed
    sink='osc'`. docs/guides/operations.md lists all events.

    Args:
        name: Identifier in snake case, which does not change between releases.
        fields: Values by name.
    """

    def __init__(self, name: str, /, **fields: object) -> None:
        self.name: Final = name
        self.fields: Final = fields

    def __str__(self) -> str:
        values = (f"{key}={value!r}" for key, value in self.fields.items() if value is not None)
        return " ".join([self.name, *values])
