import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from dancetype.engine.classifier import Classifier
from dancetype.engine.clip import ClipResult
from dancetype.engine.genres import CODES, GENRES
from dancetype.stream.offline.results import Result, make_result, print_csv, print_json, print_table
from tests.stream.offline.clips import analyzed_clip, standing_landmarks


@pytest.fixture
def result() -> Result:
    analysis = analyzed_clip([n / 10 for n in range(20)])
    return make_result(Path("a.mp4"), analysis, Classifier(device="cpu").contract)


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_json_line_is_printed_as_soon_as_its_result_is_available(
    result: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = {}

    def results() -> Iterator[Result]:
        yield result
        printed.update(json.loads(capsys.readouterr().out))

    print_json(results())
    assert (printed["genre"], printed["frames"], printed["poses"]) == ("HO", 20, 19)
    assert printed["seconds"] == 2.0


def test_csv_has_a_header_and_a_line_per_result(
    result: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    print_csv([result], GENRES)
    text = capsys.readouterr().out
    columns = [
        "file",
        "genre",
        "name",
        "confidence",
        *CODES,
        "seconds",
        "frames",
        "poses",
        "error",
        "dancing",
        "damaged",
    ]
    assert text.splitlines()[0] == ",".join(columns)
    (row,) = csv_rows(text)
    assert (row["file"], row["genre"], row["name"]) == ("a.mp4", "HO", "house")
    assert {code: float(row[code]) for code in CODES} == result["probabilities"]
    assert (row["seconds"], row["frames"], row["poses"], row["error"]) == ("2.0", "20", "19", "")


def test_clip_without_dance_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    contract = replace(Classifier(device="cpu").contract, dancing=True)
    analysis = analyzed_clip([n / 10 for n in range(20)])
    analysis = replace(analysis, result=replace(analysis.result, confidence=0.03, dancing=0.12344))
    result = make_result(Path("a.mp4"), analysis, contract)
    print_json([result])
    assert json.loads(capsys.readouterr().out)["dancing"] == 0.1234
    print_csv([result], GENRES)
    assert csv_rows(capsys.readouterr().out)[0]["dancing"] == "0.1234"
    print_table([result], GENRES, Console(width=100), Console(stderr=True))
    assert "house 3%, not dancing" in capsys.readouterr().out


def test_dancing_is_empty_if_the_model_does_not_give_it(
    result: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    print_json([result])
    assert json.loads(capsys.readouterr().out)["dancing"] is None
    print_csv([result], GENRES)
    assert csv_rows(capsys.readouterr().out)[0]["dancing"] == ""


def test_csv_line_of_an_unreadable_file_has_its_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_csv([{"file": 'a, "b".mp4', "error": 'a, "b".mp4: no such file'}], GENRES)
    (row,) = csv_rows(capsys.readouterr().out)
    assert (row["file"], row["error"]) == ('a, "b".mp4', 'a, "b".mp4: no such file')
    assert {row[key] for key in row if key not in ("file", "error")} == {""}


@pytest.mark.parametrize("name", ["=1+1.mp4", "@a.mp4", "-1.mp4", "+1.mp4"])
def test_csv_values_are_not_interpreted_as_formulas(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_csv([{"file": name, "error": f"{name}: no such file"}], GENRES)
    (row,) = csv_rows(capsys.readouterr().out)
    assert row["file"] == f"./{name}"
    assert row["error"] == f"./{name}: no such file"


def test_invalid_bytes_of_a_file_name_are_printed_as_escape_sequences(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_csv([{"file": "\udcff.mp4", "error": "bad"}], GENRES)
    print_json([{"file": "\udcff.mp4", "error": "bad"}])
    assert capsys.readouterr().out.count(r"\udcff.mp4") == 2


def test_table_is_printed_at_the_end_with_errors_on_stderr(
    result: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    def results() -> Iterator[Result]:
        yield {"file": "b.mp4", "error": "b.mp4: no such file"}
        yield {**result, "video": "out/a.mp4"}
        assert capsys.readouterr() == ("", "")

    print_table(results(), GENRES, Console(width=100), Console(stderr=True))
    out, err = capsys.readouterr()
    assert "house 80%" in out
    assert "b.mp4" not in out
    assert err == "error: b.mp4: no such file\nvideo: out/a.mp4\n"


def test_table_of_the_clips_so_far_is_printed_after_an_interruption(
    result: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    def results() -> Iterator[Result]:
        yield result
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        print_table(results(), GENRES, Console(width=100), Console(stderr=True))
    assert "house 80%" in capsys.readouterr().out


def clip_of(times: list[float], *, without_person: Sequence[int] = ()) -> Result:
    """Return the result of a clip in which no genre was named."""
    analysis = analyzed_clip(times)
    image = standing_landmarks(len(times), without_person=without_person)
    result = ClipResult(
        None, 0.0, np.zeros(len(CODES), np.float32), np.empty((0, len(CODES)), np.float32)
    )
    track = replace(analysis.track, world=image)
    analysis = replace(analysis, track=track, result=result, damaged=3)
    return make_result(Path("a.mp4"), analysis, Classifier(device="cpu").contract)


@pytest.mark.parametrize(
    ("times", "without_person", "reason"),
    [
        (
            np.arange(20) / 25,
            [],
            "20 poses in 20 frames, for at most 0.76 s without a gap of 0.5 s; at least 1 s are "
            "needed",
        ),
        (
            np.arange(40) / 10,
            range(5, 35),
            "10 poses in 40 frames, for at most 0.40 s without a gap of 0.5 s; at least 1 s are "
            "needed",
        ),
        (np.arange(60), [], "60 poses, but only 1 frames per second; at least 2 are needed"),
        ([0, 15, 30, 45], [3], "3 poses, but only 0.067 frames per second; at least 2 are needed"),
        (
            np.arange(9) / 25,
            range(9),
            "no person was visible in 9 frames; the whole body has to be in view",
        ),
        ([0], [], "1 poses in 1 frames, for at most 0.00 s"),
    ],
    ids=["short", "interrupted", "one per second", "time-lapse", "no person", "one frame"],
)
def test_reason_states_what_was_found_and_what_is_needed(
    times: Sequence[float], without_person: Sequence[int], reason: str
) -> None:
    result = clip_of(list(times), without_person=without_person)
    assert result["reason"].startswith(reason)


def test_damaged_packets_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    result = clip_of([n / 10 for n in range(20)])
    print_json([result])
    assert json.loads(capsys.readouterr().out)["damaged"] == 3
    print_csv([result], GENRES)
    assert csv_rows(capsys.readouterr().out)[0]["damaged"] == "3"
    print_table([result], GENRES, Console(width=100), Console(stderr=True))
    assert "note: a.mp4: 3 damaged packets" in capsys.readouterr().err
