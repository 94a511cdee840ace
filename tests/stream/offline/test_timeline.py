import csv
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dancetype.engine.classifier import Classifier
from dancetype.engine.genres import GENRES
from dancetype.engine.media.video import Video
from dancetype.engine.recognizer import Prediction
from dancetype.engine.rolling import Status
from dancetype.stream.offline.analysis import ClipAnalysis
from dancetype.stream.offline.clip_job import ClipJob, Task
from dancetype.stream.offline.timeline import SUFFIXES, make_segments, write_timeline
from tests.stream.offline.clips import NoPersonEstimator, analyzed_clip, prediction
from tests.testbed.videos import add_sound, coloured_frames, write_video


def analysis_of(*predictions: Prediction, seconds: float = 6.0, delay: float = 0.0) -> ClipAnalysis:
    """Return the analysis of a clip with 10 frames per second."""
    clip = analyzed_clip([n / 10 for n in range(round(seconds * 10))])
    return replace(clip, predictions=predictions, delay=delay)


DANCE = analysis_of(
    prediction(Status.NO_PERSON, time=0.0),
    prediction(Status.NOT_SURE, "LH", 0.1, dancing=0.12, time=0.25),
    prediction(Status.NOT_SURE, "LH", 0.1, dancing=0.16, time=0.5),
    prediction(Status.GENRE, "LH", 0.7, dancing=0.9, time=1.0),
    prediction(Status.GENRE, "LH", 0.8, dancing=0.8, time=2.0),
    prediction(Status.GENRE, "HO", 0.8, dancing=0.8, time=4.5),
    delay=3599.25,
)


def written(analysis: ClipAnalysis, suffix: str, folder: Path) -> str:
    file = folder / f"timeline{suffix}"
    write_timeline(analysis, GENRES, file, suffix=suffix)
    return file.read_bytes().decode()


def test_csv_has_a_row_for_each_segment_with_mean_probabilities(tmp_path: Path) -> None:
    rows = list(csv.reader(written(DANCE, ".csv", tmp_path).splitlines()))
    assert rows == [
        ["from", "to", "status", "genre", "name", "confidence", "dancing"],
        ["3599.250", "3599.500", "no_person", "", "", "0.0000", ""],
        ["3599.500", "3600.250", "not_sure", "", "", "0.1000", "0.1400"],
        ["3600.250", "3603.750", "genre", "LH", "LA-style hip-hop", "0.7500", "0.8500"],
        ["3603.750", "3605.250", "genre", "HO", "house", "0.8000", "0.8000"],
    ]


def test_subtitles_follow_each_other_to_the_end_of_the_clip(tmp_path: Path) -> None:
    assert written(DANCE, ".srt", tmp_path).split("\n\n") == [
        "1\n00:59:59,250 --> 00:59:59,500\nno person",
        "2\n00:59:59,500 --> 01:00:00,250\nnot dancing",
        "3\n01:00:00,250 --> 01:00:03,750\nLA-style hip-hop 75%",
        "4\n01:00:03,750 --> 01:00:05,250\nhouse 80%",
        "",
    ]


def test_json_lines_have_each_prediction_with_the_fields_of_a_message(tmp_path: Path) -> None:
    entries = [json.loads(line) for line in written(DANCE, ".jsonl", tmp_path).splitlines()]
    times = [each.window_end + 3599.25 for each in DANCE.predictions]
    assert [entry["time"] for entry in entries] == times
    assert (entries[0]["genre"], entries[0]["dancing"]) == (None, None)
    assert (entries[3]["status"], entries[3]["name"]) == ("genre", "LA-style hip-hop")
    assert entries[3]["confidence"] == entries[3]["probabilities"]["LH"] == 0.7
    assert sum(entries[3]["probabilities"].values()) == pytest.approx(0.9, abs=0.001)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_timeline_is_written_for_a_clip_of_one_frame(suffix: str, tmp_path: Path) -> None:
    analysis = analysis_of(prediction(Status.NO_PERSON), seconds=0.1)
    assert written(analysis, suffix, tmp_path)
    assert [(each.start, each.end) for each in make_segments(analysis)] == [(0, 0)]


def subtitle_times(clip: Path, *, fps: float | None = None) -> list[str]:
    """Classify a clip without a person, and return the times of its only subtitle."""
    estimator, classifier = NoPersonEstimator(), Classifier(device="cpu")
    open_clip = partial(Video, fps=fps)
    job = ClipJob(classifier, estimator, hop=0.25, open_clip=open_clip, clock=lambda: 0.0)
    file = clip.with_suffix(".srt")
    result = job(Task(clip, timeline=(file,)), lambda progress: None)
    assert result["timeline"] == [str(file)]
    (subtitle,) = file.read_text().strip().split("\n\n")
    return subtitle.splitlines()[1].split(" --> ")


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("start", [0.0, 1.0], ids=["together", "sound first"])
def test_times_are_those_of_a_player_if_the_sound_starts_first(
    tmp_path: Path, suffix: str, start: float
) -> None:
    times = [n / 8 for n in range(8)]
    clip = write_video(tmp_path / f"clip.{suffix}", coloured_frames(8), times, codec="mpeg4")
    with_sound = add_sound(clip, tmp_path / f"sound.{suffix}", video_start=start)
    shown, hidden = subtitle_times(with_sound)
    # A frame of sound may start 20 ms earlier than the first frame.
    assert seconds(shown) == pytest.approx(start, abs=0.03)
    assert seconds(hidden) == pytest.approx(start + 1, abs=0.03)


def test_times_do_not_depend_on_the_clock_of_the_file_rotation_or_frame_rate(
    tmp_path: Path,
) -> None:
    times = [3000, 3000.04, 3000.6, 3004]
    clip = write_video(tmp_path / "late.ts", coloured_frames(4), times)
    assert subtitle_times(clip)[0] == "00:00:00,000"
    assert seconds(subtitle_times(clip)[1]) == pytest.approx(4 * 4 / 3, abs=0.01)
    turned = write_video(tmp_path / "turned.mp4", coloured_frames(50), range(50), rotation=90)
    assert subtitle_times(turned) == ["00:00:00,000", "00:00:50,000"]
    fast = write_video(tmp_path / "fast.mp4", coloured_frames(240), [n / 120 for n in range(240)])
    assert subtitle_times(fast, fps=15) == ["00:00:00,000", "00:00:02,000"]


def seconds(timestamp: str) -> float:
    hours, minutes, rest = timestamp.replace(",", ".").split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(rest)


def test_timeline_is_kept_if_the_annotated_video_cannot_be_written(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", coloured_frames(8), [n / 8 for n in range(8)])
    job = ClipJob(
        Classifier(device="cpu"),
        NoPersonEstimator(),
        hop=0.25,
        open_clip=Video,
        clock=lambda: 0.0,
    )
    task = Task(clip, video=tmp_path / "no" / "out.mp4", timeline=(tmp_path / "clip.csv",))
    result = job(task, lambda progress: None)
    assert "out.mp4: cannot be written" in result["error"]
    assert (tmp_path / "clip.csv").read_text().endswith("0.000,1.000,no_person,,,0.0000,\n")
    assert {file.name for file in tmp_path.iterdir()} == {"clip.mp4", "clip.csv"}
