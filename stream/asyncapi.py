"""The protocol as an AsyncAPI file: channels, operations and the messages' schemas.

`docs/asyncapi.yaml` is what `python -m dancetype.stream.asyncapi` prints.
"""

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import CoreSchema

from dancetype.stream.messages import Heartbeat, PredictionMessage, SourceMessage
from dancetype.stream.sinks.homeassistant import BIRTH, BIRTH_TOPIC, CONFIDENCE_EVERY
from dancetype.stream.sinks.mqtt import GENRE_EXPIRY, OFFLINE, PREDICTION_EXPIRY, STOPPED
from dancetype.stream.web.subscription import Hello, Subscribe

_OUT: Final[dict[str, type[BaseModel]]] = {
    "prediction": PredictionMessage,
    "source": SourceMessage,
    "heartbeat": Heartbeat,
}
_IN: Final[dict[str, type[BaseModel]]] = {"hello": Hello, "subscribe": Subscribe}
_MQTT_BINDING: Final = "0.2.0"


def document() -> dict[str, Any]:
    """The whole file, version 3.1.0 of the specification."""
    whole: dict[str, Any] = _on_one_line(
        {
            "asyncapi": "3.1.0",
            "info": {
                "title": "dancetype",
                "version": "1",
                "description": "What dancetype sends to games, web pages and lights, and what they "
                "may say to it. docs/protocol.md tells it in words.",
                "license": {"name": "Apache-2.0"},
            },
            "defaultContentType": "application/json",
            "servers": _servers(),
            "channels": _channels(),
            "operations": _operations(),
            "components": _components(),
        }
    )
    return whole


def _servers() -> dict[str, Any]:
    websocket = {
        "host": "{host}:{port}",
        "variables": {
            "host": {"default": "127.0.0.1", "description": "--host"},
            "port": {"default": "8765", "description": "--port"},
        },
        "security": [_ref("securitySchemes", "header"), _ref("securitySchemes", "hello")],
    }
    mqtt = {
        "host": "{broker}",
        "protocolVersion": "5",
        "variables": {"broker": {"description": "Host and port of your broker: --mqtt"}},
        "security": [_ref("securitySchemes", "broker")],
        "bindings": {
            "mqtt": {
                "lastWill": {
                    "topic": "dancetype/{source}/status",
                    "qos": 1,
                    "message": OFFLINE,
                    "retain": True,
                },
                "bindingVersion": _MQTT_BINDING,
            }
        },
    }
    return {
        "websocket": {
            "protocol": "ws",
            "description": "dancetype. Security counts where a token is set.",
            **websocket,
        },
        "websocketTls": {
            "protocol": "wss",
            "description": "dancetype with --tls-cert. Security counts where a token is set.",
            **websocket,
        },
        "mqtt": {"protocol": "mqtt", "description": "A broker, one connection a source.", **mqtt},
        "mqttTls": {"protocol": "mqtts", "description": "A broker spoken to over TLS.", **mqtt},
    }


def _channels() -> dict[str, Any]:
    return {
        "websocket": {
            "address": "/ws",
            "description": "Messages of this release are listed; ignore types you do not know.",
            "servers": [_ref_to("servers", "websocket"), _ref_to("servers", "websocketTls")],
            "messages": {name: _ref("messages", name) for name in [*_OUT, *_IN]},
            "bindings": {
                "ws": {
                    "method": "GET",
                    "query": {
                        "type": "object",
                        "properties": {
                            "source": {
                                "type": "string",
                                "description": "Name of a source to be sent, several of them in "
                                "as many parameters; every source where there is none.",
                            }
                        },
                    },
                    "bindingVersion": "0.1.0",
                }
            },
        },
        "predictions": _topic("prediction", "prediction"),
        "status": _topic("status", "source", "offline", "stopped"),
        "genre": _topic("genre", "genre"),
        "confidence": _topic("confidence", "confidence"),
        "homeAssistant": {
            "address": "homeassistant/device/{device}/config",
            "description": f"With --homeassistant, and again whenever {BIRTH_TOPIC} says {BIRTH}.",
            "servers": [_ref_to("servers", "mqtt"), _ref_to("servers", "mqttTls")],
            "parameters": {
                "device": {
                    "description": "dancetype- and the source's name; what is neither a "
                    "letter, a digit nor '-' is its code point in hexadecimal, as _2e_."
                }
            },
            "messages": {"discovery": _ref("messages", "discovery")},
        },
    }


