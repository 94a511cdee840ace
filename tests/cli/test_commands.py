import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dancetype import app as assembly
from dancetype.cli import app, doctor
from dancetype.cli.doctor import Verdict
from dancetype.engine.errors import ExpectedError, SettingsError
from dancetype.stream.assets import POSE_MODELS
from dancetype.stream.settings import Settings
from dancetype.stream.system import explain_missing_libraries

MakeVideo = Callable[..., Path]


@pytest.mark.parametrize(
    "words",
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
def test_each_verb_explains_itself(words: list[str]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"]], ids=" ".join)
def test_help_waits_for_no_heavy_library(words: list[str]) -> None:
    script = (
        "import sys\n"
        "from dancetype.cli import app\n"
        f"try: app({words})\n"
        "except SystemExit: print({'cv2', 'mediapipe', 'onnxruntime', 'numpy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "set()"


def test_each_setting_is_a_flag_of_run_with_its_default_and_choices() -> None:
    output = CliRunner().invoke(app, ["run", "--help"]).output
    text = " ".join(output.replace("│", " ").split())
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')} " in text
    assert "--no-serve" in text
    assert "--no-preview" not in text
    assert "Seconds between predictions (default: 0.25)." in text
    assert "mediapipe or litert (default: litert)." in text


def test_a_command_has_the_flags_of_its_settings_only() -> None:
    text = CliRunner().invoke(app, ["classify", "--help"]).output
    assert "--pose-runtime" in text
    assert "--mqtt" not in text


def test_a_mistyped_command_gets_a_suggestion() -> None:
    assert "Did you mean 'classify'?" in CliRunner().invoke(app, ["clasify"]).output


def test_without_source_flags_the_sources_of_the_settings_file_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "show.toml").write_text('[source]\nleft = "test:"\nright = "0"\n')
    ran: list[Settings] = []
    monkeypatch.setattr(assembly, "run_sources", lambda settings, *_, **__: ran.append(settings))
    result = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "show.toml")])
    assert result.exit_code == 0, result.output
    assert list(ran[0].source) == ["left", "right"]


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["run", "--source", "http://cam/"],
        ["run", "--source", "test:", "--port", "70000"],
        ["run", "--source", "test:", "--config", "/nowhere.toml"],
        ["demo", "--device", "gpu"],
        ["classify", "--variant", "tiny", "dance.mp4"],
        ["models", "pull", "--variant", "tiny"],
        ["record", "test:", "--genre", "tango", "--dancer", "Ann", "--out", "tracks"],
        ["record", "test:", "--genre", "BR", "--dancer", " ", "--out", "tracks"],
        ["record", "http://cam/", "--genre", "BR", "--dancer", "Ann", "--out", "tracks"],
        ["record", "0", "--genre", "BR", "--dancer", "Ann", "--out", "tracks", "--seconds", "0"],
        ["record", "a=0", "a=1", "--genre", "BR", "--dancer", "Ann", "--out", "tracks"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_an_error_of_code_2(words: list[str]) -> None:
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, SettingsError)
    assert error.exit_code == 2


@pytest.mark.parametrize(
    "words",
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
def test_an_unknown_word_ends_with_code_2(words: list[str]) -> None:
    assert CliRunner().invoke(app, words).exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--source", "test:", "--model", "/nowhere.onnx"],
        ["run", "--source", "test:", "--pose-model", "/nowhere.task", "--no-serve"],
        ["classify", "--pose-model", "/nowhere.task", "dance.mp4"],
        ["run", "--source", "test:", "--jsonl", "/nowhere/messages.jsonl", "--no-serve"],
    ],
    ids=" ".join,
)
def test_a_file_that_is_not_there_is_an_expected_error(words: list[str], pose_model: Path) -> None:
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, ExpectedError)
    assert "/nowhere" in str(error)


def test_a_model_that_is_there_is_not_pulled_again(pose_model: Path) -> None:
    result = CliRunner().invoke(app, ["models", "pull"])
    assert result.output.split() == [str(pose_model)]


def test_a_clip_without_a_person_has_no_genre_and_the_reason(
    make_video: MakeVideo, pose_model: Path
) -> None:
    video = make_video(frames=10, fps=5)
    result = CliRunner().invoke(app, ["classify", "--json", str(video)])
    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (answer["genre"], answer["confidence"]) == (None, 0)
    assert "no person was visible" in answer["reason"]
    assert (answer["seconds"], answer["frames"], answer["poses"]) == (2.0, 10, 0)


def test_a_file_that_cannot_be_read_does_not_stop_the_rest(
    make_video: MakeVideo, pose_model: Path
) -> None:
    words = ["classify", "--json", "/nowhere.mp4", str(make_video())]
    result = CliRunner().invoke(app, words)
    bad, good = (json.loads(line) for line in result.stdout.splitlines())
    assert bad == {"file": "/nowhere.mp4", "error": "/nowhere.mp4: no such file"}
    assert good["frames"] == 10
    assert result.exit_code == 1


def test_without_json_results_are_a_table_and_faults_lines_beside_it(
    make_video: MakeVideo, pose_model: Path
) -> None:
    result = CliRunner().invoke(app, ["classify", "/nowhere.mp4", str(make_video())])
    assert "0/10" in result.stdout
    assert result.stderr == "error: /nowhere.mp4: no such file\n"


def test_a_recording_in_which_nobody_is_seen_is_not_kept(
    make_video: MakeVideo, pose_model: Path, tmp_path: Path
) -> None:
    label = ["--genre", "BR", "--dancer", "Ann", "--out", str(tmp_path / "tracks")]
    result = CliRunner().invoke(app, ["record", str(make_video()), *label])
    assert result.exit_code == 1
    assert "nobody was in sight" in result.stderr
    assert list((tmp_path / "tracks").iterdir()) == []


def test_a_file_in_place_of_the_folder_for_tracks_is_an_expected_error(tmp_path: Path) -> None:
    (tmp_path / "tracks").write_text("")
    label = ["--genre", "BR", "--dancer", "Ann", "--out", str(tmp_path / "tracks")]
    error = CliRunner().invoke(app, ["record", "test:", *label]).exception
    assert isinstance(error, ExpectedError)
    assert "tracks: cannot hold tracks" in str(error)


def test_the_doctor_names_what_there_is(pose_model: Path) -> None:
    result = CliRunner().invoke(app, ["doctor"])
    for what in ("Python", "mediapipe", "providers", "pose model", "genre model", "webcams"):
        assert what in result.stdout
    assert result.exit_code == 0


def test_the_doctor_says_what_to_do_about_a_pose_model_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANCETYPE_CACHE", str(tmp_path))
    result = CliRunner().invoke(app, ["doctor"])
    assert f"{tmp_path / POSE_MODELS['full'].name} is not there yet" in result.stdout
    assert "dancetype models pull" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_says_what_to_install_for_a_library_that_is_missing() -> None:
    found = doctor.library("libnowhere.so.1", "libnowhere1")
    assert found.verdict is Verdict.FAIL
    assert "apt-get install libnowhere1" in found.advice


@pytest.mark.parametrize("kind", [OSError, ImportError])
def test_a_library_that_is_missing_is_explained(kind: type[Exception]) -> None:
    text = "libEGL.so.1: cannot open shared object file: No such file or directory"
    says = r"libEGL.*apt-get install .*libegl1"
    with pytest.raises(ExpectedError, match=says), explain_missing_libraries():
        raise kind(text)


def test_other_faults_of_the_system_are_not_explained_away() -> None:
    with pytest.raises(OSError, match="disk full"), explain_missing_libraries():
        raise OSError("disk full")
