"""MQTT discovery messages, from which Home Assistant adds each source as a device.

The format is MQTT device discovery (Home Assistant 2024.12 and later):
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

import json
from typing import Any, Final

BIRTH_TOPIC: Final = "homeassistant/status"
"""Topic on which Home Assistant announces that it has started, with the payload `BIRTH`."""
BIRTH: Final = "online"
NUMBERS_EVERY: Final = 5.0
"""Minimum seconds between two confidences, since Home Assistant stores every change for days."""

_NUMBERS_EXPIRE: Final = int(3 * NUMBERS_EVERY)
_SAFE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")
# The payload of the status topic is one of these words or a source message.
_AVAILABLE: Final = "{{ 'offline' if value in ('offline', 'stopped') else 'online' }}"
_RUNNING: Final = (
    "{{ 'ON' if value_json is defined and value_json.state in ['running', 'bursty'] else 'OFF' }}"
)
_FAULT: Final = "{{ 'ON' if value_json is defined and value_json.fault else 'OFF' }}"
_REASON: Final = (
    "{{ {'fault': value_json.fault, 'reason': value_json.reason} | tojson"
    " if value_json is defined else '{}' }}"
)


def object_id(source: str) -> str:
    """Return a unique id for `source`, made of the characters that Home Assistant allows."""
    name = "".join(char if char in _SAFE else f"_{ord(char):x}_" for char in source)
    return f"dancetype-{name}"


def discovery_topic(source: str) -> str:
    """Return the topic of the discovery message of `source`."""
    return f"homeassistant/device/{object_id(source)}/config"


def discovery_payload(
    source: str, *, base: str, version: str, genre_expires: int, dancing: bool = False
) -> str:
    """Return the JSON description of a device with its entities.

    Args:
        source: Name of the source.
        base: Prefix of the topics of the source, such as `dancetype/stage`.
        version: Version of dancetype.
        genre_expires: Seconds after which a genre is outdated unless it is published again.
        dancing: Whether the model outputs the probability that the person dances.
    """
    identity = object_id(source)
    status = f"{base}/status"
    percentage = {
        "platform": "sensor",
        "unit_of_measurement": "%",
        "state_class": "measurement",
        "suggested_display_precision": 0,
        "expire_after": _NUMBERS_EXPIRE,
    }
    diagnostic = {
        "platform": "binary_sensor",
        "entity_category": "diagnostic",
        "state_topic": status,
    }
    entities: dict[str, dict[str, Any]] = {
        "genre": {
            "platform": "sensor",
            "name": "Genre",
            "icon": "mdi:dance-ballroom",
            "state_topic": f"{base}/genre",
            # An empty payload means that the genre is unknown.
            "value_template": "{{ value or 'None' }}",
            "expire_after": genre_expires,
        },
        "confidence": {
            **percentage,
            "name": "Confidence",
            "icon": "mdi:gauge",
            "state_topic": f"{base}/confidence",
        },
        "running": {
            **diagnostic,
            "name": "Running",
            "device_class": "connectivity",
            "value_template": _RUNNING,
        },
        "fault": {
            **diagnostic,
            "name": "Fault",
            "device_class": "problem",
            "value_template": _FAULT,
            "json_attributes_topic": status,
            "json_attributes_template": _REASON,
        },
    }
    if dancing:
        entities["dancing"] = {
            **percentage,
            "name": "Dancing",
            "icon": "mdi:human-female-dance",
            "state_topic": f"{base}/dancing",
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