def _topic(last: str, *messages: str) -> dict[str, Any]:
    return {
        "address": f"dancetype/{{source}}/{last}",
        "servers": [_ref_to("servers", "mqtt"), _ref_to("servers", "mqttTls")],
        "parameters": {"source": _ref("parameters", "source")},
        "messages": {name: _ref("messages", name) for name in messages},
    }


def _operations() -> dict[str, Any]:
    return {
        "tell": _operation("send", "websocket", *_OUT),
        "listen": _operation("receive", "websocket", *_IN),
        "publishPrediction": _operation("send", "predictions", "prediction")
        | _mqtt(qos=0, retain=False, messageExpiryInterval=PREDICTION_EXPIRY),
        "publishStatus": _operation("send", "status", "source", "offline", "stopped")
        | _mqtt(qos=1, retain=True),
        "publishGenre": _operation("send", "genre", "genre")
        | _mqtt(qos=1, retain=True, messageExpiryInterval=GENRE_EXPIRY),
        "publishConfidence": _operation("send", "confidence", "confidence")
        | _mqtt(qos=0, retain=False),
        "publishDiscovery": _operation("send", "homeAssistant", "discovery")
        | _mqtt(qos=1, retain=True),
    }


def _operation(action: str, channel: str, *messages: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": _ref_to("channels", channel),
        "messages": [_ref_to("channels", channel, "messages", name) for name in messages],
    }


def _mqtt(**binding: Any) -> dict[str, Any]:
    return {"bindings": {"mqtt": {**binding, "bindingVersion": _MQTT_BINDING}}}


def _components() -> dict[str, Any]:
    _, schemas = models_json_schema(
        [
            *((model, "serialization") for model in _OUT.values()),
            *((model, "validation") for model in _IN.values()),
        ],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Untitled,
    )
    return {
        "messages": {
            **{
                name: {"name": name, "payload": _ref("schemas", model.__name__)}
                for name, model in (_OUT | _IN).items()
            },
            "offline": _text("offline", "dancetype died or was cut off.", const=OFFLINE),
            "stopped": _text("stopped", "dancetype was stopped.", const=STOPPED),
            "genre": _text(
                "genre",
                "Name of the genre, or the status where there is none; empty while the source does "
                "not run.",
            ),
            "confidence": _text(
                "confidence",
                f"In percent, every {CONFIDENCE_EVERY:g} s, with --homeassistant.",
                pattern=r"^\d{1,3}$",
            ),
            "discovery": {
                "name": "discovery",
                "externalDocs": {
                    "url": "https://www.home-assistant.io/integrations/mqtt/"
                    "#device-discovery-payload"
                },
                "payload": {"type": "object"},
            },
        },
        "parameters": {
            "source": {
                "description": "The source's name, in which +, #, /, % and unprintable characters "
                "are percent-encoded."
            }
        },
        "schemas": schemas["$defs"],
        "securitySchemes": {
            "header": {
                "type": "http",
                "scheme": "bearer",
                "description": "The token in the header Authorization of the WebSocket's request.",
            },
            "hello": {
                "type": "apiKey",
                "in": "password",
                "description": "The token in the first message, hello.",
            },
            "broker": {"type": "userPassword", "description": "As in the URL of --mqtt."},
        },
    }


def _text(name: str, about: str, **limits: Any) -> dict[str, Any]:
    return {
        "name": name,
        "summary": about,
        "contentType": "text/plain",
        "payload": {"type": "string", **limits},
    }


def _ref(kind: str, name: str) -> dict[str, str]:
    return _ref_to("components", kind, name)


def _ref_to(*path: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(path)}


class _Untitled(GenerateJsonSchema):
    """Leaves out titles that say what the field's name does."""

    def field_title_should_be_set(self, schema: CoreSchema) -> bool:
        return False


def _on_one_line(value: Any) -> Any:
    """`value` with the line breaks of docstrings taken out of all texts in it."""
    match value:
        case dict():
            return {key: _on_one_line(inner) for key, inner in value.items()}
        case list():
            return [_on_one_line(inner) for inner in value]
        case str():
            return " ".join(value.split())
    return value


if __name__ == "__main__":
    # Nobody who runs dancetype needs it.
    import yaml

    print(yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=95), end="")
