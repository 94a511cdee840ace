import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import dancetype.app
from dancetype.cli import app, doctor
from dancetype.cli.doctor import Verdict
from dancetype.engine.errors import ExpectedError, SettingsError
from dancetype.stream.assets import POSE_MODELS
from dancetype.stream.settings import Settings
from dancetype.stream.system import explain_missing_libraries

MakeVideo = Callable[..., Path]


@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        ["demo"],
        ["classify"],
        ["record"],
        ["replay"],
        ["doctor"],
        ["models"],
        ["models", "pull"],
    ],
    ids=" ".join,
)
def test_command_has_help(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]], ids=" ".join)
def test_help_imports_no_heavy_library(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from dancetype.cli import app\n"
        f"try: app({arguments})\n"
        "except SystemExit: print({'cv2', 'mediapipe', 'onnxruntime', 'numpy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "set()"


def test_run_has_an_option_for_each_setting_with_its_default_and_choices() -> None:
    output = CliRunner().invoke(app, ["run", "--help"]).output
    text = " ".join(output.replace("│", " ").split())
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')} " in text
    assert "--no-serve" in text
    assert "--no-preview" not in text
    assert "Seconds between predictions (default: 0.25)." in text
    assert "--pose-runtime mediapipe|litert Library that runs the pose model" in text
    assert "(default: litert)." in text


def commands() -> Iterator[tuple[str, Any]]:
    """Yield all commands with their names, except the groups."""
    group: Any = typer.main.get_command(app)
    context = typer.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        for inner in getattr(command, "commands", {"": command}).values():
            yield (name if inner is command else f"{name} {inner.name}"), inner


def test_summaries_of_the_commands_fit_into_one_line_each() -> None:
    output = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output
    for name, command in commands():
        summary = command.help.partition("\n")[0]
        assert " " in name or f"{summary} " in output, name


def test_examples_of_the_commands_fit_into_80_columns() -> None:
    examples = {name: command.epilog for name, command in commands() if command.epilog}
    assert {"run", "classify", "train", "fleet"} <= examples.keys()
    for name, text in examples.items():
        title, first, *lines = text.splitlines()
        assert (title, first[0]) == ("Examples:", "#"), name
        assert max(map(len, lines)) <= 78, name


def test_training_on_clips_refuses_options_that_it_does_not_use(tmp_path: Path) -> None:
    arguments = ["train", "--clips", str(tmp_path), "--negatives", str(tmp_path), "--out", "out"]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, SettingsError)
    assert "remove them or --clips" in str(result.exception)


def test_options_that_take_a_value_have_a_placeholder() -> None:
    for name, command in commands():
        for parameter in command.get_params(typer.Context(command)):
            assert getattr(parameter, "is_flag", False) or parameter.metavar, (
                f"{name} {parameter.name}"
            )


def test_command_has_only_the_options_of_its_settings() -> None:
    text = CliRunner().invoke(app, ["classify", "--help"]).output
    assert "--pose-runtime" in text
    assert "--mqtt" not in text


def test_mistyped_command_gets_a_suggestion() -> None:
    assert "Did you mean 'classify'?" in CliRunner().invoke(app, ["clasify"]).output


def test_run_uses_the_sources_of_the_settings_file_without_source_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.toml").write_text('[source]\nleft = "test:"\nright = "0"\n')
    runs: list[Settings] = []
    monkeypatch.setattr(
        dancetype.app, "run_sources", lambda settings, *_, **__: runs.append(settings)
    )
    result = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "settings.toml")])
    assert result.exit_code == 0, result.output
    assert list(runs[0].source) == ["left", "right"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "--source", "ftp://cam/"],
        ["run", "--source", "test:", "--port", "70000"],
        ["run", "--source", "test:", "--config", "/nowhere.toml"],
        ["demo", "--device", "gpu"],
        ["classify", "--variant", "tiny", "dance.mp4"],
        ["models", "pull", "--variant", "tiny"],
        ["record", "test:", "--genre", "tango", "--dancer", "Ann", "--out", "tracks"],
        ["record", "test:", "--genre", "BR", "--dancer", " ", "--out", "tracks"],
        ["record", "ftp://cam/", "--genre", "BR", "--dancer", "Ann", "--out", "tracks"],
        ["record", "0", "--genre", "BR", "--dancer", "Ann", "--out", "tracks", "--seconds", "0"],
        ["record", "a=0", "a=1", "--genre", "BR", "--dancer", "Ann", "--out", "tracks"],
    ],
    ids=" ".join,
)
def test_invalid_setting_exits_with_status_2(arguments: list[str]) -> None:
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, SettingsError)
    assert error.exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["dance"],
        ["run", "--colour"],
        ["classify"],
        ["record", "--genre", "BR", "--dancer", "Ann", "--out", "tracks"],
        ["record", "test:", "--genre", "BR", "--out", "tracks"],
        ["record", "test:", "--dancer", "Ann", "--out", "tracks"],
        ["record", "test:", "--genre", "BR", "--dancer", "Ann"],
        [*("record", "test:", "--genre", "BR", "--dancer", "Ann"), "--start-delay", "-1"],
    ],
    ids=" ".join,
)
def test_invalid_command_line_exits_with_status_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--source", "test:", "--model", "/nowhere.onnx"],
        ["run", "--source", "test:", "--pose-model", "/nowhere.task", "--no-serve"],
        ["classify", "--pose-model", "/nowhere.task", "dance.mp4"],
        ["run", "--source", "test:", "--jsonl", "/nowhere/messages.jsonl", "--no-serve"],
    ],
    ids=" ".join,
)
def test_missing_file_is_an_expected_error(arguments: list[str], pose_model: Path) -> None:
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, ExpectedError)
    assert "/nowhere" in str(error)


