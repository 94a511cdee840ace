import pytest

from dancetype.engine.errors import SettingsError
from dancetype.engine.genres import GENRES
from dancetype.stream.recording_run import Label


@pytest.mark.parametrize(("code", "name"), GENRES.items())
def test_genre_may_be_a_code_or_a_name_in_any_spelling(code: str, name: str) -> None:
    spellings = (code, code.lower(), name, name.upper(), f" {name.replace('-', ' ')} ")
    assert {Label.parse(text, "Ann").genre for text in spellings} == {code}


def test_genre_none_means_not_dancing() -> None:
    assert {Label.parse(text, "Ann").genre for text in ("none", "None")} == {"none"}


@pytest.mark.parametrize("text", ["tango", "", "B", "hip-hop", "BR,PO"])
def test_unknown_genre_is_rejected_with_the_known_ones(text: str) -> None:
    with pytest.raises(SettingsError, match=r"BR \(break\).*JB \(ballet jazz\), and none"):
        Label.parse(text, "Ann")


@pytest.mark.parametrize("dancer", ["", "  ", "...", "a" * 65, "a\0b", "a\x1b[2Jb"])
def test_invalid_dancer_name_is_rejected(dancer: str) -> None:
    with pytest.raises(SettingsError, match="dancer"):
        Label.parse("BR", dancer)


@pytest.mark.parametrize(
    ("dancer", "name", "file"),
    [
        ("Ann", "Ann", "cam-BR-Ann.npz"),
        ("  Ann   B. ", "Ann B.", "cam-BR-Ann-B.npz"),
        ("花子", "花子", "cam-BR-花子.npz"),
        ("../../etc/a", "../../etc/a", "cam-BR-etc-a.npz"),
        ("a:b*c", "a:b*c", "cam-BR-a-b-c.npz"),
    ],
)
def test_every_dancer_name_gives_a_valid_file_name(dancer: str, name: str, file: str) -> None:
    label = Label.parse("break", dancer)
    assert (label.dancer, label.file_name("cam")) == (name, file)


def test_long_name_of_four_byte_letters_fits_into_a_file_name() -> None:
    label = Label.parse("break", "\U00020000" * 64)
    file = label.file_name("20260101-120000-" + "s" * 64)
    # The limit of most file systems, with the suffix of the temporary file.
    assert len(f"{file}.part".encode()) <= 255
    assert label.dancer == "\U00020000" * 64
