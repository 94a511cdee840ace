"""The flags that set settings, each described once, whichever verbs take it."""

import inspect
from collections.abc import Callable
from functools import wraps
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from dancetype.stream.settings import Settings


def _flag(panel: str, text: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=text, metavar=metavar, rich_help_panel=panel)


_LOOK: Final = "What to look at"
_SERVE: Final = "Page and WebSocket"
_SEND: Final = "MQTT, OSC and files"
_MODELS: Final = "Models"

_Text = str | None
_Whole = int | None
_Number = float | None
_Switch = bool | None
_File = Path | None

# None is a flag that was not given, so that the environment and the TOML file can speak;
# `dancetype.stream.settings` holds the defaults.
_FLAGS: Final = {
    "people": Annotated[_Whole, _flag(_LOOK, "Dancers to follow in each source (default: 1).")],
    "hop": Annotated[_Number, _flag(_LOOK, "Seconds between predictions (default: 0.25).")],
    "stall": Annotated[
        _Number, _flag(_LOOK, "Seconds without a frame that are a stall (default: 2).")
    ],
    "seconds": Annotated[_Number, _flag(_LOOK, "Stop after so many seconds.")],
    "host": Annotated[_Text, _flag(_SERVE, "Address to serve on (default: 127.0.0.1).")],
    "port": Annotated[_Whole, _flag(_SERVE, "Port; 0 takes a free one (default: 8765).")],
    "serve": Annotated[
        _Switch, _flag(_SERVE, "Serve the page and WebSocket, or not.", "--serve/--no-serve")
    ],
    "preview": Annotated[
        _Switch,
        _flag(_SERVE, "Show small pictures of the sources on the page (default: no).", "--preview"),
    ],
    "token": Annotated[
        _Text,
        _flag(_SERVE, "What clients have to know. Safer in the environment: DANCETYPE_TOKEN."),
    ],
    "insecure": Annotated[
        _Switch, _flag(_SERVE, "Let everyone in who reaches --host.", "--insecure")
    ],
    "allow_origin": Annotated[
        list[str] | None,
        _flag(
            _SERVE, "A web page's origin that may connect; repeat for more.", metavar="http://HOST"
        ),
    ],
    "max_clients": Annotated[_Whole, _flag(_SERVE, "WebSocket clients at a time (default: 256).")],
    "tls_cert": Annotated[_File, _flag(_SERVE, "Certificate to serve with.", metavar="PEM")],
    "tls_key": Annotated[_File, _flag(_SERVE, "Its private key.", metavar="PEM")],
    "mqtt": Annotated[_Text, _flag(_SEND, "Broker: mqtt://user:pass@host.", metavar="URL")],
    "mqtt_ca": Annotated[
        _File, _flag(_SEND, "Who vouches for the broker of mqtts://.", metavar="PEM")
    ],
    "mqtt_client_id": Annotated[_Text, _flag(_SEND, "Our name at the broker.", metavar="NAME")],
    "homeassistant": Annotated[
        _Switch, _flag(_SEND, "Tell Home Assistant what there is, over MQTT.", "--homeassistant")
    ],
    "osc": Annotated[_Text, _flag(_SEND, "Send OSC there.", metavar="HOST:PORT")],
    "jsonl": Annotated[_File, _flag(_SEND, "Append messages to a file.", metavar="FILE")],
    "record": Annotated[
        _File, _flag(_SEND, "Keep joints and predictions there, never images.", metavar="DIR")
    ],
    "model": Annotated[_File, _flag(_MODELS, "Genre model, an ONNX file.", metavar="FILE")],
    "device": Annotated[_Text, _flag(_MODELS, "auto, cpu or cuda, else the CPU (default: auto).")],
    "variant": Annotated[_Text, _flag(_MODELS, "Pose model: lite, full or heavy.")],
    "pose_runtime": Annotated[
        _Text, _flag(_MODELS, "What runs the pose model: litert or mediapipe (default: litert).")
    ],
    "pose_fps": Annotated[
        _Number, _flag(_LOOK, "Look for poses in so many frames a second (default: all).")
    ],
    "pose_model": Annotated[_File, _flag(_MODELS, "A pose model of your own.", metavar="FILE")],
    "config": Annotated[_File, typer.Option(metavar="FILE", help="Settings as a TOML file.")],
}

LIVE: Final = tuple(_FLAGS)
"""Flags of a verb that runs live: all there are."""

_POSE: Final = ("variant", "pose_model", "pose_runtime")
_OF_SOURCES: Final = ("stall", "preview", "record", "pose_fps", *_POSE)

REPLAY: Final = tuple(name for name in LIVE if name not in _OF_SOURCES)
"""Flags of a verb that does the same without a source."""

_OF_ONE_MACHINE: Final = ("preview", "max_clients", "osc", "jsonl", "record")

FLEET: Final = tuple(name for name in LIVE if name not in _OF_ONE_MACHINE)
"""Flags of a verb that does the same on many machines."""

POSE: Final = (*_POSE, "config")
"""Flags of a verb that finds poses."""

CLASSIFIER: Final = ("model", "device", *POSE)
"""Flags of a verb that names genres."""


def takes(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a verb the flags of settings by these names; `settings` finds them in its context."""

    def give(verb: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(verb)
        flags = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=_FLAGS[name])
            for name in names
        ]

        @wraps(verb)
        def command(**given: Any) -> None:
            verb(**{name: given[name] for name in own.parameters})

        # Typer makes a command's flags out of its signature.
        signature = own.replace(parameters=[*own.parameters.values(), *flags])
        command.__signature__ = signature  # type: ignore[attr-defined]
        return command

    return give


def settings(context: typer.Context) -> "Settings":
    """Settings out of a verb's flags, the environment and the TOML file.

    Raises:
        SettingsError: one of them makes no sense.
    """
    # Half a second to load, which `--help` need not wait for.
    from dancetype.stream.settings import Settings, load_settings

    flags = {name: context.params[name] for name in Settings.model_fields if name in context.params}
    return load_settings(flags, config=context.params.get("config"))
