"""Commands whose output cannot be written, or not in the encoding of the terminal."""

import csv
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.conftest import Figure
from tests.testbed.rtsp_server import write_stream

ROOT = Path(__file__).parents[2]
LIMIT = 8192


@pytest.fixture(scope="module")
def clips(sample_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three short clips, one of which has a Japanese name."""
    folder = tmp_path_factory.mktemp("clips")
    write_stream(sample_clip, folder / "a.mp4", width=320, height=180, seconds=3.0)
    for name in ("b.mp4", "日本.mp4"):
        shutil.copy(folder / "a.mp4", folder / name)
    return folder


def limit_file_size() -> None:
    """Let files grow to a few kilobytes only, as on a disk that is nearly full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


def run(
    *arguments: str | Path,
    shell: str = 'exec "$@"',
    environment: dict[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command through a line of shell."""
    command = [sys.executable, "-m", "dancetype", *map(str, arguments)]
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell, "bash", *command],
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
        preexec_fn=before,
        timeout=180,
    )


def assert_one_line(result: "subprocess.CompletedProcess[bytes]", reason: str) -> None:
    assert result.stderr.decode() == f"error: standard output cannot be written: {reason}\n"
    assert result.returncode == 1


@pytest.mark.parametrize("option", ["--csv", "--json", "--jobs=1"])
def test_results_on_a_full_disk_end_classify_with_one_line(clips: Path, option: str) -> None:
    result = run("classify", clips, option, shell='"$@" > /dev/full')
    assert_one_line(result, "No space left on device")


def test_plots_of_all_clips_are_written_although_the_results_cannot_be(
    clips: Path, tmp_path: Path, figure: Figure
) -> None:
    result = run("classify", clips, "--json", "--plot", f"{tmp_path}/", shell='"$@" > /dev/full')
    assert_one_line(result, "No space left on device")
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "b.png", "日本.png"}
    figure("output", "`classify` ended with one line; the plots of all 3 clips were written")


@pytest.mark.parametrize("arguments", [("classify", "none.mp4", "--json"), ("doctor",)])
@pytest.mark.parametrize(
    ("shell", "reason"),
    [
        ('"$@" | true', "Broken pipe"),
        ('"$@" >&-', "Bad file descriptor"),
        ('"$@" > /dev/full', "No space left on device"),
    ],
)
def test_closed_or_full_output_ends_a_command_with_one_line(
    arguments: tuple[str, ...], shell: str, reason: str
) -> None:
    assert_one_line(run(*arguments, shell=shell), reason)


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("run", "--help")])
def test_help_on_a_full_disk_ends_with_one_line(arguments: tuple[str, ...]) -> None:
    assert_one_line(run(*arguments, shell='"$@" > /dev/full'), "No space left on device")


def test_results_before_the_disk_is_full_are_complete(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    out.write_bytes(b"x" * (LIMIT - 600) + b"\n")
    result = run("classify", clips, "--json", shell=f'"$@" >> {out}', before=limit_file_size)
    assert_one_line(result, "File too large")
    _, *lines = out.read_text().split("\n")
    assert [json.loads(line)["file"] for line in lines[:-1]] == [str(clips / "a.mp4")]


@pytest.mark.parametrize(
    ("encoding", "option"), [("cp1252", "--csv"), ("ascii", "--json"), ("cp1252", "--jobs=1")]
)
def test_results_are_utf8_in_any_environment(clips: Path, encoding: str, option: str) -> None:
    # A narrow table would break the path into lines.
    environment = {"PYTHONIOENCODING": encoding, "COLUMNS": "200"}
    result = run("classify", clips, option, environment=environment)
    text = result.stdout.decode()
    assert result.returncode == 0, result.stderr
    if option == "--csv":
        assert [row["file"] for row in csv.DictReader(text.splitlines())][-1].endswith("日本.mp4")
    assert "日本.mp4" in text


def test_closed_standard_error_affects_nothing(clips: Path) -> None:
    for shell in ('"$@" 2> /dev/full', '"$@" 2>&-'):
        result = run("classify", clips / "a.mp4", clips / "none.mp4", "--json", shell=shell)
        assert len(result.stdout.splitlines()) == 2
        assert result.returncode == 1


@pytest.mark.parametrize("shell", ['"$@" > /dev/full', '"$@" | true', '"$@" >&-'])
def test_live_run_continues_without_its_output_and_ends_with_status_1(
    pose_model: Path, tmp_path: Path, shell: str
) -> None:
    out = tmp_path / "messages.jsonl"
    options = ("--no-serve", "--seconds", "4", "--source", "test:", "--jsonl", out)
    result = run("run", *options, shell=shell)
    assert result.returncode == 1
    assert result.stderr.count(b"sink_failed") == 1
    assert b"Traceback" not in result.stderr
    last = json.loads(out.read_text().splitlines()[-1])
    assert (last["state"], last["reason"]) == ("ended", "stopped after 4 s")


def test_full_disk_of_messages_and_recordings_is_reported_and_ends_with_status_1(
    clips: Path, tmp_path: Path
) -> None:
    out, folder = tmp_path / "messages.jsonl", tmp_path / "recordings"
    options = ("--no-serve", "--source", clips / "a.mp4", "--jsonl", out, "--record", folder)
    result = run("run", *options, before=limit_file_size)
    assert result.returncode == 1
    for sink in (b'"JsonlSink"', b'"RecordingSink"'):
        assert result.stderr.count(sink) == 1
    assert b"Traceback" not in result.stderr
    assert len(out.read_bytes()) <= LIMIT
    assert json.loads(out.read_text().splitlines()[0])["state"] == "connecting"


@pytest.mark.parametrize(
    "arguments",
    [
        ("classify", "a.mp4", "--video-out", "out.mp4"),
        ("classify", "a.mp4", "--plot", "out.png"),
        ("record", "a.mp4", "--genre", "BR", "--dancer", "ann", "--out", "."),
        ("export", "live.onnx", "--precision", "int8", "--out", "out.onnx"),
    ],
    ids=lambda arguments: " ".join(arguments[::2]),
)
def test_file_that_does_not_fit_on_the_disk_ends_a_command_with_one_line(
    clips: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    shutil.copy(clips / "a.mp4", tmp_path)
    shutil.copy(ROOT / "engine" / "models" / "live.onnx", tmp_path)
    before = set(tmp_path.iterdir())
    paths = [
        tmp_path / text if text[-4:] in (".mp4", ".png", "onnx", ".") else text
        for text in arguments
    ]
    result = run(*paths, before=limit_file_size)
    errors = [line for line in result.stderr.decode().splitlines() if line.startswith("error")]
    assert len(errors) == 1, result.stderr.decode()
    assert errors[0].endswith("cannot be written: File too large")
    assert str(tmp_path) in errors[0]
    assert result.returncode == 1
    assert set(tmp_path.iterdir()) == before
