"""Installation: `uvx`, `pipx`, files in site-packages, and commands without PyTorch."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.testbed.checkout import CHECKOUT, copy_tracked_files

BIN = Path(sys.executable).parent
LINKS = ("engine", "stream", "training", "export")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel that was built from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run((BIN / "uv", "build", "--quiet", "--out-dir", out, CHECKOUT), check=True)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of a user who has never used uv, pipx or dancetype."""
    return tmp_path_factory.mktemp("home")


def run_as_new_user(home: Path, *command: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a command with the variables of the network only, the Python of the tests and `home`."""
    network = ("_PROXY", "_CERT", "_CERTS", "_CERT_FILE", "_BUNDLE", "_INDEX", "_INDEX_URL")
    kept = {name: value for name, value in os.environ.items() if name.upper().endswith(network)}
    python = {"UV_PYTHON": sys.executable, "PIPX_DEFAULT_PYTHON": sys.executable}
    environment = {**kept, **python, "HOME": str(home), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, timeout=180
    )


@pytest.fixture(scope="module")
def installed(wheel: Path, home: Path) -> Path:
    """The `bin` folder of an environment with nothing but the wheel and its requirements."""
    result = run_as_new_user(home, BIN / "pipx", "install", wheel)
    assert result.returncode == 0, result.stderr
    (dancetype,) = (home / ".local" / "bin").iterdir()
    return dancetype.resolve().parent


def run(*command: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def wheel_names(checkout: Path, out: Path) -> set[str]:
    """Build a wheel and return the paths in it."""
    command = (BIN / "uv", "build", "--quiet", "--wheel", "--out-dir", out, checkout)
    subprocess.run(command, check=True)
    (wheel,) = out.glob("dancetype-*.whl")
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tracked files and symbolic links of the checkout."""
    folder = tmp_path_factory.mktemp("checkout")
    copy_tracked_files(folder)
    return folder


@pytest.mark.parametrize("tool", [("uvx", "--from"), ("pipx", "run", "--spec")])
def test_one_command_runs_the_demo_from_a_wheel(
    wheel: Path, home: Path, tool: tuple[str, ...]
) -> None:
    name, *options = tool
    demo = ("dancetype", "demo", "--seconds", "5", "--port", "0")
    result = run_as_new_user(home, BIN / name, *options, wheel, *demo)
    assert result.returncode == 0, result.stderr
    assert "page: http://127.0.0.1:" in result.stdout
    assert "demo: running" in result.stdout
    assert "Traceback" not in result.stderr


def test_only_one_package_is_installed(installed: Path, tmp_path: Path) -> None:
    listed = run(
        installed / "python",
        "-c",
        "from importlib.metadata import files\n"
        "print({path.parts[0] for path in files('dancetype') if '..' not in path.parts})",
        cwd=tmp_path,
    )
    top_level = eval(listed.stdout)
    assert {name for name in top_level if not name.endswith(".dist-info")} == {"dancetype"}


def test_wheel_is_the_same_from_a_checkout_without_symbolic_links(
    copied: Path, tmp_path: Path
) -> None:
    names = wheel_names(copied, tmp_path / "with-links")
    assert {
        "dancetype/py.typed",
        "dancetype/app.py",
        "dancetype/engine/models/live.onnx",
        "dancetype/stream/clips/dance.mp4",
        "dancetype/stream/web/static/index.html",
        "dancetype/training/recipes/live.toml",
        "dancetype/export/onnx.py",
    } <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"dancetype"}
    windows = tmp_path / "windows"
    shutil.copytree(copied, windows, symlinks=True)
    for link in LINKS:
        (windows / "dancetype" / link).unlink()
        # Git writes a text file if it cannot create a link.
        (windows / "dancetype" / link).write_text(f"../{link}")
    assert wheel_names(windows, tmp_path / "without-links") == names


def test_editable_installation_imports_the_checkout(copied: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([BIN / "uv", "venv", "--quiet", environment], check=True)
    install = ("pip", "install", "--quiet", "--no-deps", "--editable", copied)
    python = environment / "bin" / "python"
    subprocess.run([BIN / "uv", *install, "--python", python], check=True)
    script = "import dancetype.engine.errors as module; print(module.__file__)"
    imported = run(python, "-c", script, cwd=tmp_path)
    assert Path(imported.stdout.strip()).resolve() == copied / "engine" / "errors.py"


def test_user_modules_named_like_the_linked_folders_are_not_imported(
    installed: Path, tmp_path: Path
) -> None:
    for name in LINKS:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported the wrong module')")
    script = tmp_path / "script.py"
    script.write_text("import dancetype\nprint(dancetype.Recognizer, dancetype.Classifier)\n")
    result = run(installed / "python", script, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Classifier" in result.stdout


def test_classify_needs_no_torch(
    installed: Path, sample_clip: Path, pose_model: Path, tmp_path: Path
) -> None:
    assert run(installed / "python", "-c", "import torch", cwd=tmp_path).returncode != 0
    result = run(
        installed / "dancetype",
        "classify",
        sample_clip,
        "--json",
        "--pose-model",
        pose_model,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["poses"] > 0


def test_evaluate_needs_no_torch(installed: Path, shared: Path, tmp_path: Path) -> None:
    tracks = shared / "data" / "tracks"
    result = run(installed / "dancetype", "evaluate", "--tracks", tracks, "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["clips"] == 12


def test_train_without_torch_names_the_extra_to_install(installed: Path, tmp_path: Path) -> None:
    result = run(
        installed / "dancetype",
        *("train", "--data", ".", "--recipe", "live", "--out", "out"),
        cwd=tmp_path,
    )
    assert result.returncode == 1
    assert "dancetype[train]" in result.stderr
    assert "Traceback" not in result.stderr
