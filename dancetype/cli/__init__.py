"""The command `dancetype`: the verbs of every folder under one name."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from dancetype.cli import export_commands, stream_commands, training_commands
from dancetype.engine.errors import ExpectedError

__version__ = "0.1.0"

_EXTRAS = dict.fromkeys(("torch", "onnx", "onnxscript", "sklearn"), "train") | dict.fromkeys(
    ("anny", "pyrender", "OpenGL"), "synth"
)
"""Packages that not everybody has, and the extra that brings each."""

app = typer.Typer(
    name="dancetype",
    help="Tells, live and from one camera, which of ten dance genres is being danced.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (stream_commands, training_commands, export_commands):
    commands.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dancetype {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Runs the command; what a user can mend is told in one line, without a traceback."""
    try:
        app(prog_name="dancetype")
    except ExpectedError as error:
        _tell(str(error))
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        if extra is None:
            raise
        _tell(f"this needs {error.name}: pip install 'dancetype[{extra}]'")
        sys.exit(1)


def _tell(reason: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[red]error:[/red] {escape(reason)}")


if __name__ == "__main__":
    main()
