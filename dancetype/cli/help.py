"""Help of the commands: text and examples from docstrings, placeholders instead of Python types."""

import inspect
import re
from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

EXAMPLES_TITLE: Final = "Examples:"


class _ReadableParameters:
    """Mixin of commands whose help shows defaults as text, and no Python type such as `<bool>`."""

    def get_params(self, ctx: Any) -> list[Any]:
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if param.param_type_name == "argument" or param.is_flag:
                param.display_type_rich = _no_type
            elif param.show_default and param.default is not None:
                param.help = f"{param.help.removesuffix('.')} (default: {_text(param.default)})."
            param.show_default = False
        return params


class Command(_ReadableParameters, TyperCommand):
    """Command with readable help."""


class Group(_ReadableParameters, TyperGroup):
    """Group of commands with readable help."""


def add_command(app: typer.Typer, function: Callable[..., None]) -> None:
    """Add a function as a command; its docstring is the help, with an optional "Examples:" part."""
    text, _, examples = inspect.cleandoc(function.__doc__ or "").partition(f"\n{EXAMPLES_TITLE}\n")
    # Rich wraps paragraphs to the terminal, but keeps line breaks, which the examples need.
    paragraphs = [paragraph.replace("\n", " ") for paragraph in text.strip().split("\n\n")]
    commands_indented = re.sub(r"(?m)^(?!#)", "  ", inspect.cleandoc(examples))
    app.command(
        function.__name__,
        cls=Command,
        help="\n\n".join(paragraphs),
        epilog=f"{EXAMPLES_TITLE}\n{commands_indented}" if examples else None,
    )(function)


def _no_type(ctx: Any) -> None:
    del ctx


def _text(default: Any) -> str:
    value = getattr(default, "value", default)
    return f"{value:g}" if isinstance(value, float) else str(value)
