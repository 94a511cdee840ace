import pytest

from dancetype.engine.errors import SettingsError
from dancetype.engine.genres import GENRES
from dancetype.stream.recording_run import Label


@pytest.mark.parametrize(("code", "name"), GENRES.items())
def test_a_genre_goes_by_code_or_name_however_it_is_written(code: str, name: str) -> None:
    written = (code, code.lower(), name, name.upper(), f" {name.replace('-', ' ')} ")
    assert {Label.parse(text, "Ann").genre for text in written} == {code}


def test_none_stands_for_not_dancing() -> None:
    assert {Label.parse(text, "Ann").genre for text in ("none", "None")} == {"none"}


@pytest.mark.parametrize("text", ["tango", "", "B", "hip-hop", "BR,PO"])
def test_a_genre_that_is_none_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(SettingsError, match=r"BR \(break\).*JB \(ballet jazz\), and none"):
        Label.parse(text, "Ann")


@pytest.mark.parametrize("dancer", ["", "  ", "...", "a" * 65, "a\0b", "a\x1b[2Jb"])
def test_a_dancer_without_a_name_is_refused(dancer: str) -> None:
    with pytest.raises(SettingsError, match="dancer"):
        Label.parse("BR", dancer)


@pytest.mark.parametrize(
    ("dancer", "kept", "file"),
    [
        ("Ann", "Ann", "cam-BR-Ann.npz"),
        ("  Ann   B. ", "Ann B.", "cam-BR-Ann-B.npz"),
        ("花子", "花子", "cam-BR-花子.npz"),
        ("../../etc/a", "../../etc/a", "cam-BR-etc-a.npz"),
        ("a:b*c", "a:b*c", "cam-BR-a-b-c.npz"),
    ],
)
def test_any_name_of_a_dancer_makes_a_file_name(dancer: str, kept: str, file: str) -> None:
    label = Label.parse("break", dancer)
    assert (label.dancer, label.file_name("cam")) == (kept, file)


def test_a_long_name_in_letters_of_four_bytes_leaves_room_in_the_file_name() -> None:
    label = Label.parse("break", "\U00020000" * 64)
    file = label.file_name("20260101-120000-" + "s" * 64)
    # Of 255 bytes, with what stands behind it until the file is whole.
    assert len(f"{file}.part".encode()) <= 255
    assert label.dancer == "\U00020000" * 64
