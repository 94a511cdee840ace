import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from dancetype.engine.classifier import Classifier
from dancetype.engine.genres import CODES, GENRES
from dancetype.stream.offline.results import Result, make_result, print_csv, print_json, print_table
from tests.stream.offline.clips import analyzed_clip


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