def test_unknown_variant_names_the_variants() -> None:
    error = CliRunner().invoke(app, ["models", "pull", "--variant", "tiny"]).exception
    assert str(error) == "variant: Input should be 'lite', 'full' or 'heavy', not 'tiny'"


def test_models_pull_does_not_download_an_existing_model_again(pose_model: Path) -> None:
    result = CliRunner().invoke(app, ["models", "pull"])
    assert result.output.split() == [str(pose_model)]


def test_classify_reports_why_a_clip_without_a_person_has_no_genre(
    make_video: MakeVideo, pose_model: Path
) -> None:
    video = make_video(frames=10, fps=5)
    result = CliRunner().invoke(app, ["classify", "--json", str(video)])
    row = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (row["genre"], row["confidence"]) == (None, 0)
    assert "no person was visible" in row["reason"]
    assert (row["seconds"], row["frames"], row["poses"]) == (2.0, 10, 0)


def test_classify_continues_after_an_unreadable_file(
    make_video: MakeVideo, pose_model: Path
) -> None:
    arguments = ["classify", "--json", "/nowhere.mp4", str(make_video())]
    result = CliRunner().invoke(app, arguments)
    failed, classified = (json.loads(line) for line in result.stdout.splitlines())
    assert failed == {"file": "/nowhere.mp4", "error": "/nowhere.mp4: no such file"}
    assert classified["frames"] == 10
    assert result.exit_code == 1


def test_classify_prints_a_table_and_errors_on_stderr_without_json(
    make_video: MakeVideo, pose_model: Path
) -> None:
    result = CliRunner().invoke(app, ["classify", "/nowhere.mp4", str(make_video())])
    assert "0/10" in result.stdout
    assert result.stderr == "error: /nowhere.mp4: no such file\n"


def test_record_keeps_no_file_without_a_person(
    make_video: MakeVideo, pose_model: Path, tmp_path: Path
) -> None:
    label = ["--genre", "BR", "--dancer", "Ann", "--out", str(tmp_path / "tracks")]
    result = CliRunner().invoke(app, ["record", str(make_video()), *label])
    assert result.exit_code == 1
    assert "no person detected" in result.stderr
    assert list((tmp_path / "tracks").iterdir()) == []


def test_record_reports_a_file_in_place_of_the_output_folder(tmp_path: Path) -> None:
    (tmp_path / "tracks").write_text("")
    label = ["--genre", "BR", "--dancer", "Ann", "--out", str(tmp_path / "tracks")]
    error = CliRunner().invoke(app, ["record", "test:", *label]).exception
    assert isinstance(error, ExpectedError)
    assert "tracks: cannot create the folder" in str(error)


def test_doctor_reports_packages_models_and_webcams(pose_model: Path) -> None:
    result = CliRunner().invoke(app, ["doctor"])
    for subject in ("Python", "mediapipe", "providers", "pose model", "genre model", "webcams"):
        assert subject in result.stdout
    assert result.exit_code == 0


def test_doctor_advises_to_download_a_missing_pose_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANCETYPE_CACHE", str(tmp_path))
    result = CliRunner().invoke(app, ["doctor"])
    assert f"{tmp_path / POSE_MODELS['full'].name} is not downloaded yet" in result.stdout
    assert "dancetype models pull --variant full" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_doctor_lists_the_downloaded_variants(
    tmp_path: Path, pose_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANCETYPE_CACHE", str(tmp_path))
    model = tmp_path / pose_model.name
    model.write_bytes(pose_model.read_bytes())
    (tmp_path / POSE_MODELS["lite"].name).write_bytes(b"damaged")
    output = CliRunner().invoke(app, ["doctor"]).stdout
    assert f"{model}; downloaded variants: full\n" in output


def test_doctor_names_the_package_of_a_missing_library() -> None:
    finding = doctor.check_library("libnowhere.so.1", "libnowhere1")
    assert finding.verdict is Verdict.FAIL
    assert "apt-get install libnowhere1" in finding.advice


@pytest.mark.parametrize("kind", [OSError, ImportError])
def test_missing_system_library_is_explained(kind: type[Exception]) -> None:
    text = "libEGL.so.1: cannot open shared object file: No such file or directory"
    message = r"libEGL.*apt-get install .*libegl1"
    with pytest.raises(ExpectedError, match=message), explain_missing_libraries():
        raise kind(text)


def test_other_system_errors_are_passed_on() -> None:
    with pytest.raises(OSError, match="disk full"), explain_missing_libraries():
        raise OSError("disk full")
