"""What Home Assistant is to know of a source, so that it shows up there by itself.

The format is that of its MQTT device discovery (Home Assistant 2024.12 and later):
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

import json
from typing import Any, Final

BIRTH_TOPIC: Final = "homeassistant/status"
"""Where Home Assistant says that it has started."""
BIRTH: Final = "online"
"""What it says there."""
CONFIDENCE_EVERY: Final = 5.0
"""Seconds between two confidences. Home Assistant keeps every change for days, so four a second
would fill its database."""

# Three of them may be lost.
_CONFIDENCE_EXPIRES: Final = int(3 * CONFIDENCE_EVERY)
_SAFE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")
# The status topic holds one of these words, or else a source message.
_AVAILABLE: Final = "{{ 'offline' if value in ('offline', 'stopped') else 'online' }}"
_RUNNING: Final = "{{ 'ON' if value_json is defined and value_json.state == 'running' else 'OFF' }}"
_FAULT: Final = "{{ 'ON' if value_json is defined and value_json.fault else 'OFF' }}"
_REASON: Final = (
    "{{ {'fault': value_json.fault, 'reason': value_json.reason} | tojson"
    " if value_json is defined else '{}' }}"
)


def object_id(source: str) -> str:
    """`source` in the letters that Home Assistant allows; no two sources have the same."""
    name = "".join(char if char in _SAFE else f"_{ord(char):x}_" for char in source)
    return f"dancetype-{name}"


def discovery_topic(source: str) -> str:
    """Where Home Assistant looks for what there is to know of `source`."""
    return f"homeassistant/device/{object_id(source)}/config"


def discovery_payload(source: str, *, base: str, version: str, genre_expires: int) -> str:
    """One device with its entities, as JSON.

    Args:
        source: its name.
        base: what the topics of the source begin with, as `dancetype/stage`.
        version: of dancetype.
        genre_expires: seconds after which a genre that was not said again is old.
    """
    identity = object_id(source)
    status = f"{base}/status"
    entities: dict[str, dict[str, Any]] = {
        "genre": {
            "platform": "sensor",
            "name": "Genre",
            "icon": "mdi:dance-ballroom",
            "state_topic": f"{base}/genre",
            # An empty text says that nothing can be said.
            "value_template": "{{ value or 'None' }}",
            "expire_after": genre_expires,
        },
        "confidence": {
            "platform": "sensor",
            "name": "Confidence",
            "icon": "mdi:gauge",
            "state_topic": f"{base}/confidence",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            "suggested_display_precision": 0,
            "expire_after": _CONFIDENCE_EXPIRES,
        },
        "running": {
            "platform": "binary_sensor",
            "name": "Running",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": status,
            "value_template": _RUNNING,
        },
        "fault": {
            "platform": "binary_sensor",
            "name": "Fault",
            "device_class": "problem",
            "entity_category": "diagnostic",
            "state_topic": status,
            "value_template": _FAULT,
            "json_attributes_topic": status,
            "json_attributes_template": _REASON,
        },
    }
    return json.dumps(
        {
            "device": {
                "identifiers": [identity],
                "name": f"dancetype {source}",
                "manufacturer": "dancetype",
                "model": "Dance genre classifier",
                "sw_version": version,
            },
            "origin": {"name": "dancetype", "sw_version": version},
            "components": {
                key: {**entity, "unique_id": f"{identity}-{key}"}
                for key, entity in entities.items()
            },
            "availability_topic": status,
            "availability_template": _AVAILABLE,
            "qos": 1,
        }
    )
