"""Command-line options of the settings, derived from the settings model."""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from dancetype.stream.settings import Flag, Settings, flag_of, load_settings, settings_of

_CONFIG: Final = Annotated[
    Path | None, typer.Option(metavar="FILE", help="TOML file with settings.")
]


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of its settings to a command, which receives `Settings` as first argument.

    Every setting whose `Flag.commands` has the command's name becomes an option. If the command
    has a parameter with the name of a setting, that parameter sets it instead.

    Raises:
        SettingsError: From the decorated command, if a setting is invalid.
    """
    _, *parameters = inspect.signature(command).parameters.values()
    parameter_names = [parameter.name for parameter in parameters]
    parameters += _setting_parameters(command.__name__, excluded=parameter_names)
    parameters.append(_parameter("config", _CONFIG))

    @wraps(command)
    def command_with_settings(config: Path | None, **values: Any) -> None:
        flags = {name: values[name] for name in values.keys() & Settings.model_fields.keys()}
        settings = load_settings(flags, config=config)
        command(settings, **{name: values[name] for name in parameter_names})

    # Typer reads the signature and the annotations.
    signature = inspect.Signature(parameters)
    command_with_settings.__signature__ = signature  # type: ignore[attr-defined]
    command_with_settings.__annotations__ = {
        parameter.name: parameter.annotation for parameter in parameters
    }
    return command_with_settings


def _setting_parameters(command: str, *, excluded: list[str]) -> Iterator[Parameter]:
    """Yield a parameter for each setting of a command, in the order of the panels."""
    flags = {name: flag_of(field) for name, field in Settings.model_fields.items()}
    # The order in which panels first occur, which is the same for all commands.
    panels = list(dict.fromkeys(flag.panel for flag in flags.values()))
    for name in sorted(settings_of(command), key=lambda name: panels.index(flags[name].panel)):
        if name not in excluded:
            field = Settings.model_fields[name]
            option = _option(name, field, flags[name])
            yield _parameter(name, Annotated[_option_type(field.annotation) | None, option])


def _parameter(name: str, annotation: Any) -> Parameter:
    # None means that the option was not given, so that the environment or the TOML file counts.
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _option(name: str, field: FieldInfo, flag: Flag) -> Any:
    long = f"--{name.replace('_', '-')}"
    return typer.Option(
        f"{long}/--no-{name}" if field.default is True else long,
        help=_help(long, field),
        metavar=flag.metavar or _metavar(name, field.annotation),
        rich_help_panel=flag.panel,
    )


def _option_type(annotation: Any) -> Any:
    """Return the type that Typer parses; `Settings` validates the value further."""
    if get_origin(annotation) in (dict, tuple):
        return list[str]
    inner = _without_none(annotation)
    return inner if inner in (bool, int, float, Path) else str


def _metavar(name: str, annotation: Any) -> str:
    inner = _without_none(annotation)
    if get_origin(inner) is Literal:
        return "|".join(get_args(inner))
    return "N" if inner in (int, float) else name.upper()


def _without_none(annotation: Any) -> Any:
    """Return the type of an optional value; other types as they are."""
    return get_args(annotation)[0] if type(None) in get_args(annotation) else annotation


def _help(long: str, field: FieldInfo) -> str:
    text = (field.description or "").replace("\n", " ").removesuffix(".")
    default = long if field.default is True else field.default
    if isinstance(default, str | int | float) and not isinstance(default, bool):
        text += f" (default: {f'{default:g}' if isinstance(default, float) else default})"
    return f"{text}."
