"""The command `dancetype`; each module of this package is one command."""

import errno
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from dancetype.cli.help import Group, add_command
from dancetype.engine.errors import ExpectedError
from dancetype.stream.output import (
    OutputError,
    discard_standard_output,
    set_up_standard_streams,
)

_PANELS: Final = {
    "run": "Live commands",
    "demo": "Live commands",
    "fleet": "Live commands",
    "record": "Live commands",
    "replay": "Live commands",
    "overlay-page": "Live commands",
    "browser": "Live commands",
    "classify": "Video files",
    "label": "Video files",
    "train": "Training",
    "evaluate": "Training",
    "build": "Training",
    "export": "Training",
    "synth": "Training",
    "prepare": "Training",
    "models": "Installation",
    "doctor": "Installation",
}
"""Panel of each command in the help, in this order.

A command is a module with a function, or a `typer.Typer`, of the same name; hyphens are underscores
in code.
"""

_EXTRAS: Final = {
    **dict.fromkeys(("torch", "onnx", "onnxscript", "sklearn"), "train"),
    **dict.fromkeys(("anny", "pyrender", "OpenGL"), "synth"),
    **dict.fromkeys(("pyarrow", "ray"), "fleet"),
}
"""Extra that installs each optional package."""

_STORAGE_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""Errors of the disk that any command may meet when it writes a file."""


class _LazyCommands(Group):
    """Commands that are imported on first use, since some import pydantic, which is slow."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_PANELS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        # An unknown name is compared to the names of all commands, for a suggestion.
        for name in [cmd_name] if cmd_name in _PANELS else _PANELS:
            if name not in self.commands:
                self.commands[name] = _load(name)
        return self.commands.get(cmd_name)


def _load(name: str) -> Any:
    identifier = name.replace("-", "_")
    command = getattr(import_module(f"{__name__}.{identifier}"), identifier)
    if not isinstance(command, typer.Typer):
        function, command = command, typer.Typer(add_completion=False)
        add_command(command, function)
    loaded: Any = typer.main.get_command(command)
    loaded.rich_help_panel = _PANELS[name]
    return loaded


app = typer.Typer(
    name="dancetype",
    cls=_LazyCommands,
    help="Classify dance genres live from cameras, or in video files.",
    epilog="Run `dancetype COMMAND --help` for the options of a command.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"dancetype {version('dancetype')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    del show_version


def main() -> None:
    """Run the command line; an error that the user can act on is one line, without a traceback."""
    set_up_standard_streams()
    try:
        try:
            app(prog_name="dancetype")
        finally:
            sys.stdout.flush()
    except ExpectedError as error:
        if isinstance(error, OutputError):
            discard_standard_output()
        _print_error(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in _STORAGE_ERRORS:
            raise
        _print_error(f"{error.filename or 'a file'} cannot be written: {error.strerror}")
        sys.exit(1)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        if extra is None:
            raise
        _print_error(
            f'the package {error.name} is not installed; run: pip install "dancetype[{extra}]"'
        )
        sys.exit(1)


def _print_error(reason: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[red]error:[/red] {escape(reason)}")
