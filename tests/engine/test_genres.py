import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancetype.engine.genres import (
    CODES,
    GENRES,
    find_aist_code,
    generate_codes,
    is_genre_code,
    is_genre_name,
    normalise_name,
)


@pytest.mark.parametrize(("code", "name"), GENRES.items())
def test_aist_genre_is_found_by_code_and_name_in_any_spelling(code: str, name: str) -> None:
    for text in (code, code.lower(), name, name.upper(), name.replace(" ", "_"), f" {name}-"):
        assert find_aist_code(text) == code


@pytest.mark.parametrize("text", ["salsa", "", "houses", "none"])
def test_other_text_is_not_an_aist_genre(text: str) -> None:
    assert find_aist_code(text) is None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("salsa", "SALSA"),
        ("Forró", "FORRO"),
        ("cha-cha", "CHACHA"),
        ("west coast swing", "WCS"),
        ("contemporary", "CONTEMPO"),
        ("2 step", "2STEP"),
        ("ho!", "HO2"),
        ("サルサ", "G5497"),
    ],
)
def test_code_is_derived_from_name(name: str, code: str) -> None:
    assert generate_codes([name]) == {name: code}


def test_equal_codes_are_numbered_regardless_of_order() -> None:
    names = ["west coast swing", "wild cat salsa", "wcs"]
    expected = {"wcs": "WCS", "west coast swing": "WCS2", "wild cat salsa": "WCS3"}
    assert generate_codes(names) == generate_codes(names[::-1]) == expected


@given(st.lists(st.text(max_size=60), unique_by=normalise_name, max_size=30))
def test_generated_codes_are_distinct_and_differ_from_aist_codes(names: list[str]) -> None:
    codes = generate_codes(names)
    assert set(codes) == set(names)
    assert len(set(codes.values()) | set(CODES)) == len(names) + len(CODES)
    assert all(is_genre_code(code) for code in codes.values())


@pytest.mark.parametrize("text", ["", "ho", "A B", "A/B", "A+", "#", "Ä", "A" * 13, "HO\n"])
def test_text_with_other_characters_or_length_is_not_a_code(text: str) -> None:
    assert not is_genre_code(text)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("salsa", True),
        ("LA-style hip-hop", True),
        ("サルサ", True),
        ("", False),
        (" salsa", False),
        ("sal\tsa", False),
        ("\udcff", False),
        ("--", False),
        ("x" * 40, True),
        ("x" * 41, False),
    ],
)
def test_genre_name_is_short_and_printable(text: str, valid: bool) -> None:
    assert is_genre_name(text) is valid
