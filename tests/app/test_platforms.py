"""Stand-ins for Windows and macOS: POSIX-only modules, consoles, paths and checkouts."""

import ast
import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from dancetype.engine.errors import ExpectedError
from dancetype.stream.sources import uri
from dancetype.stream.sources.uri import SourceKind, SourceUri, parse_uri
from dancetype.stream.system import explain_missing_libraries, limit_malloc_arenas

CHECKOUT = Path(__file__).parents[2]
LINKS = ("engine", "stream", "training", "export")
POSIX_ONLY = (
    *("fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"),
)
# Imports all modules that need no torch; none of them can import the modules that Windows lacks.
IMPORT_ALL = f"""
import builtins, importlib, pkgutil
import dancetype

def windows_import(name, globals=None, *arguments, import_module=__import__):
    importer = (globals or {{}}).get("__name__") or ""
    if name in {POSIX_ONLY} and importer.startswith("dancetype"):
        raise ModuleNotFoundError(f"{{importer}} imports {{name}}")
    return import_module(name, globals, *arguments)

builtins.__import__ = windows_import
names = [module.name for module in pkgutil.walk_packages(dancetype.__path__, "dancetype.")]
without_torch = ("dancetype.training", "dancetype.export", "dancetype.__main__")
names = [name for name in names if not name.startswith(without_torch)]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_modules_import_without_those_that_windows_lacks() -> None:
    run = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[-1]) > 100


def test_no_function_imports_a_posix_module() -> None:
    files = [file for folder in ("dancetype", *LINKS) for file in (CHECKOUT / folder).rglob("*.py")]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not set(names) & set(POSIX_ONLY), f"{file} imports {names}"


def test_checkout_without_symbolic_links_runs(tmp_path: Path) -> None:
    """Git on Windows writes links as text files, unless configured otherwise."""
    for folder in ("dancetype", "engine", "stream"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder, symlinks=True)
    for name in LINKS:
        link = tmp_path / "dancetype" / name
        link.unlink()
        link.write_text(f"../{name}", encoding="utf-8")
    code = "import dancetype.engine.cores as cores, dancetype.stream; print(cores.__file__)"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert Path(run.stdout.strip()) == tmp_path / "engine" / "cores.py", run.stderr


def test_help_is_utf8_on_a_console_with_another_encoding() -> None:
    command = [sys.executable, "-m", "dancetype", "doctor", "--help"]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "COLUMNS": "100"}
    run = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "╭─ Options" in run.stdout.decode("utf-8")


def test_malloc_is_left_alone_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str | None) -> None:
        raise TypeError(f"bad argument type for built-in operation: {name}")  # as Windows does

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    monkeypatch.setattr(sys, "platform", "win32")
    limit_malloc_arenas()


def test_missing_dll_is_explained() -> None:
    advice = r"install .* Visual C\+\+ Redistributable"
    with pytest.raises(ExpectedError, match=advice), explain_missing_libraries():
        raise ImportError("DLL load failed while importing _pywrap: Module not found.")


@pytest.mark.parametrize("path", [r"C:\clips\a b.mp4", r"\\nas\clips\a.mp4", "C:/clips/a.mp4"])
def test_windows_path_is_a_file(path: str) -> None:
    assert parse_uri(path) == SourceUri(SourceKind.FILE, path)


def test_file_url_with_a_drive_is_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def url2pathname(path: str) -> str:
        """The function as on Windows."""
        return path.lstrip("/").replace("/", "\\").replace("%20", " ")

    monkeypatch.setattr(uri, "url2pathname", url2pathname)
    url = f"file:///C:/clips/{quote('a b.mp4')}"
    assert parse_uri(url) == SourceUri(SourceKind.FILE, r"C:\clips\a b.mp4")


def test_drive_is_not_a_scheme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c:").mkdir()
    (tmp_path / "c:" / "a.mp4").touch()
    monkeypatch.chdir(tmp_path)
    assert parse_uri("c://a.mp4").kind is SourceKind.FILE
