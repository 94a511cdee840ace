"""Detection of other runs that publish the same source to the same broker."""

import logging
from typing import Final

from dancetype.engine.errors import MessageError
from dancetype.engine.log_event import LogEvent
from dancetype.stream.messages import SourceMessage, parse_message

_log = logging.getLogger(__name__)

OFFLINE: Final = "offline"
"""Status after a connection was lost, published by the broker as the last will."""
STOPPED: Final = "stopped"
"""Status after a regular end."""

_UNKNOWN: Final = "unknown"


class OtherRuns:
    """Other runs, detected by their messages on the status topic of a source.

    Args:
        broker: Broker, for the log.
        topic: Prefix of the topics of the source.

    Attributes:
        own_instance: Id of this run, whose own messages are ignored; while it is None, nothing is
            detected.
        instances: Ids of the other runs.
    """

    def __init__(self, broker: str, topic: str) -> None:
        self._broker = broker
        self._topic = topic
        self._reported: set[str] = set()
        self.own_instance: str | None = None
        self.instances: set[str] = set()

    def update(self, payload: bytes) -> bool:
        """Process a message of any run that has just been published on the status topic.

        Returns:
            Whether this run has to publish its own state again: because another run has ended and
            replaced it, or so that a run that has started detects this one. Each run answers
            another one once.
        """
        if payload in (OFFLINE.encode(), STOPPED.encode()):
            # It does not say which run has ended; those that still run publish again.
            self.instances.clear()
            return True
        try:
            message = parse_message(payload)
        except MessageError:
            return False
        # Runs of versions before 0.3 have no id.
        instance = (isinstance(message, SourceMessage) and message.instance) or _UNKNOWN
        if self.own_instance is None or instance in (self.own_instance, *self.instances):
            return False
        self.instances.add(instance)
        level = logging.DEBUG if instance in self._reported else logging.WARNING
        self._reported.add(instance)
        advice = "another run publishes under this source name: choose another name in one of them"
        event = LogEvent("mqtt_topic_shared", broker=self._broker, topic=self._topic, advice=advice)
        _log.log(level, event)
        return True
