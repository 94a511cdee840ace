"""Command-line flags of the settings, derived from the settings model."""

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
    Path | None, typer.Option(metavar="FILE", help="Settings as a TOML file.")
]


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add the flags of its settings to a command, which receives `Settings` as first argument.

    Every setting whose `Flag.commands` has the command's name becomes a flag. A parameter of the
    command itself with the name of a setting sets it, too.

    Raises:
        SettingsError: From the decorated command, if a setting is invalid.
    """
    _, *own = inspect.signature(command).parameters.values()
    own_names = [each.name for each in own]
    parameters = [*own, *_flags(command.__name__, besides=own_names)]
    parameters.append(_parameter("config", _CONFIG))

    @wraps(command)
    def with_flags(config: Path | None, **given: Any) -> None:
        flags = {name: given[name] for name in given.keys() & Settings.model_fields.keys()}
        settings = load_settings(flags, config=config)
        command(settings, **{name: given[name] for name in own_names})

    # Typer reads the signature and the annotations.
    with_flags.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_flags.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_flags


def _flags(command: str, *, besides: list[str]) -> Iterator[Parameter]:
    for name in settings_of(command):
        field = Settings.model_fields[name]
        if name not in besides:
            option = _option(name, field, flag_of(field))
            yield _parameter(name, Annotated[_type(field.annotation) | None, option])


def _parameter(name: str, annotation: Any) -> Parameter:
    # None means that the flag was not given, so that the environment or the TOML file can set it.
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _option(name: str, field: FieldInfo, flag: Flag) -> Any:
    long = f"--{name.replace('_', '-')}"
    return typer.Option(
        f"{long}/--no-{name}" if field.default is True else long,
        help=_help(field),
        metavar=flag.metavar,
        rich_help_panel=flag.panel,
    )


def _type(annotation: Any) -> Any:
    """Return the type that Typer parses; the settings check what it lets through."""
    if get_origin(annotation) in (dict, tuple):
        return list[str]
    first = (*get_args(annotation), annotation)[0]
    return first if first in (bool, int, float, Path) else str


def _help(field: FieldInfo) -> str:
    text = (field.description or "").replace("\n", " ").removesuffix(".")
    if get_origin(field.annotation) is Literal:
        *others, last = get_args(field.annotation)
        text += f": {', '.join(others)} or {last}"
    if isinstance(field.default, str | int | float) and not isinstance(field.default, bool):
        default = field.default
        text += f" (default: {f'{default:g}' if isinstance(default, float) else default})"
    return f"{text}."
